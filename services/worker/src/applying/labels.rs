//! Labels that people let an agent move.

use anyhow::Context;
use domain::approvals::labels::{Labelled, Seen};
use domain::limits;
use forge::RepositoryProvider;
use store::approvals::apply::{self, ToApply};
use store::outbound::{self, LabelChange};
use store::repositories::RepositoryRow;

use super::{Made, Tried, Untried};
use crate::Deps;
use crate::github::Opened;

pub(super) async fn attempt(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    opened: &Opened,
    change: &Labelled,
    seen: &Seen,
) -> Result<Tried, Untried> {
    if !action.begun {
        let now = opened.github.issue(&opened.name, change.number).await?;
        if Seen::of(&now.title, &now.body, &now.labels, change) != *seen {
            return Ok(Tried::Stale);
        }
    }
    let writes = i32::try_from(change.off.len() + 1).unwrap_or(i32::MAX);
    let leave = outbound::spend(&deps.db, repository.bot_github_id, writes, limits::WORDS).await;
    if let Some(until) = leave.context("ask for leave to write")? {
        return Ok(Tried::Later(until));
    }
    if !action.begun && !apply::begin(&deps.db, action).await.context("begin an approved action")? {
        return Ok(Tried::Lost);
    }
    opened.take_labels_off(change.number, &change.off).await?;
    let put_on = opened.put_labels_on(change.number, &change.on).await.map_err(Untried::from);
    let half = |error| Untried::Half { done: "labels were taken off", error: Box::new(error) };
    put_on.map_err(|error| if change.off.is_empty() { error } else { half(error) })?;
    let labels = LabelChange { off: change.off.clone(), on: change.on.clone() };
    Ok(Tried::Done(Made { labels, result: None }))
}
