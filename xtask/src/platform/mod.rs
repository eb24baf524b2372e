//! The platform itself, in the cluster: the manifests of `deploy/` with this machine's values, its secrets, the
//! migration, and a rollout of what changed.

pub(crate) mod checks;
pub(crate) mod console;
mod machine;
mod overlay;
mod rollout;
mod secrets;
mod settings;

use anyhow::{Context, Result};

use crate::cluster::Cluster;
use crate::command::{feed, output};
use crate::images::{self, Image, PROGRAMS};
use crate::paths::Paths;
use crate::postgres;
use crate::steps::step;
use overlay::{Images, Overlay};
use secrets::{Model, Secret};

/// Where the platform stands.
const NAMESPACE: &str = "codex-k8s";

/// What people open in a browser.
pub(crate) const CONSOLE: &str = "http://localhost:30080";

/// Who writes the platform's objects.
const MANAGER: [&str; 4] = ["--server-side", "--force-conflicts", "--field-manager", MANAGER_NAME];

/// What the API server calls that writer.
const MANAGER_NAME: &str = "xtask";

/// Builds the platform, brings it into the cluster and waits until it is ready. Returns the images that it runs now.
pub(crate) fn up(paths: &Paths, cluster: &Cluster) -> Result<Vec<Image>> {
    let images = images::services(paths, &PROGRAMS)?;
    images::import(paths, &images)?;
    let model = Model::chosen(paths)?;
    let secrets = secrets::all(paths, &model)?;
    let overlay = Overlay::written(paths, &by_program(&images)?, &model, &secrets)?;
    step(paths, "platform", "roll out the platform", |step| {
        apply_secrets(paths, cluster, &secrets)?;
        rollout::migrate(step, cluster, &overlay)?;
        postgres::set_clock_right(paths)?;
        rollout::servers(step, cluster, &overlay)
    })?;
    Ok(images)
}

/// Which model agents' calls are sent to, in words.
pub(crate) fn model() -> &'static str {
    Model::words()
}

/// One line per Deployment: how many of its pods are ready.
pub(crate) fn status(cluster: &Cluster) -> Result<String> {
    let columns = "jsonpath={range .items[*]}{.metadata.name} {.status.readyReplicas} {.spec.replicas}{'\\n'}{end}";
    let mut get = cluster.kubectl();
    get.args(["-n", NAMESPACE, "get", "deployments", "--request-timeout=5s", "-o", columns]);
    let told = output(&mut get)?;
    let lines: Vec<String> = told.lines().filter_map(ready).collect();
    Ok(if lines.is_empty() { "is not deployed".to_owned() } else { lines.join("\n") })
}

/// `worker 1 2` in words; a Deployment without a ready pod has no first number.
fn ready(line: &str) -> Option<String> {
    let (name, numbers) = line.split_once(' ')?;
    let (ready, wanted) = numbers.rsplit_once(' ')?;
    let ready = if ready.is_empty() { "0" } else { ready };
    let word = if ready == wanted { "ready" } else { "NOT READY" };
    Some(format!("{name:<20} {word:<8} {ready} of {wanted} pods"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments_are_ready_or_not() {
        let table = [
            ("worker 1 1", "worker               ready    1 of 1 pods"),
            ("worker  2", "worker               NOT READY 0 of 2 pods"),
        ];
        for (line, expected) in table {
            assert_eq!(ready(line).as_deref(), Some(expected));
        }
        assert_eq!(ready(""), None);
    }
}
