//! Scenario files: what the model does when a prompt fits.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, ensure};
use minijinja::Environment;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// A scenario as its file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// For the reader.
    #[serde(rename = "about")]
    _about: String,
    /// Texts that must all be in the prompt.
    #[serde(default)]
    when_prompt_contains: Vec<String>,
    /// Played when no other scenario fits; exactly one file says so.
    #[serde(default)]
    default: bool,
    /// Name → regular expression; the first group's text is there for templates.
    #[serde(default)]
    capture: BTreeMap<String, String>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// A message on the way.
    Say(String),
    /// A message that arrives letter by letter.
    Stream { text: String, every_ms: u64 },
    /// A shell command in the agent's checkout.
    Run(String),
    /// A call of one of the platform's tools; texts of the arguments are templates.
    Tool {
        name: String,
        #[serde(default)]
        arguments: Value,
    },
    /// A command that prints this many bytes, 100 a line.
    OutputBytes(u64),
    /// Thinking time.
    WaitMs(u64),
    /// An HTTP error instead of an answer, so many times.
    Error {
        status: u16,
        #[serde(default = "once")]
        times: u32,
        /// Seconds that the answer asks to wait.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Ends the stream in the middle.
    HangUp,
    /// The same steps again and again; `i` counts from 0.
    Repeat { times: usize, steps: Vec<Step> },
    /// The last message: JSON after the output contract, or any text.
    Final(Value),
}

/// One thing the model does. Texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    Say(String),
    Stream { text: String, every_ms: u64 },
    Run(String),
    Tool { name: String, arguments: Value },
    WaitMs(u64),
    Error { status: u16, times: u32, retry_after: Option<u64> },
    HangUp,
    Final(Value),
}

/// A move and the count of the innermost repetition it is in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    pub(super) act: Move,
    pub(super) i: usize,
}

/// A scenario ready to be played.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    when_prompt_contains: Vec<String>,
    default: bool,
    pub(super) capture: BTreeMap<String, Regex>,
    /// What belongs into one answer: all up to a command or a tool, or up to the end.
    pub(super) beats: Vec<Vec<Counted>>,
}

impl Scenario {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let file: File = serde_saphyr::from_str(text)?;
        let mut moves = Vec::new();
        flatten(&file.steps, 0, &mut moves);
        let capture =
            file.capture.into_iter().map(|(name, pattern)| Ok((name, Regex::new(&pattern)?))).collect::<Result<_>>()?;
        Ok(Self {
            name: name.to_owned(),
            when_prompt_contains: file.when_prompt_contains,
            default: file.default,
            capture,
            beats: beats(moves)?,
        })
    }

    /// The prompt holds all of its own texts.
    fn is_meant(&self, prompt: &str) -> bool {
        !self.when_prompt_contains.is_empty() && self.when_prompt_contains.iter().all(|text| prompt.contains(text))
    }

    /// `scenario: <name>` in the prompt asks for it.
    fn is_named(&self, prompt: &str) -> bool {
        let by_name = format!("scenario: {}", self.name);
        let is_end = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_'));
        prompt.match_indices(&by_name).any(|(at, found)| is_end(&prompt[at + found.len()..]))
    }
}

/// All scenarios of a folder.
#[derive(Debug)]
pub(super) struct Scenarios(Vec<Scenario>);

impl Scenarios {
    /// Reads every `*.yaml` of a folder, in the order of their names.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        paths.sort();
        let mut scenarios = Vec::new();
        for path in &paths {
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("a file name is not UTF-8")?;
            let scenario = Scenario::parse(name, &std::fs::read_to_string(path)?);
            scenarios.push(scenario.with_context(|| format!("{} is not a scenario", path.display()))?);
        }
        let defaults = scenarios.iter().filter(|one| one.default).count();
        ensure!(defaults == 1, "{defaults} scenarios in {} are the default; it takes one", folder.display());
        Ok(Self(scenarios))
    }

    /// The scenario for the newest prompt: one that its texts fit, else one that it names. A resumed session without a
    /// fitting one goes on with an earlier prompt's.
    pub(super) fn choose(&self, prompt: &str, earlier: &[String]) -> Result<&Scenario> {
        let fitting = |prompt: &str| {
            let meant = self.0.iter().find(|one| one.is_meant(prompt));
            meant.or_else(|| self.0.iter().find(|one| one.is_named(prompt)))
        };
        fitting(prompt)
            .or_else(|| earlier.iter().rev().find_map(|prompt| fitting(prompt)))
            .or_else(|| self.0.iter().find(|one| one.default))
            .context("no scenario fits")
    }
}

