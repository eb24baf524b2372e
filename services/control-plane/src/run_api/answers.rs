//! What people decided about an agent's requests, on its way into the session.

use domain::approvals::{Asked, Effect};
use domain::environment::changes::Act;
use domain::ids::RunId;
use domain::locale::Locale;
use domain::tools::Tool;
use prompts::run::{Answered, Reply, Request};
use store::approvals::{self, UntoldRow};
use store::runs::report::ContextRow;

use crate::error::ApiError;
use crate::internal::ForRun;
use crate::state::App;

/// Requests whose outcome the session does not know yet.
pub(super) struct Answers(Vec<UntoldRow>);

/// The session that goes on.
#[derive(Clone, Copy)]
pub(super) struct Session {
    /// Its working tree was kept.
    pub(super) tree_is_kept: bool,
}

impl Answers {
    pub(super) async fn of(app: &App, run: RunId) -> Result<Self, ApiError> {
        Ok(Self(approvals::untold(&app.pool, run).await?))
    }

    /// The message about them: in the session that goes on, or else for one that begins afresh. `None`: nothing was
    /// decided that the agent does not know.
    pub(super) fn message(&self, row: &ContextRow, session: Option<Session>) -> Result<Option<String>, ApiError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let facts = Answered {
            goes_on: session.is_some(),
            branch: &row.branch,
            tree_is_kept: session.is_some_and(|session| session.tree_is_kept),
            requests: self.0.iter().map(reply).collect(),
        };
        let locale = Locale::or_english(&row.locale);
        Ok(Some(prompts::run::answered(locale, &facts).map_err(anyhow::Error::from)?))
    }

    /// The current launch has told its agent.
    pub(super) async fn told(&self, app: &App, of: ForRun) -> Result<(), ApiError> {
        if !self.0.is_empty() {
            let ids: Vec<_> = self.0.iter().map(|row| row.id).collect();
            approvals::tell(&app.pool, of.run, of.launch, &ids).await?;
        }
        Ok(())
    }
}

const fn called(act: &Act) -> Tool {
    match act {
        Act::Apply { .. } => Tool::K8sApply,
        Act::Delete => Tool::K8sDelete,
        Act::Restart => Tool::K8sRolloutRestart,
    }
}

fn reply(row: &UntoldRow) -> Reply<'_> {
    Reply {
        id: row.id.to_string(),
        asked: match &row.asked.0 {
            Asked::Question(question) => Request::Question(&question.question),
            Asked::Action(action) => match &action.effect {
                Effect::Labels { change, .. } => {
                    Request::Labels { number: change.number, on: &change.on, off: &change.off }
                }
                Effect::Object(change) => Request::Leave {
                    tool: called(&change.act).as_str(),
                    target: format!("{} {}", change.kind, change.name),
                },
                Effect::Database { change, .. } => {
                    Request::Leave { tool: Tool::DatabaseLifecycle.as_str(), target: change.database.clone() }
                }
                Effect::Secret { sync, .. } => {
                    Request::Leave { tool: Tool::SecretSync.as_str(), target: sync.github_secret.clone() }
                }
            },
        },
        became: row.state.0.as_str(),
        words: row.answer.as_ref().map(|answer| answer.text.as_str()),
        trouble: row.outcome.as_deref(),
        result: row.result.as_ref().map(ToString::to_string),
        by: row.decided_by.as_deref(),
        through: row.decided_through.as_deref(),
    }
}
