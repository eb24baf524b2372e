//! `system_settings`: data that an owner changes without a release.

use domain::locale::Locale;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::PgExecutor;

use crate::Result;

/// Reads a setting.
///
/// # Errors
/// The database's; [`sqlx::Error::Decode`] when the value does not have the wanted shape.
async fn get<T: DeserializeOwned>(db: impl PgExecutor<'_>, key: &str) -> Result<Option<T>> {
    let value = sqlx::query_scalar!("SELECT value FROM system_settings WHERE key = $1", key).fetch_optional(db).await?;
    value.map(serde_json::from_value).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The models that agents may run with.
#[derive(Debug, Clone, Deserialize)]
pub struct Models {
    /// Where nobody chooses.
    pub default: String,
    /// Those that a project or a label may choose.
    pub allowed: Vec<String>,
}

/// The platform's list of models.
///
/// # Errors
/// The database's; [`sqlx::Error::RowNotFound`] when an owner has deleted the setting.
pub async fn models(db: impl PgExecutor<'_>) -> Result<Models> {
    get(db, "models").await?.ok_or(sqlx::Error::RowNotFound)
}

/// The platform's language, where a project's has no text.
///
/// # Errors
/// The database's; [`sqlx::Error::Decode`] when the setting is no language.
pub async fn locale(db: impl PgExecutor<'_>) -> Result<Locale> {
    Ok(get(db, "locale").await?.unwrap_or(Locale::En))
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
