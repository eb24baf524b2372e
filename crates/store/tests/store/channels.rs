//! Which channels hear of a request: the database's table is the domain's.

use domain::approvals::{ApprovalKind, ApprovalMode};
use domain::channels::{ChannelKind, SpeaksFor, hears};
use sqlx::PgPool;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_database_asks_the_channels_that_the_domain_asks(db: PgPool) -> anyhow::Result<()> {
    let modes = ApprovalMode::ALL.iter().copied().map(Some).chain([None]);
    for (mode, &kind) in modes.flat_map(|mode| ChannelKind::ALL.iter().map(move |kind| (mode, kind))) {
        for &speaks_for in SpeaksFor::ALL {
            for &asked in ApprovalKind::ALL {
                let is: bool = sqlx::query_scalar("SELECT channel_hears($1, $2, $3, $4)")
                    .bind(kind.as_str())
                    .bind(speaks_for.as_str())
                    .bind(asked.as_str())
                    .bind(mode.map(ApprovalMode::as_str))
                    .fetch_one(&db)
                    .await?;
                assert_eq!(is, hears(kind, speaks_for, asked, mode), "{kind} {speaks_for} {asked} {mode:?}");
            }
        }
    }
    Ok(())
}
