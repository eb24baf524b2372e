//! Rules that several statements ask by name: they say what the domain says, cost no index, and hold for every statement.

use domain::run::RunStatus;
use sqlx::PgPool;

use crate::support::{installation, plan};

const LISTED: &str = "IN ('pending', 'running', 'waiting_mcp', 'waiting_backpressure')";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_database_and_the_domain_call_the_same_runs_active(db: PgPool) -> anyhow::Result<()> {
    for status in RunStatus::ALL {
        let active: bool = sqlx::query_scalar("SELECT run_is_active($1)").bind(status.as_str()).fetch_one(&db).await?;
        assert_eq!(active, status.is_active(), "{status}");
    }
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_active_is_found_as_if_its_states_were_listed(db: PgPool) -> anyhow::Result<()> {
    let statements = [
        include_str!("../../src/intake/facts.sql"),
        include_str!("../../src/discussions/due.sql"),
        include_str!("../../src/discussions/start.sql"),
        "SELECT FROM agent_runs AS a WHERE a.repository_id = $1 AND a.kind = 'review' AND run_is_active(a.status)",
    ];
    for statement in statements {
        let by_name = plan(&db, statement).await?;
        let listed = statement.replace("run_is_active(a.status)", &format!("a.status {LISTED}"));
        assert_ne!(statement, listed);
        assert_eq!(by_name, plan(&db, &listed).await?);
        assert!(!by_name.contains("run_is_active"), "{by_name}");
    }
    let reviews = plan(&db, statements[3]).await?;
    assert!(reviews.contains("agent_runs_one_review"), "{reviews}");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_run_that_waits_for_people_goes_on_with_the_last_thing_that_it_asked(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let open = async |requests: i32| {
        let sql = "UPDATE agent_runs SET requests_open = $2 WHERE id = $1 RETURNING status, not_before = app_now()";
        anyhow::Ok(sqlx::query_as::<_, (String, bool)>(sql).bind(run.0).bind(requests).fetch_one(&it.db).await?)
    };
    let stands = async |status: &'static str| {
        let sql = "UPDATE agent_runs SET status = $2, not_before = 'epoch' WHERE id = $1";
        sqlx::query(sql).bind(run.0).bind(status).execute(&it.db).await
    };
    assert_eq!(open(2).await?, ("pending".to_owned(), false));
    stands("waiting_mcp").await?;
    assert_eq!(open(1).await?, ("waiting_mcp".to_owned(), false));
    assert_eq!(open(0).await?, ("pending".to_owned(), true));
    stands("running").await?;
    assert_eq!(open(1).await?, ("running".to_owned(), false));
    assert_eq!(open(0).await?, ("running".to_owned(), false), "it looks when it parks");
    Ok(())
}
