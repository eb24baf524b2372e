//! A label becomes a pull request, and what must be true of it everywhere.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{PLATFORM, Run, Scene, beside, until};
use domain::flow::{FlowKind, canonical};
use serde_json::{Map, Value};

/// What happens to every run that goes well, in this order.
const STORY: [&str; 11] = [
    "run.created",
    "run.claimed",
    "namespace.ready",
    "job.created",
    "pod.running",
    "agent.started",
    "git.pushed",
    "agent.reported",
    "branch.seen",
    "pr.opened",
    "run.handed_in",
];

#[tokio::test]
async fn a_label_becomes_a_pull_request() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Say who the greeting is for", "The greeting takes a name.").await?;
        let seen = run.handed_in().await?;
        the_pull_request_is_the_agents(scene, &run, &seen).await?;
        the_issue_tells_it(scene, &run, &seen).await?;
        let kinds: Vec<String> =
            run.timeline().await?.iter().map(|flow| flow["kind"].as_str().unwrap_or_default().to_owned()).collect();
        // Pod and agent are noticed by different programs.
        let mut told = STORY.iter();
        ensure!(told.all(|kind| kinds.iter().any(|seen| seen == kind)), "{kinds:?}");
        ensure!(kinds.first().is_some_and(|kind| kind == "run.created"), "{kinds:?}");
        ensure!(kinds.last().is_some_and(|kind| kind == "run.handed_in"), "{kinds:?}");
        let positions: Vec<i64> = run.events().await?.iter().filter_map(|event| event["position"].as_i64()).collect();
        ensure!(positions.len() > 5 && positions.is_sorted(), "{positions:?}");
        ensure!(seen["usage"]["input_tokens"].as_i64() > Some(0), "{}", seen["usage"]);
        ensure!(seen["usage"]["output_tokens"].as_i64() > Some(0), "{}", seen["usage"]);
        the_audit_is_whole(scene, &run).await
    })
    .await
}

async fn the_pull_request_is_the_agents(scene: &Scene, run: &Run<'_>, seen: &Value) -> Result<()> {
    let number = seen["pr_number"].as_u64().context("no pull request")?;
    let files = scene.world.pull_files(number).await?;
    ensure!(files.contains(&"README.md".to_owned()), "{files:?}");
    let note = format!("docs/changes/issue-{}", run.issue);
    ensure!(files.len() == 2 && files.iter().any(|file| file.starts_with(&note)), "{files:?}");
    let pulls = scene.world.pulls().await?;
    ensure!(pulls.len() == 1 && pulls[0]["head"]["ref"] == seen["branch"], "{pulls:?}");
    Ok(())
}

async fn the_issue_tells_it(scene: &Scene, run: &Run<'_>, seen: &Value) -> Result<()> {
    let number = seen["pr_number"].as_u64().context("no pull request")?;
    let patience = Duration::from_secs(20);
    until("labels and comment of the end", patience, async || {
        let labels = scene.world.labels(run.issue).await?;
        let comments = scene.world.comments(run.issue).await?;
        let is_on = |name: &str| labels.iter().any(|label| label == name);
        let told = comments.iter().any(|comment| comment.contains(&format!("#{number}")));
        Ok((is_on("state:in-review") && !is_on("run:dev") && told).then_some(()))
    })
    .await?;
    let comments = scene.world.comments(run.issue).await?;
    ensure!(comments.len() == 1, "one service comment a run, found {comments:?}");
    Ok(())
}

/// Each event's hash covers the one before it, and the run's row holds the last.
async fn the_audit_is_whole(scene: &Scene, run: &Run<'_>) -> Result<()> {
    let db = &scene.stage.db;
    let sql = "SELECT seq, kind, actor, data, hash FROM flow_events WHERE run_id = $1::uuid ORDER BY seq";
    let rows: Vec<(i64, String, String, Value, Vec<u8>)> = sqlx::query_as(sql).bind(&run.id).fetch_all(db).await?;
    let mut head: Vec<u8> = Vec::new();
    for (number, (seq, kind, actor, data, hash)) in rows.iter().enumerate() {
        ensure!(usize::try_from(*seq)? == number + 1, "event {seq} at place {number}");
        let kind: FlowKind = kind.parse().ok().with_context(|| format!("kind {kind}"))?;
        let data: Map<String, Value> = data.as_object().cloned().context("data that is no object")?;
        let sql = "SELECT flow_hash($1, seq, at, $2) FROM flow_events WHERE run_id = $3::uuid AND seq = $4";
        let expected = sqlx::query_scalar::<_, Vec<u8>>(sql).bind(&head).bind(canonical(kind, actor, &data));
        head = expected.bind(&run.id).bind(seq).fetch_one(db).await?;
        ensure!(head == *hash, "the chain breaks at event {seq}");
    }
    let sql = "SELECT flow_head FROM agent_runs WHERE id = $1::uuid";
    let last: Vec<u8> = sqlx::query_scalar(sql).bind(&run.id).fetch_one(db).await?;
    ensure!(last == head && !head.is_empty(), "the run's row holds another end of the chain");
    Ok(())
}

