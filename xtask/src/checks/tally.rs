//! Counting: what cargo's test runner says it ran, and checks that are not tests.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed and failed, how many tests were left out, and what the failures were.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
    pub(super) failures: Vec<String>,
}

impl Tally {
    /// One check that is not a cargo test.
    pub(super) fn check(result: anyhow::Result<()>) -> Self {
        match result {
            Ok(()) => Self { passed: 1, ..Self::default() },
            Err(error) => Self { failed: 1, failures: vec![format!("{error:#}")], ..Self::default() },
        }
    }

    /// Adds up the `test result:` lines of a cargo run. A run that failed without a failed test (it did not compile, or
    /// a test binary crashed) counts as one failure.
    pub(super) fn cargo(written: &str, result: anyhow::Result<()>) -> Self {
        let mut tally = Self::default();
        for line in written.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            tally.passed += count(line, "passed");
            tally.failed += count(line, "failed");
            tally.ignored += count(line, "ignored");
        }
        tally.failures.extend(refusals(written));
        tally.ended(result)
    }

    /// Adds up what Vitest ("Tests  1 failed | 33 passed (34)") and Node's test runner ("ℹ pass 5") say at their end.
    pub(super) fn node(written: &str, result: anyhow::Result<()>) -> Self {
        let mut tally = Self::default();
        for line in written.lines().map(str::trim_start) {
            if let Some((name, number)) = line.strip_prefix("ℹ ").and_then(|said| said.split_once(' ')) {
                let number: usize = number.trim().parse().unwrap_or_default();
                match name {
                    "pass" => tally.passed += number,
                    "fail" | "cancelled" => tally.failed += number,
                    "skipped" | "todo" => tally.ignored += number,
                    _ => {}
                }
            } else if let Some(said) = line.strip_prefix("Tests  ") {
                let said = said.split('(').next().unwrap_or_default().replace('|', ";");
                tally.passed += count(&said, "passed");
                tally.failed += count(&said, "failed");
                tally.ignored += count(&said, "skipped") + count(&said, "todo");
            }
        }
        tally.ended(result)
    }

    fn ended(mut self, result: anyhow::Result<()>) -> Self {
        if let Err(error) = result {
            self.failed = self.failed.max(1);
            self.failures.push(format!("{error:#}"));
        }
        self
    }
}

/// Lines of a failed test's own words that are worth a summary.
const WORDS: usize = 12;

/// What each failed test of a cargo run said, without its backtrace: a log's end shows nothing else.
fn refusals(written: &str) -> Vec<String> {
    let blocks = written.split("\n---- ").skip(1).filter_map(|block| block.split_once(" stdout ----\n"));
    blocks.filter_map(|(name, said)| Some(format!("{name}:\n    {}", refusal(said)?))).collect()
}

/// The error that a test returned, or its panic.
fn refusal(said: &str) -> Option<String> {
    let lines = said.lines().skip_while(|line| !line.starts_with("Error: ") && !line.contains(" panicked at "));
    let words: Vec<&str> = lines.take_while(|line| !line.to_lowercase().starts_with("stack backtrace")).collect();
    let words: Vec<&str> = words.into_iter().filter(|line| !line.trim().is_empty()).take(WORDS).collect();
    (!words.is_empty()).then(|| words.join("\n    "))
}

fn count(line: &str, what: &str) -> usize {
    let numbered = line.split([';', '.']).map(str::trim).find_map(|part| part.strip_suffix(what));
    numbered.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(out, ", {} IGNORED", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "running 3 tests\n\
        test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s\n";

    #[test]
    fn result_lines_are_added_up() {
        let tally = Tally::cargo(RUN, Err(anyhow::anyhow!("cargo failed")));
        assert_eq!((tally.passed, tally.failed, tally.ignored), (4, 2, 1));
        assert_eq!(tally.to_string(), "4 passed, 2 failed, 1 IGNORED");
    }

    #[test]
    fn what_failed_tests_said_is_kept_without_backtraces() {
        let said = "test egress::inside ... FAILED\n\nfailures:\n\n---- egress::inside stdout ----\nplayed on 7\n\
            Error: the run's namespace\n\nCaused by:\n    the rollout: not within 90s\n\nStack backtrace:\n   0: main\n\n\
            ---- pods::gone stdout ----\n\nthread 'pods::gone' (7) panicked at tests/pods.rs:3:5:\nno pod\n\
            stack backtrace:\n   0: main\n\n\nfailures:\n    egress::inside\n";
        let tally = Tally::cargo(said, Ok(()));
        let [inside, gone] = tally.failures.as_slice() else { panic!("{:?}", tally.failures) };
        assert_eq!(
            inside,
            "egress::inside:\n    Error: the run's namespace\n    Caused by:\n        the rollout: not within 90s"
        );
        assert!(gone.starts_with("pods::gone:") && gone.ends_with("no pod"), "{gone}");
    }

    #[test]
    fn what_the_runners_of_node_say_is_added_up() {
        let said = " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 33 passed | 2 skipped (36)\n\
            ℹ tests 7\nℹ suites 1\nℹ pass 5\nℹ fail 2\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0\nℹ duration_ms 28582.5\n";
        let tally = Tally::node(said, Ok(()));
        assert_eq!((tally.passed, tally.failed, tally.ignored), (38, 3, 3));
    }

    #[test]
    fn a_run_that_never_reached_a_test_is_a_failure() {
        let tally = Tally::cargo("error: could not compile\n", Err(anyhow::anyhow!("cargo failed")));
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }
}
