//! What came before a delivery: the runs of its issue, or of the issue that its pull request belongs to.

use domain::ids::{RepositoryId, RunId};
use domain::intake::{ActiveRun, History};
use domain::revision::{self, Earlier};
use domain::stages::{Role, Stage};
use sqlx::PgExecutor;

use crate::{Coded, Result, projects};

/// The newest runs that are looked at.
const MOST: i64 = 200;

/// Reads it, with the issue's active run. `subject` is the number in the event, and `is_pull` says of what.
///
/// # Errors
/// The database's.
pub(super) async fn read(
    db: impl PgExecutor<'_>,
    repository: RepositoryId,
    subject: i64,
    is_pull: bool,
) -> Result<(History, Option<ActiveRun>)> {
    let rows = sqlx::query_file!("src/intake/history.sql", repository.0, subject, is_pull, MOST).fetch_all(db).await?;
    let mut active = None;
    let mut earlier = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.active {
            let (id, trigger) = (RunId(row.id), row.trigger_label.clone());
            active = Some(ActiveRun { id, trigger, claimed: row.claimed });
        } else {
            earlier.push(Earlier {
                id: RunId(row.id),
                stage: row.stage.0,
                pull: row.pr_number,
                handed_in: row.handed_in,
                waits: row.waits,
            });
        }
    }
    let issue_labels = rows.into_iter().next().map(|row| row.issue_labels).unwrap_or_default();
    Ok((History { earlier, issue_labels }, active))
}

/// The stages whose work was accepted on an issue, where its project wants stages in their order; `None` where it does
/// not.
///
/// # Errors
/// The database's.
pub async fn accepted(
    db: impl PgExecutor<'_> + Copy,
    repository: RepositoryId,
    issue: i64,
) -> Result<Option<Vec<Stage>>> {
    if !projects::stage_order(db, repository).await? {
        return Ok(None);
    }
    let (history, _) = read(db, repository, issue, false).await?;
    Ok(Some(revision::accepted(&history.earlier)))
}

/// A run that another one takes up again or looks at.
#[derive(Debug, Clone)]
pub(super) struct TakenUp {
    /// Number of its issue.
    pub subject_number: i64,
    /// Title of its issue.
    pub subject_title: String,
    /// Text of its issue, as the event that started it carried it.
    pub subject_body: String,
    /// Page of its issue.
    pub subject_url: String,
    /// Its branch.
    pub branch: String,
    /// Where its pull request goes.
    pub base_branch: String,
    /// Its pull request.
    pub pr_number: Option<i64>,
    /// The page of that.
    pub pr_url: Option<String>,
}

/// Reads a run that is taken up again.
///
/// # Errors
/// The database's.
pub(super) async fn taken_up(db: impl PgExecutor<'_>, run: RunId) -> Result<TakenUp> {
    sqlx::query_as!(
        TakenUp,
        "SELECT subject_number, subject_title, subject_body, subject_url, branch, base_branch, pr_number, pr_url
         FROM agent_runs WHERE id = $1",
        run.0
    )
    .fetch_one(db)
    .await
}

/// How long a run of a role may take in a project, and how long its namespace lives after it, in seconds.
///
/// # Errors
/// The database's.
pub(super) async fn limits(db: impl PgExecutor<'_>, repository: RepositoryId, role: Role) -> Result<(i32, i32)> {
    let row = sqlx::query!(
        r#"SELECT COALESCE(policy.time_limit_seconds, (limits.value ->> 'time_limit_seconds')::int) AS "time!",
                  COALESCE(policy.namespace_ttl_seconds, (limits.value ->> 'namespace_ttl_seconds')::int) AS "ttl!"
           FROM repositories AS r
           JOIN system_settings AS limits ON limits.key = 'run_limits'
           LEFT JOIN LATERAL agent_policy(r.project_id, $2) AS policy ON true
           WHERE r.id = $1"#,
        repository.0,
        role.as_str()
    )
    .fetch_one(db)
    .await?;
    Ok((row.time, row.ttl))
}