/// Everything that an agent could read: its processes' environments and all files of its own.
const READABLE: &str = "cat /proc/[0-9]*/environ 2>/dev/null; \
    find /workspace /tmp /etc /run /var/run /home -type f -size -2048k -exec cat {} + 2>/dev/null";

#[tokio::test]
async fn no_secret_is_in_the_pod_in_a_log_or_in_the_database() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Take your time", "scenario: slow").await?;
        let pod = run.working(1).await?;
        let cluster = &scene.stage.cluster;
        let secrets = planted(scene).await?;
        let readable = cluster.shell(&run.namespace, &pod, READABLE).await?;
        let token = run.token(1).await?;
        ensure!(readable.contains(&token), "the search does not even find the run token, which the pod has");
        let spec = serde_json::to_string(&cluster.pods(&run.namespace).await?)?;
        for (name, secret) in &secrets {
            ensure!(!readable.contains(secret), "{name} is readable in the pod");
            ensure!(!spec.contains(secret), "{name} is in the pod's spec");
        }
        run.cancel().await?;
        run.ended_as("cancelled", "cancelled").await?;
        let mut unsaid: Vec<(String, String)> = secrets;
        unsaid.push(("the run token".into(), token));
        none_is_kept_in_clear(scene, &run, &unsaid).await?;
        for (role, person) in &scene.world.view().people {
            unsaid.push((format!("the {role}'s address"), person.email.clone()));
        }
        no_log_tells(scene, &run, &unsaid).await?;
        let said = scene.owner.get(&format!("runs/{}/events", run.id)).await?.to_string();
        for (what, value) in &unsaid {
            ensure!(!said.contains(value.as_str()), "{what} is in the run's log");
        }
        Ok(())
    })
    .await
}

/// Looks through what the platform's programs have logged.
pub(crate) async fn no_log_tells(scene: &Scene, run: &Run<'_>, unsaid: &[(String, String)]) -> Result<()> {
    let cluster = &scene.stage.cluster;
    let mut names_the_run = false;
    let mut pods = cluster.pods(PLATFORM).await?;
    // One that an earlier test replaced may be gone before it is read.
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    for pod in pods {
        let name = pod.metadata.name.unwrap_or_default();
        let log = cluster.log(PLATFORM, &name).await?;
        names_the_run |= log.contains(&run.id);
        for (what, value) in unsaid {
            let line = log.lines().find(|line| line.contains(value.as_str()));
            ensure!(line.is_none(), "{what} is in the log of {name}");
        }
    }
    ensure!(names_the_run, "no log names the run, so nothing was searched");
    Ok(())
}

/// Looks through every column of every table, as text and as bytes, for what must not be readable in a dump.
pub(crate) async fn none_is_kept_in_clear(scene: &Scene, run: &Run<'_>, unsaid: &[(String, String)]) -> Result<()> {
    let db = &scene.stage.db;
    let sql = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(db).await?;
    let mut finds_the_run = false;
    for table in tables {
        // Bytes are shown in hexadecimal.
        let sql = format!(
            "SELECT what FROM unnest($1::text[]) AS what WHERE EXISTS (SELECT FROM {table} AS line WHERE \
             strpos(line::text, what) > 0 OR strpos(line::text, encode(what::bytea, 'hex')) > 0)"
        );
        let mut looked_for: Vec<&str> = unsaid.iter().map(|(_, value)| core(value)).collect();
        looked_for.push(&run.id);
        let found = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql)).bind(&looked_for);
        for value in found.fetch_all(db).await? {
            let what = unsaid.iter().find(|(_, secret)| core(secret) == value);
            ensure!(what.is_none(), "{} is in the table {table}", what.map_or("", |(what, _)| what));
            finds_the_run = true;
        }
    }
    ensure!(finds_the_run, "the search does not even find the run");
    Ok(())
}

/// A key without the name that stands before it.
fn core(secret: &str) -> &str {
    secret.rsplit_once(':').map_or(secret, |(_, key)| key)
}

/// Secrets of the platform and of this test's repository.
async fn planted(scene: &Scene) -> Result<Vec<(String, String)>> {
    let mut all = vec![("the repository's token".to_owned(), scene.world.person("bot")?.token.clone())];
    for deployment in ["api-gateway", "control-plane", "worker"] {
        for (name, value) in scene.stage.cluster.secret(PLATFORM, deployment).await? {
            // Public, and in every pod's trust store by nature.
            if name == "assertion-public-keys" {
                continue;
            }
            // A key's own line of a PEM; the password of an address.
            let core = value.lines().filter(|line| !line.starts_with("-----")).max_by_key(|line| line.len());
            let core = core.context("an empty secret")?;
            let core = core.rsplit_once('@').map_or(core, |(user, _)| user.rsplit(':').next().unwrap_or(user));
            all.push((format!("{deployment}'s {name}"), core.to_owned()));
        }
    }
    Ok(all)
}
