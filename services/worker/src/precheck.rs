//! Before a launch: does what the run was started for still hold? GitHub and the database are asked; the answer is
//! [`domain::precondition`]'s.

use anyhow::Context;
use domain::choice::{Choice, Effort};
use domain::flow::FlowKind;
use domain::locale::Locale;
use domain::precondition::{self, Live};
use forge::{ForgeError, Issue, RepositoryPermission, RepositoryProvider};
use prompts::comments;
use serde_json::json;
use store::runs::start::{self, StartRow};

use crate::ending;
use crate::github::Opened;
use crate::turn::{Turn, changed};

/// Whether the launch may go on. If not, the run has ended with its reason, or GitHub is to be left alone for now.
pub(crate) async fn passes(turn: &Turn<'_>) -> anyhow::Result<bool> {
    let Some(opened) = turn.repository().await? else { return Ok(false) };
    let Some(facts) = start::facts(&turn.deps.db, turn.lease).await.context("read who started the run")? else {
        return Ok(false);
    };
    match look(turn, &facts, &opened).await {
        Ok(sight) => {
            turn.deps.holds.answered(turn.whom());
            judge(turn, &facts, &sight).await
        }
        Err(error) => {
            ending::forge_failed(turn, &error).await.context("look at the issue before the launch")?;
            Ok(false)
        }
    }
}

/// What GitHub says before a launch.
struct Sight {
    /// Where the label lies that started the run, else its issue; `None` when that is gone.
    place: Option<Issue>,
    /// Labels of the run's pull request, when it has one and the label does not lie there.
    pull_labels: Vec<String>,
    /// Who started the run still sees the repository.
    sees_repository: bool,
}

async fn look(turn: &Turn<'_>, facts: &StartRow, Opened { github, name }: &Opened) -> Result<Sight, ForgeError> {
    let number = turn.row.trigger_subject.unwrap_or(turn.row.subject_number);
    let place = match github.issue(name, number).await {
        Err(ForgeError::NotFound { .. }) => None,
        issue => Some(issue?),
    };
    let pull_labels = match turn.row.pr_number.filter(|pull| *pull != number) {
        Some(pull) => github.issue_labels(name, pull).await?,
        None => Vec::new(),
    };
    let sees = !facts.by_forge
        || github
            .permission_of(name, facts.github_id, &facts.login)
            .await?
            .is_some_and(|level| level > RepositoryPermission::None);
    Ok(Sight { place, pull_labels, sees_repository: sees })
}

async fn judge(turn: &Turn<'_>, facts: &StartRow, sight: &Sight) -> anyhow::Result<bool> {
    let verdict = precondition::check(&Live {
        open: sight.place.as_ref().is_some_and(|place| place.open),
        labels: sight.place.as_ref().map_or(&[], |place| &place.labels),
        pull_labels: &sight.pull_labels,
        trigger: facts.trigger_label.as_deref(),
        only_talks: turn.row.is_discussion,
        trigger_is_coming: facts.trigger_is_coming,
        platform_role: facts.platform_role.map(|role| role.0),
        project_role: facts.project_role.map(|role| role.0),
        sees_repository: sight.sees_repository,
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
