//! The pull requests in which work waits for its owner, after an outage: what was merged or closed meanwhile is settled, as
//! the event would have done. A review is told to people and not replayed: what it was about may have changed since.

use std::collections::HashSet;

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::event::{Verdict, review_key};
use forge::{Account, ForgeError, Pull, RepositoryProvider, Review};
use serde_json::json;
use store::deliveries;
use store::repositories::RepositoryRow;
use store::runs::view;

use super::found::{self, Found};
use crate::Deps;
use crate::github::Opened;

/// What has become of them.
#[derive(Default)]
pub(super) struct Seen {
    /// Pull requests that were settled.
    pub(super) settled: usize,
    /// Reviews that nobody heard of, as people read them.
    pub(super) unheard: Vec<String>,
}

/// Looks at each: one call for what was merged, two for what was closed and for what is open.
pub(super) async fn look(
    deps: &Deps,
    repository: &RepositoryRow,
    opened: &Opened,
    lost_since: DateTime<Utc>,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let waiting = view::waiting_pulls(&deps.db, repository.id).await.context("read which pull requests wait")?;
    for (number, branch) in waiting {
        let pull = match opened.github.pull(&opened.name, number).await {
            Err(ForgeError::NotFound { .. }) => continue,
            pull => pull.context("look at a pull request that waits")?,
        };
        if pull.open {
            seen.unheard.extend(unheard(deps, repository, opened, (number, lost_since)).await?);
        } else if settle(deps, repository, opened, (&pull, &branch)).await? {
            seen.settled += 1;
        }
    }
    Ok(seen)
}

async fn settle(
    deps: &Deps,
    repository: &RepositoryRow,
    opened: &Opened,
    (pull, branch): (&Pull, &str),
) -> anyhow::Result<bool> {
    let Some(at) = pull.closed_at else { return Ok(false) };
    let by = if pull.merged { pull.merged_by.clone() } else { closed_by(opened, pull.number).await? };
    let here = json!({ "id": repository.github_id });
    let about = json!({
        "title": pull.title, "body": pull.body, "merged": pull.merged, "html_url": pull.html_url,
        "head": { "ref": branch, "repo": here }, "base": { "ref": pull.base, "repo": here },
    });
    let (by, which) = (by.as_ref(), at.to_rfc3339());
    let (event, action, number) = ("pull_request", "closed", pull.number);
    found::take(deps, repository, Found { event, action, number, about, at: Some(at), by, which }).await
}

/// A pull request does not say who closed it; its issue does.
async fn closed_by(opened: &Opened, number: i64) -> anyhow::Result<Option<Account>> {
    match opened.github.issue(&opened.name, number).await {
        Err(ForgeError::NotFound { .. }) => Ok(None),
        issue => Ok(issue.context("ask who closed a pull request")?.closed_by),
    }
}

/// The reviews of an open pull request that decide something and that the ledger does not have.
async fn unheard(
    deps: &Deps,
    repository: &RepositoryRow,
    opened: &Opened,
    (number, lost_since): (i64, DateTime<Utc>),
) -> anyhow::Result<Vec<String>> {
    let reviews = opened.github.reviews(&opened.name, number, lost_since).await.context("list reviews")?;
    let key = |review: &Review| review_key(repository.github_id, review.id);
    let keys: Vec<_> = reviews.iter().map(key).collect();
    let unknown = deliveries::unknown_keys(&deps.db, &keys).await.context("look reviews up")?;
    let unknown: HashSet<_> = unknown.into_iter().collect();
    let is_ours = |review: &Review| review.author.as_ref().is_some_and(|by| by.id == repository.bot_github_id);
    let missed = reviews.iter().filter(|review| unknown.contains(&key(review)) && !is_ours(review));
    Ok(missed.map(|review| line(number, review)).collect())
}

/// In GitHub's own words, which are the same in every language.
fn line(number: i64, review: &Review) -> String {
    let verdict = match review.verdict {
        Verdict::Approved => "APPROVED",
        Verdict::ChangesRequested => "CHANGES_REQUESTED",
    };
    let by = review.author.as_ref().map_or("ghost", |account| account.login.as_str());
    format!("#{number} {verdict} @{by}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge::AccountKind;

    #[test]
    fn a_review_is_named_by_what_it_decides_and_by_whom() {
        let olga = Account { id: 1, login: "olga".into(), kind: AccountKind::User };
        let review = |author, verdict| Review { id: 7, author, verdict };
        assert_eq!(line(8, &review(Some(olga), Verdict::ChangesRequested)), "#8 CHANGES_REQUESTED @olga");
        assert_eq!(line(8, &review(None, Verdict::Approved)), "#8 APPROVED @ghost");
    }
}
