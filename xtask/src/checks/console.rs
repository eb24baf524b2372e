//! The console: lints, types and unit tests away from the platform, then a real browser over the running one. That it
//! builds, and fits its limit of first load, is part of bringing the platform up.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::tally::Tally;
use crate::cluster::Cluster;
use crate::command::output;
use crate::demo;
use crate::node;
use crate::paths::Paths;
use crate::platform;
use crate::prerequisites::{self, For};
use crate::stack;
use crate::standins;
use crate::steps::{step, wait_until};

/// Longer than any pod's grace.
const LEAVE_WITHIN: Duration = Duration::from_secs(60);

/// Checks the console by itself, then with everything behind it.
pub(super) fn run(paths: &Paths) -> Tally {
    let node = match node::home(paths) {
        Ok(node) => node,
        Err(error) => return Tally::check(Err(error)),
    };
    let mut tally = alone(paths, &node);
    tally += in_a_browser(paths, &node);
    tally
}

fn alone(paths: &Paths, node: &Path) -> Tally {
    let console = paths.checkout.join("web-console");
    let installed =
        step(paths, "console-packages", "the console's packages", |step| node::install(step, node, &console));
    if let Err(error) = installed {
        return Tally::check(Err(error));
    }
    let mut tally = Tally::check(step(paths, "console-check", "the console's lints and types", |step| {
        step.run(node::npm(node, &console)?.args(["run", "check"]))
    }));
    tally += npm_tests(paths, "console-unit", "the console's unit tests", || node::npm(node, &console));
    tally
}

/// The suite signs in on the stand-in of GitHub, connects a repository, watches one run and stops another.
fn in_a_browser(paths: &Paths, node: &Path) -> Tally {
    let suite = paths.checkout.join("tests/browser");
    let ready = prerequisites::ensure(paths, For::Browser).and_then(|()| stack::up(paths, false)).and_then(|()| {
        step(paths, "browser-packages", "the browser suite's packages", |step| node::install(step, node, &suite))
    });
    let ready = ready.and_then(|()| step(paths, "browser-quiet", "the last rollout's pods are gone", |_| quiet(paths)));
    if let Err(error) = ready {
        return Tally::check(Err(error));
    }
    npm_tests(paths, "browser", "the console in a browser", || {
        let mut command = node::npm(node, &suite)?;
        command.env("CODEXK8S_CONSOLE_URL", platform::CONSOLE);
        command.env("CODEXK8S_GITHUB_URL", standins::GITHUB);
        command.env("CODEXK8S_OWNER_LOGIN", demo::OWNER);
        command.env("CODEXK8S_SHOTS", paths.cache.join("screenshots"));
        Ok(command)
    })
}

/// Waits until no pod is on its way out. Chromium gives up whatever it is asking for when a network interface of its
/// machine goes, and each pod of this machine has one.
fn quiet(paths: &Paths) -> Result<()> {
    let cluster = Cluster::of_stack(paths)?;
    let leaving = "jsonpath={.items[*].metadata.deletionTimestamp}";
    wait_until("the end of the pods that a rollout replaced", LEAVE_WITHIN, || {
        let times = output(cluster.kubectl().args(["get", "pods", "--all-namespaces", "--output", leaving]))?;
        if times.trim().is_empty() { Ok(()) } else { bail!("pods are still terminating") }
    })
}

fn npm_tests(paths: &Paths, name: &str, title: &str, npm: impl FnOnce() -> Result<Command>) -> Tally {
    let mut written = String::new();
    let result = step(paths, name, title, |step| {
        // Counts are read from what it says, so it says it without colours; what runs on CI is painted otherwise.
        let result = step.run(npm()?.args(["run", "test"]).env("NO_COLOR", "1").env_remove("FORCE_COLOR"));
        written = step.written()?;
        result
    });
    Tally::node(&written, result)
}
