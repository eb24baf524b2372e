//! Wake-ups between processes. A notification says only that something changed; whoever hears it rereads the database,
//! and polls anyway, so that a lost one costs a moment and no more.
//!
//! Never sent inside a transaction that writes: `NOTIFY` there takes a database-wide lock until the commit.

use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use uuid::Uuid;

/// Workers: there is something to claim or to deliver.
const WORK: &str = "codexk8s_work";
/// Viewers: a run changed; the payload is its id.
const RUN: &str = "codexk8s_run";

/// Sends wake-ups after a commit, all in one statement: each notifying transaction costs a commit of its own. Workers
/// are woken when there is `work` for them, viewers of the `runs` that changed always.
///
/// # Errors
/// The database's; a caller may ignore them, the listeners poll.
pub async fn notify(pool: &PgPool, work: bool, runs: &[Uuid]) -> sqlx::Result<()> {
    let changed = runs.iter().map(|run| (RUN, run.to_string()));
    let (channels, payloads): (Vec<_>, Vec<_>) = work.then(|| (WORK, String::new())).into_iter().chain(changed).unzip();
    sqlx::query("SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS news (channel, payload)")
        .bind(channels)
        .bind(payloads)
        .execute(pool)
        .await?;
    Ok(())
}

/// Rings `work` whenever something was committed for workers, and calls `changed` with each run that changed, until
/// the connection breaks.
///
/// # Errors
/// When the connection breaks; the caller listens again, after one wake-up for whatever was missed.
pub async fn listen(pool: &PgPool, work: Option<Arc<Notify>>, changed: impl Fn(Uuid) + Send) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    if work.is_some() {
        listener.listen(WORK).await?;
    }
    listener.listen(RUN).await?;
    loop {
        let heard = listener.recv().await?;
        match (heard.channel(), &work) {
            (WORK, Some(work)) => work.notify_one(),
            (RUN, _) => heard.payload().parse().map(&changed).unwrap_or_default(),
            _ => {}
        }
    }
}
