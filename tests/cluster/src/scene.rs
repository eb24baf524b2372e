//! A test's own organisation, people, repository and project, and how it shares the node with other tests.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures::FutureExt;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::console::Console;
use testkit::github::World;
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use crate::patience::until;
use crate::run::Run;
use crate::stage::Stage;

/// How many runs two cores carry before pods wait for a place.
const PLACES: u32 = 2;
static NODE: Semaphore = Semaphore::const_new(PLACES as usize);

/// A test that breaks only what is its own.
///
/// # Errors
/// The test's, with what the run's namespace looks like.
pub async fn beside(test: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    play(1, test).await
}

/// A test that takes away what others need: nothing else plays meanwhile.
///
/// # Errors
/// The test's, with what the run's namespace looks like.
pub async fn alone(test: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    play(PLACES, test).await
}

async fn play(places: u32, test: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    let _place = NODE.acquire_many(places).await?;
    let scene = Scene::set().await?;
    let result = AssertUnwindSafe(test(&scene)).catch_unwind().await;
    let result = result.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        Err(anyhow!(words.or_else(|| panic.downcast_ref::<&str>().map(|&word| word.to_owned())).unwrap_or_default()))
    });
    let told = if result.is_err() { scene.told().await } else { String::new() };
    let left = scene.leave().await;
    result.with_context(|| told)?;
    left
}

/// What a test has to itself.
pub struct Scene {
    /// The stack.
    pub stage: Stage,
    /// The organisation, repository and people on GitHub.
    pub world: World,
    /// The platform's owner at the console.
    pub owner: Console,
    /// The project.
    pub project: String,
    /// The repository, as the platform knows it.
    pub repository: String,
    runs: Mutex<Vec<(String, String)>>,
}

impl Scene {
    async fn set() -> Result<Self> {
        let stage = Stage::find().await?;
        let owner = stage.owner().await?;
        let world = stage.front.new_world().await?;
        let unique = Uuid::new_v4().simple().to_string();
        let project = json!({ "slug": format!("c{}", &unique[..10]), "name": "Cluster test" });
        let project = id_of(&owner.post("projects", &project).await?)?;
        let runs = Mutex::default();
        let mut scene = Self { stage, world, owner, project, repository: String::new(), runs };
        // A second pod after every run would only cost time: the test that is about reviews turns them on again.
        scene.set_pre_review(false).await?;
        scene.admit_writer().await?;
        let wanted = json!({ "full_name": scene.world.full_name(), "token": scene.world.person("bot")?.token });
        let path = format!("projects/{}/repositories", scene.project);
        scene.repository = id_of(&scene.owner.post(&path, &wanted).await?)?;
        Ok(scene)
    }

