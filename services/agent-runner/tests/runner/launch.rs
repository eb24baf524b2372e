//! A launch from its start to its exit code.

use anyhow::{Context, Result};
use contract::agent::{AgentEventKind as Kind, RunResultOutcome, RunResultReason};

use vault::Decoy;

use crate::support::{DECOY, Runner, TOKEN, World, appears, processes_with, texts};

/// Commits one file, leaves another uncommitted, and prints what must not be seen.
const WORK: &str = r#"
steps:
  - say: I write the note.
  - run: |
      set -e
      echo note > note.txt
      git add note.txt
      git commit --quiet -m 'Add a note'
      echo more > left.txt
  - run: cat TOKEN_FILE; printf 'run:%s' "$(cat TOKEN_FILE)" | base64 -w0; env; git config --list; echo olga@acme.test; exit 3
  - run: curl -s -m 5 -X POST http://127.0.0.1:${HTTP_PROXY##*:}/api/v1/run/result -d '{}'
  - final: {summary: Noted., pr_title: "Add a note, fixes #12"}
"#;

/// Runs a command that does not end by itself.
fn endless(command: &str) -> String {
    format!("steps:\n  - run: {command}\n  - final: {{summary: never, pr_title: never}}\n")
}

#[tokio::test]
async fn a_launch_ends_with_a_pushed_branch_and_its_whole_story_told() -> Result<()> {
    let world = World::new(WORK).await?;
    world.gateway.lose_an_answer();
    let (code, output) = world.start().await?.end().await?;
    assert_eq!(code, Some(0), "{output}\n{:#?}", world.gateway.events());

    let head = world.head(world.branch()).await?;
    let results = world.gateway.results();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].outcome, RunResultOutcome::Succeeded);
    assert_eq!(results[0].head_sha.as_ref(), Some(&head));
    assert_eq!(results[0].last_word.as_ref().context("no last word")?.summary, "Noted.");
    let range = format!("{}..{head}", world.base);
    assert_eq!(
        world.bare.git(&["log", "--reverse", "--format=%an <%ae> %s|%b", &range]).await?,
        "codex-k8s-bot <bot@codex-k8s.test> Add a note|\n\
         codex-k8s-bot <bot@codex-k8s.test> Add a note, Refs #12|Refs #12"
    );
    assert_eq!(world.bare.git(&["diff", "--name-only", &world.base, &head]).await?, "left.txt\nnote.txt");
    assert_eq!(world.head("main").await?, world.base);

    let events = world.gateway.events();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "{events:#?}");
    let steps = texts(&events, Kind::Step);
    assert_eq!(steps[0], "Direct egress is closed");
    assert_eq!(steps.last().copied(), Some(format!("Pushed {head} to {}", world.branch()).as_str()));
    assert_eq!(texts(&events, Kind::Message)[0], "I write the note.");
    assert!(events.iter().any(|event| event.kind == Kind::CommandEnd && event.exit_code == Some(3)));
    let printed = texts(&events, Kind::Output).concat();
    assert!(printed.contains("HTTP_PROXY=http://127.0.0.1:"), "{printed}");
    assert!(printed.contains("The agent may use /git"), "the run API answered the agent: {printed}");
    assert!(!printed.contains("olga@acme.test") && printed.contains("[redacted]"), "{printed}");

    let snapshots = world.gateway.snapshots();
    let last = snapshots.last().context("no snapshot")?;
    assert!(last.text.starts_with("{\"timestamp\"") && last.text.contains("I write the note."), "{}", last.text);
    assert!(last.query["path"].ends_with(&format!("-{}.jsonl", last.query["session_id"])));

    let all = world.everything_that_left(&output)?;
    assert!(all.contains("[redacted]"), "the token was never printed, so nothing was proved");
    assert!(!all.contains(TOKEN));
    assert!(!all.contains("cnVuOmN4cl83WnIw"), "the token in base64 left the pod");
    Ok(())
}

