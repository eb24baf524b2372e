//! What is printed: a ratio, its goal, a verdict and the absolute numbers. There is no verdict on a machine that was
//! busy with something else.

use std::fmt;

use super::quiet::LIMIT;

/// One round: the baseline, ours, and the share of the machine that went to others meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) base: f64,
    pub(super) ours: f64,
    pub(super) foreign: f64,
}

/// All rounds of one measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct Rounds(pub(super) Vec<Round>);

impl Rounds {
    pub(super) fn median_ours(&self) -> f64 {
        median(self.0.iter().map(|round| round.ours))
    }

    fn median_base(&self) -> f64 {
        median(self.0.iter().map(|round| round.base))
    }

    fn ratios(&self) -> Vec<f64> {
        self.0.iter().map(|round| round.ours / round.base).collect()
    }

    fn foreign(&self) -> f64 {
        self.0.iter().map(|round| round.foreign).fold(0.0, f64::max)
    }
}

/// One line of the report.
pub(super) struct Line {
    id: &'static str,
    what: String,
    goal: String,
    met: bool,
    rounds: Rounds,
}

impl Line {
    pub(super) fn at_least(id: &'static str, what: &str, goal: f64, rounds: &Rounds) -> Self {
        let met = median(rounds.ratios()) >= goal;
        Self { id, what: what.to_owned(), goal: format!("≥ {goal:.2}"), met, rounds: rounds.clone() }
    }

    pub(super) fn at_most(id: &'static str, what: &str, goal: f64, rounds: &Rounds) -> Self {
        let met = median(rounds.ratios()) <= goal;
        Self { id, what: what.to_owned(), goal: format!("≤ {goal:.2}"), met, rounds: rounds.clone() }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, what, goal, met, rounds } = self;
        let ratios: Vec<_> = rounds.ratios().iter().map(|ratio| format!("{ratio:.2}")).collect();
        writeln!(out, "{id}  {:.2}  goal {goal}: {}", median(rounds.ratios()), verdict(*met, rounds.foreign()))?;
        write!(
            out,
            "    {what}: {:.1} ÷ {:.1}; rounds {}",
            rounds.median_ours(),
            rounds.median_base(),
            ratios.join(" ")
        )
    }
}

/// The verdict in words.
pub(super) fn verdict(met: bool, foreign: f64) -> String {
    match (foreign > LIMIT, met) {
        (true, _) => {
            format!("no verdict, up to {:.0} % of the machine went to other programs meanwhile", foreign * 100.0)
        }
        (false, true) => "met".to_owned(),
        (false, false) => "MISSED".to_owned(),
    }
}

/// The middle one; with an even number of them the upper of both.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(foreign: f64) -> Rounds {
        let round = |ours| Round { base: 100.0, ours, foreign };
        Rounds([90.0, 70.0, 85.0, 10.0, 95.0].map(round).to_vec())
    }

    #[test]
    fn the_median_is_held_against_the_goal() {
        assert!(Line::at_least("P", "x", 0.85, &rounds(0.0)).to_string().starts_with("P  0.85  goal ≥ 0.85: met\n"));
        assert!(Line::at_least("P", "x", 0.86, &rounds(0.0)).to_string().contains("MISSED"));
        assert!(Line::at_most("P", "x", 0.85, &rounds(0.0)).to_string().contains("met"));
    }

    #[test]
    fn a_busy_machine_gives_no_verdict() {
        let line = Line::at_least("P", "x", 0.1, &rounds(LIMIT + 0.01)).to_string();
        assert!(line.contains("no verdict") && !line.contains("met\n"), "{line}");
    }
}
