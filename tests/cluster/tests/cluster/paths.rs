//! The paths of the workflow, from the first label on by clicks alone: each stage's work becomes a pull request of files
//! that the stage may write. One of the projects speaks Russian, and so does all that people and agents are told there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Run, Scene, beside, until};
use domain::catalogue::Catalogue;
use domain::stages::Stage;
use reqwest::Method;
use serde_json::json;

/// Until a label has moved and the next run has begun.
const MOVED_WITHIN: Duration = Duration::from_secs(60);

/// What all paths end with.
const END: [Stage; 5] = [Stage::Dev, Stage::Qa, Stage::Release, Stage::Postdeploy, Stage::Ops];
const FULL: &[Stage] = &[Stage::Intake, Stage::Vision, Stage::Prd, Stage::Arch, Stage::Design, Stage::Plan];
const SHORTENED: &[Stage] = &[Stage::Intake, Stage::Prd, Stage::Design, Stage::Plan];
const SHORT: &[Stage] = &[Stage::Intake, Stage::Plan];

#[tokio::test]
async fn the_full_path_is_walked_by_clicks() -> Result<()> {
    beside(async |scene| walk(scene, FULL).await.map(drop)).await
}

#[tokio::test]
async fn the_shortened_path_is_walked_by_clicks() -> Result<()> {
    beside(async |scene| walk(scene, SHORTENED).await.map(drop)).await
}

#[tokio::test]
async fn the_short_path_is_walked_by_clicks_and_in_russian() -> Result<()> {
    beside(async |scene| {
        scene.change_project(&json!({ "locale": "ru" })).await?;
        for run in walk(scene, SHORT).await? {
            speaks_russian(scene, &run).await?;
        }
        Ok(())
    })
    .await
}

/// Walks a path from this beginning to its end; answers its runs.
async fn walk<'a>(scene: &'a Scene, beginning: &[Stage]) -> Result<Vec<Run<'a>>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for stage in beginning.iter().chain(&END) {
        let run = match runs.last() {
            None => scene.start_stage(stage.as_str(), "Say who the greeting is for", "It takes a name.").await?,
            Some(before) => click(scene, before, *stage).await?,
        };
        hands_in_what_it_may(scene, &run, *stage).await?;
        runs.push(run);
    }
    Ok(runs)
}

/// Takes the step to a stage as it is shown; when the labels move meanwhile, it is looked at again.
async fn click<'a>(scene: &'a Scene, before: &Run<'_>, stage: Stage) -> Result<Run<'a>> {
    let (path, step) = (format!("runs/{}/next-steps", before.id), format!("stage-{stage}"));
    let (started, _) = until(&format!("the step to {stage}"), MOVED_WITHIN, async || {
        let steps = scene.owner.get(&path).await?;
        let shown = steps["items"].as_array().into_iter().flatten().find(|one| one["step"] == step);
        let Some(shown) = shown.filter(|one| one["obstacle"].is_null()) else { return Ok(None) };
        let seen = json!({ "labels_seen": shown["labels"] });
        let taken = scene.owner.call(Method::POST, &format!("{path}/{step}"), &seen).await?;
        Ok(taken.status.is_success().then_some(taken.body))
    })
    .await?;
    scene.found(&started).await
}

async fn hands_in_what_it_may(scene: &Scene, run: &Run<'_>, stage: Stage) -> Result<()> {
    let seen = run.handed_in().await.with_context(|| format!("stage {stage}"))?;
    ensure!(seen["stage"] == stage.as_str(), "{seen}");
    let files = scene.world.pull_files(seen["pr_number"].as_u64().context("no pull request")?).await?;
    let may_write = &Catalogue::builtin().stage(stage).may_write;
    ensure!(!files.is_empty() && files.iter().all(|file| may_write.matches(file)), "{stage}: {files:?}");
    Ok(())
}

/// The run's comment, and every part of its prompt that is the platform's.
async fn speaks_russian(scene: &Scene, run: &Run<'_>) -> Result<()> {
    let marker = format!("codex-k8s:run:{}", run.id);
    let (comment, _) = until("the service comment", MOVED_WITHIN, async || {
        let comments = scene.world.comments(run.issue).await?;
        Ok(comments.into_iter().find(|text| text.contains(&marker) && text.contains("Дальше")))
    })
    .await?;
    let summary = run.view().await?["summary"].as_str().unwrap_or_default().to_owned();
    is_russian(&comment.replace(&summary, ""))?;
    let prompt = scene.owner.get(&format!("runs/{}/prompt", run.id)).await?;
    let segments = prompt["segments"].as_array().context("no segments")?;
    let own: Vec<_> = segments.iter().filter(|part| part["content"] == "platform").collect();
    ensure!(own.len() > 3, "{prompt}");
    own.into_iter().try_for_each(|part| is_russian(part["text"].as_str().unwrap_or_default()))
}

/// Every line with words in it has Russian ones, apart from code, addresses and what is hidden.
fn is_russian(text: &str) -> Result<()> {
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        let plain = without(&without(&without(line, '`', '`'), '<', '>'), '(', ')');
        let letters = |is: fn(char) -> bool| plain.chars().filter(|&c| is(c)).count();
        let (latin, cyrillic) =
            (letters(|c| c.is_ascii_alphabetic()), letters(|c| matches!(c, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё')));
        // `Pull request` is what the page itself calls it.
        ensure!(in_code || cyrillic > 0 || latin <= "Pull request".len(), "not in Russian: {line}");
    }
    Ok(())
}

/// The line without what stands between two marks.
fn without(line: &str, open: char, close: char) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once(open) {
        let Some((_, after)) = after.split_once(close) else { break };
        kept += before;
        rest = after;
    }
    kept + rest
}
