//! The images of the platform's services and of the agent, from what cargo and npm built.

use anyhow::Result;

use super::{Base, Content, Image, Recipe, built};
use crate::checks::cargo;
use crate::node;
use crate::paths::Paths;
use crate::platform::console;
use crate::steps::step;

/// The program that also serves the console.
const GATEWAY: &str = "api-gateway";

/// The program in agent pods.
const RUNNER: &str = "agent-runner";

/// Every program that gets an image.
pub(crate) const PROGRAMS: [&str; 4] = [GATEWAY, "control-plane", "worker", RUNNER];

/// Builds these programs and their images, in this order; only what changed costs time.
pub(crate) fn services(paths: &Paths, wanted: &[&str]) -> Result<Vec<Image>> {
    step(paths, "cargo-build", "build the services", |step| {
        let mut command = cargo(paths)?;
        command.args(["build", "--bins"]);
        for name in wanted {
            command.args(["--package", name]);
        }
        step.run(&mut command)
    })?;
    // Naming a base reads all of it, so the services share one.
    let base = wanted.iter().any(|name| *name != RUNNER).then(|| Base::Platform.image(paths)).transpose()?;
    let image = |name: &&str| if *name == RUNNER { agent(paths) } else { service(paths, name, base.as_ref()) };
    wanted.iter().map(image).collect()
}

fn service(paths: &Paths, name: &str, base: Option<&Image>) -> Result<Image> {
    let mut files = vec![program(paths, name, "service")];
    let mut dockerfile = "platform.Dockerfile";
    if name == GATEWAY {
        files.push(Content::plain(console::built(paths)?, "console.tar"));
        dockerfile = "gateway.Dockerfile";
    }
    built(paths, &Recipe { name, dockerfile, base, files })
}

fn agent(paths: &Paths) -> Result<Image> {
    let tools = Base::Agent.image(paths)?;
    let codex = node::codex(&node::packages(paths)?)?;
    let files = vec![
        Content::plain(codex.join("bin/codex"), "codex"),
        Content::plain(codex.join("bin/codex-code-mode-host"), "codex-code-mode-host"),
        Content::plain(codex.join("codex-path/rg"), "rg"),
    ];
    let name = "base-codex";
    let base = built(paths, &Recipe { name, dockerfile: "codex.Dockerfile", base: Some(&tools), files })?;
    let files = vec![program(paths, RUNNER, RUNNER)];
    built(paths, &Recipe { name: "agent", dockerfile: "agent.Dockerfile", base: Some(&base), files })
}

fn program(paths: &Paths, name: &str, called: &str) -> Content {
    Content { source: paths.target().join("debug").join(name), name: called.to_owned(), strip: true }
}
