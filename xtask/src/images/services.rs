//! The images of the platform's services and of the agent, from what cargo and npm built.

use anyhow::Result;

use super::{Base, Content, Image, Recipe, built};
use crate::checks::cargo;
use crate::node;
use crate::paths::Paths;
use crate::steps::step;

/// The platform's services: package, program and image have the same name.
const SERVICES: [&str; 3] = ["api-gateway", "control-plane", "worker"];

/// The program in agent pods.
const RUNNER: &str = "agent-runner";

/// Builds the programs and their images; only what changed costs time.
pub(crate) fn services(paths: &Paths) -> Result<Vec<Image>> {
    let wanted: Vec<&str> = SERVICES.into_iter().chain([RUNNER]).filter(|name| is_program(paths, name)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    step(paths, "cargo-build", "build the services", |step| {
        let mut command = cargo(paths);
        command.args(["build", "--bins"]);
        for name in &wanted {
            command.args(["--package", name]);
        }
        step.run(&mut command)
    })?;
    let platform = Base::Platform.image(paths)?;
    let mut images = Vec::new();
    for name in wanted {
        images.push(if name == RUNNER { agent(paths)? } else { service(paths, name, &platform)? });
    }
    Ok(images)
}

/// Whether a service has a program yet; a package may be a library only.
fn is_program(paths: &Paths, name: &str) -> bool {
    paths.checkout.join("services").join(name).join("src/main.rs").is_file()
}

fn service(paths: &Paths, name: &str, base: &Image) -> Result<Image> {
    let files = vec![program(paths, name, "service")];
    built(paths, &Recipe { name, dockerfile: "platform.Dockerfile", base: Some(base), files })
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