#[tokio::test]
async fn a_decoy_lies_in_the_home_beside_the_checkout_and_is_told_as_it_was_read() -> Result<()> {
    let look = "stat -c '%a' ~/.aws ~/.aws/credentials; cat ~/.aws/credentials; echo change > note.txt";
    let world = World::new(&format!("steps:\n  - run: {look}\n  - final: {{summary: s, pr_title: t}}\n")).await?;
    let (code, output) = world.start().await?.end().await?;
    assert_eq!(code, Some(0), "{output}");
    let printed = texts(&world.gateway.events(), Kind::Output).concat();
    assert!(printed.starts_with("700\n600\n[production]\n"), "{printed}");
    // The platform looks for it, so it may not be redacted on the way.
    let decoy = Decoy::parse(DECOY).context("no decoy")?;
    assert!(decoy.lookout().find(printed.as_bytes()).is_some(), "{printed}");
    assert_eq!(world.bare.git(&["diff", "--name-only", &world.base, world.branch()]).await?, "note.txt");
    for tree in world.gateway.trees() {
        assert!(world.files_in(&tree).await?.iter().all(|file| ["README.md", "note.txt"].contains(&file.as_str())));
    }
    Ok(())
}

#[tokio::test]
async fn sigterm_saves_the_session_and_ends_what_the_agent_started() -> Result<()> {
    let world = World::new(&endless("setsid sleep 98761 & sleep 98762")).await?;
    let runner = world.start().await?;
    world.gateway.event(|event| event.kind == Kind::Command && event.text.contains("98762")).await?;
    appears("sleep\u{0}98761").await?;
    runner.terminate()?;
    let (code, output) = runner.end().await?;
    assert_eq!(code, Some(20), "{output}");
    assert!(world.gateway.snapshots().last().context("no snapshot")?.text.contains("98762"));
    assert_eq!(texts(&world.gateway.events(), Kind::Step).last(), Some(&"Stopped: the pod ends"));
    assert_eq!(world.gateway.results(), []);
    assert!(processes_with("sleep\u{0}98761").is_empty());
    Ok(())
}

#[tokio::test]
async fn an_order_stops_it_and_a_refused_token_does_too() -> Result<()> {
    let world = World::new(&endless("sleep 600")).await?;
    let runner = world.start().await?;
    world.gateway.event(|event| event.kind == Kind::Command).await?;
    world.gateway.order_stop();
    assert_eq!(runner.end().await?.0, Some(20));
    assert_eq!(texts(&world.gateway.events(), Kind::Step).last(), Some(&"Stopped by the platform"));
    assert!(!world.gateway.snapshots().is_empty());

    let world = World::new(&endless("sleep 600")).await?;
    let runner = world.start().await?;
    world.gateway.event(|event| event.kind == Kind::Command).await?;
    world.gateway.revoke();
    assert_eq!(runner.end().await?.0, Some(21));
    assert_eq!(world.gateway.results(), []);
    Ok(())
}

#[tokio::test]
async fn open_egress_fails_the_run_before_anything_is_fetched() -> Result<()> {
    let world = World::new("steps:\n  - final: {summary: never, pr_title: never}\n").await?;
    let open = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = open.local_addr()?.to_string();
    let (code, output) = world.start_with(&[("CODEXK8S_EGRESS_PROBES", &address)]).await?.end().await?;
    assert_eq!(code, Some(11), "{output}");
    assert_eq!(world.gateway.contexts(), 0);
    let results = world.gateway.results();
    assert_eq!(results[0].reason, Some(RunResultReason::EgressOpen));
    assert!(results[0].detail.as_ref().is_some_and(|detail| detail.contains(&address)), "{results:?}");
    assert_eq!(world.gateway.beats()[0].phase, contract::agent::BeatPhase::Checking);
    Ok(())
}

#[tokio::test]
async fn a_refused_push_is_reported_in_the_words_of_the_refusal() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(
        "steps:\n  - run: echo x > x && git add x && git commit -qm x\n  - final: {summary: s, pr_title: t}\n",
    )
    .await?;
    let hook = world.bare.path().join("hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho 'x: may not be changed in this stage'\nexit 1\n")?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))?;
    let (code, output) = world.start().await?.end().await?;
    assert_eq!(code, Some(13), "{output}");
    let results = world.gateway.results();
    assert_eq!(results[0].reason, Some(RunResultReason::WriteScope));
    assert_eq!(results[0].detail.as_deref(), Some("x: may not be changed in this stage"));
    Ok(())
}

