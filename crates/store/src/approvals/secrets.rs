//! Secrets on their way: the value that was decided for an approved action, sealed until it is where it belongs.

use domain::approvals::secrets::SecretSync;
use domain::ids::{ProjectId, RepositoryId};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::apply::ToApply;
use crate::Result;

/// What the value of a request is sealed for.
#[must_use]
pub fn value_aad(request: Uuid) -> String {
    format!("approvals/{request}/value_sealed")
}

/// A value with what each step of putting it somewhere comes to.
#[derive(Debug, Clone)]
pub struct Decided {
    /// Sealed for [`value_aad`].
    pub value_sealed: Vec<u8>,
    /// What was found before the first touch.
    pub plan: Value,
}

/// What an earlier lease has decided; `None`: nothing yet, and so nothing is done yet.
///
/// # Errors
/// The database's.
pub async fn decided(db: impl PgExecutor<'_>, action: &ToApply) -> Result<Option<Decided>> {
    sqlx::query_as!(
        Decided,
        r#"SELECT value_sealed AS "value_sealed!", plan AS "plan!" FROM approvals
           WHERE id = $1 AND value_sealed IS NOT NULL AND plan IS NOT NULL"#,
        action.id
    )
    .fetch_optional(db)
    .await
}

/// The value that whoever approved has typed.
///
/// # Errors
/// The database's.
pub async fn typed(db: impl PgExecutor<'_>, action: &ToApply) -> Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("SELECT value_sealed FROM approvals WHERE id = $1", action.id).fetch_one(db).await
}

/// Decides the value: from now on it is put where it belongs, by whichever worker, and nothing is looked at again. Answers
/// whether the lease held.
///
/// # Errors
/// The database's.
pub async fn decide(db: impl PgExecutor<'_>, action: &ToApply, decided: &Decided) -> Result<bool> {
    let begun = sqlx::query!(
        "UPDATE approvals SET begun = true, value_sealed = $3, plan = $4
         WHERE id = $1 AND lease_token = $2 AND state = 'applying' AND plan IS NULL",
        action.id,
        action.lease_token,
        decided.value_sealed,
        decided.plan
    );
    Ok(begun.execute(db).await?.rows_affected() == 1)
}

/// Whether the platform has put exactly this secret there before, by the same way to its value.
///
/// # Errors
/// The database's.
pub async fn synced_before(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    repository: RepositoryId,
    sync: &SecretSync,
) -> Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM approvals AS p JOIN agent_runs AS a ON a.id = p.run_id
               WHERE p.state = 'applied' AND p.asked #>> '{effect,does}' = 'secret'
                 AND p.asked #>> '{effect,namespace}' = $3 AND p.asked #>> '{effect,github_secret}' = $4
                 AND p.asked #>> '{effect,kubernetes_secret}' = $5 AND p.asked #>> '{effect,kubernetes_key}' = $6
                 AND p.asked #>> '{effect,policy}' = $7
                 AND a.project_id = $1 AND a.repository_id = $2) AS "before!""#,
        project.0,
        repository.0,
        sync.namespace,
        sync.github_secret,
        sync.kubernetes_secret,
        sync.kubernetes_key,
        sync.policy.as_str()
    )
    .fetch_one(db)
    .await
}
