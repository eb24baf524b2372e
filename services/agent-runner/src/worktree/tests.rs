//! Working trees of real repositories, kept and put back.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use contract::agent::RunContext;
use runtime::correlation::Correlation;
use url::Url;
use uuid::Uuid;

use super::*;
use crate::{agent_env::Environment, agent_env::Paths, checkout::check_out, feed, redact::Redact};

const BRANCH: &str = "codex/i7-456789ab";

/// A repository on the other side, and pods that clone it.
struct World {
    folder: tempfile::TempDir,
    pods: usize,
}

/// One pod's checkout.
struct Pod {
    paths: Paths,
    git: Git,
}

impl World {
    async fn new() -> anyhow::Result<Self> {
        let world = Self { folder: tempfile::tempdir()?, pods: 0 };
        let seed = world.folder.path().join("seed");
        fs::create_dir_all(seed.join("src"))?;
        for (name, text) in
            [("README.md", "# sample\n"), (".gitignore", "target/\n"), ("gone.txt", "old\n"), ("src/a.rs", "one\n")]
        {
            fs::write(seed.join(name), text)?;
        }
        let bare = testkit::git::BareRepository::open(world.origin()).await?;
        bare.import(&seed, "main", ("Olga", "olga@acme.test")).await?;
        Ok(world)
    }

    fn origin(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    /// A new pod with a fresh checkout on the run's branch.
    async fn pod(&mut self) -> anyhow::Result<Pod> {
        self.pods += 1;
        let paths = Paths::under(&self.folder.path().join(format!("pod{}", self.pods)));
        let relay = SocketAddr::from(([127, 0, 0, 1], 1));
        paths.prepare(relay, &vault::Decoy::generate())?;
        let gateway = Url::parse("http://gateway.test:1")?;
        let environment = Environment::new(std::env::vars_os(), &paths, relay, &gateway);
        let origin = self.origin();
        let git = check_out(&paths, &environment, origin.to_str().unwrap(), &context()).await?;
        Ok(Pod { paths, git })
    }
}

impl Pod {
    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.paths.repo.join(name);
        fs::create_dir_all(file.parent().unwrap())?;
        Ok(fs::write(file, text)?)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.paths.repo.join(name)).unwrap_or_default()
    }

    async fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(self.git.run(LOCAL_LIMIT, args).await?)
    }

    async fn commit(&self, message: &str) -> anyhow::Result<String> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "-m", message]).await?;
        self.git(&["rev-parse", "HEAD"]).await
    }

    async fn push(&self) -> anyhow::Result<()> {
        self.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:refs/heads/{BRANCH}")]).await.map(drop)
    }

    async fn status(&self) -> anyhow::Result<String> {
        self.git(&["status", "--short", "--untracked-files=all"]).await
    }

    async fn keep(&self) -> anyhow::Result<Vec<u8>> {
        Ok(bundle(&self.git, &self.paths.exchange.join("worktree")).await?)
    }

    async fn restore(&self, bundle: &[u8]) -> anyhow::Result<Placed> {
        restore(&self.paths, &self.git, BRANCH, bundle).await
    }
}

fn context() -> RunContext {
    RunContext {
        run_id: Uuid::nil(),
        launch: 1,
        work: contract::agent::RunContextWork::Work,
        repository: "acme/sample".into(),
        branch: BRANCH.into(),
        base_branch: "main".into(),
        prompt: String::new(),
        prompt_sha256: String::new(),
        output_schema: serde_json::Map::new(),
        model: String::new(),
        effort: None,
        commit_author_name: "bot".into(),
        commit_author_email: "bot@acme.test".into(),
        last_position: 0,
        decoy: vault::Decoy::generate().text().into(),
        resume: None,
        answers: None,
    }
}

/// A commit that is not pushed, and every kind of change on top of it.
async fn agent_at_work(pod: &Pod) -> anyhow::Result<String> {
    pod.write("note.txt", "note\n")?;
    let head = pod.commit("Add a note").await?;
    pod.write("src/a.rs", "two\n")?;
    pod.write("README.md", "# staged\n")?;
    pod.git(&["add", "README.md"]).await?;
    pod.write("new/in a folder.txt", "untracked\n")?;
    pod.write("ключ.txt", "name\n")?;
    pod.write("run.sh", "#!/bin/sh\n")?;
    fs::set_permissions(pod.paths.repo.join("run.sh"), fs::Permissions::from_mode(0o755))?;
    std::os::unix::fs::symlink("note.txt", pod.paths.repo.join("link"))?;
    fs::remove_file(pod.paths.repo.join("gone.txt"))?;
    pod.write("target/built", "ignored\n")?;
    pod.write("target/forced", "ignored, and added all the same\n")?;
    pod.git(&["add", "--force", "target/forced"]).await?;
    Ok(head)
}

