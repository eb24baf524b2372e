//! Starts the stand-in: the emulator, the seed, the routes and the listeners.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post, put},
};
use chrono::{DateTime, Utc};
use tokio::{net::TcpListener, task::JoinSet};

use crate::ports::free_port;

use super::{
    admin,
    deliveries::DeliveryLog,
    emulator::{Emulator, lock},
    faults::{self, CallLog, Faults},
    hooks::{self, Hooks},
    oauth::{self, Codes},
    proxy, pulls,
    reactions::{self, Reactions},
    secrets::{self, Secrets},
    seed::Seed,
    settings::{self, Settings},
    smart_http,
    tokens::Tokens,
    worlds,
};

/// How to start the stand-in.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses to listen on; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The address people, pods and git know it by; `None`: the first listener's.
    pub base_url: Option<String>,
    /// The emulator's loopback port; 0 takes a free one.
    pub emulator_port: u16,
    /// Node's binary, 22 or later.
    pub node: PathBuf,
    /// The emulator's entry script.
    pub emulate: PathBuf,
    /// Folder whose subfolder `repositories` holds the bare repositories; that one is emptied at start, because the
    /// emulator begins empty too.
    pub git_root: PathBuf,
    /// Seed file; `None`: the one that belongs to this crate.
    pub seed: Option<PathBuf>,
}

impl Options {
    /// A stand-in for one test program: a free loopback port, with `git_root` for its repositories.
    ///
    /// # Errors
    /// When Node or the emulator cannot be found (see [`crate::tools`]).
    pub fn for_tests(git_root: PathBuf) -> Result<Self> {
        Ok(Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            base_url: None,
            emulator_port: 0,
            node: crate::tools::node()?,
            emulate: crate::tools::emulate()?,
            git_root,
            seed: None,
        })
    }
}

/// The seed with the files of its repositories, as part of the program: a program outlives the source tree that it was
/// built from when checkouts share a build folder.
const SEED: [(&str, &str); 5] = [
    ("github.yaml", include_str!("../../seed/github.yaml")),
    ("sample/README.md", include_str!("../../seed/sample/README.md")),
    ("sample/greeting/__init__.py", include_str!("../../seed/sample/greeting/__init__.py")),
    ("sample/greeting/__main__.py", include_str!("../../seed/sample/greeting/__main__.py")),
    ("sample/tests/test_greeting.py", include_str!("../../seed/sample/tests/test_greeting.py")),
];

pub(super) type Shared = Arc<State>;

/// Everything the routes share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) base_url: String,
    /// Where the emulator reaches the front.
    pub(super) capture_base: String,
    pub(super) emulator: Emulator,
    pub(super) seed: Seed,
    pub(super) tokens: Tokens,
    pub(super) faults: Faults,
    pub(super) calls: CallLog,
    pub(super) hooks: Hooks,
    pub(super) deliveries: DeliveryLog,
    pub(super) codes: Codes,
    pub(super) settings: Settings,
    pub(super) secrets: Secrets,
    pub(super) reactions: Reactions,
    pub(super) next_world: AtomicUsize,
    /// For deliveries to the receivers of hooks.
    pub(super) outside: reqwest::Client,
    /// When each repository was last pushed to.
    pub(super) pushed_at: Mutex<HashMap<String, DateTime<Utc>>>,
    next_delivery: AtomicU64,
    git_root: PathBuf,
    repository_locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl State {
    /// Where the bare repository lies.
    pub(super) fn repository_folder(&self, owner: &str, name: &str) -> PathBuf {
        self.git_root.join(owner).join(format!("{name}.git"))
    }

    /// Held while a repository and its mirror are brought together.
    pub(super) fn repository_lock(&self, owner: &str, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        lock(&self.repository_locks).entry(format!("{owner}/{name}")).or_default().clone()
    }

    /// Ids grow in the order deliveries were begun.
    pub(super) fn next_delivery(&self) -> u64 {
        self.next_delivery.fetch_add(1, Ordering::Relaxed)
    }
}

/// A running stand-in; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    base_url: String,
    tasks: JoinSet<std::io::Result<()>>,
}

impl Running {
    /// The address it is known by, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until a listener or the emulator fails.
    ///
    /// # Errors
    /// With what made it fail.
    pub async fn failed(&mut self) -> Result<()> {
        self.tasks.join_next().await.context("no listener")???;
        anyhow::bail!("a listener ended")
    }
}

/// Starts the stand-in and returns when it answers.
///
/// # Errors
/// When an address is taken, the emulator does not start, or the seed does not fit.
pub async fn start(options: Options) -> Result<Running> {
    std::fs::create_dir_all(&options.git_root)
        .with_context(|| format!("cannot make {}", options.git_root.display()))?;
    let folder = options.git_root.canonicalize()?;
    let seed = Seed::read(&options.seed.map_or_else(|| written_seed(&folder), Ok)?)?;
    let mut listeners = Vec::new();
    for address in &options.listen {
        listeners.push(TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?);
    }
    let first = listeners.first().context("no address to listen on")?.local_addr()?;
    let near = listeners.iter().filter_map(|one| one.local_addr().ok()).find(|one| one.ip().is_loopback());
    let base_url = options.base_url.unwrap_or_else(|| format!("http://{first}"));
    let base_url = base_url.trim_end_matches('/').to_owned();
    let git_root = folder.join("repositories");
    empty(&git_root)?;
    let seed_file = folder.join("emulator-seed.json");
    std::fs::write(&seed_file, seed.for_emulator().to_string())?;
    let port = if options.emulator_port == 0 { free_port()? } else { options.emulator_port };
    let lasting = seed.repository_names();
    let (emulator, mut process) =
        Emulator::start(&options.node, &options.emulate, port, &base_url, &seed_file, &lasting).await?;
    let state = Arc::new(State {
        base_url: base_url.clone(),
        capture_base: format!("http://{}", near.unwrap_or(first)),
        emulator,
        seed,
        tokens: Tokens::default(),
        faults: Faults::default(),
        calls: CallLog::default(),
        hooks: Hooks::default(),
        deliveries: DeliveryLog::default(),
        codes: Codes::default(),
        settings: Settings::default(),
        secrets: Secrets::default(),
        reactions: Reactions::default(),
        next_world: AtomicUsize::new(0),
        outside: reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?,
        pushed_at: Mutex::default(),
        next_delivery: AtomicU64::new(10_000_001),
        git_root,
        repository_locks: Mutex::default(),
    });
    plant(&state).await?;
    let app = router(state);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { Err(std::io::Error::other(format!("the emulator ended: {}", process.wait().await?))) });
    for listener in listeners {
        let app = app.clone();
        tasks.spawn(async move { axum::serve(listener, app).await });
    }
    Ok(Running { base_url, tasks })
}