    /// Whether finished work is looked at before the owner is asked.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn set_pre_review(&self, wanted: bool) -> Result<()> {
        self.change_project(&json!({ "pre_review": wanted })).await
    }

    /// Changes settings of the project.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn change_project(&self, change: &Value) -> Result<()> {
        let path = format!("projects/{}", self.project);
        let version = format!("\"{}\"", self.owner.get(&path).await?["version"]);
        self.owner.call_with(Method::PATCH, &path, &[("if-match", &version)], change).await?.ok()?;
        Ok(())
    }

    /// Lists the world's writer as a user and gives them the project; also a user of an earlier life.
    async fn admit_writer(&self) -> Result<()> {
        let writer = self.world.person("writer")?;
        let sql = "SELECT id::text FROM users WHERE (lower(email) = lower($1) OR github_id = $2)";
        let number = i64::try_from(writer.id)?;
        let known = sqlx::query_scalar::<_, String>(sql).bind(&writer.email).bind(number);
        for id in known.fetch_all(&self.stage.db).await? {
            let path = format!("users/{id}");
            let gone = self.owner.call(Method::DELETE, &path, &Value::Null).await?;
            ensure!(gone.status.is_success() || gone.status == 404, "{path}: {}", gone.body);
        }
        let wanted = json!({ "email": writer.email, "github_id": writer.id });
        let user = id_of(&self.owner.post("users", &wanted).await?)?;
        let path = format!("projects/{}/members/{user}", self.project);
        self.owner.call(Method::PUT, &path, &json!({ "role": "read_write" })).await?.ok()?;
        Ok(())
    }

    /// Opens an issue with this text, labels it `run:dev`, and finds the run that starts.
    ///
    /// # Errors
    /// When none starts.
    pub async fn start(&self, title: &str, body: &str) -> Result<Run<'_>> {
        self.start_stage("dev", title, body).await
    }

    /// The same for a stage.
    ///
    /// # Errors
    /// When none starts.
    pub async fn start_stage(&self, stage: &str, title: &str, body: &str) -> Result<Run<'_>> {
        let issue = self.world.open_issue("writer", title, body).await?;
        self.world.label("writer", issue, &format!("run:{stage}")).await?;
        let found = until("the start of a run", Duration::from_secs(30), async || {
            let page = self.owner.get(&format!("runs?repository_id={}&limit=50", self.repository)).await?;
            let items = page["items"].as_array().context("no runs")?;
            Ok(items.iter().find(|run| run["subject_number"] == issue).cloned())
        });
        let (run, _) = match found.await {
            Ok(found) => found,
            Err(error) => {
                let ledger = self.owner.get(&format!("deliveries?repository_id={}", self.repository)).await?;
                return Err(error.context(ledger.to_string()));
            }
        };
        self.found(&run).await
    }

    /// A run that the platform tells of.
    ///
    /// # Errors
    /// When the database does not know it.
    pub async fn found(&self, run: &Value) -> Result<Run<'_>> {
        let (id, issue) = (id_of(run)?, run["subject_number"].as_u64().context("no issue")?);
        let sql = "SELECT namespace FROM agent_runs WHERE id = $1::uuid";
        let namespace: String = sqlx::query_scalar(sql).bind(&id).fetch_one(&self.stage.db).await?;
        self.runs.lock().await.push((id.clone(), namespace.clone()));
        Ok(Run { scene: self, id, issue, namespace })
    }

    /// An issue whose agent runs this script in its checkout and changes nothing else.
    ///
    /// # Errors
    /// When no run starts.
    pub async fn start_script(&self, script: &str) -> Result<Run<'_>> {
        self.start("Run a script", &format!("scenario: shell\n\n```sh\n{script}\n```\n")).await
    }

    async fn told(&self) -> String {
        let mut text = String::new();
        for (id, namespace) in self.runs.lock().await.iter() {
            let timeline = self.owner.get(&format!("runs/{id}/timeline")).await.unwrap_or_default();
            for flow in timeline["items"].as_array().into_iter().flatten() {
                text += &format!("{} {} {}\n", flow["at"], flow["kind"], flow["data"]);
            }
            text += &self.stage.cluster.told(namespace).await;
        }
        text
    }

    /// Stops what still runs and lets the repository go, so that nothing of this test is left in others' way.
    async fn leave(&self) -> Result<()> {
        // In one question: a person who asks for fifty runs one by one is told to slow down.
        let active = self.owner.get(&format!("runs?repository_id={}&active=true&limit=200", self.repository)).await?;
        for run in active["items"].as_array().into_iter().flatten() {
            let path = format!("runs/{}", id_of(run)?);
            self.owner.call(Method::POST, &format!("{path}/cancel"), &Value::Null).await?;
            until("the end of a run that is left", Duration::from_secs(40), async || {
                Ok((!self.owner.get(&path).await?["finished_at"].is_null()).then_some(()))
            })
            .await?;
        }
        let path = format!("repositories/{}", self.repository);
        self.owner.call(Method::DELETE, &path, &Value::Null).await?.ok()?;
        Ok(())
    }
}

fn id_of(object: &Value) -> Result<String> {
    object["id"].as_str().map(str::to_owned).with_context(|| format!("no id in {object}"))
}
