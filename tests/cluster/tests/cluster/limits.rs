//! Limits of GitHub and of the model: what meets one waits as long as it is asked to, and goes on by itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use cluster_tests::{Run, Scene, beside, until};
use serde_json::{Value, json};

/// Until a run has met a limit.
const MET_WITHIN: Duration = Duration::from_secs(90);
/// Until GitHub shows what the platform wants there.
const TOLD_WITHIN: Duration = Duration::from_secs(150);

/// Seconds that a fault asks to be left alone: long enough that a run is parked.
const ASKED: i64 = 17;

async fn parked(run: &Run<'_>) -> Result<Value> {
    let look = async || {
        let seen = run.view().await?;
        ensure!(seen["finished_at"].is_null(), "ended {} {}", seen["reason"], seen["reason_detail"]);
        Ok((seen["status"] == "waiting_backpressure").then_some(seen))
    };
    Ok(until("a run that waits for a limit", MET_WITHIN, look).await?.0)
}

/// Handed in, and no launch was held against it.
async fn it_went_well(run: &Run<'_>, launches: i64, waits: usize) -> Result<Value> {
    let seen = run.handed_in().await?;
    ensure!(seen["launch"] == launches && seen["attempts"] == 0, "{seen}");
    for kind in ["run.parked", "run.resumed"] {
        ensure!(run.times(kind).await? == waits, "{kind}: {:?}", run.timeline().await?);
    }
    Ok(seen)
}

