//! One delivery, by its kind.

use anyhow::Context;
use domain::labels;
use forge::{ForgeError, RepositoryProvider};
use serde::Deserialize;
use store::outbound::{ActionRow, LabelChange};
use store::repositories::RepositoryRow;
use store::runs::view;

use super::words;
use crate::Deps;
use crate::github::Opened;

/// Why a wish is not true yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undelivered {
    /// GitHub did not do it.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The platform could not say what is wanted.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// How many writing calls a delivery makes at most.
pub(super) fn writes(action: &ActionRow) -> anyhow::Result<i32> {
    if action.kind != "labels" {
        return Ok(1);
    }
    let wanted = wanted_labels(action)?;
    let calls = wanted.off.len() + usize::from(!wanted.on.is_empty());
    Ok(i32::try_from(calls.max(1)).unwrap_or(i32::MAX))
}

fn wanted_labels(action: &ActionRow) -> anyhow::Result<LabelChange> {
    serde_json::from_value(action.payload.clone()).context("read the wanted labels")
}

/// Makes the wish true; answers the comment's id where there is one.
pub(super) async fn deliver(
    deps: &Deps,
    action: &ActionRow,
    repository: &RepositoryRow,
    opened: &Opened,
) -> Result<Option<i64>, Undelivered> {
    match action.kind.as_str() {
        "service_comment" => {
            let comment = words::service(deps, action).await?;
            write(action, repository, opened, &comment).await.map(Some)
        }
        "refusal_comment" => {
            let comment = words::refusal(deps, action, repository).await?;
            write(action, repository, opened, &comment).await.map(Some)
        }
        "review_comment" => {
            let comment = words::review(deps, action).await?;
            write(action, repository, opened, &comment).await.map(Some)
        }
        "answer_comment" => {
            let comment = words::answer(deps, action).await?;
            write(action, repository, opened, &comment).await.map(Some)
        }
        "reaction" => react(action, opened).await.map(|()| None),
        "agent_comment" => {
            let comment = words::agent(deps, action).await?;
            write(action, repository, opened, &comment).await.map(Some)
        }
        "labels" => move_labels(deps, action, opened).await.map(|()| None),
        other => Err(anyhow::anyhow!("the action {other:?} is not known to this version").into()),
    }
}

/// Updates the comment, or writes it once. When an earlier try may have written it, it is looked for first.
async fn write(
    action: &ActionRow,
    repository: &RepositoryRow,
    Opened { github, name }: &Opened,
    words: &words::Comment,
) -> Result<i64, Undelivered> {
    let known = match action.external_id {
        None if action.lease_token > 1 => github
            .find_comment_by_marker(name, action.subject_number, repository.bot_github_id, &words.marker)
            .await?
            .map(|comment| comment.id),
        known => known,
    };
    if let Some(id) = known {
        match github.update_comment(name, id, &words.text).await {
            Ok(comment) => return Ok(comment.id),
            // Somebody deleted it.
            Err(ForgeError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(github.create_comment(name, action.subject_number, &words.text).await?.id)
}

#[derive(Debug, Deserialize)]
struct WantedReaction {
    comment: i64,
    content: String,
}

async fn react(action: &ActionRow, Opened { github, name }: &Opened) -> Result<(), Undelivered> {
    let wanted: WantedReaction = serde_json::from_value(action.payload.clone()).context("read the wanted reaction")?;
    Ok(github.ensure_reaction(name, wanted.comment, &wanted.content).await?)
}

/// A stage label that a run wants off is left alone when a new run of the issue has begun meanwhile: it is that run's.
async fn move_labels(deps: &Deps, action: &ActionRow, opened: &Opened) -> Result<(), Undelivered> {
    let mut wanted = wanted_labels(action)?;
    let taken = action.run_id.is_some() && has_another_run(deps, action).await?;
    wanted.off.retain(|label| !(taken && labels::is_stage_label(label)));
    Ok(opened.move_labels(action.subject_number, &wanted.off, &wanted.on).await?)
}

async fn has_another_run(deps: &Deps, action: &ActionRow) -> anyhow::Result<bool> {
    let active = view::active_on(&deps.db, action.repository_id, action.subject_number).await;
    Ok(active.context("read the issue's active run")?.is_some_and(|run| Some(run) != action.run()))
}
