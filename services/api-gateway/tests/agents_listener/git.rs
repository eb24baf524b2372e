//! Clone, fetch and push with the real git, on both sides.

use contract::internal::BrokerEventKind;
use http::StatusCode;

use crate::forge::{FORGE_TOKEN, Forge};
use crate::world::{TOKEN, basic};

const BRANCH: &str = "codex/i1-aa";
const PUSH: [&str; 4] = ["push", "-q", "origin", "HEAD:refs/heads/codex/i1-aa"];

/// Pushes and expects to be refused: the words are in the agent's terminal and on the run's page, and nothing moved.
async fn refused(forge: &Forge, args: &[&str], words: &[&str], code: &str) {
    let before = (forge.tip(BRANCH).await, forge.tip("main").await, forge.tip("other").await);
    let ended = forge.git(args).await;
    assert!(!ended.good, "{args:?} went through");
    for word in words {
        assert!(ended.said.contains(word), "{word:?} is not in:\n{}", ended.said);
    }
    let after = (forge.tip(BRANCH).await, forge.tip("main").await, forge.tip("other").await);
    assert_eq!(before, after);
    let event = forge.world.control.event(BrokerEventKind::GitRefused).await;
    assert_eq!(event.data["codes"][0], code, "{:?}", event.data);
    assert!(!ended.said.contains(FORGE_TOKEN) && !format!("{event:?}").contains(FORGE_TOKEN));
}

#[tokio::test]
async fn a_run_clones_commits_and_pushes_its_branch() {
    let forge = Forge::new().await;
    forge.commit("src/lib.rs", "pub fn dark() {}\n", "Add dark mode\n\nRefs #1").await;
    let head = forge.must(&forge.work(), &["rev-parse", "HEAD"]).await;
    forge.must(&forge.work(), &PUSH).await;
    assert_eq!(forge.tip(BRANCH).await.as_ref(), Some(&head));
    let event = forge.world.control.event(BrokerEventKind::GitPushed).await;
    assert_eq!((&event.data["new"], &event.data["commits"]), (&head.into(), &1.into()));

    forge.commit("src/lib.rs", "pub fn darker() {}\n", "Make it darker").await;
    forge.must(&forge.work(), &PUSH).await;
    let second = forge.must(&forge.work(), &["rev-parse", "HEAD"]).await;
    assert_eq!(forge.tip(BRANCH).await, Some(second));
    forge.must(&forge.work(), &["fetch", "-q", "origin"]).await;

    let seen = forge.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|sent| !sent.contains(TOKEN)), "the run token went to the forge");
    assert!(seen.iter().filter(|sent| **sent == basic("x-access-token", FORGE_TOKEN)).count() > 3);
}

