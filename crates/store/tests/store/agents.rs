//! What agents may do: versions that are written, taken back, and count for the runs of their project.

use std::collections::BTreeSet;

use domain::agents::Policy;
use domain::approvals::ApprovalMode;
use domain::approvals::policy::ToolModes;
use domain::catalogue::Catalogue;
use domain::flow::FlowKind;
use domain::ids::{ProjectId, UserId};
use domain::stages::{Right, Role};
use domain::tools::Tool;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use store::agents::policies::{self, AgentRow, Written};
use store::flow::Entry;
use store::projects::{self, ProjectChange};
use store::runs::report;

use crate::support::installation;

async fn role(db: &PgPool, project: ProjectId, name: &str) -> anyhow::Result<AgentRow> {
    let acting = policies::acting(db, project).await?;
    acting.into_iter().find(|row| row.name == name).ok_or_else(|| anyhow::anyhow!("no {name}"))
}

fn modes(of: &[(Tool, ApprovalMode)]) -> ToolModes {
    of.iter().copied().collect()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_version_keeps_what_it_says_about_tools_and_counts_for_runs_at_once(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let by: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM users WHERE platform_role = 'owner'").fetch_one(&it.db).await?;
    let project = ProjectId(sqlx::query_scalar("SELECT id FROM projects").fetch_one(&it.db).await?);
    let run = it.start(1).await?;
    let before = role(&it.db, project, "dev").await?;
    let seeded = before.policy();
    assert_eq!((&seeded.tool_modes, &seeded.tools_off), (&ToolModes::default(), &BTreeSet::new()));

    let strict = Policy {
        tool_modes: modes(&[(Tool::GithubLabelsAdd, ApprovalMode::Owner)]),
        tools_off: [Tool::UserNotify, Tool::K8sEvents].into(),
        ..seeded.clone()
    };
    for (read, policy) in [(1, &strict), (2, &seeded)] {
        let flow = Entry::new(FlowKind::AgentChanged, "user:olga", json!({}));
        let written = Written { policy, by: UserId(by), reason: "because", flow };
        assert!(policies::change(&it.db, before.id, read, &written).await?);
        let now = role(&it.db, project, "dev").await?;
        assert_eq!((now.version, &now.policy()), (read + 1, policy));
        let context = report::context(&it.db, run).await?.ok_or_else(|| anyhow::anyhow!("no run"))?;
        assert_eq!((&context.tool_modes.0, &context.holder().off), (&policy.tool_modes, &policy.tools_off));
    }
    let versions = policies::versions(&it.db, before.id).await?;
    let told: Vec<_> = versions.iter().map(AgentRow::policy).collect();
    assert_eq!(told, [seeded.clone(), strict, seeded]);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_a_project_says_about_tools_is_kept_and_what_nobody_knows_is_passed_over(
    db: PgPool,
) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let project = ProjectId(sqlx::query_scalar("SELECT id FROM projects").fetch_one(&it.db).await?);
    let run = it.start(1).await?;
    let said = modes(&[(Tool::GithubLabelsRemove, ApprovalMode::Delegated)]);
    let change = ProjectChange { tool_modes: Some(&said), ..ProjectChange::default() };
    assert!(projects::update(&it.db, project, 1, &change).await?);
    assert!(
        projects::update(&it.db, project, 2, &ProjectChange { name: Some("Shop"), ..ProjectChange::default() }).await?
    );
    let said_now = async || {
        let context = report::context(&it.db, run).await?.ok_or_else(|| anyhow::anyhow!("no run"))?;
        anyhow::Ok((context.project_tool_modes.0.clone(), context.holder().off))
    };
    assert_eq!(said_now().await?, (said.clone(), BTreeSet::new()));

    // A version of the platform before or after this one knows other tools.
    sqlx::query("UPDATE projects SET tool_modes = tool_modes || '{\"of_tomorrow\": \"owner\"}'")
        .execute(&it.db)
        .await?;
    sqlx::query("UPDATE agent_policies SET tools_off = '{of_tomorrow, user_notify}'").execute(&it.db).await?;
    assert_eq!(said_now().await?, (said, [Tool::UserNotify].into()));
    Ok(())
}

/// What the migration does for roles of an installation that was there before it.
const MIGRATION: &str = include_str!("../../../../migrations/0036_changes_and_rules.sql");

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn roles_that_nobody_has_changed_get_the_right_that_they_begin_with_today(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let project = ProjectId(sqlx::query_scalar("SELECT id FROM projects").fetch_one(&it.db).await?);
    let begin_with = |name: &str| {
        let role = Role::ALL.iter().copied().find(|role| role.as_str() == name);
        role.map(|role| Catalogue::builtin().role(role).rights.clone())
    };
    sqlx::query("UPDATE agent_policies SET rights = array_remove(rights, 'change')").execute(&it.db).await?;
    let written = "INSERT INTO agent_policies (agent_id, version, mode, parallel_runs, rights, time_limit_seconds,
                                               namespace_ttl_seconds, author)
                   SELECT a.id, 2, 'full_env', 1, '{read}', 60, 60, u.id
                   FROM agents AS a, users AS u WHERE a.name = 'qa' AND u.platform_role = 'owner'";
    sqlx::query(written).execute(&it.db).await?;
    let first = MIGRATION.split(';').next().unwrap_or_default();
    for expected in [2, 0] {
        let more = sqlx::raw_sql(AssertSqlSafe(first.to_owned())).execute(&it.db).await?;
        assert_eq!(more.rows_affected(), expected);
    }
    for row in policies::acting(&it.db, project).await? {
        let rights = row.policy().rights;
        if row.name == "qa" {
            assert_eq!((row.version, rights), (2, vec![Right::Read]));
            continue;
        }
        assert_eq!(Some(&rights), begin_with(&row.name).as_ref(), "{}", row.name);
        let is_newer = ["dev", "sre"].contains(&row.name.as_str());
        assert_eq!((row.version, row.author.as_deref()), (if is_newer { 2 } else { 1 }, None), "{}", row.name);
    }
    Ok(())
}
