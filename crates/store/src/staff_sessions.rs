//! `staff_sessions`: signed-in browsers. Access tokens are short-lived; a session renews them until it is revoked.

use chrono::{DateTime, Utc};
use domain::ids::{SessionId, UserId};
use domain::rights::PlatformRole;
use sqlx::PgExecutor;

use crate::{Coded, Result};

/// A session and whose it is.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The session.
    pub id: SessionId,
    /// The person.
    pub user_id: UserId,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// The person behind a live session, as read for each request: losing a role or the session counts at once.
#[derive(Debug, Clone)]
pub struct StaffRow {
    /// The person.
    pub user_id: UserId,
    /// GitHub login.
    pub login: String,
    /// Name, or the login.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Role on the platform.
    pub platform_role: Coded<PlatformRole>,
}

/// Opens a session of 30 days.
///
/// # Errors
/// The database's.
pub async fn open(db: impl PgExecutor<'_>, user: UserId, secret_hash: &[u8]) -> Result<SessionRow> {
    sqlx::query_as!(
        SessionRow,
        "INSERT INTO staff_sessions (id, user_id, secret_hash, expires_at)
         VALUES ($1, $2, $3, app_now() + interval '30 days') RETURNING id, user_id, expires_at",
        SessionId::new().0,
        user.0,
        secret_hash
    )
    .fetch_one(db)
    .await
}

/// The live session with this secret; marks it used.
///
/// # Errors
/// The database's.
pub async fn renew(db: impl PgExecutor<'_>, secret_hash: &[u8]) -> Result<Option<SessionRow>> {
    sqlx::query_as!(
        SessionRow,
        "UPDATE staff_sessions AS s SET last_used_at = app_now() FROM users AS u
         WHERE s.secret_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > app_now()
           AND u.id = s.user_id AND u.removed_at IS NULL
         RETURNING s.id, s.user_id, s.expires_at",
        secret_hash
    )
    .fetch_optional(db)
    .await
}

/// Ends the session with this secret, if it lives.
///
/// # Errors
/// The database's.
pub async fn revoke(db: impl PgExecutor<'_>, secret_hash: &[u8]) -> Result<()> {
    sqlx::query!(
        "UPDATE staff_sessions SET revoked_at = app_now() WHERE secret_hash = $1 AND revoked_at IS NULL",
        secret_hash
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The person of a session that is still alive.
///
/// # Errors
/// The database's.
pub async fn staff(db: impl PgExecutor<'_>, session: SessionId, user: UserId) -> Result<Option<StaffRow>> {
    sqlx::query_as!(
        StaffRow,
        r#"SELECT u.id AS user_id, COALESCE(u.login, '') AS "login!", COALESCE(u.name, u.login, '') AS "name!",
                  u.email, u.platform_role AS "platform_role: Coded<PlatformRole>"
           FROM staff_sessions AS s JOIN users AS u ON u.id = s.user_id
           WHERE s.id = $1 AND u.id = $2 AND s.revoked_at IS NULL AND s.expires_at > app_now()
             AND u.removed_at IS NULL"#,
        session.0,
        user.0
    )
    .fetch_optional(db)
    .await
}