/// Waits until labels and service comment say on GitHub that the work waits for its owner.
async fn shown_on_github(scene: &Scene, run: &Run<'_>) -> Result<()> {
    until("the labels and the comment", TOLD_WITHIN, async || {
        let labels = scene.world.labels(run.issue).await?;
        let comments = scene.world.comments(run.issue).await?;
        let done = labels == ["state:in-review"] && comments.iter().any(|text| text.contains("Waiting for review"));
        Ok(done.then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_run_that_meets_the_models_limit_goes_on_in_its_session() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Write two halves", "scenario: limited").await?;
        let waiting = parked(&run).await?;
        let waits = &waiting["waits"];
        ensure!(waits["for"] == "model" && waits["until"].is_string(), "{waiting}");
        ensure!(waits["detail"].as_str().is_some_and(|detail| detail.contains("429")), "{waits}");
        ensure!(waiting["deadline_at"].is_null(), "its clock stands still: {waiting}");
        let all = scene.owner.get("waits").await?;
        let listed = all["items"].as_array().context("no list")?.iter().any(|item| item["id"] == run.id.as_str());
        ensure!(listed, "{all}");

        let seen = it_went_well(&run, 2, 1).await?;
        let printed = run.printed().await?;
        let halves: Vec<_> = printed.lines().filter_map(|line| line.split_once(" half, by ")).collect();
        let (first, second) = (halves.first().context("no first half")?, halves.last().context("no second half")?);
        ensure!((first.0, second.0) == ("first", "second") && first.1 != second.1, "{halves:?}");
        let number = seen["pr_number"].as_u64().context("no pull request")?;
        ensure!(scene.world.pull_files(number).await? == ["halves.txt"]);
        Ok(())
    })
    .await
}

/// One kind of call that GitHub refuses once.
struct Refused {
    method: &'static str,
    /// Follows the repository's path.
    path: &'static str,
    answer: Value,
    /// Seconds until the next call of this kind.
    quiet: i64,
}

impl Refused {
    fn fault(&self, scene: &Scene, times: u32) -> Value {
        json!({ "match": { "method": self.method, "path_regex": self.pattern(scene) }, "times": times, "answer": self.answer })
    }

    fn pattern(&self, scene: &Scene) -> String {
        format!("^/repos/{}{}$", scene.world.full_name(), self.path)
    }

    /// The calls that were struck, and for each whether the next one came soon enough and not too soon.
    async fn was_respected(&self, scene: &Scene, times: usize) -> Result<()> {
        let calls = scene.stage.front.calls(&self.pattern(scene)).await?;
        let calls: Vec<_> = calls.iter().filter(|call| call["method"] == self.method).collect();
        let (what, struck) =
            (format!("{} {}", self.method, self.path), calls.iter().filter(|call| call["faulty"] == true));
        ensure!(struck.count() == times, "{what}: {calls:?}");
        for (place, call) in calls.iter().enumerate().filter(|(_, call)| call["faulty"] == true) {
            let next = calls.get(place + 1).with_context(|| format!("{what} was never repeated"))?;
            let gap = at(next)? - at(call)?;
            ensure!(gap >= TimeDelta::seconds(self.quiet), "{what} was repeated after {gap}: {calls:?}");
        }
        Ok(())
    }
}

fn at(call: &Value) -> Result<DateTime<Utc>> {
    Ok(call["at"].as_str().context("a call without a time")?.parse()?)
}

/// An answer as GitHub gives it when the hour's calls are used up.
fn used_up() -> Value {
    let reset = (Utc::now() + TimeDelta::seconds(ASKED + 20)).timestamp().to_string();
    let headers = json!({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset });
    json!({ "status": 403, "headers": headers, "body": { "message": "API rate limit exceeded" } })
}

fn slow_down() -> Value {
    let body = json!({ "message": "You have exceeded a secondary rate limit" });
    json!({ "status": 429, "headers": { "retry-after": ASKED.to_string() }, "body": body })
}

#[tokio::test]
async fn githubs_limits_are_respected_at_every_step_of_a_run() -> Result<()> {
    beside(async |scene| {
        let steps = [
            Refused { method: "GET", path: r"/issues/\d+", answer: used_up(), quiet: ASKED },
            Refused { method: "GET", path: r"/compare/.+", answer: slow_down(), quiet: ASKED },
            Refused { method: "POST", path: "/pulls", answer: slow_down(), quiet: ASKED },
            Refused { method: "PATCH", path: r"/issues/comments/\d+", answer: slow_down(), quiet: ASKED },
            Refused { method: "DELETE", path: r"/issues/\d+/labels/.+", answer: slow_down(), quiet: ASKED },
        ];
        for step in &steps {
            scene.stage.front.inject(&step.fault(scene, 1)).await?;
        }
        let run = scene.start("Respect limits", "Please.").await?;
        let waiting = parked(&run).await?;
        ensure!(waiting["waits"]["for"] == "github" && waiting["waits"]["until"].is_string(), "{waiting}");
        let seen = run.handed_in().await?;
        ensure!(seen["launch"] == 1 && seen["attempts"] == 0, "{seen}");
        ensure!(run.times("run.parked").await? >= 3, "{:?}", run.timeline().await?);
        shown_on_github(scene, &run).await?;
        ensure!(scene.world.pulls().await?.len() == 1, "one pull request");
        ensure!(scene.world.comments(run.issue).await?.len() == 1, "one service comment");
        for step in &steps {
            step.was_respected(scene, 1).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn comments_keep_their_order_when_github_names_no_time() -> Result<()> {
    beside(async |scene| {
        let body = json!({ "message": "You have exceeded a secondary rate limit" });
        let answer = json!({ "status": 429, "body": body });
        let comment = Refused { method: "POST", path: r"/issues/\d+/comments", answer, quiet: 59 };
        scene.stage.front.inject(&comment.fault(scene, 1)).await?;
        let run = scene.start("Keep the order", "scenario: slow").await?;
        until("the first comment, refused", MET_WITHIN, async || {
            Ok((!scene.stage.front.calls(&comment.pattern(scene)).await?.is_empty()).then_some(()))
        })
        .await?;
        // A second stage while one is active: it is answered, after what was to be said before.
        scene.world.label("writer", run.issue, "run:qa").await?;
        let look = async || Ok(Some(scene.world.comments(run.issue).await?).filter(|comments| comments.len() == 2));
        let (comments, _) = until("both comments", TOLD_WITHIN, look).await?;
        ensure!(comments[0].contains("codex-k8s:run:") && comments[1].contains("codex-k8s:delivery:"), "{comments:?}");
        comment.was_respected(scene, 1).await
    })
    .await
}

#[tokio::test]
async fn silence_of_github_is_waited_out_without_haste() -> Result<()> {
    beside(async |scene| {
        let broken = || json!({ "status": 502, "body": { "message": "Server Error" } });
        let performed = json!({ "status": 500, "perform": true, "body": { "message": "Server Error" } });
        // Three tries at once are one call.
        let reads = Refused { method: "GET", path: r"/issues/\d+", answer: broken(), quiet: 0 };
        let pull = Refused { method: "POST", path: "/pulls", answer: performed.clone(), quiet: 0 };
        let comment = Refused { method: "POST", path: r"/issues/\d+/comments", answer: performed, quiet: 0 };
        let change =
            Refused { method: "PATCH", path: r"/issues/comments/\d+", answer: json!({ "delay_ms": 25_000 }), quiet: 2 };
        let label = Refused { method: "DELETE", path: r"/issues/\d+/labels/.+", answer: broken(), quiet: 2 };
        for (step, times) in [(&reads, 6), (&pull, 1), (&comment, 1), (&change, 1), (&label, 2)] {
            scene.stage.front.inject(&step.fault(scene, times)).await?;
        }
        let run = scene.start("Wait out an outage", "Please.").await?;
        let seen = run.handed_in().await?;
        ensure!(seen["launch"] == 1 && seen["attempts"] == 0, "{seen}");
        shown_on_github(scene, &run).await?;
        // What was done though the answer was lost is found, not done again.
        ensure!(scene.world.pulls().await?.len() == 1, "{:?}", scene.world.pulls().await?);
        ensure!(scene.world.comments(run.issue).await?.len() == 1, "{:?}", scene.world.comments(run.issue).await?);
        let (looks, asked) = (scene.stage.front.calls(&reads.pattern(scene)).await?, 6);
        let struck: Vec<_> = looks.iter().filter(|call| call["faulty"] == true).collect();
        ensure!(struck.len() == asked, "{looks:?}");
        ensure!(at(struck[3])? - at(struck[2])? >= TimeDelta::seconds(4), "two looks, not a loop: {looks:?}");
        label.was_respected(scene, 2).await
    })
    .await
}
