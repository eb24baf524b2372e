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
        if let Err(error) = result {
            tally.failed = tally.failed.max(1);
            tally.failures.push(format!("{error:#}"));
        }
        tally
    }
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
    fn a_run_that_never_reached_a_test_is_a_failure() {
        let tally = Tally::cargo("error: could not compile\n", Err(anyhow::anyhow!("cargo failed")));
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }
}
