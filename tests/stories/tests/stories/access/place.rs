//! A project with one object of each kind, to be asked about.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use stories::{Asker, Pod, Story, id_of};
use testkit::console::{Answer, Console};
use uuid::Uuid;

use super::operations::POLICY;
use crate::egress::tries;
use crate::reviews::{handed_in, review};

/// A project with one object of each kind.
pub(super) struct Place {
    pub(super) t: Story,
    pub(super) ids: BTreeMap<&'static str, String>,
    /// A token that opens the run's own API.
    pub(super) run_token: String,
}

impl Place {
    pub(super) async fn set() -> Result<Self> {
        let t = Story::begin().await?;
        let mut ids = BTreeMap::from([
            ("project_id", t.project.clone()),
            ("repository_id", t.repository.clone()),
            ("policy", POLICY.to_owned()),
            ("digest", "0".repeat(64)),
        ]);
        let work = handed_in(&t, "run:dev").await?;
        ids.insert("ended_id", work.run.to_string());
        t.github.comment("reader", work.pull, "Mind the contrast.").await?;
        review(&t, "writer", work.pull, "REQUEST_CHANGES", "Say why.").await?;
        let steps = t.owner.get(&format!("runs/{}/next-steps", work.run)).await?;
        ids.insert("step", steps["items"][0]["step"].as_str().context("no step")?.to_owned());
        let pod = Pod::launch(&t).await?;
        let run = pod.lease.run.to_string();
        pod.call(Method::GET, "context", &Value::Null).await?.ok()?;
        ids.insert("let_in_id", let_in(&t, &run).await?);
        tries(&t, &pod, "asked.invalid").await?;
        ids.insert("request_id", first(&t, "egress-requests").await?);
        ids.insert("delivery_id", first(&t, "deliveries").await?);
        ids.insert("notice_id", first(&t, "notifications").await?);
        let area = json!({ "labels": ["area:ui"] });
        ids.insert("approval_id", requested(&pod, "github_labels_add", &area).await?);
        let question = json!({ "question": "Which database is it?", "options": ["PostgreSQL", "SQLite"] });
        ids.insert("question_id", requested(&pod, "owner_feedback_request", &question).await?);
        ids.insert("run_id", run);
        settings(&t, &mut ids).await?;
        asked_from_outside(&t, &mut ids).await?;
        Ok(Self { t, ids, run_token: pod.token().to_owned() })
    }

    /// A text of the table about these objects, or about some that there are not.
    pub(super) fn about(&self, text: &str, there: bool) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| {
            let id = if there || Uuid::parse_str(id).is_err() { id.clone() } else { Uuid::new_v4().to_string() };
            text.replace(&format!("{{{name}}}"), &id)
        })
    }

    pub(super) async fn ask(&self, who: &Console, (operation, body): (&str, &str), there: bool) -> Result<Answer> {
        let (operation, body) = (self.about(operation, there), self.about(body, there));
        let (method, path) = operation.split_once(' ').context("no method")?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? };
        who.call_with(method.parse()?, path, &[("if-match", "\"99\"")], &body).await
    }
}

async fn first(t: &Story, list: &str) -> Result<String> {
    id_of(&t.owner.get(list).await?["items"][0]).with_context(|| list.to_owned())
}

async fn requested(pod: &Pod, tool: &str, arguments: &Value) -> Result<String> {
    let told = pod.tool(tool, arguments).await?;
    told["request_id"].as_str().map(str::to_owned).with_context(|| told.to_string())
}

/// The reader's remark, let in by the owner.
async fn let_in(t: &Story, run: &str) -> Result<String> {
    let prompt = t.owner.get(&format!("runs/{run}/prompt")).await?;
    let parts = prompt["segments"].as_array().context("no parts")?;
    let words = parts.iter().find(|part| part["left_out"] == true).context("nothing was left out")?["words"].clone();
    id_of(&t.owner.post(&format!("runs/{run}/prompt/let-in"), &words).await?)
}

/// What people have set up.
async fn settings(t: &Story, ids: &mut BTreeMap<&'static str, String>) -> Result<()> {
    let policy: Value = serde_json::from_str(POLICY)?;
    let project = format!("projects/{}", t.project);
    let listed = t.owner.get(&format!("{project}/agents")).await?;
    ids.insert("role_id", id_of(&listed["items"][0])?);
    let environment = json!({ "name": "staging", "kind": "staging", "allows_secrets": true, "allows_databases": true });
    let draft = json!({ "project_id": t.project, "key": "task-qa-review", "locale": "en", "text": "Try everything." });
    for (name, path, new) in [
        ("user_id", "users".to_owned(), json!({ "email": "guest@acme.test" })),
        ("grant_id", format!("{project}/egress-grants"), json!({ "host": "granted.example.com" })),
        (
            "channel_id",
            format!("{project}/channels"),
            json!({ "kind": "approver", "name": "Team chat", "url": "http://approver.tools.svc" }),
        ),
        ("environment_id", format!("{project}/environments"), environment),
        (
            "agent_id",
            format!("{project}/agents"),
            json!({ "name": "helper", "policy": policy, "reason": "We need help" }),
        ),
        ("template_id", "prompt-templates".to_owned(), draft),
    ] {
        let made = t.owner.post(&path, &new).await?;
        let made = match name {
            "agent_id" => &made["agent"],
            "template_id" => &made["version"],
            _ => &made,
        };
        ids.insert(name, id_of(made)?);
    }
    Ok(())
}

/// What a system of others asks.
async fn asked_from_outside(t: &Story, ids: &mut BTreeMap<&'static str, String>) -> Result<()> {
    let new = json!({ "name": "Release bot", "asks": ["approval", "execution"] });
    let added = t.owner.post(&format!("projects/{}/integrations", t.project), &new).await?;
    ids.insert("integration_id", id_of(&added["integration"])?);
    let asker = Asker::start(t.platform.integrations_url(), added["token"].as_str().context("no token")?).await?;
    asker.asks(&asker.approval("one")).await?.ok()?;
    ids.insert("outside_approval_id", first(t, "integration-requests").await?);
    asker.asks(&asker.execution("two")).await?.ok()?;
    ids.insert("outside_question_id", first(t, "integration-requests").await?);
    Ok(())
}