fn flatten(steps: &[Step], i: usize, moves: &mut Vec<Counted>) {
    for step in steps {
        let act = match step.clone() {
            Step::Repeat { times, steps } => {
                (0..times).for_each(|i| flatten(&steps, i, moves));
                continue;
            }
            Step::Say(text) => Move::Say(text),
            Step::Stream { text, every_ms } => Move::Stream { text, every_ms },
            Step::Run(command) => Move::Run(command),
            Step::Tool { name, arguments } => Move::Tool { name, arguments },
            Step::OutputBytes(count) => Move::Run(format!("head -c {count} /dev/zero | tr '\\0' x | fold -w 99")),
            Step::WaitMs(time) => Move::WaitMs(time),
            Step::Error { status, times, retry_after } => Move::Error { status, times, retry_after },
            Step::HangUp => Move::HangUp,
            Step::Final(value) => Move::Final(value),
        };
        moves.push(Counted { act, i });
    }
}

fn beats(moves: Vec<Counted>) -> Result<Vec<Vec<Counted>>> {
    let mut beats = vec![Vec::new()];
    for one in moves {
        let beat = beats.last_mut().context("no beat")?;
        let ends = matches!(one.act, Move::Run(_) | Move::Tool { .. });
        let opens = matches!(one.act, Move::Error { .. });
        ensure!(!opens || beat.is_empty(), "an error step must be the first, or follow a command or a tool");
        beat.push(one);
        if ends {
            beats.push(Vec::new());
        }
    }
    let last = beats.last().and_then(|beat| beat.last()).map(|one| &one.act);
    let ends = matches!(last, Some(Move::Final(_) | Move::HangUp | Move::Error { .. }));
    ensure!(ends, "the last step must be final, error or hang_up");
    Ok(beats)
}

/// Templates of scenarios: `{{ captured }}`, `{{ output }}`, `{{ i }}`; filters `sh` (quoted for the shell) and `slug`.
pub(super) fn templates() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("sh", |text: String| format!("'{}'", text.replace('\'', r"'\''")));
    environment.add_filter("slug", slug);
    environment
}

fn slug(text: String) -> String {
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(40);
    slug.trim_end_matches('-').to_owned()
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_ends_with_a_command_and_repetitions_are_counted() {
        let text =
            "about: x\nsteps: [{repeat: {times: 2, steps: [{say: hi}, {run: ls}]}}, {wait_ms: 5}, {final: done}]";
        let scenario = Scenario::parse("x", text).unwrap();
        let counts: Vec<Vec<usize>> =
            scenario.beats.iter().map(|beat| beat.iter().map(|one| one.i).collect()).collect();
        assert_eq!(counts, [vec![0, 0], vec![1, 1], vec![0, 0]]);
    }

    #[test]
    fn a_scenario_must_end_and_errors_open_a_beat() {
        assert!(Scenario::parse("x", "about: x\nsteps: [{run: ls}]").is_err());
        assert!(Scenario::parse("x", "about: x\nsteps: [{say: a}, {error: {status: 500}}]").is_err());
        assert!(Scenario::parse("x", "about: x\nsteps: [{run: ls}, {error: {status: 500}}]").is_ok());
        assert!(Scenario::parse("x", "about: x\nsteps: [hang_up]").is_ok());
    }

    #[test]
    fn a_prompt_picks_by_name_or_by_text_and_else_the_default() {
        let parse =
            |name: &str, head: &str| Scenario::parse(name, &format!("about: x\n{head}steps: [{{final: x}}]")).unwrap();
        let all =
            Scenarios(vec![parse("dev", "default: true\n"), parse("slow", "when_prompt_contains: [take, time]\n")]);
        let chosen = |prompt: &str, earlier: &[&str]| {
            let earlier: Vec<String> = earlier.iter().map(|&text| text.into()).collect();
            all.choose(prompt, &earlier).unwrap().name.clone()
        };
        assert_eq!(chosen("fix it", &[]), "dev");
        assert_eq!(chosen("take your time", &[]), "slow");
        assert_eq!(chosen("take care", &[]), "dev");
        assert_eq!(chosen("body\n> scenario: slow\n", &[]), "slow");
        assert_eq!(chosen(r#"{"body": "scenario: slow\nplease"}"#, &[]), "slow");
        assert_eq!(chosen("scenario: slow-motion", &[]), "dev");
        assert_eq!(chosen("go on", &["scenario: slow"]), "slow");
    }

    #[test]
    fn slugs_fit_file_names() {
        assert_eq!(slug("Add  dark-mode, please!".into()), "add-dark-mode-please");
        assert_eq!(slug("Привет".into()), "");
    }
}