/// Writes the seed that belongs to this crate below `folder` and returns its file. The folders that it names are read
/// whenever a world is made, so they stay as long as the repositories do.
fn written_seed(folder: &Path) -> Result<PathBuf> {
    let seed = folder.join("seed");
    for (name, text) in SEED {
        let file = seed.join(name);
        std::fs::create_dir_all(file.parent().unwrap_or(&seed))?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(seed.join("github.yaml"))
}

/// Makes what the seed file describes beyond accounts.
async fn plant(state: &State) -> Result<()> {
    for person in &state.seed.people {
        if let Some(token) = &person.token {
            state.tokens.add(&state.emulator, token, &person.login, person.permissions.clone()).await?;
        }
    }
    for repository in &state.seed.repositories {
        let new = worlds::NewRepository {
            owner: &repository.owner,
            name: &repository.name,
            private: repository.private,
            creator: &repository.creator,
            files: &repository.files,
            collaborators: repository.collaborators.clone(),
        };
        new.create(state).await.with_context(|| format!("cannot make {}/{}", repository.owner, repository.name))?;
    }
    Ok(())
}

fn router(state: Shared) -> Router {
    let hooks = Router::new()
        .route("/hooks", get(hooks::list).post(hooks::create))
        .route("/hooks/{id}", get(hooks::show).patch(hooks::update).delete(hooks::delete))
        .route("/hooks/{id}/deliveries", get(hooks::deliveries))
        .route("/hooks/{id}/deliveries/{delivery}", get(hooks::delivery))
        .route("/hooks/{id}/deliveries/{delivery}/attempts", post(hooks::redeliver));
    let variables = "/actions/variables";
    let settings = Router::new()
        .route(variables, get(settings::variables).post(settings::create_variable))
        .route(
            &format!("{variables}/{{name}}"),
            get(settings::variable).patch(settings::update_variable).delete(settings::delete_variable),
        )
        .route("/environments", get(settings::environments))
        .route("/environments/{name}", put(settings::put_environment).delete(settings::delete_environment))
        .route("/environments/{name}/secrets", get(secrets::list))
        .route("/environments/{name}/secrets/public-key", get(secrets::public_key))
        .route("/environments/{name}/secrets/{secret}", get(secrets::show).put(secrets::put));
    let front = Router::new()
        .route("/faults", post(admin::inject))
        .route("/reset", post(admin::reset))
        .route("/requests", get(admin::calls))
        .route("/worlds", post(admin::create_world))
        .route("/repositories", post(admin::create_repository))
        .route("/tokens", post(admin::tokens))
        .route("/deliveries", get(admin::deliveries))
        .route("/secrets", get(admin::opened_secret))
        .route("/capture/{key}", post(hooks::capture));
    let git = Router::new()
        .route("/{owner}/{repository}/info/refs", get(smart_http::info_refs))
        .route("/{owner}/{repository}/git-upload-pack", post(smart_http::upload_pack))
        .route("/{owner}/{repository}/git-receive-pack", post(smart_http::receive_pack))
        .layer(middleware::map_response(smart_http::for_git));
    Router::new()
        .nest("/repos/{owner}/{repository}", hooks.merge(settings))
        .nest("/_front", front)
        .merge(git)
        .route("/repos/{owner}/{repository}/pulls/{number}/files", get(pulls::files))
        .route(
            "/repos/{owner}/{repository}/issues/comments/{comment}/reactions",
            get(reactions::list).post(reactions::create),
        )
        .route("/{owner}/{repository}/pull/{file}", get(pulls::diff))
        .route("/login/oauth/authorize", get(oauth::authorize))
        .route("/login/oauth/callback", post(oauth::callback))
        .route("/login/oauth/access_token", post(oauth::access_token))
        .fallback(proxy::fallback)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(&state), faults::layer))
        .with_state(state)
}

fn empty(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;

    fn files(folder: &Path, top: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "__pycache__" {
                files(&path, top, found);
            } else if path.is_file() {
                let name = path.strip_prefix(top).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_file_of_the_seed_is_built_in() {
        let folder = tempfile::tempdir().unwrap();
        written_seed(folder.path()).unwrap();
        let (mut written, mut source) = (BTreeMap::new(), BTreeMap::new());
        files(&folder.path().join("seed"), &folder.path().join("seed"), &mut written);
        // Cargo runs tests in the folder of their package.
        files(Path::new("seed"), Path::new("seed"), &mut source);
        assert_eq!(written, source);
    }
}