#[tokio::test]
async fn commits_and_every_kind_of_change_come_back_unstaged() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let one = world.pod().await?;
    let head = agent_at_work(&one).await?;
    let bundle = one.keep().await?;
    let two = world.pod().await?;
    assert_eq!(two.restore(&bundle).await?, Placed::AsKept);
    assert_eq!(two.git(&["rev-parse", "HEAD"]).await?, head);
    assert_eq!(two.git(&["branch", "--show-current"]).await?, BRANCH);
    let expected = " M README.md\n D gone.txt\n M src/a.rs\n?? link\n?? \"new/in a folder.txt\"\n?? run.sh\n\
                    ?? \"\\320\\272\\320\\273\\321\\216\\321\\207.txt\"";
    assert_eq!(two.status().await?, expected);
    assert_eq!((two.read("src/a.rs"), two.read("README.md")), ("two\n".into(), "# staged\n".into()));
    assert_eq!((two.read("new/in a folder.txt"), two.read("link")), ("untracked\n".into(), "note\n".into()));
    assert_eq!(two.read("target/forced"), "ignored, and added all the same\n");
    assert!(!two.paths.repo.join("target/built").exists(), "what git ignores is not kept");
    assert_eq!(fs::metadata(two.paths.repo.join("run.sh"))?.permissions().mode() & 0o777, 0o755);
    assert_eq!(two.git(&["for-each-ref", "refs/codex-k8s"]).await?, "");
    Ok(())
}

#[tokio::test]
async fn keeping_leaves_the_agents_repository_as_it_is() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let pod = world.pod().await?;
    agent_at_work(&pod).await?;
    let index = fs::read(pod.paths.repo.join(".git/index"))?;
    let seen = async || -> anyhow::Result<String> {
        let objects = pod.git(&["count-objects", "-v"]).await?;
        Ok(format!("{objects}\n{}", pod.git(&["for-each-ref"]).await?))
    };
    let before = seen().await?;
    look(&pod.git).await?;
    pod.keep().await?;
    assert_eq!(seen().await?, before);
    assert_eq!(fs::read(pod.paths.repo.join(".git/index"))?, index);
    Ok(())
}

#[tokio::test]
async fn a_clean_tree_comes_back_clean_also_when_the_base_has_moved_on() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let one = world.pod().await?;
    let clean = one.keep().await?;
    one.write("note.txt", "note\n")?;
    let head = one.commit("Add a note").await?;
    let committed = one.keep().await?;
    let other = world.pod().await?;
    other.write("other.txt", "of somebody else\n")?;
    other.commit("Go on elsewhere").await?;
    other.git(&["push", "--quiet", "origin", "HEAD:main"]).await?;
    for (bundle, note) in [(clean, ""), (committed, "note\n")] {
        let two = world.pod().await?;
        assert_eq!(two.restore(&bundle).await?, Placed::AsKept);
        assert_eq!(
            (two.status().await?, two.read("note.txt"), two.read("other.txt")),
            ("".into(), note.into(), "".into())
        );
    }
    assert_eq!(one.git(&["rev-parse", "HEAD"]).await?, head);
    Ok(())
}

#[tokio::test]
async fn a_branch_that_was_pushed_later_is_not_turned_back() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let one = world.pod().await?;
    agent_at_work(&one).await?;
    let before_the_push = one.keep().await?;
    one.git(&["reset", "--quiet"]).await?;
    one.git(&["add", "src/a.rs", "gone.txt", "README.md"]).await?;
    one.git(&["commit", "--quiet", "-m", "Go on"]).await?;
    one.push().await?;
    let two = world.pod().await?;
    assert_eq!(two.restore(&before_the_push).await?, Placed::OnTop);
    assert_eq!(two.git(&["log", "-1", "--format=%s"]).await?, "Go on");
    let status = two.status().await?;
    assert!(status.starts_with("?? link\n?? \"new/in a folder.txt\"\n?? run.sh"), "{status}");
    assert_eq!((two.read("src/a.rs"), two.paths.repo.join("gone.txt").exists()), ("two\n".into(), false));

    one.write("src/a.rs", "three\n")?;
    one.commit("Think again").await?;
    one.push().await?;
    let three = world.pod().await?;
    assert_eq!(three.restore(&before_the_push).await?, Placed::Branch);
    assert_eq!((three.status().await?, three.read("src/a.rs")), (String::new(), "three\n".into()));
    Ok(())
}

