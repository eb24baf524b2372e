//! Connected repositories.

use serde_json::json;
use sqlx::PgPool;
use store::repositories::{checked, get, hook_lost};

use crate::support::installation;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_lost_webhook_is_noted_once_beside_the_other_checks(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let checks = json!([{ "name": "labels_made", "state": "ok" }, { "name": "webhook_registered", "state": "ok" }]);
    checked(&it.db, it.repository, true, &checks, Some(7)).await?;
    let finding = json!({ "state": "failed", "remedy": "Check again." });
    let lost = async |hook| hook_lost(&it.db, it.repository, hook, "webhook_registered", &finding).await;
    assert!(!lost(6).await?, "another hook than the repository's");
    assert!(lost(7).await?);
    assert!(!lost(7).await?, "told twice");
    let row = get(&it.db, it.repository).await?.ok_or_else(|| anyhow::anyhow!("the repository is gone"))?;
    assert_eq!((row.state.as_str(), row.hook_id), ("broken", None));
    let expected = json!([
        { "name": "labels_made", "state": "ok" },
        { "name": "webhook_registered", "state": "failed", "remedy": "Check again." },
    ]);
    assert_eq!(row.checks, expected);
    Ok(())
}
