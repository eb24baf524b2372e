//! Makes the labels of connected repositories and keeps them right: in the project's language, with the models that may
//! be chosen. Labels that are not the platform's are left alone. Comments come first: only a part of what an account may
//! write goes into labels.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use domain::catalogue::Catalogue;
use domain::labels::{self, LabelSpec};
use domain::limits;
use domain::locale::Locale;
use forge::{ForgeError, RepositoryProvider};
use runtime::Pace;
use serde_json::json;
use store::repositories::labels::{self as rows, DueLabels};
use store::{clock, outbound, repositories, settings};
use tokio_util::sync::CancellationToken;

use crate::Deps;
use crate::github::{self, Opened, Whom};

/// How long one look may take before another worker repeats it.
const LEASE: Duration = Duration::from_secs(300);
/// People change labels too.
const LOOK_EVERY: TimeDelta = TimeDelta::days(1);
const CHECK: &str = "labels_made";

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    while pace.turn(&stop).await {
        if let Err(error) = look_at_all(&deps, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "looking at labels failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn look_at_all(deps: &Deps, stop: &CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let Some(due) = rows::claim(&deps.db, LEASE).await.context("take a repository")? else { return Ok(()) };
        let now = clock::now(&deps.db).await.context("read the clock")?;
        let (again, finding) = match make(deps, &due, now).await? {
            Made::All => (now + LOOK_EVERY, Some(json!({ "state": "ok" }))),
            Made::Later(until) => (until, None),
            Made::Refused(why) => {
                let remedy = format!("GitHub said: {why}. Check again when it is mended.");
                (now + LOOK_EVERY, Some(json!({ "state": "failed", "remedy": remedy })))
            }
        };
        if let Some(finding) = finding {
            repositories::found(&deps.db, due.id, CHECK, Some(&finding))
                .await
                .context("note what became of the labels")?;
        }
        rows::again(&deps.db, &due, again).await.context("note when to look again")?;
    }
    Ok(())
}

enum Made {
    All,
    /// GitHub is to be left alone until then.
    Later(DateTime<Utc>),
    Refused(String),
}

async fn make(deps: &Deps, due: &DueLabels, now: DateTime<Utc>) -> anyhow::Result<Made> {
    let whom = Whom { account: due.bot_github_id, repository: due.id };
    if let Some(until) = deps.holds.until(whom, now) {
        return Ok(Made::Later(until));
    }
    let models = settings::models(&deps.db).await.context("read the models")?;
    let wanted = labels::wanted(Catalogue::builtin(), Locale::or_english(&due.locale), &models.allowed);
    let opened = match github::open(&deps.config, due.id, &due.full_name, &due.token_sealed) {
        Ok(opened) => opened,
        Err(error) => return Ok(Made::Refused(format!("{error:#}"))),
    };
    match write(deps, due, &opened, &wanted).await {
        Ok(None) => Ok(Made::All),
        Ok(Some(until)) => Ok(Made::Later(until)),
        Err(Unwritten::Forge(error)) if error.is_passing() => Ok(Made::Later(deps.holds.note(whom, &error, now))),
        Err(Unwritten::Forge(error)) => {
            tracing::warn!(repository = due.full_name, %error, "the labels are not as they should be");
            Ok(Made::Refused(error.to_string()))
        }
        Err(Unwritten::Other(error)) => Err(error),
    }
}

#[derive(Debug, thiserror::Error)]
enum Unwritten {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Writes what differs, as far as the account may write; answers when the rest may follow.
async fn write(
    deps: &Deps,
    due: &DueLabels,
    Opened { github, name }: &Opened,
    wanted: &[LabelSpec],
) -> Result<Option<DateTime<Utc>>, Unwritten> {
    for fix in github.label_fixes(name, wanted).await? {
        let leave = outbound::spend(&deps.db, due.bot_github_id, 1, limits::CHORES).await;
        if let Some(until) = leave.context("ask for leave to write")? {
            return Ok(Some(until));
        }
        github.fix_label(name, &fix).await?;
    }
    Ok(None)
}
