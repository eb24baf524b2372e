//! `agents` and `agent_policies`: who acts, and within what limits.

pub mod policies;

use domain::catalogue::Catalogue;
use domain::stages::{Right, Role};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::Result;

/// Writes the platform's own roles that are not there yet, with what the catalogue gives them. A policy that somebody
/// has changed stays as it is. Answers how many were new.
///
/// # Errors
/// The database's.
pub async fn seed(db: impl PgExecutor<'_>, catalogue: &Catalogue) -> Result<u64> {
    let roles: Vec<_> = Role::ALL.iter().map(|&role| (role, catalogue.role(role))).collect();
    let ids: Vec<_> = roles.iter().map(|_| Uuid::now_v7()).collect();
    let names: Vec<_> = roles.iter().map(|(role, _)| role.to_string()).collect();
    let modes: Vec<_> = roles.iter().map(|(_, spec)| spec.mode.to_string()).collect();
    let parallel: Vec<_> = roles.iter().map(|(_, spec)| i32::from(spec.parallel_runs)).collect();
    let rights: Vec<_> = roles.iter().map(|(_, spec)| joined(&spec.rights)).collect();
    let limits: Vec<_> = roles.iter().map(|(_, spec)| spec.time_limit_minutes.cast_signed() * 60).collect();
    let ttls: Vec<_> = roles.iter().map(|(_, spec)| spec.namespace_ttl_hours.cast_signed() * 3600).collect();
    let seeded = sqlx::query_file!("src/agents/seed.sql", &ids, &names, &modes, &parallel, &rights, &limits, &ttls);
    Ok(seeded.execute(db).await?.rows_affected())
}

/// A list within a list of parameters: unnested arrays are flat.
fn joined(rights: &[Right]) -> String {
    rights.iter().map(|right| right.as_str()).collect::<Vec<_>>().join(",")
}
