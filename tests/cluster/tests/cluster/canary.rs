//! The decoy in the real pod: the real codex reads it, and that is the end of its run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cluster_tests::{beside, until};

#[tokio::test]
async fn an_agent_that_reads_the_decoy_loses_its_run_its_token_and_its_pod() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Look around in your home", "scenario: curious\n").await?;
        let ended = run.ended_as("failed", "canary").await?;
        let begun = Instant::now();
        let detail = ended["reason_detail"].as_str().unwrap_or_default();
        ensure!(detail.contains("decoy"), "{detail}");
        until("the end of the pod", Duration::from_secs(20), async || {
            Ok(scene.stage.cluster.pods(&run.namespace).await?.is_empty().then_some(()))
        })
        .await?;
        println!("pod gone {:?} after the end of the run", begun.elapsed());

        let timeline = run.timeline().await?;
        let seen: Vec<_> = timeline.iter().filter(|entry| entry["kind"] == "canary.tripped").collect();
        let [seen] = seen[..] else { anyhow::bail!("seen {} times", seen.len()) };
        // Codex tells the model and the platform what its command printed; whoever is read first ends it.
        let place = seen["data"]["place"].as_str().context("no place")?;
        ensure!(["model", "output"].contains(&place), "{place}");
        ensure!(seen["data"]["excerpt"].as_str().is_some_and(|text| text.contains("[decoy]")), "{seen}");
        ensure!(run.times("run.finished").await? == 1 && run.failed_launches().await?.is_empty());
        let held = timeline.iter().filter(|entry| entry["kind"] == "pr.opened" || entry["kind"] == "git.pushed");
        ensure!(held.count() == 0, "its work went out");
        // The model was never told what the file holds.
        let asked = scene.stage.asked_of_the_model("aws_secret_access_key").await?;
        ensure!(asked.is_empty(), "{asked:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_agent_that_leaves_the_decoy_alone_has_it_beside_its_checkout_and_works_to_the_end() -> Result<()> {
    beside(async |scene| {
        let script = "stat -c 'mode=%a' ~/.aws/credentials\n\
                      echo \"tracked=$(git ls-files --others --cached | grep -c aws || true)\"";
        let run = scene.start_script(script).await?;
        run.ended().await?;
        let printed = run.printed().await?;
        ensure!(printed.contains("mode=600") && printed.contains("tracked=0"), "{printed}");
        ensure!(run.times("canary.tripped").await? == 0);
        Ok(())
    })
    .await
}
