//! What the start of a run rests on, as the worker reads it before a launch.

use std::time::Duration;

use domain::flow::FlowKind;
use domain::rights::{PlatformRole, ProjectRole};
use domain::stages::{Mode, Right};
use domain::surroundings::Surroundings;
use serde_json::json;
use sqlx::PgPool;
use store::flow::Entry;
use store::runs::{lease, progress, start};

use crate::support::{IVAN, installation};

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_start_knows_who_asked_although_they_never_signed_in(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", Duration::from_secs(30)).await?.unwrap();
    let facts = start::facts(&it.db, lease).await?.unwrap();
    assert_eq!((facts.github_id, facts.login.as_str(), facts.by_forge), (IVAN, "ivan", true));
    assert_eq!(facts.platform_role.map(|role| role.0), Some(PlatformRole::Member));
    assert_eq!(facts.project_role.map(|role| role.0), Some(ProjectRole::ReadWrite));
    assert_eq!((facts.trigger_label.as_deref(), facts.trigger_is_coming), (Some("run:dev"), false));

    let wish = "INSERT INTO outbound_actions (id, kind, repository_id, subject_number, dedupe_key, payload)
                SELECT gen_random_uuid(), 'labels', id, 7, 'x', '{\"off\": [], \"on\": [\"run:dev\"]}' FROM repositories";
    sqlx::query(wish).execute(&it.db).await?;
    assert!(start::facts(&it.db, lease).await?.unwrap().trigger_is_coming);

    let entry = Entry::new(FlowKind::ModelChosen, "worker:w1", json!({ "model": "gpt-6-sol" }));
    assert!(start::choose(&it.db, lease, "gpt-6-sol", Some("low"), &entry).await?);
    let facts = start::facts(&it.db, lease).await?.unwrap();
    assert_eq!((facts.model.as_str(), facts.effort.as_deref()), ("gpt-6-sol", Some("low")));

    sqlx::query("UPDATE users SET removed_at = app_now()").execute(&it.db).await?;
    assert!(start::facts(&it.db, lease).await?.unwrap().platform_role.is_none());
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_launch_is_surrounded_as_the_policy_of_the_moment_says(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.start(7).await?;
    let lease = lease::claim(&it.db, "w1", Duration::from_secs(30)).await?.unwrap();
    let seen = async || anyhow::Ok(progress::load(&it.db, lease).await?.unwrap().surroundings());
    let first = [Right::Read, Right::Logs, Right::Exec, Right::Change];
    assert_eq!(seen().await?, Surroundings::of(Mode::FullEnv, first));

    let newer = "INSERT INTO agent_policies (agent_id, version, mode, parallel_runs, rights, time_limit_seconds,
                                             namespace_ttl_seconds)
                 SELECT id, 2, 'full_env', 1, '{read}', 60, 60 FROM agents WHERE name = 'dev'";
    sqlx::query(newer).execute(&it.db).await?;
    assert_eq!(seen().await?, Surroundings::of(Mode::FullEnv, [Right::Read]));

    sqlx::query("UPDATE agents SET removed_at = app_now()").execute(&it.db).await?;
    assert_eq!(seen().await?, Surroundings::of(Mode::CodeOnly, []));

    let unknown = sqlx::query("UPDATE agent_policies SET rights = '{read,everything}'").execute(&it.db).await;
    assert!(unknown.is_err(), "a right that nobody knows is stored");
    Ok(())
}
