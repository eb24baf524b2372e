//! A gateway's agents listener as a pod sees it, with real git and the scripted model behind it, and the runner's own
//! binary as the process under test.

mod gateway;

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use contract::agent::{AgentEvent, AgentEventKind, RunContext, RunContextWork};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{
    git::BareRepository,
    model::{self, Options},
    tools,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    task::JoinHandle,
};
use uuid::Uuid;

pub(crate) use gateway::{Gateway, Snapshot, Tree};

/// Looks like a run token, and is planted where the agent can find it.
pub(crate) const TOKEN: &str = "cxr_7Zr0f1q2w3e4r5t6y7u8i9o0pAsDfGhJkLzXcVbNmQw";
/// The run's decoy: its two values.
pub(crate) const DECOY: &str = "AKIAXQ2RMZ7VNEXAMP4K:hZq0bVtG4mXwE9rTnYuP2sLkJdFaC7oI5QxWvB8K";
/// Nothing in these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One launch: its repository, its gateway, its folders.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) bare: BareRepository,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) base: String,
    run: Uuid,
    branch: String,
    model: model::Running,
}

impl World {
    /// A world whose model plays `scenario` (YAML, see `tests/scenarios`); `TOKEN_FILE` in it stands for the file that
    /// holds the run token.
    pub(crate) async fn new(scenario: &str) -> Result<Self> {
        let parent = tools::cache()?.join("tmp");
        std::fs::create_dir_all(&parent)?;
        // Not below /tmp: codex takes no home there.
        let folder = tempfile::tempdir_in(parent)?;
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("token"), format!("{TOKEN}\n"))?;
        for name in ["scenarios", "seed", "git/acme"] {
            std::fs::create_dir_all(at(name))?;
        }
        let scenario = scenario.replace("TOKEN_FILE", &at("token").to_string_lossy());
        std::fs::write(at("scenarios/this.yaml"), format!("about: this test\ndefault: true\n{scenario}"))?;
        std::fs::write(at("seed/README.md"), "# sample\n")?;
        let bare = BareRepository::open(at("git/acme/sample.git")).await?;
        bare.git(&["config", "http.receivepack", "true"]).await?;
        let base = bare.import(&at("seed"), "main", ("Olga", "olga@acme.test")).await?;
        let key = SecretString::from("model-key");
        let options = Options { listen: ([127, 0, 0, 1], 0).into(), scenarios: at("scenarios"), key };
        let model = model::start(options).await?;

