//! `users`: people who may sign in. Matched by GitHub's numeric id once it is known, by e-mail address before.

use chrono::{DateTime, Utc};
use domain::ids::UserId;
use domain::rights::PlatformRole;
use sqlx::PgExecutor;

use crate::{Coded, Cursor, Result};

/// A person.
#[derive(Debug, Clone)]
pub struct UserRow {
    /// The row.
    pub id: UserId,
    /// Where GitHub says they can be reached; never logged.
    pub email: String,
    /// GitHub's numeric id, bound at the first sign-in.
    pub github_id: Option<i64>,
    /// GitHub login at the last sign-in.
    pub login: Option<String>,
    /// Name at the last sign-in.
    pub name: Option<String>,
    /// Role on the platform.
    pub platform_role: Coded<PlatformRole>,
    /// When they were added.
    pub created_at: DateTime<Utc>,
    /// When they last signed in or renewed their session.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// A person to add.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// The row.
    pub id: UserId,
    /// Unique among those who are not removed, whatever its case.
    pub email: &'a str,
    /// When it is known beforehand.
    pub github_id: Option<i64>,
    /// Owner, admin or member.
    pub role: PlatformRole,
}

/// Adds a person.
///
/// # Errors
/// A unique violation when the e-mail address or the GitHub id is taken, or when there is an owner already.
pub async fn create(db: impl PgExecutor<'_>, user: &NewUser<'_>) -> Result<UserRow> {
    sqlx::query_as!(
        UserRow,
        r#"INSERT INTO users (id, email, github_id, platform_role) VALUES ($1, $2, $3, $4)
           RETURNING id, email, github_id, login, name, platform_role AS "platform_role: Coded<PlatformRole>",
                     created_at, last_seen_at"#,
        user.id.0,
        user.email,
        user.github_id,
        user.role.as_str()
    )
    .fetch_one(db)
    .await
}

/// Makes the person the platform's owner if it has none; answers whether it did.
///
/// # Errors
/// The database's.
pub async fn ensure_owner(db: impl PgExecutor<'_>, email: &str) -> Result<bool> {
    let made = sqlx::query!(
        "INSERT INTO users (id, email, platform_role) SELECT $1, $2, 'owner'
         WHERE NOT EXISTS (SELECT FROM users WHERE platform_role = 'owner' AND removed_at IS NULL)
         ON CONFLICT DO NOTHING",
        UserId::new().0,
        email
    )
    .execute(db)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Someone for whom GitHub vouches.
#[derive(Debug, Clone)]
pub struct Visitor<'a> {
    /// Numeric id.
    pub github_id: i64,
    /// Login now.
    pub login: &'a str,
    /// Name now.
    pub name: Option<&'a str>,
    /// The primary verified address.
    pub email: &'a str,
}

/// The listed person behind a visitor: by numeric id, or, while none is bound, by e-mail address, which binds it.
/// Brings login and name up to date. `None`: not listed, or the address belongs to another account.
///
/// # Errors
/// The database's.
pub async fn recognise(db: impl PgExecutor<'_>, visitor: &Visitor<'_>) -> Result<Option<UserRow>> {
    sqlx::query_as!(
        UserRow,
        r#"UPDATE users SET github_id = $1, login = $2, name = $3, last_seen_at = app_now()
           WHERE removed_at IS NULL AND (github_id = $1
                 OR (github_id IS NULL AND lower(email) = lower($4)
                     AND NOT EXISTS (SELECT FROM users WHERE github_id = $1 AND removed_at IS NULL)))
           RETURNING id, email, github_id, login, name, platform_role AS "platform_role: Coded<PlatformRole>",
                     created_at, last_seen_at"#,
        visitor.github_id,
        visitor.login,
        visitor.name,
        visitor.email
    )
    .fetch_optional(db)
    .await
}

/// Whether a listed person has this address, bound or not.
///
/// # Errors
/// The database's.
pub async fn email_is_listed(db: impl PgExecutor<'_>, email: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE lower(email) = lower($1) AND removed_at IS NULL) AS "listed!""#,
        email
    )
    .fetch_one(db)
    .await
}

/// Everyone, newest first.
///
/// # Errors
/// The database's.
pub async fn list(db: impl PgExecutor<'_>, after: Option<Cursor>, limit: i64) -> Result<Vec<UserRow>> {
    sqlx::query_as!(
        UserRow,
        r#"SELECT id, email, github_id, login, name, platform_role AS "platform_role: Coded<PlatformRole>",
                  created_at, last_seen_at
           FROM users
           WHERE removed_at IS NULL AND ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
           ORDER BY created_at DESC, id DESC LIMIT $3"#,
        after.map(|c| c.at),
        after.map(|c| c.id),
        limit
    )
    .fetch_all(db)
    .await
}

/// Takes a person's access away: the row stays for the audit, its GitHub id is freed, sessions and memberships end.
/// The owner cannot be removed. Answers whether someone was.
///
/// # Errors
/// The database's.
pub async fn remove(db: impl PgExecutor<'_>, id: UserId) -> Result<bool> {
    let removed = sqlx::query!(
        "WITH gone AS (
             UPDATE users SET removed_at = app_now(), github_id = NULL
             WHERE id = $1 AND removed_at IS NULL AND platform_role <> 'owner' RETURNING id
         ), sessions AS (
             UPDATE staff_sessions SET revoked_at = app_now() FROM gone
             WHERE user_id = gone.id AND revoked_at IS NULL
         ), memberships AS (
             DELETE FROM project_members USING gone WHERE user_id = gone.id
         )
         SELECT id FROM gone",
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(removed.is_some())
}

/// A user's numeric id on GitHub; `None` before their first sign-in.
///
/// # Errors
/// The database's.
pub async fn github_id(db: impl PgExecutor<'_>, id: UserId) -> Result<Option<i64>> {
    let id = sqlx::query_scalar!("SELECT github_id FROM users WHERE id = $1", id.0).fetch_optional(db).await?;
    Ok(id.flatten())
}
