//! Before a launch: does what the run was started for still hold? GitHub and the database are asked; the answer is
//! [`domain::precondition`]'s.

use anyhow::Context;
use domain::choice::{Choice, Effort};
use domain::flow::FlowKind;
use domain::locale::Locale;
use domain::precondition::{self, Live};
use domain::reasons::Reason;
use domain::run::RunStatus;
use forge::{ForgeError, Issue, RepositoryPermission, RepositoryProvider};
use prompts::comments;
use serde_json::json;
use store::runs::start::{self, StartRow};

use crate::ending;
use crate::github::{self, Opened};
use crate::turn::{Turn, changed};

/// Whether the launch may go on. If not, the run has ended with its reason, or GitHub is to be left alone for now.
pub(crate) async fn passes(turn: &Turn<'_>) -> anyhow::Result<bool> {
    let (row, holds) = (&turn.row, &turn.deps.holds);
    if holds.is_held(row.repository_id, turn.now) {
        return Ok(false);
    }
    let Some(facts) = start::facts(&turn.deps.db, turn.lease).await.context("read who started the run")? else {
        return Ok(false);
    };
    let opened = github::open(&turn.deps.config, row.repository_id, &row.repository, &row.token_sealed)?;
    match look(turn, &facts, &opened).await {
        Ok((issue, sees_repository)) => judge(turn, &facts, issue.as_ref(), sees_repository).await,
        Err(error) if error.is_passing() => {
            holds.note(row.repository_id, &error, turn.now);
            Err(error).context("look at the issue before the launch")
        }
        Err(error) => {
            ending::finish(turn, RunStatus::Failed, Some(Reason::InfraError), &error.to_string(), false).await?;
            Ok(false)
        }
    }
}

/// The issue as it is now, `None` when it is gone, and whether who started the run still sees the repository.
async fn look(
    turn: &Turn<'_>,
    facts: &StartRow,
    Opened { github, name }: &Opened,
) -> Result<(Option<Issue>, bool), ForgeError> {
    let issue = match github.issue(name, turn.row.subject_number).await {
        Err(ForgeError::NotFound { .. }) => None,
        issue => Some(issue?),
    };
    let sees = !facts.by_forge
        || github
            .permission_of(name, facts.github_id, &facts.login)
            .await?
            .is_some_and(|level| level > RepositoryPermission::None);
    Ok((issue, sees))
}

async fn judge(
    turn: &Turn<'_>,
    facts: &StartRow,
    issue: Option<&Issue>,
    sees_repository: bool,
) -> anyhow::Result<bool> {
    let verdict = precondition::check(&Live {
        open: issue.is_some_and(|issue| issue.open),
        labels: issue.map_or(&[], |issue| &issue.labels),
        trigger: facts.trigger_label.as_deref(),
        trigger_is_coming: facts.trigger_is_coming,
        platform_role: facts.platform_role.map(|role| role.0),
        project_role: facts.project_role.map(|role| role.0),
        sees_repository,
        models: &facts.models,
    });
    match verdict {
        Ok(choice) => settle(turn, facts, &choice).await,
        Err(lost) => {
            let (status, reason) = lost.ending();
            let words = comments::lost(Locale::or_english(&turn.row.locale), lost);
            ending::finish(turn, status, Some(reason), words, false).await?;
            Ok(false)
        }
    }
}

/// Another valid model or effort counts.
async fn settle(turn: &Turn<'_>, facts: &StartRow, choice: &Choice) -> anyhow::Result<bool> {
    let model = choice.model.as_deref().unwrap_or(&facts.default_model);
    let effort = choice.effort.map(Effort::for_codex);
    if model == facts.model && effort == facts.effort.as_deref() {
        return Ok(true);
    }
    let entry = turn.entry(FlowKind::ModelChosen, json!({ "model": model, "effort": effort }));
    let ours = start::choose(&turn.deps.db, turn.lease, model, effort, &entry).await.context("settle the model")?;
    if ours {
        changed(turn.deps, turn.row.id).await;
    }
    Ok(ours)
}