        let run = Uuid::now_v7();
        let branch = "codex/i12-456789ab".to_owned();
        let gateway = Gateway::start(context(run, &branch), at("git"), model.base_url().to_owned()).await?;
        Ok(Self { gateway, bare, folder, base, run, branch, model })
    }

    /// The head of a branch in the repository.
    pub(crate) async fn head(&self, branch: &str) -> Result<String> {
        self.bare.git(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]).await
    }

    /// The files in a working tree that was kept, as a repository that knows only what was pushed sees them.
    pub(crate) async fn files_in(&self, tree: &Tree) -> Result<Vec<String>> {
        let (bundle, elsewhere) = (self.folder.path().join("kept.bundle"), self.folder.path().join("elsewhere.git"));
        std::fs::write(&bundle, &tree.bytes)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let elsewhere = BareRepository::open(elsewhere).await?;
        elsewhere.git(&["fetch", "--quiet", &text(self.bare.path()), "refs/heads/*:refs/heads/*"]).await?;
        elsewhere.git(&["fetch", "--quiet", &text(&bundle), "refs/codex-k8s/worktree"]).await?;
        let names = elsewhere.git(&["ls-tree", "-r", "--name-only", "FETCH_HEAD"]).await?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// What the model was sent in its requests that contain a text, oldest first.
    pub(crate) async fn asked(&self, contains: &str) -> Result<Vec<Value>> {
        let url = format!("{}/_script/requests", self.model.base_url());
        let all: Vec<Value> =
            reqwest::Client::new().get(url).query(&[("contains", contains)]).send().await?.json().await?;
        Ok(all.into_iter().map(|one| one["body"]["input"].clone()).collect())
    }

    /// The pod is lost: the runner and everything it started end at once, and its disk is gone.
    pub(crate) async fn lose(&self, runner: Runner) -> Result<()> {
        let pid = runner.child.id().context("the runner has ended")?;
        let family = children_of(pid.cast_signed());
        for pid in family.iter().rev().chain([&pid.cast_signed()]) {
            // A process that ended meanwhile is what we want.
            let _ = signal::kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        runner.end().await?;
        Ok(std::fs::remove_dir_all(self.folder.path().join("workspace"))?)
    }

    /// The run's branch.
    pub(crate) fn branch(&self) -> &str {
        &self.branch
    }

    /// Starts the runner with an egress probe that nothing answers.
    pub(crate) async fn start(&self) -> Result<Runner> {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        self.start_with(&[("CODEXK8S_EGRESS_PROBES", &closed.to_string())]).await
    }

    /// Starts the runner with more variables.
    pub(crate) async fn start_with(&self, more: &[(&str, &str)]) -> Result<Runner> {
        let workspace = self.folder.path().join("workspace");
        std::fs::create_dir_all(&workspace)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-runner"));
        command
            .env_remove("CODEXK8S_TEST_CODEX")
            .env("CODEXK8S_GATEWAY_URL", self.gateway.url())
            .env("CODEXK8S_RUN_ID", self.run.to_string())
            .env("CODEXK8S_RUN_TOKEN_FILE", self.folder.path().join("token"))
            .env("CODEXK8S_EGRESS_WAIT_SECONDS", "1")
            .env("CODEXK8S_WORKSPACE", &workspace)
            .env("CODEXK8S_RELAY_LISTEN", "127.0.0.1:0")
            .env("CODEXK8S_CODEX", tools::codex()?)
            .env("CODEXK8S_LOG", "debug")
            .envs(more.iter().copied());
        Runner::spawn(command)
    }

    /// Every byte that left the runner or lies in its workspace, to look for secrets in.
    pub(crate) fn everything_that_left(&self, output: &str) -> Result<String> {
        let mut all = output.to_owned();
        all.push_str(&self.gateway.all_received()?);
        collect(&self.folder.path().join("workspace"), &mut all)?;
        Ok(all)
    }
}

fn collect(folder: &Path, all: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // Codex's own copy of what the agent read stays in the pod and ends with it.
        if kind.is_dir() && entry.file_name() != ".codex" {
            collect(&entry.path(), all)?;
        } else if kind.is_file() {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn context(run: Uuid, branch: &str) -> RunContext {
    let prompt = "Issue #12\nTitle: Add a note\n\nPlease.".to_owned();
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["summary", "pr_title"],
        "properties": {"summary": {"type": "string"}, "pr_title": {"type": "string"}},
    });
    RunContext {
        run_id: run,
        launch: 1,
        work: RunContextWork::Work,
        repository: "acme/sample".into(),
        branch: branch.into(),
        base_branch: "main".into(),
        prompt_sha256: hex::encode(Sha256::digest(prompt.as_bytes())),
        prompt,
        output_schema: schema.as_object().cloned().unwrap_or_default(),
        model: "gpt-5.5".into(),
        effort: Some("high".into()),
        commit_author_name: "codex-k8s-bot".into(),
        commit_author_email: "bot@codex-k8s.test".into(),
        last_position: 0,
        decoy: DECOY.to_owned().into(),
        resume: None,
        answers: None,
    }
}

/// The runner's process and all it prints.
pub(crate) struct Runner {
    child: Child,
    output: JoinHandle<std::io::Result<String>>,
}

impl Runner {
    fn spawn(mut command: Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut stdout = child.stdout.take().context("no standard output")?;
        let mut stderr = child.stderr.take().context("no standard error")?;
        let output = tokio::spawn(async move {
            let (mut said, mut logged) = (Vec::new(), Vec::new());
            tokio::try_join!(stdout.read_to_end(&mut said), stderr.read_to_end(&mut logged))?;
            said.extend(logged);
            Ok(String::from_utf8_lossy(&said).into_owned())
        });
        Ok(Self { child, output })
    }

    /// Starts the binary with nothing but these variables.
    pub(crate) fn bare(variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-runner"));
        command.env_clear().envs(variables.iter().copied());
        Self::spawn(command)
    }

    /// Asks it to end, as Kubernetes does.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid = self.child.id().context("the runner has ended")?;
        Ok(signal::kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?)
    }

    /// Waits for its end; returns the exit code and what it printed.
    pub(crate) async fn end(mut self) -> Result<(Option<i32>, String)> {
        let ended: ExitStatus =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the runner did not end")??;
        Ok((ended.code(), self.output.await??))
    }
}

/// Processes of this machine whose command line holds `mark`.
pub(crate) fn processes_with(mark: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let holds = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    };
    entries.map(|entry| entry.path()).filter(holds).collect()
}

/// Everything that descends from a process, parents first.
fn children_of(root: i32) -> Vec<i32> {
    let parent_of = |pid: i32| -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(all.iter().filter(|pid| parent_of(**pid) == Some(parent)));
        next += 1;
    }
    family.split_off(1)
}

/// Waits until there is such a process.
pub(crate) async fn appears(mark: &str) -> Result<()> {
    let seen = async {
        while processes_with(mark).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.with_context(|| format!("no process {mark:?}"))
}

/// The texts of all events of one kind, in order.
pub(crate) fn texts(events: &[AgentEvent], kind: AgentEventKind) -> Vec<&str> {
    events.iter().filter(|event| event.kind == kind).map(|event| event.text.as_str()).collect()
}
