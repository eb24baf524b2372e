//! The stand-ins for what the platform meets outside: GitHub with git over HTTP, and a model that plays scenarios.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::checks::cargo;
use crate::command::output;
use crate::daemon::{Daemon, Ending};
use crate::hashing;
use crate::node;
use crate::paths::Paths;
use crate::postgres::secret;
use crate::prune;
use crate::steps::step;
use crate::wheels::remove;

/// The address that pods, browsers and git know GitHub's stand-in by.
pub(crate) const GITHUB: &str = "http://172.31.255.1:4000";

/// The stand-ins by name, with their addresses.
pub(crate) const NAMES: [(&str, &str); 2] = [("github", GITHUB), ("model", "http://172.31.255.1:4100/v1")];

/// What the program of the stand-ins is made from. It links the platform too, but a change there must not restart it:
/// GitHub's stand-in would forget what people did.
const SOURCES: [&str; 6] = [
    "crates/testkit/Cargo.toml",
    "crates/testkit/src/bin/standins.rs",
    "crates/testkit/src/git.rs",
    "crates/testkit/src/github",
    "crates/testkit/src/model",
    "crates/testkit/src/tools.rs",
];

/// Data that the stand-ins read at their start, copied into the state so that any checkout may have started them.
const DATA: [(&str, &str); 2] = [("crates/testkit/seed", "seed"), ("tests/scenarios", "scenarios")];

/// Starts both stand-ins and waits until they answer.
pub(crate) fn start(paths: &Paths) -> Result<()> {
    let program = program(paths)?;
    let data = paths.make_state("standins")?;
    let mut read = String::new();
    for (source, name) in DATA {
        copy(&paths.checkout.join(source), &data.join(name))?;
        read += &hashing::tree(&paths.checkout, &[source])?;
    }
    let github = github(paths, &program, &data, &read)?;
    let model = model(paths, &program, &data, &read)?;
    for (daemon, address) in [(github, "127.0.0.1:4000"), (model, "172.31.255.1:4100")] {
        let address: SocketAddr = address.parse()?;
        if daemon.is_current(paths) {
            continue;
        }
        step(paths, daemon.name, &format!("start the stand-in {}", daemon.name), |_| {
            daemon.ensure_ready(paths, Duration::from_secs(60), || {
                TcpStream::connect_timeout(&address, Duration::from_secs(1)).context("it does not answer").map(drop)
            })
        })?;
    }
    Ok(())
}

/// The program of this source, kept in the cache so that a rebuild does not pull it away from under a running one.
fn program(paths: &Paths) -> Result<PathBuf> {
    let program = paths.cache.join("bin").join(format!("standins-{}", hashing::tree(&paths.checkout, &SOURCES)?));
    if program.is_file() {
        prune::mark_used(&program);
        return Ok(program);
    }
    step(paths, "build-standins", "build the stand-ins", |step| {
        step.run(cargo(paths)?.args(["build", "--package", "testkit", "--bin", "standins"]))?;
        fs::create_dir_all(paths.cache.join("bin"))?;
        let partial = program.with_extension("partial");
        fs::copy(paths.target().join("debug/standins"), &partial).context("cargo left no program")?;
        fs::rename(&partial, &program).context("cannot move the program into place")
    })?;
    Ok(program)
}

fn github(paths: &Paths, program: &Path, data: &Path, read: &str) -> Result<Daemon> {
    let node = node::home(paths)?.join("bin/node");
    let emulate = node::packages(paths)?.join("emulate/dist/index.js");
    let flags = [
        "--listen=172.31.255.1:4000".to_owned(),
        "--listen=127.0.0.1:4000".to_owned(),
        format!("--base-url={GITHUB}"),
        "--emulate-port=4001".to_owned(),
        format!("--node={}", node.display()),
        format!("--emulate={}", emulate.display()),
        format!("--git-root={}", paths.make_state("github")?.display()),
        format!("--seed={}", data.join("seed/github.yaml").display()),
    ];
    Ok(daemon("github", program, &flags, Vec::new(), read))
}

fn model(paths: &Paths, program: &Path, data: &Path, read: &str) -> Result<Daemon> {
    let flags = ["--listen=172.31.255.1:4100".to_owned(), format!("--scenarios={}", data.join("scenarios").display())];
    let key = secret(paths, "model-key")?;
    Ok(daemon("model", program, &flags, vec![("CODEXK8S_SCRIPTED_MODEL_KEY".to_owned(), key)], read))
}

fn daemon(name: &'static str, program: &Path, flags: &[String], env: Vec<(String, String)>, read: &str) -> Daemon {
    let mut argv = vec![program.display().to_string(), name.to_owned()];
    argv.extend_from_slice(flags);
    Daemon { name, argv, env, user: None, reads: read.as_bytes().to_vec(), ending: Ending::default() }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    output(Command::new("cp").arg("-r").arg(from).arg(to)).map(drop)
}
