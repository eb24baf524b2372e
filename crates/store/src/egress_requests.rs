//! `egress_requests`: hosts that a run was refused and that people are asked about. A run never waits for them: it goes
//! on, and may try again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::egress::{EgressDecision, EgressVerdict, ROLE_DAYS};
use domain::ids::{ProjectId, RunId, UserId};
use domain::rights::ProjectRole;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::approvals::view::Filter;
use crate::{Coded, Cursor, Result, Viewer, flow, in_transaction};

/// A host that a run was refused.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The run.
    pub run: RunId,
    /// Its launch.
    pub launch: i32,
    /// Host name, lower case.
    pub host: &'a str,
    /// It tries; otherwise it waits since it tried.
    pub tries: bool,
    /// How long people have.
    pub patience: Duration,
    /// About how many hosts of a run people are asked at once.
    pub most: i32,
    /// For the audit, when people are asked anew.
    pub flow: flow::Entry,
}

/// Asks people, once for each run and host as long as nobody has decided, and tells where the newest question stands and how
/// often the run tried since; `None`: the launch is not running.
///
/// # Errors
/// The database's.
pub async fn ask(db: &PgPool, ask: &Ask<'_>) -> Result<Option<(EgressVerdict, i32)>> {
    if ask.tries {
        let asked = sqlx::query_file!(
            "src/egress_requests/ask.sql",
            ask.run.0,
            ask.launch,
            Uuid::now_v7(),
            ask.host,
            ask.patience.as_secs_f64(),
            ask.most,
            ask.flow.id,
            ask.flow.kind.as_str(),
            ask.flow.actor,
            ask.flow.data,
            ask.flow.canonical
        );
        match asked.execute(db).await {
            // The same host was tried twice at once.
            Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {}
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
    let stands = sqlx::query!(
        r#"SELECT COALESCE(r.tries, 0) AS "tries!",
                  CASE WHEN $3 = ANY (egress_hosts(a.project_id, a.role, a.id)) THEN 'allowed'
                       WHEN host_is_refused(a.project_id, $3) THEN 'refused'
                       WHEN r.decision IS NULL AND r.expires_at > app_now() THEN 'asked'
                       ELSE 'not_asked' END AS "verdict!: Coded<EgressVerdict>"
           FROM agent_runs AS a
           LEFT JOIN LATERAL (SELECT tries, decision, expires_at FROM egress_requests
                              WHERE run_id = a.id AND host = $3 ORDER BY requested_at DESC, id DESC LIMIT 1) AS r ON true
           WHERE a.id = $1 AND a.launch = $2 AND a.status = 'running'"#,
        ask.run.0,
        ask.launch,
        ask.host
    );
    Ok(stands.fetch_optional(db).await?.map(|row| (row.verdict.0, row.tries)))
}

/// A question about a host as people see it.
#[derive(Debug, Clone)]
pub struct RequestRow {
    /// The row.
    pub id: Uuid,
    /// Host name.
    pub host: String,
    /// How often the run tried.
    pub tries: i32,
    /// When it tried first.
    pub requested_at: DateTime<Utc>,
    /// Until when people have.
    pub expires_at: DateTime<Utc>,
    /// Nobody has decided, and there is time.
    pub open: bool,
    /// What was decided.
    pub decision: Option<Coded<EgressDecision>>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Login of whoever decided.
    pub decided_by: Option<String>,
    /// The run.
    pub run_id: RunId,
    /// It is over, so that it gains nothing.
    pub run_over: bool,
    /// Its project.
    pub project_id: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// owner/name.
    pub repository_full_name: String,
    /// Number of the issue.
    pub subject_number: i64,
    /// Its title.
    pub subject_title: String,
    /// The run's role.
    pub role: String,
    /// The viewer's role in the project.
    pub member_role: Option<Coded<ProjectRole>>,
}

/// Questions that a person may see, the newest first.
///
/// # Errors
/// The database's.
pub async fn list(
    db: impl PgExecutor<'_>,
    viewer: Viewer,
    filter: Filter,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<RequestRow>> {
    sqlx::query_file_as!(
        RequestRow,
        "src/egress_requests/view.sql",
        viewer.user.0,
        viewer.sees_all,
        filter.id,
        filter.open,
        filter.project.map(|project| project.0),
        filter.run.map(|run| run.0),
        after.map(|cursor| cursor.at),
        after.map(|cursor| cursor.id),
        limit
    )
    .fetch_all(db)
    .await
}

/// One question, if the person may see it.
///
/// # Errors
/// The database's.
pub async fn get(db: impl PgExecutor<'_>, viewer: Viewer, id: Uuid) -> Result<Option<RequestRow>> {
    Ok(list(db, viewer, Filter { id: Some(id), ..Filter::default() }, None, 1).await?.pop())
}

/// What somebody decides about a host.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The question.
    pub request: Uuid,
    /// What.
    pub decision: EgressDecision,
    /// Who.
    pub by: UserId,
    /// For the audit.
    pub flow: flow::Entry,
}

/// Decides about a host: the grant or the refusal is in the project's list, and every open question that it answers is
/// closed. Answers whose these were; nobody's: somebody decided before, or the time is over.
///
/// # Errors
/// The database's.
pub async fn decide(db: &PgPool, decided: Decided) -> Result<Vec<RunId>> {
    in_transaction(db, move |db| Box::pin(settle(db, decided))).await
}

async fn settle(db: &mut PgConnection, decided: Decided) -> Result<Vec<RunId>> {
    let lasts = Duration::from_secs(ROLE_DAYS * 24 * 3600);
    let runs = sqlx::query_file_scalar!(
        "src/egress_requests/decide.sql",
        decided.request,
        decided.decision.as_str(),
        decided.by.0,
        Uuid::now_v7(),
        lasts.as_secs_f64()
    );
    let runs: Vec<_> = runs.fetch_all(&mut *db).await?.into_iter().map(RunId).collect();
    for &run in &runs {
        let entry = flow::Entry { id: Uuid::now_v7(), ..decided.flow.clone() };
        flow::append(&mut *db, run, &entry).await?;
    }
    Ok(runs)
}
