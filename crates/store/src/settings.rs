//! `system_settings`: data that an owner changes without a release.

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::PgExecutor;

use crate::Result;

/// Reads a setting.
///
/// # Errors
/// The database's; [`sqlx::Error::Decode`] when the value does not have the wanted shape.
pub async fn get<T: DeserializeOwned>(db: impl PgExecutor<'_>, key: &str) -> Result<Option<T>> {
    let value = sqlx::query_scalar!("SELECT value FROM system_settings WHERE key = $1", key).fetch_optional(db).await?;
    value.map(serde_json::from_value).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Stores a setting unless it is there already; answers what is stored afterwards.
///
/// # Errors
/// The database's.
pub async fn put_if_absent(db: impl PgExecutor<'_>, key: &str, value: &Value) -> Result<Value> {
    sqlx::query_scalar!(
        r#"WITH put AS (INSERT INTO system_settings (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING value)
           SELECT value AS "value!" FROM put UNION ALL SELECT value FROM system_settings WHERE key = $1 LIMIT 1"#,
        key,
        value
    )
    .fetch_one(db)
    .await
}
