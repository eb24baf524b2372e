//! Which labels an agent may move by itself, which it must ask for, and which it never moves.

use serde::{Deserialize, Serialize};

use super::ApprovalMode;
use crate::hidden::is_hidden;
use crate::labels::{self, APPROVED, BLOCKED, IN_REVIEW, Label, NEED_INPUT, NEED_REVIEWER};
use crate::let_in::{digest, subject_text};

/// What every agent may put on: it says where the work stands.
const FREE: [&str; 3] = [BLOCKED, IN_REVIEW, NEED_INPUT];
/// Whatever a project says, these are asked for: they speak in a person's name, or choose what a person pays for.
const ALWAYS_ASKED: [&str; 2] = [APPROVED, "[ai-"];
/// Labels on one subject that a call may name.
const MOST: usize = 20;

/// Labels that go on and off an issue or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// Where.
    pub number: i64,
    /// To put on.
    pub on: Vec<String>,
    /// To take off.
    pub off: Vec<String>,
}

/// The subject as it was when an agent asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// SHA-256 of title and text, hex.
    pub words: String,
    /// Which of the labels in question lay there.
    pub labels: Vec<String>,
}

/// What decides about a change of labels.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Labels that lie there now.
    pub present: &'a [String],
    /// Labels that the run itself put on.
    pub set_by_run: &'a [String],
    /// Labels that the project lets its agents move.
    pub allowed: &'a [String],
}

/// Why labels are not moved, whoever would approve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmovable {
    /// No label, or too many.
    #[error("name at least one label, and at most {MOST}")]
    Count,
    /// GitHub would not take it.
    #[error("{0:?} is no label: 1 to 50 characters on one line, without a comma or a character that people do not see")]
    NotALabel(String),
    /// Both on and off.
    #[error("{0:?} cannot go on and off at once")]
    Both(String),
    /// What such a label starts, a person starts.
    #[error("{0:?} starts or steers runs, so only people move it; name it in labels_suggested of your last message")]
    StartsWork(String),
    /// Who is asked is nothing that those who ask decide.
    #[error("{0:?} says who approves what runs do, so only people move it")]
    SaysWhoApproves(String),
    /// A project cannot let its agents move it without asking.
    #[error("{0:?} speaks in a person's name, or chooses what a person pays for, so agents always ask for it")]
    AlwaysAsked(String),
}

/// Whether a project may let its agents move a label without asking.
///
/// # Errors
/// Why not.
pub fn may_be_allowed(label: &str) -> Result<(), Unmovable> {
    movable(label)?;
    if ALWAYS_ASKED.iter().any(|asked| label.starts_with(asked)) {
        Err(Unmovable::AlwaysAsked(label.to_owned()))
    } else {
        Ok(())
    }
}

impl Seen {
    /// The subject as it is, as far as the change is about it.
    #[must_use]
    pub fn of(title: &str, body: &str, present: &[String], change: &Labelled) -> Self {
        let named = change.on.iter().chain(&change.off);
        let mut labels: Vec<_> = named.filter(|label| present.contains(label)).cloned().collect();
        labels.sort_unstable();
        Self { words: digest(&subject_text(title, body)), labels }
    }
}

impl Labelled {
    /// What is left to do of it. A label that the run itself put on may not have arrived yet, so it is taken off anyhow.
    #[must_use]
    pub fn left(mut self, facts: Facts<'_>) -> Self {
        self.on.retain(|label| !facts.present.contains(label));
        self.off.retain(|label| facts.present.contains(label) || facts.set_by_run.contains(label));
        self
    }

    /// Who has to approve it.
    ///
    /// # Errors
    /// When nobody can.
    pub fn approval(&self, facts: Facts<'_>) -> Result<ApprovalMode, Unmovable> {
        if !(1..=MOST).contains(&(self.on.len() + self.off.len())) {
            return Err(Unmovable::Count);
        }
        for label in self.on.iter().chain(&self.off) {
            movable(label)?;
        }
        if let Some(both) = self.on.iter().find(|label| self.off.contains(label)) {
            return Err(Unmovable::Both(both.clone()));
        }
        let is_allowed =
            |label: &str| facts.allowed.iter().any(|allowed| allowed == label) && may_be_allowed(label).is_ok();
        let is_free_on = |label: &String| FREE.contains(&label.as_str()) || is_allowed(label);
        let is_free_off = |label: &String| facts.set_by_run.contains(label) || is_allowed(label);
        // What is so already needs nobody's leave.
        let mut on = self.on.iter().filter(|label| !facts.present.contains(label));
        let mut off = self.off.iter().filter(|label| facts.present.contains(label));
        let is_free = on.all(is_free_on) && off.all(is_free_off);
        Ok(if is_free { ApprovalMode::None } else { ApprovalMode::Owner })
    }
}

/// Whether an agent may ever move it, whoever would approve.
fn movable(label: &str) -> Result<(), Unmovable> {
    if !is_label(label) {
        Err(Unmovable::NotALabel(label.to_owned()))
    } else if starts_work(label) {
        Err(Unmovable::StartsWork(label.to_owned()))
    } else if labels::asks_owner(label) {
        Err(Unmovable::SaysWhoApproves(label.to_owned()))
    } else {
        Ok(())
    }
}

/// A run is started in the name of a person: the echo of the platform's own label starts nothing, and a label that does
/// not do what it says would be a lie.
fn starts_work(label: &str) -> bool {
    labels::is_stage_label(label)
        || matches!(labels::read(label), Label::Keep | Label::Discussion)
        || label == NEED_REVIEWER
}

