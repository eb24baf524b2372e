//! A small installation in a database of its own: an owner, members, one project with one repository, and webhook
//! deliveries for its issues.

use domain::catalogue::Catalogue;
use domain::ids::{CorrelationId, ProjectId, RepositoryId, RunId, UserId};
use domain::rights::{PlatformRole, ProjectRole};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgPool, Row};
use store::intake::{Arrival, GITHUB_API, IntakeError, Taken, take_in};
use store::{Viewer, agents, members, projects, repositories, users};

/// GitHub's numeric id of the repository.
const REPOSITORY: i64 = 42;
/// GitHub's numeric id of the platform's own account.
pub(crate) const BOT: i64 = 99;
/// GitHub's numeric id of a member who may start runs.
pub(crate) const IVAN: i64 = 2;

/// The installation.
pub(crate) struct Installation {
    pub(crate) db: PgPool,
    pub(crate) repository: RepositoryId,
    people: (UserId, UserId),
}

pub(crate) async fn installation(db: PgPool) -> anyhow::Result<Installation> {
    let (owner, ivan) = (person(&db, 1, PlatformRole::Owner).await?, person(&db, IVAN, PlatformRole::Member).await?);
    agents::seed(&db, Catalogue::builtin()).await?;
    let repository = project(&db, (owner, ivan), "acme", REPOSITORY).await?;
    Ok(Installation { db, repository, people: (owner, ivan) })
}

/// A project with one repository, in which the second of these people may start runs.
async fn project(
    db: &PgPool,
    (owner, ivan): (UserId, UserId),
    slug: &str,
    github_id: i64,
) -> anyhow::Result<RepositoryId> {
    let (project, repository) = (ProjectId::new(), RepositoryId::new());
    let new = projects::NewProject { slug, name: "Acme", locale: "en", creator: owner };
    projects::create(db, project, &new).await?;
    members::set(db, project, ivan, ProjectRole::ReadWrite).await?;
    let row = repositories::NewRepository {
        id: repository,
        project_id: project,
        github_id,
        full_name: &format!("{slug}/app"),
        web_url: &format!("http://github.test/{slug}/app"),
        default_branch: "main",
        bot_github_id: BOT,
        bot_login: "bot",
        token_sealed: b"sealed",
    };
    repositories::connect(db, &row).await?;
    Ok(repository)
}

async fn person(db: &PgPool, github_id: i64, role: PlatformRole) -> anyhow::Result<UserId> {
    let email = format!("person-{github_id}@acme.test");
    let user = users::NewUser { id: UserId::new(), email: &email, github_id: Some(github_id), role };
    Ok(users::create(db, &user).await?.id)
}

/// An `issues` event of this repository.
pub(crate) fn issue_event(action: &str, issue: i64, label: &str, at: &str) -> Value {
    json!({
        "action": action,
        "label": { "name": label },
        "issue": {
            "number": issue, "title": format!("Issue {issue}"), "body": "Please.", "state": "open",
            "labels": [{ "name": label }], "html_url": format!("http://github.test/acme/app/issues/{issue}"),
            "updated_at": at,
        },
        "repository": { "id": REPOSITORY, "full_name": "acme/app" },
        "sender": { "id": IVAN, "login": "ivan", "type": "User" },
    })
}

impl Installation {
    /// An `issues.labeled` event with `run:dev`, of this moment.
    pub(crate) fn labelled(&self, issue: i64) -> Value {
        issue_event("labeled", issue, "run:dev", &chrono::Utc::now().to_rfc3339())
    }

    pub(crate) async fn deliver(&self, guid: &str, payload: &Value) -> Result<Taken, IntakeError> {
        self.deliver_of("issues", guid, payload).await
    }

    /// Another kind of event.
    pub(crate) async fn deliver_of(&self, event: &str, guid: &str, payload: &Value) -> Result<Taken, IntakeError> {
        self.take("webhook", event, guid, payload).await
    }

