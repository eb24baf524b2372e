//! Connected repositories.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use sqlx::PgPool;
use store::clock;
use store::repositories::{checked, get, hook_lost, labels};

use crate::support::installation;

const LEASE: Duration = Duration::from_secs(300);

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

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn labels_are_looked_at_when_something_they_say_changes(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let checks = json!([{ "name": "labels_made", "state": "unchecked", "remedy": "They come." }]);
    assert!(labels::claim(&it.db, LEASE).await?.is_none(), "a new repository is checked first");
    checked(&it.db, it.repository, true, &checks, Some(1)).await?;
    let due = labels::claim(&it.db, LEASE).await?.unwrap();
    assert_eq!((due.full_name.as_str(), due.locale.as_str()), ("acme/app", "en"));
    assert!(labels::claim(&it.db, LEASE).await?.is_none(), "it is in hand");

    // The language changes while the labels are being made in the old one.
    sqlx::query("UPDATE projects SET locale = 'ru'").execute(&it.db).await?;
    let tomorrow = clock::now(&it.db).await? + TimeDelta::days(1);
    let refused = json!({ "state": "failed", "remedy": "GitHub said: no." });
    labels::looked_at(&it.db, &due, tomorrow, ("labels_made", Some(&refused))).await?;
    let row = get(&it.db, it.repository).await?.unwrap();
    assert_eq!((row.state.as_str(), &row.checks[0]["remedy"]), ("broken", &refused["remedy"]));
    let due = labels::claim(&it.db, LEASE).await?.unwrap();
    assert_eq!(due.locale, "ru");
    labels::looked_at(&it.db, &due, tomorrow, ("labels_made", Some(&json!({ "state": "ok" })))).await?;
    let row = get(&it.db, it.repository).await?.unwrap();
    assert_eq!((row.state.as_str(), &row.checks), ("connected", &json!([{ "name": "labels_made", "state": "ok" }])));

    assert!(labels::claim(&it.db, LEASE).await?.is_none());
    sqlx::query("UPDATE projects SET name = 'Other'").execute(&it.db).await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_none(), "the labels do not tell it");
    sqlx::query("UPDATE system_settings SET value = value || '{\"allowed\": [\"gpt-5.5\"]}' WHERE key = 'models'")
        .execute(&it.db)
        .await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_some());
    it.wait(301).await?;
    assert!(labels::claim(&it.db, LEASE).await?.is_some(), "a worker that was lost keeps nobody waiting for long");
    Ok(())
}
