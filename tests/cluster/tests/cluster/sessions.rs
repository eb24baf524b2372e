//! Sessions that go on: the agent's pod is lost in the middle of a turn, alone or with everything else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{PLATFORM, Run, Scene, alone, beside, until};
use serde_json::Value;

/// Bytes of noise that the agent leaves uncommitted; what was kept is larger once it is in there.
const NOISE: i64 = 200_000;
/// Until a step is kept on a busy machine. A command that only waits is written down anew every half a minute.
const KEPT_WITHIN: Duration = Duration::from_secs(60);
/// Until programs that were deleted serve again.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The platform's own, without which nothing goes on.
const PROGRAMS: [&str; 3] = ["api-gateway", "control-plane", "worker"];

/// Whether a pod of the program that is not on its way out serves.
async fn is_served(scene: &Scene, program: &str) -> Result<bool> {
    Ok(scene.stage.cluster.serving(program).await?.into_iter().any(|pod| {
        let conditions = pod.status.and_then(|status| status.conditions).unwrap_or_default();
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    }))
}

/// A run whose agent has left a file uncommitted and is in the middle of its next step, with that kept, and its pod.
async fn in_the_middle(scene: &Scene) -> Result<(Run<'_>, String)> {
    let run = scene.start("Write down who is here", "scenario: unfinished").await?;
    let pod = run.working(1).await?;
    let (begun, _) = until("the second command", KEPT_WITHIN, async || {
        let waits = run.events().await?.iter().any(|event| event["kind"] == "command" && said(event).contains("sleep"));
        let now = sqlx::query_scalar::<_, String>("SELECT app_now()::text");
        Ok(if waits { Some(now.fetch_one(&scene.stage.db).await?) } else { None })
    })
    .await?;
    let sql = "SELECT w.size > $2 AND s.kept_at > $3::timestamptz FROM agent_sessions AS s JOIN agent_worktrees AS w USING (run_id)
               WHERE run_id = $1::uuid";
    until("session and working tree, kept", KEPT_WITHIN, async || {
        let kept = sqlx::query_scalar::<_, bool>(sql).bind(&run.id).bind(NOISE).bind(&begun);
        Ok(kept.fetch_optional(&scene.stage.db).await?.filter(|kept| *kept).map(drop))
    })
    .await?;
    Ok((run, pod))
}

fn said(event: &Value) -> &str {
    event["text"].as_str().unwrap_or_default()
}

/// The run went on in the same session, with what its first pod had written and not committed, to a pull request.
async fn it_went_on(scene: &Scene, run: &Run<'_>, first_pod: &str, reason: &str) -> Result<()> {
    let seen = run.handed_in().await?;
    ensure!(run.failed_launches().await? == [reason], "{:?}", run.failed_launches().await?);
    ensure!(seen["launch"] == 2 && seen["attempts"] == 1, "{seen}");
    let events = run.events().await?;
    let sessions: Vec<&str> = events.iter().filter_map(|event| said(event).strip_prefix("codex session ")).collect();
    ensure!(sessions.len() == 2 && sessions[0] == sessions[1], "{sessions:?}");
    let printed = run.printed().await?;
    for text in [format!("written by {first_pod}"), format!("found what {first_pod} wrote")] {
        ensure!(printed.contains(&text), "{text:?} is not in {printed}");
    }
    let number = seen["pr_number"].as_u64().context("no pull request")?;
    let files = scene.world.pull_files(number).await?;
    ensure!(files == ["noise.bin", "unfinished.txt"], "{files:?}");
    the_model_knew(scene, first_pod).await
}

/// What the model was sent in the second pod begins with what was said and done in the first.
async fn the_model_knew(scene: &Scene, first_pod: &str) -> Result<()> {
    let written = format!("written by {first_pod}");
    let asked = scene.stage.asked_of_the_model(&written).await?;
    let replaced = "Your pod was replaced";
    let told = asked.iter().map(Value::to_string).find(|input| input.contains(replaced));
    let told = told.context("the model was never told that the pod was replaced")?;
    let order = ["Write down who is here", "I write down who I am.", &written, "sleep 600", replaced];
    let places: Vec<_> = order.iter().map(|text| told.find(text)).collect();
    ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} of {order:?} in {told}");
    Ok(())
}

#[tokio::test]
async fn a_pod_killed_in_the_middle_of_a_turn_costs_no_more_than_the_step() -> Result<()> {
    beside(async |scene| {
        let (run, pod) = in_the_middle(scene).await?;
        scene.stage.cluster.delete_pod(&run.namespace, &pod).await?;
        it_went_on(scene, &run, &pod, "vanished").await
    })
    .await
}

#[tokio::test]
async fn an_evicted_pod_hands_its_session_and_files_to_the_next() -> Result<()> {
    beside(async |scene| {
        let (run, pod) = in_the_middle(scene).await?;
        scene.stage.cluster.evict(&run.namespace, &pod).await?;
        it_went_on(scene, &run, &pod, "evicted").await
    })
    .await
}

#[tokio::test]
async fn a_run_goes_on_when_everything_is_restarted_at_once() -> Result<()> {
    alone(async |scene| {
        let cluster = &scene.stage.cluster;
        let (run, pod) = in_the_middle(scene).await?;
        let mut deleted = vec![(run.namespace.clone(), pod.clone())];
        for program in PROGRAMS {
            for serving in cluster.serving(program).await? {
                deleted.push((PLATFORM.to_owned(), serving.metadata.name.context("a pod without a name")?));
            }
        }
        let deletions = deleted.iter().map(|(namespace, pod)| cluster.delete_pod(namespace, pod));
        futures::future::try_join_all(deletions).await?;
        let (_, waited) = until("the platform, back", BACK_WITHIN, async || {
            // A pod that was deleted may answer once more before it goes.
            let fresh = futures::future::try_join_all(PROGRAMS.map(|program| is_served(scene, program))).await?;
            Ok(if fresh.into_iter().all(|fresh| fresh) { run.view().await.ok() } else { None })
        })
        .await?;
        println!("everything was deleted at once; the platform answers again after {waited:?}");
        it_went_on(scene, &run, &pod, "vanished").await
    })
    .await
}