#[tokio::test]
async fn an_agent_that_changes_nothing_or_whose_model_refuses_has_failed() -> Result<()> {
    let world = World::new("steps:\n  - final: {summary: Nothing to do., pr_title: none}\n").await?;
    assert_eq!(world.start().await?.end().await?.0, Some(10));
    let results = world.gateway.results();
    assert_eq!(results[0].detail.as_deref(), Some("the agent changed nothing"));
    assert_eq!(results[0].last_word.as_ref().context("no last word")?.summary, "Nothing to do.");

    let world = World::new("steps:\n  - error: {status: 400, times: 1000}\n").await?;
    assert_eq!(world.start().await?.end().await?.0, Some(10));
    assert_eq!(world.gateway.results()[0].reason, Some(RunResultReason::AgentError));
    assert_eq!(texts(&world.gateway.events(), Kind::Error).len(), 1);
    Ok(())
}

#[tokio::test]
async fn who_has_asked_people_pushes_nothing_and_is_told_the_answer_also_in_a_new_session() -> Result<()> {
    let world = World::new(WORK).await?;
    world.gateway.asked_people();
    let (code, output) = world.start().await?.end().await?;
    assert_eq!(code, Some(0), "{output}");
    let result = world.gateway.results().pop().context("no result")?;
    assert_eq!((result.outcome, result.head_sha, result.last_word), (RunResultOutcome::Waiting, None, None));
    assert!(world.head(world.branch()).await.is_err(), "something was pushed");
    let tree = world.gateway.trees().pop();
    assert!(tree.is_some(), "the working tree was not kept");
    assert_eq!(texts(&world.gateway.events(), Kind::Step).last().copied(), Some("Waiting for people to answer"));

    world.gateway.answered("Olga says: the small one.");
    std::fs::remove_dir_all(world.folder.path().join("workspace"))?;
    let (code, output) = world.start().await?.end().await?;
    assert_eq!(code, Some(0), "{output}");
    let told = world.asked("Olga says: the small one.").await?;
    assert!(told.iter().all(|body| body.to_string().contains("Add a note")) && !told.is_empty(), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_later_launch_goes_on_from_the_branch_and_a_megabyte_on_a_line_is_survived() -> Result<()> {
    let world = World::new(
        r"
steps:
  - run: head -c 1000000 /dev/zero | tr '\0' x; printf '\377\000end\n'; (setsid sleep 98763 &)
  - run: echo line >> lines && git add lines && git commit -qm 'Add a line'
  - final: {summary: s, pr_title: t}
",
    )
    .await?;
    for lines in ["line", "line\nline"] {
        let (code, output) = world.start().await?.end().await?;
        assert_eq!(code, Some(0), "{output}");
        assert_eq!(world.bare.git(&["show", &format!("{}:lines", world.branch())]).await?, lines);
        std::fs::remove_dir_all(world.folder.path().join("workspace"))?;
    }
    let printed = texts(&world.gateway.events(), Kind::Output).concat();
    assert!(printed.contains("\u{fffd}\u{fffd}end"), "{}", printed.len());
    assert!(!printed.contains('\0'));
    assert!(processes_with("sleep\u{0}98763").is_empty());
    Ok(())
}

#[tokio::test]
async fn bad_configuration_is_listed_whole() -> Result<()> {
    let (code, output) = Runner::bare(&[("CODEXK8S_RUN_ID", "seven")])?.end().await?;
    assert_eq!(code, Some(2));
    for name in ["GATEWAY_URL", "RUN_ID", "RUN_TOKEN", "EGRESS_PROBES"] {
        assert!(output.contains(&format!("CODEXK8S_{name}")), "{name} in {output}");
    }
    Ok(())
}
