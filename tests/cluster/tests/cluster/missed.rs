//! Events that GitHub could not deliver: read from its log where it reaches nobody, and what still shows of those that
//! the log has forgotten.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Scene, alone, beside, until, with_worker};
use reqwest::Method;
use serde_json::{Value, json};

const PERIOD: Duration = Duration::from_secs(3);
/// Two periods, and the time that a look at what is due and a list take.
const HEARD_WITHIN: Duration = Duration::from_secs(2 * PERIOD.as_secs() + 4);
/// Until a log that is due was read and what it lacks was compared.
const COMPARED_WITHIN: Duration = Duration::from_secs(30);

/// No event of the repository reaches the gateway any more.
async fn deliver_nothing(scene: &Scene) -> Result<()> {
    let target = json!({ "event": "*", "path_regex": format!("^/{}$", scene.world.full_name()) });
    scene.stage.front.inject(&json!({ "match": target, "times": 1000, "answer": { "drop": true } })).await
}

fn log_path(scene: &Scene) -> String {
    format!(r"^/repos/{}/hooks/\d+/deliveries$", scene.world.full_name())
}

async fn runs_of(scene: &Scene, issue: u64) -> Result<Vec<Value>> {
    let page = scene.owner.get(&format!("runs?repository_id={}&limit=50", scene.repository)).await?;
    let runs = page["items"].as_array().context("no runs")?;
    Ok(runs.iter().filter(|run| run["subject_number"] == issue).cloned().collect())
}

/// Where the ledger's rows of an issue's label came from, and how often they came again.
async fn heard(scene: &Scene, issue: u64) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT source, duplicates FROM webhook_deliveries
               WHERE repository_id = $1::uuid AND subject_number = $2 AND action = 'labeled' AND label = 'run:dev'";
    let rows = sqlx::query_as(sql).bind(&scene.repository).bind(i64::try_from(issue)?);
    Ok(rows.fetch_all(&scene.stage.db).await?)
}

/// Has GitHub try the delivery of an issue's label once more.
async fn deliver_again(scene: &Scene, issue: u64) -> Result<()> {
    let all = scene.world.deliveries(1).await?;
    let is_it = |one: &&Value| {
        let payload = &one["request"]["payload"];
        one["action"] == "labeled" && payload["issue"]["number"] == issue && payload["label"]["name"] == "run:dev"
    };
    let lost = all.iter().find(is_it).context("GitHub has no such delivery")?;
    ensure!(lost["status_code"] == 502, "it was delivered: {lost}");
    let hook = lost["request"]["headers"]["X-GitHub-Hook-ID"].as_str().context("no hook")?;
    let path = format!("/hooks/{hook}/deliveries/{}/attempts", lost["id"]);
    scene.world.api("owner", Method::POST, &path, &Value::Null).await.map(drop)
}

#[tokio::test]
async fn a_label_becomes_one_run_where_github_reaches_nobody() -> Result<()> {
    alone(async |scene| {
        deliver_nothing(scene).await?;
        let period = PERIOD.as_secs().to_string();
        with_worker(&scene.stage.cluster, 1, &[("REDELIVERY_SECONDS", &period)], async || {
            let issue = scene.world.open_issue("writer", "Say it by the log", "Please.").await?;
            scene.world.label("writer", issue, "run:dev").await?;
            let look = async || Ok(runs_of(scene, issue).await?.pop());
            let (run, waited) = until("a run by GitHub's log", HEARD_WITHIN, look).await?;
            println!("with a period of {PERIOD:?}, a label became a run after {waited:?}");
            scene.found(&run).await?;
            ensure!(heard(scene, issue).await? == [("delivery_log".to_owned(), 0)], "{:?}", heard(scene, issue).await?);

            // Then GitHub reaches us, and the same event comes by the other way as well.
            scene.stage.front.reset().await?;
            deliver_again(scene, issue).await?;
            until("the event once more", Duration::from_secs(20), async || {
                let rows = heard(scene, issue).await?;
                ensure!(rows.len() == 1, "{rows:?}");
                Ok((rows[0].1 > 0).then_some(()))
            })
            .await?;
            let runs = runs_of(scene, issue).await?;
            ensure!(runs.len() == 1, "one label, one run: {runs:?}");

            // A log in which nothing is new costs a call without an answer's body.
            until("a reading of an idle log", Duration::from_secs(60), async || {
                let calls = scene.stage.front.calls(&log_path(scene)).await?;
                Ok(calls.iter().any(|call| call["status"] == 304).then_some(()))
            })
            .await?;
            Ok(())
        })
        .await
    })
    .await
}

/// The labels that the repository's check names, if it has found any.
async fn told(scene: &Scene) -> Result<Option<Vec<String>>> {
    let repository = scene.owner.get(&format!("repositories/{}", scene.repository)).await?;
    let checks = repository["checks"].as_array().context("no checks")?;
    let Some(check) = checks.iter().find(|check| check["name"] == "missed_labels") else { return Ok(None) };
    ensure!(check["state"] == "warning" && repository["state"] == "connected", "{repository}");
    let labels = check["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(Some(labels.map(str::to_owned).collect()))
}

/// Makes it look as if nobody had read the log for five days, unless it does already, and has it read now. A reading that
/// is under way undoes this, so it is done before each look.
async fn be_away(scene: &Scene) -> Result<()> {
    let sql = "UPDATE repositories SET deliveries_seen_until = app_now() - interval '5 days', log_read_at = NULL
               WHERE id = $1::uuid AND deliveries_seen_until > app_now() - interval '4 days'";
    sqlx::query(sql).bind(&scene.repository).execute(&scene.stage.db).await?;
    Ok(())
}

/// Waits until the log of the new repository was read for the first time.
async fn log_was_read(scene: &Scene) -> Result<()> {
    until("a reading of the log", Duration::from_secs(90), async || {
        let sql = "SELECT deliveries_seen_until IS NOT NULL FROM repositories WHERE id = $1::uuid";
        let read: bool = sqlx::query_scalar(sql).bind(&scene.repository).fetch_one(&scene.stage.db).await?;
        Ok(read.then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn labels_that_githubs_log_has_forgotten_are_told_to_people() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Go on meanwhile", "scenario: slow").await?;
        log_was_read(scene).await?;
        // What GitHub shows of events of which the last is older than three days.
        let log = json!({ "method": "GET", "path_regex": log_path(scene) });
        let empty = json!({ "match": log, "times": 1000, "answer": { "status": 200, "body": [] } });
        scene.stage.front.inject(&empty).await?;
        deliver_nothing(scene).await?;
        let missed = scene.world.open_issue("writer", "Unheard", "Please.").await?;
        scene.world.label("writer", missed, "run:dev").await?;

        let (labels, _) = until("the finding", COMPARED_WITHIN, async || {
            be_away(scene).await?;
            told(scene).await
        })
        .await?;
        ensure!(labels == [format!("#{missed} run:dev")], "the label of a run that is known is no finding: {labels:?}");
        ensure!(runs_of(scene, missed).await?.is_empty(), "nobody knows who put the label on");
        ensure!(run.view().await?["finished_at"].is_null(), "the run whose issue is open was stopped");

        scene.world.unlabel("writer", missed, "run:dev").await?;
        scene.world.close("writer", run.issue).await?;
        until("the end of the finding", COMPARED_WITHIN, async || {
            be_away(scene).await?;
            Ok(told(scene).await?.is_none().then_some(()))
        })
        .await?;
        run.ended_as("cancelled", "cancelled").await.map(drop)
    })
    .await
}
