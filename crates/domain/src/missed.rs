//! After an outage that was longer than GitHub's memory: which labels lie on issues without the platform having heard of
//! them. Nothing starts because of that: who put such a label on, and whether they may, nobody says any more.

use crate::labels::{self, Label};

/// What is known of a label that lies on an issue or pull request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// A run that it started is not over.
    pub run: bool,
    /// The ledger's newest word about it there is that it was put on.
    pub heard: bool,
}

/// Those of the labels that would have started something when they were put on.
pub fn triggers(labels: &[String], is_pull: bool) -> impl Iterator<Item = &str> {
    let starts = move |label: &&str| match labels::read(label) {
        Label::Run(_) | Label::Revise(_) => !is_pull,
        _ => is_pull && *label == labels::NEED_REVIEWER,
    };
    labels.iter().map(String::as_str).filter(starts)
}

/// Whether the label was put on and nobody heard of it. One that was heard of and has no run was answered: the run is
/// over, or was refused with a word why.
#[must_use]
pub const fn was_missed(known: Known) -> bool {
    !known.run && !known.heard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_label_that_is_unheard_of_and_without_a_run_was_missed() {
        let table = [(false, false, true), (true, false, false), (false, true, false), (true, true, false)];
        for (run, heard, expected) in table {
            assert_eq!(was_missed(Known { run, heard }), expected, "{run} {heard}");
        }
    }

    #[test]
    fn what_would_have_started_something() {
        let table: [(&[&str], bool, &[&str]); 4] = [
            (&["bug", "run:dev", "state:blocked"], false, &["run:dev"]),
            (&["run:dev:revise", "run:debug", "need:reviewer"], false, &["run:dev:revise"]),
            (&["run:dev", "need:reviewer"], true, &["need:reviewer"]),
            (&["run:of-another-tool", "mode:discussion"], false, &[]),
        ];
        for (labels, is_pull, expected) in table {
            let labels: Vec<_> = labels.iter().map(ToString::to_string).collect();
            assert_eq!(triggers(&labels, is_pull).collect::<Vec<_>>(), expected, "{labels:?}");
        }
    }
}
