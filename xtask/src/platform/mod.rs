//! The platform itself, in the cluster: the manifests of `deploy/` with this machine's values, its secrets, the
//! migration, and a rollout of what changed.

pub(crate) mod checks;
pub(crate) mod console;
mod machine;
mod overlay;
mod rollout;
mod secrets;

use anyhow::{Context, Result};

use crate::cluster::Cluster;
use crate::command::{feed, output};
use crate::images::{self, Image, PROGRAMS};
use crate::paths::Paths;
use crate::steps::step;
use overlay::{Images, Overlay};
use secrets::{Model, Secret};

/// Where the platform stands.
const NAMESPACE: &str = "codex-k8s";

/// What people open in a browser.
pub(crate) const CONSOLE: &str = "http://localhost:30080";

/// Who writes the platform's objects.
const MANAGER: [&str; 3] = ["--server-side", "--force-conflicts", "--field-manager=xtask"];

/// Builds the platform, brings it into the cluster and waits until it is ready.
pub(crate) fn up(paths: &Paths, cluster: &Cluster) -> Result<()> {
    let images = images::services(paths, &PROGRAMS)?;
    for image in &images {
        images::import(paths, image)?;
    }
    let model = Model::chosen(paths)?;
    let secrets = secrets::all(paths, &model)?;
    let overlay = Overlay::written(paths, &by_program(&images)?, &model, &secrets)?;
    step(paths, "platform", "roll out the platform", |step| {
        apply_secrets(paths, cluster, &secrets)?;
        rollout::migrate(step, cluster, &overlay)?;
        rollout::servers(step, cluster, &overlay)
    })
}

fn by_program(images: &[Image]) -> Result<Images<'_>> {
    let [gateway, control_plane, worker, agent] = images else {
        anyhow::bail!("{} programs have images, four are deployed", images.len());
    };
    Ok(Images { gateway, control_plane, worker, agent })
}

fn apply_namespace(paths: &Paths, cluster: &Cluster) -> Result<()> {
    let file = paths.checkout.join("deploy/base/namespace.yaml");
    output(cluster.kubectl().arg("apply").args(MANAGER).arg("-f").arg(file)).map(drop)
}

fn apply_secrets(paths: &Paths, cluster: &Cluster, secrets: &[Secret]) -> Result<()> {
    apply_namespace(paths, cluster)?;
    let items: Vec<_> = secrets.iter().map(Secret::manifest).collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    feed(cluster.kubectl().arg("apply").args(MANAGER).args(["-f", "-"]), &list)
        .context("cannot hand the secrets over")
        .map(drop)
}
