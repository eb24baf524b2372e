//! Stories: the real gateway and control-plane on real listeners, a database of their own, and GitHub's stand-in, played
//! through the front door by people with names.
//!
//! `DATABASE_URL` names a PostgreSQL in which databases can be made.

mod asker;
mod front;
mod kubernetes;
mod platform;
mod pod;
mod service;
mod webhook;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use store::discussions;
use testkit::console::Console;
use testkit::github::World;

pub use asker::Asker;
pub use kubernetes::Kubernetes;
pub use platform::{Platform, WEBHOOK_SECRETS, Worker};
pub use pod::Pod;
pub use service::Service;
pub use testkit::channel::Instead;
pub use webhook::{Delivery, labelled};

/// One story's installation: an owner, a project, and the world's repository connected to it.
pub struct Story {
    /// The organisation, repository and people on GitHub.
    pub github: World,
    /// The platform.
    pub platform: Platform,
    /// The platform's owner at the console.
    pub owner: Console,
    /// The project.
    pub project: String,
    /// The repository, as the platform knows it.
    pub repository: String,
}

impl Story {
    /// A platform whose owner has connected the repository and made the world's writer and reader members.
    ///
    /// # Errors
    /// When a step of the set-up is refused.
    pub async fn begin() -> Result<Self> {
        let github = front::front().await?.new_world().await?;
        let platform = Platform::start(github.front().base_url(), &github.person("owner")?.email).await?;
        let login = &github.person("owner")?.login;
        let owner = Console::sign_in(platform.url(), github.front(), login).await?;
        let project = owner.post("projects", &json!({ "slug": "acme", "name": "Acme" })).await?;
        let project = id_of(&project)?;
        let mut story = Self { github, platform, owner, project, repository: String::new() };
        for (role, right) in [("writer", "read_write"), ("reader", "read")] {
            story.add_member(role, right).await?;
        }
        story.repository = story.connect(&story.github.full_name()).await?;
        Ok(story)
    }

