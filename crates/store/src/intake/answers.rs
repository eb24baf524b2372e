//! Answers that come as a comment.

use domain::approvals::Answer;
use domain::event::{Comment, Delivered, Event};
use domain::flow::FlowKind;
use domain::ids::{RepositoryId, RunId, UserId};
use domain::intake::{ActiveRun, Decision, Questions};
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::beside::Case;
use super::facts::Facts;
use super::record::Intake;
use crate::{Result, approvals, flow, outbound};

/// What a run waits to be told, for a comment that may tell it, and the run where the facts do not know it: they tell the
/// issue's, and a comment on a pull request is about the run whose pull request it is.
pub(super) async fn questions(
    db: &mut PgConnection,
    delivered: &Delivered,
    facts: &Facts,
) -> Result<(Questions, Option<ActiveRun>)> {
    let run = match (&delivered.event, facts.binding) {
        (Event::Commented { .. }, _) => facts.active.clone(),
        (Event::PullCommented { number, .. }, Some(binding)) => {
            of_pull(&mut *db, binding.repository_id, *number).await?
        }
        _ => None,
    };
    let Some(run) = run else { return Ok((Questions::default(), None)) };
    let open = approvals::open(db, run.id).await?;
    let started_by = open.first().and_then(|row| row.started_by).map(UserId);
    let open = open.into_iter().filter_map(approvals::OpenRow::question).collect();
    Ok((Questions { started_by, open }, Some(run)))
}

/// The active run of a stage that has a pull request and asks people.
async fn of_pull(db: impl PgExecutor<'_>, repository: RepositoryId, number: i64) -> Result<Option<ActiveRun>> {
    let run = sqlx::query!(
        r#"SELECT id, trigger_label, claimed_at IS NOT NULL AS "claimed!" FROM agent_runs
           WHERE repository_id = $1 AND pr_number = $2 AND kind = 'stage' AND requests_open > 0
             AND status IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure')
           ORDER BY queued_at DESC LIMIT 1"#,
        repository.0,
        number
    );
    let run = run.fetch_optional(db).await?;
    Ok(run.map(|row| ActiveRun { id: RunId(row.id), trigger: row.trigger_label, claimed: row.claimed }))
}

/// What a comment answers.
pub(super) struct Answered<'a> {
    /// Where.
    pub(super) repository: RepositoryId,
    /// The issue or pull request.
    pub(super) number: i64,
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
        let Decision::Answer { answers, .. } = case.decision else { return None };
        let ((comment, number), sender) = (case.delivered.comment()?, case.delivered.sender.as_ref()?);
        Some(Self {
            repository: intake.repository?,
            number,
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
            outbound::want_reaction(&mut *db, self.repository, self.number, self.comment.id, "+1").await?;
        }
        Ok(any)
    }
}
