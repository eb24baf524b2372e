//! Every operation of the staff API, asked by everybody: who has not signed in, an agent, a stranger, members by their
//! roles, and who runs the platform. The table is held against the contract, so an operation that nobody has put here
//! fails it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use contract::Document;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use stories::{Asker, Pod, Story, id_of};
use testkit::console::{Answer, Console};
use uuid::Uuid;

use crate::egress::tries;
use crate::reviews::{handed_in, review};

/// The least that somebody has to be. Whoever is more may do the same, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    /// Signed in, and of no project.
    SignedIn,
    /// Somebody who looks.
    Reads,
    /// Somebody who starts and stops runs.
    Writes,
    /// Somebody who manages the project.
    Manages,
    /// Somebody who manages the platform.
    Administers,
    /// The platform's owner.
    Owns,
}

use Least::{Administers, Manages, Owns, Reads, SignedIn, Writes};

const POLICY: &str = r#"{"mode":"full_env","rights":["read"],"parallel_runs":1,"time_limit_seconds":600,"namespace_ttl_seconds":600,"tool_modes":{},"tools_off":[]}"#;

/// Operation, who may ask for it, and a body that is right in form. What is allowed comes to little, and what takes
/// something away comes last.
const OPERATIONS: &[(&str, Least, &str)] = &[
    ("GET me", SignedIn, ""),
    ("GET tools", SignedIn, ""),
    ("GET deliveries", SignedIn, ""),
    ("GET runs", SignedIn, ""),
    ("GET runs/stream", SignedIn, ""),
    ("GET waits", SignedIn, ""),
    ("GET approvals", SignedIn, ""),
    ("GET egress-requests", SignedIn, ""),
    ("GET integration-requests", SignedIn, ""),
    ("GET notifications", SignedIn, ""),
    ("POST notifications/read", SignedIn, r#"{"ids":["{notice_id}"]}"#),
    ("GET notifications/choices", SignedIn, ""),
    ("PUT notifications/choices", SignedIn, r#"{"question":true}"#),
    ("GET projects", SignedIn, ""),
    ("GET prompt-templates", SignedIn, ""),
    ("GET prompt-templates/place?key=task-qa-review&locale=en", SignedIn, ""),
    ("POST prompt-templates/preview", SignedIn, r#"{"key":"task-qa-review","locale":"en","text":"Try it."}"#),
    ("GET agents/{role_id}", SignedIn, ""),
    ("GET projects/{project_id}", Reads, ""),
    ("GET projects/{project_id}/members", Reads, ""),
    ("GET projects/{project_id}/repositories", Reads, ""),
    ("GET projects/{project_id}/egress-grants", Reads, ""),
    ("GET projects/{project_id}/channels", Reads, ""),
    ("GET projects/{project_id}/integrations", Reads, ""),
    ("GET projects/{project_id}/environments", Reads, ""),
    ("GET projects/{project_id}/agents", Reads, ""),
    ("GET projects/{project_id}/let-ins", Reads, ""),
    ("GET repositories/{repository_id}", Reads, ""),
    ("GET agents/{agent_id}", Reads, ""),
    ("GET deliveries/{delivery_id}", Reads, ""),
    ("GET approvals/{approval_id}", Reads, ""),
    ("GET runs/{run_id}", Reads, ""),
    ("GET runs/{run_id}/timeline", Reads, ""),
    ("GET runs/{run_id}/events", Reads, ""),
    ("GET runs/{run_id}/log", Reads, ""),
    ("GET runs/{run_id}/prompt", Reads, ""),
    ("GET runs/{run_id}/conversation", Reads, ""),
    ("GET runs/{run_id}/next-steps", Reads, ""),
    ("GET runs/{run_id}/stream", Reads, ""),
    ("GET prompt-templates?project_id={project_id}", Reads, ""),
    ("GET prompt-templates/place?key=task-qa-review&locale=en&project_id={project_id}", Reads, ""),
    ("GET prompt-templates/{template_id}", Reads, ""),
    (
        "POST prompt-templates/preview",
        Reads,
        r#"{"project_id":"{project_id}","key":"task-qa-review","locale":"en","text":"Try it."}"#,
    ),
    ("POST runs/{run_id}/cancel", Writes, ""),
    ("POST runs/{ended_id}/next-steps/{step}", Writes, r#"{"labels_seen":[]}"#),
    ("PATCH projects/{project_id}", Manages, r#"{"name":"Other"}"#),
    ("PUT projects/{project_id}/members/{user_id}", Manages, r#"{"role":"read"}"#),
    ("DELETE projects/{project_id}/members/{user_id}", Manages, ""),
    ("POST projects/{project_id}/repositories", Manages, r#"{"full_name":"acme/none","token":"github_pat_none"}"#),
    ("POST repositories/{repository_id}/check", Manages, ""),
    ("POST projects/{project_id}/egress-grants", Manages, r#"{"host":"other.example.com"}"#),
    ("DELETE egress-grants/{grant_id}", Manages, ""),
    ("POST egress-requests/{request_id}/decision", Manages, r#"{"decision":"never"}"#),
    (
        "POST projects/{project_id}/channels",
        Manages,
        r#"{"kind":"approver","name":"On call","url":"http://approver.tools.svc"}"#,
    ),
    ("POST channels/{channel_id}/try", Manages, ""),
    ("PATCH channels/{channel_id}", Manages, r#"{"enabled":false}"#),
    ("DELETE channels/{channel_id}", Manages, ""),
    ("POST projects/{project_id}/integrations", Manages, r#"{"name":"Other bot","asks":["approval"]}"#),
    ("GET integration-requests/{outside_approval_id}", Manages, ""),
    ("POST integration-requests/{outside_approval_id}/decision", Manages, r#"{"decision":"approve"}"#),
    ("POST integration-requests/{outside_question_id}/answer", Manages, r#"{"option":0}"#),
    ("DELETE integrations/{integration_id}", Manages, ""),
    (
        "POST projects/{project_id}/environments",
        Manages,
        r#"{"name":"live","kind":"production","allows_secrets":false,"allows_databases":false}"#,
    ),
    (
        "PUT environments/{environment_id}",
        Manages,
        r#"{"kind":"production","allows_secrets":true,"allows_databases":true}"#,
    ),
    ("DELETE environments/{environment_id}", Manages, ""),
    ("POST projects/{project_id}/agents", Manages, r#"{"name":"other","policy":{policy},"reason":"We try it"}"#),
    ("PUT agents/{agent_id}/policy", Manages, r#"{"policy":{policy},"reason":"We try it"}"#),
    ("POST agents/{agent_id}/roll-back", Manages, r#"{"number":1,"reason":"We try it"}"#),
    ("DELETE agents/{agent_id}", Manages, ""),
    ("POST approvals/{question_id}/answer", Manages, r#"{"option":4}"#),
    ("POST approvals/{approval_id}/decision", Manages, r#"{"decision":"approve","digest":"{digest}"}"#),
    ("POST runs/{run_id}/prompt/let-in", Manages, r#"{"kind":"comment","github_id":1,"sha256":"{digest}"}"#),
    ("DELETE let-ins/{let_in_id}", Manages, ""),
    (
        "POST prompt-templates",
        Manages,
        r#"{"project_id":"{project_id}","key":"task-qa-work","locale":"en","text":"{{ brnch }}"}"#,
    ),
    ("PUT prompt-templates/{template_id}", Manages, r#"{"text":"Try it again."}"#),
    ("POST prompt-templates/{template_id}/activate", Manages, r#"{"reason":"We try it"}"#),
    ("POST prompt-templates/{template_id}/roll-back", Manages, r#"{"reason":"We try it"}"#),
    ("POST prompt-templates/{template_id}/archive", Manages, r#"{"reason":"We try it"}"#),
    ("DELETE repositories/{repository_id}", Manages, ""),
    ("POST prompt-templates", Administers, r#"{"key":"task-qa-work","locale":"en","text":"{{ brnch }}"}"#),
    ("PUT agents/{role_id}/policy", Administers, r#"{"policy":{policy},"reason":"We try it"}"#),
    ("POST agents/{role_id}/roll-back", Administers, r#"{"number":1,"reason":"We try it"}"#),
    ("DELETE agents/{role_id}", Administers, ""),
    ("GET users", Administers, ""),
    ("POST users", Administers, r#"{"email":"new@acme.test"}"#),
    ("POST projects", Administers, r#"{"slug":"other","name":"Other"}"#),
    ("DELETE users/{user_id}", Administers, ""),
    ("DELETE projects/{project_id}", Owns, ""),
];

/// Method and path, without what differs from object to object.
fn shape(operation: &str) -> String {
    let path = operation.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn the_table_has_every_operation_of_the_contract() -> Result<()> {
    let told: BTreeSet<_> = OPERATIONS.iter().map(|(operation, ..)| shape(operation)).collect();
    let routes = Document::gateway()?.routes("staff");
    let contract = routes.iter().flat_map(|(path, methods)| methods.iter().map(move |method| (path, method)));
    let contract: BTreeSet<_> = contract
        .map(|(path, method)| shape(&format!("{method} {}", path.trim_start_matches("/api/v1/staff/"))))
        .collect();
    assert_eq!(told, contract);
    Ok(())
}

/// A project with one object of each kind.
struct Place {
    t: Story,
    ids: BTreeMap<&'static str, String>,
    /// A token that opens the run's own API.
    run_token: String,
}

impl Place {
    async fn set() -> Result<Self> {
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
    fn about(&self, text: &str, there: bool) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| {
            let id = if there || Uuid::parse_str(id).is_err() { id.clone() } else { Uuid::new_v4().to_string() };
            text.replace(&format!("{{{name}}}"), &id)
        })
    }

    async fn ask(&self, who: &Console, (operation, body): (&str, &str), there: bool) -> Result<Answer> {
        let (operation, body) = (self.about(operation, there), self.about(body, there));
        let (method, path) = operation.split_once(' ').context("no method")?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? };
        who.call_with(method.parse()?, path, &[("if-match", "\"99\"")], &body).await
    }

    /// Everything that somebody is too little for is refused, in the words that hide what is not theirs to see; what they
    /// are just enough for is let through.
    async fn asked_by(&self, who: &Console, role: Least) -> Result<()> {
        for &(operation, least, body) in OPERATIONS {
            if role < least {
                let answer = self.ask(who, (operation, body), true).await?;
                // What systems of others ask is there for those alone who decide it.
                let hidden = role == SignedIn && is_of_a_project(operation, body) || operation.contains("{outside_");
                let expected = if hidden { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
                ensure!(answer.status == expected, "{role:?} {operation}: {} {}", answer.status, answer.body);
                if hidden {
                    let none = self.ask(who, (operation, body), false).await?;
                    let words =
                        |answer: &Answer| (answer.status, answer.code().to_owned(), answer.body["title"].clone());
                    ensure!(words(&none) == words(&answer), "{operation}: {} is not {}", answer.body, none.body);
                }
            } else if role == least {
                self.let_through(who, role, (operation, body)).await?;
            }
        }
        Ok(())
    }

    async fn let_through(&self, who: &Console, role: Least, (operation, body): (&str, &str)) -> Result<()> {
        if operation.ends_with("/stream") {
            let path = self.about(operation, true);
            who.stream(path.trim_start_matches("GET "), None).await?;
            return Ok(());
        }
        let answer = self.ask(who, (operation, body), true).await?;
        let refused = [401, 403, 404, 429].contains(&answer.status.as_u16());
        let fine = !refused && !answer.status.is_server_error() && answer.code() != "invalid_request";
        ensure!(fine, "{role:?} {operation}: {} {}", answer.status, answer.body);
        let text = answer.body.to_string();
        let tells = |name: &str| self.ids.get(name).is_some_and(|id| text.contains(id.as_str()));
        let told = ["project_id", "repository_id", "run_id"].into_iter().any(tells);
        ensure!(role != SignedIn || !told, "{operation} tells of what is others': {text}");
        Ok(())
    }
}

/// Whether an operation is about a thing that not everybody may see.
fn is_of_a_project(operation: &str, body: &str) -> bool {
    let operation = operation.replace("{role_id}", "");
    let is_of_the_platform = operation.contains("users/");
    operation.contains('{') && !is_of_the_platform || body.contains("{project_id}")
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

#[tokio::test]
async fn each_operation_is_open_to_whom_it_is_for_and_hides_what_is_not_theirs() -> Result<()> {
    let mut place = Place::set().await?;
    place.t.add_user("stranger").await?;
    let stranger = place.t.console_of("stranger").await?;
    let (reader, writer) = (place.t.console_of("reader").await?, place.t.console_of("writer").await?);
    place.asked_by(&stranger, SignedIn).await?;
    place.asked_by(&reader, Reads).await?;
    raised(&place.t, &reader, "read_write").await?;
    place.asked_by(&reader, Writes).await?;
    raised(&place.t, &writer, "admin").await?;
    place.asked_by(&writer, Manages).await?;
    let sql = "UPDATE users SET platform_role = 'admin' WHERE id = $1::uuid";
    sqlx::query(sql).bind(stranger.get("me").await?["id"].as_str()).execute(&place.t.platform.db).await?;
    place.asked_by(&stranger, Administers).await?;
    place.asked_by(&place.t.owner, Owns).await?;
    place.t.platform.still_runs()
}

/// Somebody gets another role in the project, which counts from now on.
async fn raised(t: &Story, who: &Console, role: &str) -> Result<()> {
    let path = format!("projects/{}/members/{}", t.project, id_of(&who.get("me").await?)?);
    t.owner.call(Method::PUT, &path, &json!({ "role": role })).await?.ok().map(drop)
}

#[tokio::test]
async fn no_operation_opens_to_who_has_not_signed_in_or_to_an_agent() -> Result<()> {
    let mut place = Place::set().await?;
    let http = reqwest::Client::new();
    for &(operation, _, body) in OPERATIONS {
        let (operation, body) = (place.about(operation, true), place.about(body, true));
        let (method, path) = operation.split_once(' ').context("no method")?;
        let url = format!("{}/api/v1/staff/{path}", place.t.platform.url());
        for token in [None, Some("cxr_forged"), Some(place.run_token.as_str())] {
            let mut request = http.request(method.parse()?, &url).header("if-match", "\"99\"");
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if !body.is_empty() {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            assert_eq!(request.send().await?.status().as_u16(), 401, "{operation}");
        }
    }
    place.t.platform.still_runs()
}
