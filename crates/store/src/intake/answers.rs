//! Answers that come as a comment.

use domain::approvals::Answer;
use domain::event::{Comment, Delivered, Event};
use domain::flow::FlowKind;
use domain::ids::{RepositoryId, UserId};
use domain::intake::{ActiveRun, Decision, Questions};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::beside::Case;
use super::record::Intake;
use crate::{Result, approvals, flow, outbound};

/// What the issue's run waits to be told, for a comment that may tell it.
pub(super) async fn questions(
    db: &mut PgConnection,
    delivered: &Delivered,
    active: Option<&ActiveRun>,
) -> Result<Questions> {
    let (Event::Commented { .. }, Some(run)) = (&delivered.event, active) else { return Ok(Questions::default()) };
    let open = approvals::open(db, run.id).await?;
    let started_by = open.first().and_then(|row| row.started_by).map(UserId);
    Ok(Questions { started_by, open: open.into_iter().filter_map(approvals::OpenRow::question).collect() })
}

/// What a comment answers.
pub(super) struct Answered<'a> {
    /// Where.
    pub(super) repository: RepositoryId,
    /// The issue.
    pub(super) issue: i64,
    /// The requests with their answers.
    pub(super) answers: &'a [(Uuid, Answer)],
    /// The comment.
    pub(super) comment: &'a Comment,
    /// Who wrote it.
    pub(super) by: UserId,
    /// Their login on GitHub.
    pub(super) login: &'a str,
}

impl<'a> Answered<'a> {
    /// What a delivery answers, if it does.
    pub(super) fn of(intake: &Intake<'a>, case: &Case<'a>) -> Option<Self> {
        let (Decision::Answer { answers, .. }, Event::Commented { comment, issue }) =
            (case.decision, &case.delivered.event)
        else {
            return None;
        };
        let sender = case.delivered.sender.as_ref()?;
        Some(Self {
            repository: intake.repository?,
            issue: issue.number,
            answers,
            comment,
            by: case.facts.person?.user_id,
            login: &sender.login,
        })
    }

    /// Gives the answers, and the thumb that tells their author; answers whether one of them was the first.
    pub(super) async fn give(&self, db: &mut PgConnection) -> Result<bool> {
        let mut any = false;
        for (request, answer) in self.answers {
            let said = json!({ "request": request, "answer": answer.text, "comment": self.comment.url });
            let entry = flow::Entry::new(FlowKind::RequestAnswered, format!("user:{}", self.login), said);
            let given =
                approvals::decide(&mut *db, *request, &approvals::Decision::Answer(answer), self.by, &entry).await?;
            any |= given.is_some();
        }
        if any {
            outbound::want_reaction(&mut *db, self.repository, self.issue, self.comment.id, "+1").await?;
        }
        Ok(any)
    }
}