#[tokio::test]
async fn a_large_push_arrives_whole() {
    let forge = Forge::new().await;
    // More than git's post buffer (1 MiB), so that it comes in chunks after a probe; and not compressible.
    let noise: String = (0..400_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    forge.commit("noise.txt", &noise, "Add noise").await;
    forge.must(&forge.work(), &PUSH).await;
    assert!(forge.tip(BRANCH).await.is_some());
}

#[tokio::test]
async fn other_branches_and_tags_are_refused() {
    let forge = Forge::new().await;
    forge.commit("a", "a", "Add a").await;
    refused(
        &forge,
        &["push", "origin", "HEAD:refs/heads/other"],
        &["remote: ", "refs/heads/other may not be pushed"],
        "other_ref",
    )
    .await;
    refused(&forge, &["push", "origin", "HEAD:refs/heads/main"], &["refs/heads/main may not be pushed"], "other_ref")
        .await;
    refused(&forge, &["push", "origin", "HEAD:refs/tags/v1"], &["refs/tags/v1 may not be pushed"], "other_ref").await;
    let both = ["push", "origin", "HEAD:refs/heads/codex/i1-aa", "HEAD:refs/heads/new"];
    refused(&forge, &both, &["refs/heads/new may not be pushed"], "other_ref").await;
}

#[tokio::test]
async fn nothing_is_deleted() {
    let forge = Forge::new().await;
    forge.commit("a", "a", "Add a").await;
    forge.must(&forge.work(), &PUSH).await;
    refused(&forge, &["push", "origin", ":refs/heads/codex/i1-aa"], &["a branch may not be deleted"], "deletion").await;
    let other = ["push", "origin", ":refs/heads/other"];
    assert!(!forge.git(&other).await.good);
    assert!(forge.tip("other").await.is_some());
}

#[tokio::test]
async fn history_is_not_rewritten() {
    let forge = Forge::new().await;
    forge.commit("a", "a", "Add a").await;
    forge.must(&forge.work(), &PUSH).await;
    forge.must(&forge.work(), &["commit", "-q", "--amend", "-m", "Add something else"]).await;
    let force = ["push", "--force", "origin", "HEAD:refs/heads/codex/i1-aa"];
    refused(&forge, &force, &["this would rewrite what the branch already has"], "not_fast_forward").await;
}

#[tokio::test]
async fn a_run_pushes_one_thing_at_a_time() {
    let forge = Forge::new().await;
    // A body that never ends holds the run's only place.
    let (open, body) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(body));
    let first = tokio::spawn(forge.world.post("/git/acme/app.git/git-receive-pack").body(body).send());
    open.send(Ok(b"0".to_vec())).await.unwrap();
    let busy = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        let post = || forge.world.post("/git/acme/app.git/git-receive-pack").body("0000").send();
        while post().await.unwrap().status() != StatusCode::TOO_MANY_REQUESTS {}
    });
    busy.await.expect("the second push was let in");
    open.send(Ok(b"000".to_vec())).await.unwrap();
    drop(open);
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    let after = forge.world.post("/git/acme/app.git/git-receive-pack").body("0000").send().await.unwrap();
    assert_eq!(after.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_branch_that_comes_from_nowhere_is_refused() {
    let forge = Forge::new().await;
    forge.must(&forge.work(), &["switch", "-q", "--orphan", "fresh"]).await;
    forge.commit("a", "a", "Begin anew").await;
    refused(&forge, &PUSH, &["no commit in common with main"], "unrelated_history").await;
}

#[tokio::test]
async fn workflows_are_not_touched_and_every_file_is_named() {
    let forge = Forge::new().await;
    forge.commit(".github/workflows/ci.yml", "on: [push, pull_request]\n", "Change the checks").await;
    forge.commit(".github/workflows/new.yml", "on: push\n", "Add a check").await;
    let words = ["remote: ", "workflows of GitHub Actions", ".github/workflows/ci.yml", ".github/workflows/new.yml"];
    refused(&forge, &PUSH, &words, "workflows").await;
    forge.must(&forge.work(), &["rm", "-q", "-r", ".github"]).await;
    forge.commit("a", "a", "Remove the checks").await;
    refused(&forge, &PUSH, &[".github/workflows/ci.yml"], "workflows").await;
}

#[tokio::test]
async fn a_stage_of_documents_pushes_documents_alone_and_may_mend_what_was_refused() {
    let forge = Forge::for_run(|grant| grant.may_write = vec!["**/*.md".to_owned()]).await;
    forge.commit("docs/plan.md", "# Plan\n", "Write the plan").await;
    forge.commit("src/plan.rs", "pub fn plan() {}\n", "Begin with the code").await;
    refused(&forge, &PUSH, &["remote: ", "may change only **/*.md", "src/plan.rs"], "write_scope").await;
    forge.must(&forge.work(), &["rm", "-q", "src/plan.rs"]).await;
    forge.must(&forge.work(), &["commit", "-q", "-m", "Leave the code to its stage"]).await;
    forge.must(&forge.work(), &PUSH).await;
    assert!(forge.tip(BRANCH).await.is_some());
}

#[tokio::test]
async fn a_workflow_from_another_branch_does_not_come_along() {
    let forge = Forge::new().await;
    forge.commit(".github/workflows/evil.yml", "on: push\n", "Add it").await;
    let evil = forge.must(&forge.work(), &["rev-parse", "HEAD"]).await;
    // As if it were on the forge already, on a branch that is not the base.
    let (work, upstream) = (forge.work(), forge.work().join("../forge/acme/app.git"));
    forge.must(&upstream, &["fetch", "-q", work.to_str().unwrap(), "+HEAD:refs/heads/evil"]).await;
    forge.commit("a", "a", "On top of it").await;
    assert!(forge.tip("evil").await.is_some_and(|tip| tip == evil));
    refused(&forge, &PUSH, &[".github/workflows/evil.yml"], "workflows").await;
}

#[tokio::test]
async fn submodules_and_lfs_are_refused() {
    let forge = Forge::new().await;
    let head = forge.must(&forge.work(), &["rev-parse", "HEAD"]).await;
    forge.must(&forge.work(), &["update-index", "--add", "--cacheinfo", &format!("160000,{head},vendor/lib")]).await;
    forge.must(&forge.work(), &["commit", "-q", "-m", "Add a module"]).await;
    refused(&forge, &PUSH, &["submodules may not be added", "vendor/lib"], "submodules").await;
    forge.must(&forge.work(), &["reset", "-q", "--hard", "origin/main"]).await;
    forge.commit("model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n", "Add it").await;
    let ended = forge.git(&PUSH).await;
    assert!(!ended.good && ended.said.contains("model.bin"), "{}", ended.said);
    forge.must(&forge.work(), &["reset", "-q", "--hard", "origin/main"]).await;
    forge.commit("sub/.gitattributes", "*.bin filter=evil\n", "Filter it").await;
    let ended = forge.git(&PUSH).await;
    assert!(!ended.good && ended.said.contains("sub/.gitattributes"), "{}", ended.said);
}

#[tokio::test]
async fn big_files_and_closing_keywords_are_refused_together() {
    let forge = Forge::new().await;
    forge.commit("big.txt", &"a".repeat(20 * 1024 * 1024 + 1), "Add a big file\n\nFixes #1").await;
    let words = ["at most 20 MiB", "big.txt", "would close an issue on merge"];
    refused(&forge, &PUSH, &words, "file_too_big").await;
}

#[tokio::test]
async fn objects_that_git_finds_bad_are_refused() {
    let forge = Forge::new().await;
    let work = forge.work();
    let blob = forge.must(&work, &["hash-object", "-w", "README.md"]).await;
    std::fs::write(work.join("tree"), format!("100644 blob {blob}\t.git\n")).unwrap();
    let bad = std::process::Command::new("sh").args(["-c", "git mktree < tree"]).current_dir(&work).output().unwrap();
    let tree = String::from_utf8(bad.stdout).unwrap().trim().to_owned();
    let commit = forge.must(&work, &["commit-tree", "-p", "origin/main", "-m", "Bad", &tree]).await;
    let push = ["push", "origin", &format!("{commit}:refs/heads/codex/i1-aa")];
    refused(&forge, &push, &["hasDotgit"], "pack").await;
}

#[tokio::test]
async fn what_the_forge_says_is_what_the_agent_hears() {
    let forge = Forge::new().await;
    forge.protect();
    forge.commit("a", "a", "Add a").await;
    let words = ["remote: ", "The forge did not take this push", "GH013: protected by a rule"];
    refused(&forge, &PUSH, &words, "forge").await;
}

#[tokio::test]
async fn a_branch_that_moved_meanwhile_is_not_overwritten() {
    let forge = Forge::new().await;
    forge.commit("a", "a", "Add a").await;
    forge.must(&forge.work(), &PUSH).await;
    let base = forge.tip("main").await.unwrap();
    forge.commit("b", "b", "Add b").await;
    // The advertisement that the client saw is older than this move.
    let stale = forge.git(&["push", "--dry-run", "origin", "HEAD:refs/heads/codex/i1-aa"]).await;
    assert!(stale.good);
    forge.move_upstream(BRANCH, &base).await;
    let wanted = "codex/i1-aa:refs/heads/codex/i1-aa";
    let lease = format!("--force-with-lease=codex/i1-aa:{}", forge.must(&forge.work(), &["rev-parse", "HEAD~"]).await);
    assert!(!forge.git(&["push", &lease, "origin", wanted]).await.good);
    assert_eq!(forge.tip(BRANCH).await, Some(base));
}

#[tokio::test]
async fn other_repositories_are_out_of_reach() {
    let forge = Forge::new().await;
    for path in ["acme/secret.git", "evil/app.git", "acme/app.git.git"] {
        let url = forge.world.url(&format!("/git/{path}"));
        let ended = forge.git(&["ls-remote", &url]).await;
        assert!(!ended.good && ended.said.contains("this run works on acme/app alone"), "{path}: {}", ended.said);
        let post = forge.world.post(&format!("/git/{path}/git-receive-pack")).body("0000").send().await.unwrap();
        assert_eq!(post.status(), StatusCode::FORBIDDEN);
    }
    let event = forge.world.control.event(BrokerEventKind::GitRefused).await;
    assert_eq!(event.data["repository"], "acme/secret");
    for path in ["/git/acme/app.git/HEAD", "/git/acme/app.git/objects/info/packs", "/git/acme/../acme/app.git/config"] {
        assert_eq!(forge.world.get(path).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    let dumb = forge.world.get("/git/acme/app.git/info/refs").send().await.unwrap();
    assert_eq!(dumb.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn after_the_runs_end_nothing_is_pushed() {
    let forge = Forge::new().await;
    forge.commit("a", "a", "Add a").await;
    let released = forge.world.control.released();
    forge.world.control.revoke();
    // What was known about the token serves for two more seconds at most.
    let over = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while forge.git(&["ls-remote", "origin"]).await.good {}
    });
    over.await.expect("the token still serves");
    assert!(!forge.git(&PUSH).await.good);
    assert_eq!(forge.tip(BRANCH).await, None);
    assert!(forge.world.control.released() >= released);
}

#[tokio::test]
async fn a_push_without_a_credential_from_the_control_plane_goes_nowhere() {
    let forge = Forge::new().await;
    forge.commit("a", "a", "Add a").await;
    forge.world.control.take_credential();
    let ended = forge.git(&PUSH).await;
    assert!(!ended.good);
    assert_eq!(forge.tip(BRANCH).await, None);
}