    /// Lists a person of the world and gives them a role in the project.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn add_member(&self, person: &str, right: &str) -> Result<()> {
        let user = self.add_user(person).await?;
        let path = format!("projects/{}/members/{user}", self.project);
        self.owner.call(Method::PUT, &path, &json!({ "role": right })).await?.ok()?;
        Ok(())
    }

    /// Lists a person of the world, so that they may sign in; answers their id.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn add_user(&self, person: &str) -> Result<String> {
        let person = self.github.person(person)?;
        id_of(&self.owner.post("users", &json!({ "email": person.email, "github_id": person.id })).await?)
    }

    /// Connects a repository with the bot's token; answers its id.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn connect(&self, full_name: &str) -> Result<String> {
        let token = &self.github.person("bot")?.token;
        let path = format!("projects/{}/repositories", self.project);
        id_of(&self.owner.post(&path, &json!({ "full_name": full_name, "token": token })).await?)
    }

    /// The ledger, oldest first: `event.action [label] → decision [reason]`, one line a delivery, repeats counted.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn ledger(&self) -> Result<String> {
        let page = self.owner.get("deliveries?limit=200").await?;
        let items = page["items"].as_array().context("no deliveries")?;
        let lines: Vec<_> = items.iter().rev().filter(|item| is_told(item)).map(line_of).collect();
        Ok(lines.join("\n"))
    }

    /// All runs, oldest first: `#issue status [reason]`.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn runs(&self) -> Result<Vec<String>> {
        let page = self.owner.get("runs?limit=200").await?;
        let items = page["items"].as_array().context("no runs")?;
        let line =
            |run: &Value| format!("#{} {}{}", run["subject_number"], text(&run["status"]), suffix(&run["reason"]));
        Ok(items.iter().rev().map(line).collect())
    }

    /// Reasons of which people are to be told on GitHub, in their order.
    ///
    /// # Errors
    /// The database's.
    pub async fn told(&self) -> Result<Vec<String>> {
        let sql =
            "SELECT payload ->> 'reason' FROM outbound_actions WHERE kind = 'refusal_comment' ORDER BY created_at, id";
        Ok(sqlx::query_scalar(sql).fetch_all(&self.platform.db).await?)
    }

    /// The writer opens an issue, and the platform has heard of it.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn open_issue(&self, title: &str) -> Result<u64> {
        self.open_issue_of("writer", title, "Please.").await
    }

    /// Somebody opens an issue, and the platform has heard of it.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn open_issue_of(&self, person: &str, title: &str, body: &str) -> Result<u64> {
        self.heard("opened", async || self.github.open_issue(person, title, body).await).await
    }

    /// Somebody of the world at the console.
    ///
    /// # Errors
    /// When they are not let in.
    pub async fn console_of(&self, person: &str) -> Result<Console> {
        Console::sign_in(self.platform.url(), self.github.front(), &self.github.person(person)?.login).await
    }

    /// Somebody puts a label on an issue, and the platform has heard of it.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn label(&self, person: &str, issue: u64, label: &str) -> Result<()> {
        self.heard("labeled", async || self.github.label(person, issue, label).await).await
    }

    /// Somebody takes a label off an issue, and the platform has heard of it.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn unlabel(&self, person: &str, issue: u64, label: &str) -> Result<()> {
        self.heard("unlabeled", async || self.github.unlabel(person, issue, label).await).await
    }

    /// Somebody closes an issue, and the platform has heard of it.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn close(&self, person: &str, issue: u64) -> Result<()> {
        self.heard("closed", async || self.github.close(person, issue).await).await
    }

    /// Somebody comments on an issue, and the platform has heard of it; answers the comment as GitHub tells it.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn comment(&self, person: &str, issue: u64, body: &str) -> Result<Value> {
        let path = format!("/issues/{issue}/comments");
        let said = json!({ "body": body });
        self.heard("created", async || self.github.api(person, Method::POST, &path, &said).await).await
    }

    /// The worker looks who waits for an answer, and starts a turn: whether somebody did.
    ///
    /// # Errors
    /// The database's.
    pub async fn starts_a_turn(&self) -> Result<bool> {
        discussions::end_idle(&self.platform.db).await?;
        Ok(discussions::start_next(&self.platform.db, "worker:story").await?.is_some())
    }

    /// Does something on GitHub and waits until one more delivery with this action was answered.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn heard<T>(&self, action: &str, act: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let count = |all: &[Value]| all.iter().filter(|delivery| delivery["action"] == action).count();
        let before = count(&self.github.deliveries(0).await?);
        let done = act().await?;
        let mut all = self.github.deliveries(0).await?;
        while count(&all) == before {
            all = self.github.deliveries(all.len() + 1).await?;
        }
        Ok(done)
    }
}

/// Asks again and again until the answer is yes.
///
/// # Errors
/// When asking fails, or the answer is still no after a minute.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let asking = async {
        let mut pace = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            pace.tick().await;
            if is_so().await? {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), asking).await.with_context(|| format!("never: {what}"))?
}

/// The id of a JSON object.
///
/// # Errors
/// When it has none.
pub fn id_of(object: &Value) -> Result<String> {
    object["id"].as_str().map(str::to_owned).with_context(|| format!("no id in {object}"))
}

/// Issues and pull requests; the rest is noise.
fn is_told(item: &Value) -> bool {
    ["issues", "issue_comment", "pull_request", "pull_request_review"].iter().any(|event| item["event"] == *event)
}

fn line_of(item: &Value) -> String {
    let times = match item["duplicates"].as_i64() {
        Some(n) if n > 0 => format!(" (and {n} more times)"),
        _ => String::new(),
    };
    format!(
        "{}.{}{} → {}{}{times}",
        text(&item["event"]),
        text(&item["action"]),
        suffix(&item["label"]),
        text(&item["decision"]),
        suffix(&item["reason"]),
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn suffix(value: &Value) -> String {
    value.as_str().map(|text| format!(" {text}")).unwrap_or_default()
}
