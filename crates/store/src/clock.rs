//! The platform's clock, for decisions that are not made in SQL.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::Result;

/// The database's time, as every statement reads it.
///
/// # Errors
/// The database's.
pub async fn now(db: impl PgExecutor<'_>) -> Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"SELECT app_now() AS "now!""#).fetch_one(db).await
}