    /// What nobody delivered, and GitHub says when it is asked.
    pub(crate) async fn find(&self, event: &str, guid: &str, payload: &Value) -> Result<Taken, IntakeError> {
        self.take(GITHUB_API, event, guid, payload).await
    }

    async fn take(&self, source: &str, event: &str, guid: &str, payload: &Value) -> Result<Taken, IntakeError> {
        let body = payload.to_string().into_bytes();
        let arrival = Arrival {
            guid,
            event,
            body: &body,
            body_sha256: &Sha256::digest(&body),
            source,
            correlation: CorrelationId::new(),
            wish: None,
        };
        take_in(&self.db, &arrival).await
    }

    /// Starts a run on an issue.
    pub(crate) async fn start(&self, issue: i64) -> anyhow::Result<RunId> {
        match self.deliver(&format!("guid-{issue}"), &self.labelled(issue)).await? {
            Taken::New(stored) => {
                stored.run_id.map(RunId).ok_or_else(|| anyhow::anyhow!("nothing started: {stored:?}"))
            }
            Taken::Duplicate(stored) => anyhow::bail!("a duplicate: {stored:?}"),
        }
    }

    /// One more project, whose repository GitHub knows under this number.
    pub(crate) async fn add_project(&self, github_id: i64) -> anyhow::Result<()> {
        project(&self.db, self.people, &format!("project-{github_id}"), github_id).await.map(drop)
    }

    /// Starts a run on an issue of a repository.
    pub(crate) async fn start_in(&self, repository: i64, issue: i64) -> anyhow::Result<()> {
        let mut payload = self.labelled(issue);
        payload["repository"]["id"] = repository.into();
        let taken = self.deliver(&format!("guid-{repository}-{issue}"), &payload).await?;
        anyhow::ensure!(matches!(&taken, Taken::New(stored) if stored.run_id.is_some()), "nothing started: {taken:?}");
        Ok(())
    }

    /// Lets so many runs of a role go on in one project at once, and many more in all.
    pub(crate) async fn allow(&self, parallel_runs: i32) -> anyhow::Result<()> {
        sqlx::query("UPDATE agent_policies SET parallel_runs = $1").bind(parallel_runs).execute(&self.db).await?;
        let many = "UPDATE system_settings SET value = value || '{\"project_parallel_runs\": 1000, \
                    \"platform_parallel_runs\": 1000}' WHERE key = 'run_limits'";
        sqlx::query(many).execute(&self.db).await?;
        Ok(())
    }

    /// Whoever sees every run.
    pub(crate) fn sees_all(&self) -> Viewer {
        Viewer { user: self.people.0, sees_all: true }
    }

    /// One number from the database.
    pub(crate) async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.db).await?)
    }

    /// Moves the platform's clock forward.
    pub(crate) async fn wait(&self, seconds: i32) -> anyhow::Result<()> {
        sqlx::query("UPDATE clock_shift SET shift = shift + make_interval(secs => $1)")
            .bind(f64::from(seconds))
            .execute(&self.db)
            .await?;
        Ok(())
    }
}

/// How a delivery was stored, in a word.
pub(crate) fn word(taken: Result<Taken, IntakeError>) -> String {
    match taken {
        Ok(Taken::Duplicate(_)) => "duplicate".into(),
        Ok(Taken::New(stored)) => stored.reason.unwrap_or(stored.decision),
        Err(error) => format!("error: {error}"),
    }
}

/// How a statement is carried out before its parameters are known, where no table may be read whole.
pub(crate) async fn plan(db: &PgPool, statement: &str) -> anyhow::Result<String> {
    let mut connection = db.acquire().await?;
    sqlx::raw_sql("SET enable_seqscan = off").execute(&mut *connection).await?;
    let sql = AssertSqlSafe(format!("EXPLAIN (GENERIC_PLAN, COSTS OFF) {statement}"));
    let lines = sqlx::raw_sql(sql).fetch_all(&mut *connection).await?;
    Ok(lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n"))
}
