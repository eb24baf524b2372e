//! `change_accounts`: runs whose agent wants to try its first change, and whose namespace lacks the accounts for that.

use domain::ids::{ProjectId, RunId};
use domain::stages::{Mode, Right};
use domain::surroundings::Surroundings;
use sqlx::PgExecutor;

use crate::{Coded, Result};

/// Wishes for them in a running run, and forgets what nobody waits for any more. Wishing again is one wish.
///
/// # Errors
/// The database's.
pub async fn want(db: impl PgExecutor<'_>, run: RunId) -> Result<()> {
    sqlx::query!(
        "WITH over AS (DELETE FROM change_accounts WHERE until < app_now() AND run_id <> $1)
         INSERT INTO change_accounts (run_id, until)
         SELECT id, app_now() + interval '1 minute' FROM agent_runs WHERE id = $1 AND status = 'running'
         ON CONFLICT (run_id) DO UPDATE SET until = EXCLUDED.until",
        run.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A run in whose namespace they are wanted.
#[derive(Debug, Clone)]
pub struct WantedRow {
    /// The run.
    pub run_id: RunId,
    /// Its project.
    pub project_id: ProjectId,
    /// Number of the issue.
    pub subject_number: i64,
    /// Role.
    pub role: String,
    /// Its namespace.
    pub namespace: String,
    /// What surrounds the role, by its policy of this moment.
    pub mode: Coded<Mode>,
    /// What that policy gives the run's accounts.
    pub rights: Vec<Coded<Right>>,
}

impl WantedRow {
    /// What the run may do in its namespace.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::of(self.mode.0, self.rights.iter().map(|right| right.0))
    }
}

/// The running runs for which somebody waits for them.
///
/// # Errors
/// The database's.
pub async fn wanted(db: impl PgExecutor<'_>) -> Result<Vec<WantedRow>> {
    sqlx::query_as!(
        WantedRow,
        r#"SELECT a.id AS run_id, a.project_id, a.subject_number, a.role, a.namespace,
                  policy.mode AS "mode!: Coded<Mode>", policy.rights AS "rights!: Vec<Coded<Right>>"
           FROM change_accounts AS wanted
           JOIN agent_runs AS a ON a.id = wanted.run_id
           JOIN LATERAL agent_policy(a.project_id, a.role) AS policy ON true
           WHERE a.status = 'running' AND a.kind <> 'discussion' AND wanted.until > app_now()
           ORDER BY wanted.until"#
    )
    .fetch_all(db)
    .await
}

/// They are there.
///
/// # Errors
/// The database's.
pub async fn made(db: impl PgExecutor<'_>, run: RunId) -> Result<()> {
    sqlx::query!("DELETE FROM change_accounts WHERE run_id = $1", run.0).execute(db).await?;
    Ok(())
}
