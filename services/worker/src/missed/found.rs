//! What GitHub says has happened while nobody listened, taken in as the event that would have told it: the same rule
//! decides, and one transaction stores it. Whoever finds it a second time finds the same event.

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::ids::CorrelationId;
use forge::{Account, AccountKind};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::clock;
use store::intake::{Arrival, GITHUB_API, Taken, take_in};
use store::repositories::RepositoryRow;
use uuid::Uuid;

use crate::Deps;
use crate::turn::changed;

/// Whom GitHub names where an account is gone.
const GHOST: (i64, &str) = (10137, "ghost");

/// An end that nobody heard of.
pub(super) struct Found<'a> {
    /// `issues` or `pull_request`.
    pub(super) event: &'static str,
    /// `closed` or `deleted`.
    pub(super) action: &'static str,
    /// Number of the issue or pull request.
    pub(super) number: i64,
    /// The issue or pull request as the event would carry it, but for what is told here.
    pub(super) about: Value,
    /// When, if GitHub says so.
    pub(super) at: Option<DateTime<Utc>>,
    /// Who did it.
    pub(super) by: Option<&'a Account>,
    /// What tells this end from other ends of the same issue or pull request.
    pub(super) which: String,
}

/// Takes it in. Answers whether something followed from it, now and not before.
pub(super) async fn take(deps: &Deps, repository: &RepositoryRow, found: Found<'_>) -> anyhow::Result<bool> {
    let Found { event, action, number, mut about, at, by, which } = found;
    about["number"] = json!(number);
    about["state"] = json!("closed");
    about["updated_at"] = json!(match at {
        Some(at) => at,
        None => clock::now(&deps.db).await.context("read the clock")?,
    });
    let mut payload = json!({
        "action": action,
        "repository": { "id": repository.github_id, "full_name": repository.full_name },
        "sender": sender(by),
    });
    payload[if event == "issues" { "issue" } else { event }] = about;
    let body = payload.to_string();
    let arrival = Arrival {
        guid: &Uuid::new_v5(&repository.id.0, format!("{event} {action} {number} {which}").as_bytes()).to_string(),
        event,
        body: body.as_bytes(),
        body_sha256: &Sha256::digest(&body),
        source: GITHUB_API,
        correlation: CorrelationId::new(),
        wish: None,
    };
    match take_in(&deps.db, &arrival).await.context("take in what nobody told")? {
        Taken::New(stored) => {
            if let Some(run) = stored.run_id {
                changed(deps, run.into()).await;
            }
            Ok(stored.decision == "effected")
        }
        Taken::Duplicate(_) => Ok(false),
    }
}

fn sender(by: Option<&Account>) -> Value {
    let (id, login) = by.map_or(GHOST, |account| (account.id, account.login.as_str()));
    let is_person = by.is_none_or(|account| account.kind == AccountKind::User);
    json!({ "id": id, "login": login, "type": if is_person { "User" } else { "Bot" } })
}