fn is_label(label: &str) -> bool {
    let length = label.chars().count();
    (1..=50).contains(&length)
        && label.trim() == label
        && !label.contains(|c: char| c == ',' || c.is_control() || is_hidden(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::APPROVE_OWNER;

    #[test]
    fn what_a_project_may_let_its_agents_move() {
        for label in ["area:ui", "size: small", "good first issue", BLOCKED] {
            assert_eq!(may_be_allowed(label), Ok(()), "{label}");
        }
        let named = |why: fn(String) -> Unmovable, label: &str| Err(why(label.to_owned()));
        for label in ["run:dev", "run:dev:revise", "mode:discussion", NEED_REVIEWER] {
            assert_eq!(may_be_allowed(label), named(Unmovable::StartsWork, label));
        }
        assert_eq!(may_be_allowed(APPROVE_OWNER), named(Unmovable::SaysWhoApproves, APPROVE_OWNER));
        for label in [APPROVED, "[ai-model-gpt-5.5]"] {
            assert_eq!(may_be_allowed(label), named(Unmovable::AlwaysAsked, label));
        }
        for label in ["", " area", "a,b", "a\nb", "a\tb", "area:\u{202E}iu", "bu\u{200B}g"] {
            assert_eq!(may_be_allowed(label), named(Unmovable::NotALabel, label));
        }
    }

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|&label| label.to_owned()).collect()
    }

    fn change(on: &[&str], off: &[&str]) -> Labelled {
        Labelled { number: 7, on: owned(on), off: owned(off) }
    }

    #[test]
    fn what_an_agent_moves_by_itself_and_what_it_asks_for() {
        use ApprovalMode::{None, Owner};
        let (present, set, allowed) = (
            owned(&["bug", "need:input", "area:old"]),
            owned(&["area:old"]),
            owned(&["ok", "state:approved", "[ai-model-gpt-5.5]"]),
        );
        let facts = Facts { present: &present, set_by_run: &set, allowed: &allowed };
        let table: [(&[&str], &[&str], _); 13] = [
            (&["state:blocked"], &[], None),
            (&["state:in-review", "need:input"], &[], None),
            (&["area:ui"], &[], Owner),
            (&["state:blocked", "area:ui"], &[], Owner),
            (&[], &["area:old"], None),
            (&[], &["bug"], Owner),
            (&[], &["need:input"], Owner),
            (&[], &["not-there"], None),
            (&["bug"], &[], None),
            (&["ok"], &[], None),
            (&["state:approved"], &[], Owner),
            (&["[ai-model-gpt-5.5]"], &[], Owner),
            (&["state:superseded"], &["area:old"], Owner),
        ];
        for (on, off, expected) in table {
            assert_eq!(change(on, off).approval(facts), Ok(expected), "{on:?} {off:?}");
        }
    }

    #[test]
    fn what_nobody_can_approve() {
        let facts =
            Facts { present: &[], set_by_run: &[], allowed: &owned(&["run:dev", "need:reviewer", APPROVE_OWNER]) };
        for starts in
            ["run:dev", "run:dev:revise", "run:debug", "run:of-another-tool", "mode:discussion", "need:reviewer"]
        {
            for (on, off) in [(&[starts][..], &[][..]), (&[], &[starts])] {
                assert_eq!(change(on, off).approval(facts), Err(Unmovable::StartsWork(starts.into())));
            }
        }
        for (on, off) in [(&[APPROVE_OWNER][..], &[][..]), (&["bug"], &[APPROVE_OWNER])] {
            assert_eq!(change(on, off).approval(facts), Err(Unmovable::SaysWhoApproves(APPROVE_OWNER.into())));
        }
        for no_label in ["", " x", "a,b", "a\nb", &"x".repeat(51)] {
            assert_eq!(change(&[no_label], &[]).approval(facts), Err(Unmovable::NotALabel(no_label.into())));
        }
        assert_eq!(change(&["a"], &["a"]).approval(facts), Err(Unmovable::Both("a".into())));
        assert_eq!(change(&[], &[]).approval(facts), Err(Unmovable::Count));
        assert_eq!(change(&["x"; 21], &[]).approval(facts), Err(Unmovable::Count));
    }

    #[test]
    fn a_subject_is_the_same_while_its_words_and_the_labels_in_question_are() {
        let asked = change(&["area:ui"], &["bug"]);
        let seen = |title: &str, present: &[&str]| Seen::of(title, "Please.", &owned(present), &asked);
        assert_eq!(seen("Dark mode", &["bug"]), seen("Dark mode", &["help wanted", "bug"]));
        assert_ne!(seen("Dark mode", &["bug"]), seen("Light mode", &["bug"]));
        assert_ne!(seen("Dark mode", &["bug"]), seen("Dark mode", &["bug", "area:ui"]));
        assert_ne!(seen("Dark mode", &["bug"]), seen("Dark mode", &[]));
    }

    #[test]
    fn what_is_so_already_is_not_done_again_but_what_is_on_its_way_is_taken_off() {
        let asked = || change(&["area:ui", "state:blocked"], &["bug", "need:input"]);
        let (present, set) = (owned(&["area:ui", "bug"]), owned(&["need:input"]));
        let left = |present, set_by_run| asked().left(Facts { present, set_by_run, allowed: &[] });
        assert_eq!(left(&present, &set), change(&["state:blocked"], &["bug", "need:input"]));
        assert_eq!(left(&present, &[]), change(&["state:blocked"], &["bug"]));
        assert_eq!(left(&owned(&["area:ui", "state:blocked"]), &[]), change(&[], &[]));
    }
}