#[tokio::test]
async fn what_no_longer_belongs_together_is_not_put_back() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let one = world.pod().await?;
    agent_at_work(&one).await?;
    let bundle = one.keep().await?;
    let other = world.pod().await?;
    other.write("other.txt", "of somebody else\n")?;
    other.commit("Go another way").await?;
    other.push().await?;
    let error = world.pod().await?.restore(&bundle).await.unwrap_err();
    assert!(format!("{error:#}").contains("has gone another way"), "{error:#}");

    other.git(&["push", "--quiet", "origin", &format!(":refs/heads/{BRANCH}")]).await?;
    other.git(&["checkout", "--quiet", "--orphan", "anew"]).await?;
    other.git(&["commit", "--quiet", "-m", "Begin anew"]).await?;
    other.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]).await?;
    let pod = world.pod().await?;
    // A clone of a folder brings everything along, which one over HTTP does not.
    pod.git(&["-c", "gc.pruneExpire=now", "reflog", "expire", "--expire=now", "--all"]).await?;
    pod.git(&["gc", "--quiet", "--prune=now"]).await?;
    let error = pod.restore(&bundle).await.unwrap_err();
    assert!(format!("{error:#}").contains("lacks these prerequisite commits"), "{error:#}");

    let broken = world.pod().await?.restore(b"no bundle").await.unwrap_err();
    assert!(format!("{broken:#}").starts_with("reading the bundle"), "{broken:#}");
    Ok(())
}

#[tokio::test]
async fn a_look_notices_whatever_a_snapshot_would_show() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let pod = world.pod().await?;
    let mut seen = vec![look(&pod.git).await?];
    assert_eq!(look(&pod.git).await?, seen[0]);
    pod.write("src/a.rs", "six\n")?;
    seen.push(look(&pod.git).await?);
    pod.write("src/a.rs", "ten\n")?;
    seen.push(look(&pod.git).await?);
    pod.write("new.txt", "new\n")?;
    seen.push(look(&pod.git).await?);
    pod.git(&["mv", "README.md", "READ.md"]).await?;
    seen.push(look(&pod.git).await?);
    fs::remove_file(pod.paths.repo.join("gone.txt"))?;
    seen.push(look(&pod.git).await?);
    pod.commit("All of it").await?;
    seen.push(look(&pod.git).await?);
    pod.write("target/built", "ignored\n")?;
    assert_eq!(look(&pod.git).await?, seen[6], "what is ignored does not count");
    for (place, one) in seen.iter().enumerate() {
        assert!(seen[..place].iter().all(|earlier| earlier != one), "look {place} saw nothing new");
    }
    assert_eq!(seen[3].bytes, 8);
    Ok(())
}

#[tokio::test]
async fn a_tree_that_is_too_large_is_told_once_and_holds_nothing_up() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let pod = world.pod().await?;
    fs::File::create(pod.paths.repo.join("huge"))?.set_len(FILES_LIMIT + 1)?;
    let token = "cxr_x".into();
    let api = RunApi::new(Url::parse("http://127.0.0.1:1")?, token, Correlation::fresh())?;
    let (feed, _uploader, _) = feed::new(Arc::new(Redact::new(Uuid::nil(), &"cxr_x".into())));
    let (_checkout, checkouts) = watch::channel(Some(pod.git.clone()));
    let mut keeper = Worktree::new(api, feed, checkouts, pod.paths.exchange.join("worktree"));
    keeper.keep().await?;
    assert!(keeper.told);
    keeper.keep().await?;
    fs::remove_file(pod.paths.repo.join("huge"))?;
    // Random, so that it cannot be packed.
    let noise: Vec<u8> = std::iter::repeat_with(|| *Uuid::new_v4().as_bytes()).take(5_000_000).flatten().collect();
    fs::write(pod.paths.repo.join("noise"), noise)?;
    assert!(matches!(keeper.keep_changes(&pod.git).await, Err(NotKept::TooLarge)));
    assert!(!pod.paths.exchange.join("worktree").exists(), "what was made for the snapshot is gone");
    Ok(())
}
