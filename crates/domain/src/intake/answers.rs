//! Comments that answer what a run has asked: on its issue, or on its pull request.

use super::{Decision, Facts};
use crate::approvals::may_decide;
use crate::approvals::replies::{self, Open, Reply};
use crate::event::{AccountKind, Comment};
use crate::ids::UserId;
use crate::reasons::IntakeReason;
use crate::rights;

/// What the active run of the issue or pull request waits to be told.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// Who started the run.
    pub started_by: Option<UserId>,
    /// The questions, by their numbers.
    pub open: Vec<Open>,
}

/// What becomes of a comment that answers, or means to; `None`: it does not. Talk of strangers is no matter of ours, and
/// what they answer is explained to them.
pub(super) fn given(facts: &Facts<'_>, comment: &Comment) -> Option<Result<Decision, IntakeReason>> {
    let run = facts.active?.id;
    let decision = match replies::read(&comment.body, &facts.questions.open) {
        Reply::Nothing => return None,
        Reply::Unclear => Err(IntakeReason::AnswerUnclear),
        Reply::Answers(answers) => Ok(Decision::Answer { run, answers }),
    };
    Some(permitted(facts).and(decision))
}

/// Whether the sender answers for the run.
fn permitted(facts: &Facts<'_>) -> Result<(), IntakeReason> {
    if facts.delivered.sender.as_ref().is_none_or(|sender| sender.kind != AccountKind::User) {
        return Err(IntakeReason::SenderTypeNotPermitted);
    }
    let person = facts.person.ok_or(IntakeReason::AnswerNotPermitted)?;
    let role = rights::effective_role(person.platform_role, person.project_role);
    let may = role.is_some_and(|role| may_decide(role, facts.questions.started_by == Some(person.user_id)));
    if may { Ok(()) } else { Err(IntakeReason::AnswerNotPermitted) }
}
