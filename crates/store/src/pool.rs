//! Connections: how they are made safe to hand out, and transactions that a dropped request cannot cut in half.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// The schema's versions.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Settings of every session: nothing may wait for ever, and nothing may hold a transaction while it thinks. The server
/// would warn about each rollback without a transaction, which is what a connection ends with when all went well.
const SESSION: [(&str, &str); 4] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("client_min_messages", "error"),
];

/// The way of a webhook is two statements that never change, so each connection plans them once, for any parameters.
/// The plan may be made while the tables are still empty, where reading them whole would look best for ever.
const FIXED_PLANS: [(&str, &str); 2] = [("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off")];

/// A connection that was idle for longer is asked whether it is alive before it is handed out. Under load that would
/// only cost: sqlx has asked it when it came back.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Makes a pool; connections are opened on demand, so an absent database is met by the first statement.
///
/// A caller waits at most two seconds for a connection, so an exhausted pool answers instead of piling up requests.
/// Whatever a connection was doing when it came back is rolled back before it is handed out again: a handler that was
/// dropped in the middle of a transaction must not pass it on.
///
/// # Errors
/// When the address cannot be read.
pub fn connect(url: &SecretString, size: u32, name: &str) -> sqlx::Result<PgPool> {
    let pool = pool_of(size).after_release(|connection, _| {
        Box::pin(async move {
            connection.execute("ROLLBACK").await?;
            Ok(true)
        })
    });
    Ok(pool.connect_lazy_with(options(url, name)?))
}

/// Makes a pool of its own for taking deliveries in, so that nobody else's reads keep a webhook waiting. Its connections
/// run single statements, and for what people decide about pull requests a short transaction; a rollback that is due is
/// sent when the connection comes back, so no statement of its own is needed for it.
///
/// # Errors
/// When the address cannot be read.
pub fn connect_intake(url: &SecretString, size: u32, name: &str) -> sqlx::Result<PgPool> {
    Ok(pool_of(size).connect_lazy_with(options(url, name)?.options(FIXED_PLANS)))
}

fn options(url: &SecretString, name: &str) -> sqlx::Result<PgConnectOptions> {
    let options: PgConnectOptions = url.expose_secret().parse()?;
    Ok(options.application_name(name).options(SESSION))
}

fn pool_of(size: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(2))
        .max_lifetime(Duration::from_secs(30 * 60))
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// Answers once the database takes statements and has the schema of this binary or a newer one.
///
/// # Errors
/// The reason why it is not ready yet.
pub async fn wait_until_ready(pool: &PgPool) -> Result<(), NotReady> {
    let newest = MIGRATOR.iter().map(|m| m.version).max().unwrap_or_default();
    let applied = sqlx::query_scalar::<_, Option<i64>>("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await?;
    if applied.unwrap_or_default() < newest { Err(NotReady::OldSchema(newest)) } else { Ok(()) }
}

/// Why the database cannot be used yet.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It does not answer.
    #[error("the database does not answer")]
    Away(#[from] sqlx::Error),
    /// The migrations have not been run yet.
    #[error("the schema is older than version {0}: run the migrations")]
    OldSchema(i64),
}

/// Runs several statements as one transaction, in a task of its own: when the request that asked for it is dropped,
/// the transaction still ends, one way or the other.
///
/// # Errors
/// Those of the work, and of the commit.
pub async fn in_transaction<T, E, F>(pool: &PgPool, work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
    F: for<'c> FnOnce(&'c mut PgConnection) -> std::pin::Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>
        + Send
        + 'static,
{
    let pool = pool.clone();
    let task = tokio::spawn(async move {
        #[expect(clippy::disallowed_methods, reason = "the one place where a transaction begins: it cannot be dropped")]
        let mut transaction = pool.begin().await?;
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(value)
    });
    match task.await {
        Ok(result) => result,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
