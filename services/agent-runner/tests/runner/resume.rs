//! A launch that goes on where an earlier pod was lost, and what it does when it cannot.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use contract::agent::{AgentEventKind as Kind, Resume};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::support::{Snapshot, Tree, World, texts};

const MESSAGE: &str = "Your pod was replaced. Look at the checkout, then finish.";

/// Commits one file, leaves changes of every kind, and hangs. Another launch of it looks at what is there and ends.
const WORK: &str = r"
steps:
  - say: I write the note.
  - run: |
      if [ -e left.txt ]; then
        touch .git/again
        git log -1 --format='last commit: %s'
        git status --short
        exit
      fi
      set -e
      echo note > note.txt
      git add note.txt
      git commit --quiet -m 'Add a note'
      echo changed > kept.txt
      rm README.md
      echo more > left.txt
      echo the first launch was here
  - run: '[ -e .git/again ] || sleep 98764'
  - final: {summary: Noted., pr_title: Add a note}
";

/// A step is kept long before the period is over that commands without an end are looked at in.
const A_STEP: Duration = Duration::from_secs(25);

/// A world whose first launch was lost in the middle of its second command, and what it had kept.
async fn lost() -> Result<(World, Snapshot, Tree)> {
    let world = World::new(WORK).await?;
    let runner = world.start().await?;
    world.gateway.event(|event| event.kind == Kind::Command && event.text.contains("98764")).await?;
    let kept = world.gateway.kept(async |session, tree| {
        let told = session.text.contains("the first launch was here\\n") && session.text.contains("98764");
        Ok(told && world.files_in(tree).await?.contains(&"left.txt".to_owned()))
    });
    let (session, tree) = timeout(A_STEP, kept).await.context("a step was not kept")??;
    world.lose(runner).await?;
    assert!(world.head(world.branch()).await.is_err(), "nothing was pushed");
    Ok((world, session, tree))
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn resume(session: &Snapshot, tree: Option<&Tree>) -> Result<Resume> {
    Ok(Resume {
        session_id: session.query["session_id"].parse()?,
        path: session.query["path"].clone(),
        session_sha256: session.query["sha256"].clone(),
        worktree_sha256: tree.map(|tree| tree.query["sha256"].clone()),
        message: MESSAGE.into(),
    })
}

#[tokio::test]
async fn a_lost_pod_costs_a_step_and_the_session_goes_on_with_its_files() -> Result<()> {
    let (world, session, tree) = lost().await?;
    let kept = (Some(session.bytes.clone()), Some(tree.bytes.clone()));
    let said = world.gateway.relaunch(kept, resume(&session, Some(&tree))?);
    let (code, output) = world.start().await?.end().await?;
    assert_eq!(code, Some(0), "{output}\n{:#?}", world.gateway.events());

    let events = world.gateway.events();
    let id = &session.query["session_id"];
    for events in [&said, &events] {
        let begun = format!("codex session {id}");
        assert!(texts(events, Kind::Step).contains(&begun.as_str()), "{events:#?}");
    }
    let goes_on = format!("The session {id} goes on, with its files as they were last kept");
    assert!(texts(&events, Kind::Step).contains(&goes_on.as_str()), "{events:#?}");
    let printed = texts(&events, Kind::Output).concat();
    assert_eq!(printed, "last commit: Add a note\n D README.md\n?? kept.txt\n?? left.txt\n");

    // The model knows all of it: what it was asked first, what it did, what became of it, and the message.
    let asked = world.asked(MESSAGE).await?;
    let first = asked.first().context("the model was never told")?.to_string();
    let order = ["Title: Add a note", "I write the note.", "the first launch was here", "98764", MESSAGE];
    let places: Vec<_> = order.iter().map(|text| first.find(text)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {first}");

    let head = world.head(world.branch()).await?;
    let range = format!("{}..{head}", world.base);
    assert_eq!(world.bare.git(&["log", "--reverse", "--format=%s", &range]).await?, "Add a note\nAdd a note");
    let changed = world.bare.git(&["diff", "--name-status", &world.base, &head]).await?;
    assert_eq!(changed, "D\tREADME.md\nA\tkept.txt\nA\tleft.txt\nA\tnote.txt");
    let last = world.gateway.snapshots().pop().context("the session was not kept again")?;
    assert_eq!(&last.query["session_id"], id);
    assert!(last.text.starts_with(&session.text[..1000]) && last.text.contains(MESSAGE));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_restored_is_said_and_the_launch_starts_fresh_from_the_branch() -> Result<()> {
    let (world, session, tree) = lost().await?;
    let good = || (Some(session.bytes.clone()), Some(tree.bytes.clone()));
    let garbage = Bytes::from_static(b"garbage");
    let packed_garbage = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"garbage\n")?;
        Bytes::from(encoder.finish()?)
    };
    let plain = || resume(&session, Some(&tree));
    let cases = [
        ("there is none", (None, None), plain()?, "(404"),
        ("another session", (Some(garbage.clone()), good().1), plain()?, "the session is not the one"),
        ("another tree", (good().0, Some(garbage.clone())), plain()?, "the working tree is not the one"),
        (
            "a tree that is no bundle",
            (good().0, Some(garbage.clone())),
            Resume { worktree_sha256: Some(digest(&garbage)), ..plain()? },
            "reading the bundle",
        ),
        (
            "a session that codex refuses",
            (Some(packed_garbage.clone()), good().1),
            Resume { session_sha256: digest(&packed_garbage), ..plain()? },
            "codex ended without completing its turn",
        ),
    ];
    for (what, kept, resume, why) in cases {
        world.gateway.relaunch(kept, resume);
        let runner = world.start().await?;
        // The whole work begins again, and so does the command that never ends.
        let begun = world.gateway.event(|event| event.kind == Kind::Command && event.text.contains("98764"));
        begun.await.context(what)?;
        let events = world.gateway.events();
        world.lose(runner).await?;
        let said = texts(&events, Kind::Notice);
        let said = said.iter().find(|text| text.starts_with("The earlier session cannot be restored"));
        assert!(said.is_some_and(|text| text.contains(why)), "{what}: {events:#?}");
        assert_eq!(texts(&events, Kind::Output), ["the first launch was here\n"], "{what}: the checkout was not fresh");
    }
    assert_eq!(world.asked(MESSAGE).await?.len(), 0, "a fresh session gets the prompt and nothing else");
    Ok(())
}

#[tokio::test]
async fn a_session_without_a_tree_goes_on_from_the_branch() -> Result<()> {
    let (world, session, _) = lost().await?;
    world.gateway.relaunch((Some(session.bytes.clone()), None), resume(&session, None)?);
    let runner = world.start().await?;
    world.gateway.event(|event| event.kind == Kind::Command && event.text.contains("98764")).await?;
    let events = world.gateway.events();
    let goes_on = format!("The session {} goes on, on the branch as it was pushed", session.query["session_id"]);
    assert!(texts(&events, Kind::Step).contains(&goes_on.as_str()), "{events:#?}");
    assert_eq!(texts(&events, Kind::Output), ["the first launch was here\n"]);
    assert!(!world.asked(MESSAGE).await?.is_empty());
    world.lose(runner).await
}

#[tokio::test]
async fn a_stop_keeps_what_was_written_in_the_last_moment() -> Result<()> {
    let world = World::new(WORK).await?;
    let runner = world.start().await?;
    world.gateway.event(|event| event.kind == Kind::Command && event.text.contains("98764")).await?;
    // As the command that goes on would: no step of codex tells of it.
    std::fs::write(world.folder.path().join("workspace/repo/late.txt"), "late\n")?;
    runner.terminate()?;
    assert_eq!(runner.end().await?.0, Some(20));
    let tree = world.gateway.trees().pop().context("the working tree was not kept")?;
    let files = world.files_in(&tree).await?;
    for name in ["late.txt", "left.txt", "note.txt"] {
        assert!(files.contains(&name.to_owned()), "{name} is not in {files:?}");
    }
    Ok(())
}
