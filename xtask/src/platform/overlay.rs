//! The overlay on top of `deploy/dev` with what only this machine knows: image tags, the model, and hashes of secrets.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::machine::Machine;
use super::secrets::{Model, Secret};
use crate::hashing;
use crate::images::Image;
use crate::paths::Paths;

/// What the migration Job's template comes from, next to its image: a Job that exists cannot change.
const SOURCES: [&str; 3] = ["deploy/base", "deploy/dev/kustomization.yaml", "deploy/dev/network.yaml"];

/// The images by the program in them.
pub(super) struct Images<'a> {
    pub(super) gateway: &'a Image,
    pub(super) control_plane: &'a Image,
    pub(super) worker: &'a Image,
    pub(super) agent: &'a Image,
}

/// A written overlay.
pub(super) struct Overlay {
    /// Its folder, for `-k`.
    pub(super) folder: PathBuf,
    /// Name of the migration Job.
    pub(super) migration: String,
}

impl Overlay {
    /// Writes it; the same input gives the same objects.
    pub(super) fn written(paths: &Paths, images: &Images<'_>, model: &Model, secrets: &[Secret]) -> Result<Self> {
        let folder = paths.make_state("deploy")?;
        let sources = hashing::tree(&paths.checkout, &SOURCES)?;
        let job = hashing::short([images.control_plane.reference.as_str(), &sources]);
        let migration = format!("migration-{job}");
        let machine = Machine::found();
        let mut generated = vec![
            settings("api-gateway", "CODEXK8S_MODEL_API_URL", &model.url),
            settings("worker", "CODEXK8S_AGENT_IMAGE", &images.agent.reference),
        ];
        generated.extend(machine.generated());
        let text = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": super::NAMESPACE,
            "resources": resources(paths, &folder, &machine)?,
            "images": [
                image("api-gateway", images.gateway),
                image("control-plane", images.control_plane),
                image("worker", images.worker),
            ],
            "configMapGenerator": generated,
            "patches": patches(&migration, secrets, &machine),
        });
        let file = folder.join("kustomization.yaml");
        // JSON is YAML.
        fs::write(&file, format!("{text:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { folder, migration })
    }
}

/// The stack's own overlay, and what the machine adds as files of the folder.
fn resources(paths: &Paths, folder: &Path, machine: &Machine) -> Result<Vec<String>> {
    let mut resources = vec![relative(folder, &paths.checkout.join("deploy/dev"))?];
    if let Some((file, name)) = machine.authorities() {
        fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    if let Some(policy) = machine.policy() {
        let name = "machine-names.yaml";
        fs::write(folder.join(name), policy.to_string()).with_context(|| format!("cannot write {name}"))?;
        resources.push(name.to_owned());
    }
    Ok(resources)
}

fn patches(migration: &str, secrets: &[Secret], machine: &Machine) -> Vec<Value> {
    let rename = json!([{"op": "replace", "path": "/metadata/name", "value": migration}]);
    let mut patches = vec![json!({
        "target": {"kind": "Job", "name": "migration"},
        "patch": rename.to_string(),
        "options": {"allowNameChange": true},
    })];
    let mut change = |deployment: &str, operations: Vec<Value>| {
        let target = json!({"kind": "Deployment", "name": deployment});
        patches.push(json!({"target": target, "patch": Value::from(operations).to_string()}));
    };
    for secret in secrets {
        let annotation = json!({"codex-k8s.dev/secrets": secret.digest()});
        change(
            secret.name,
            vec![json!({"op": "add", "path": "/spec/template/metadata/annotations", "value": annotation})],
        );
    }
    let operations = machine.patches();
    if !operations.is_empty() {
        change("api-gateway", operations);
    }
    patches
}

fn image(name: &str, image: &Image) -> Value {
    let (repository, tag) = image.reference.rsplit_once(':').unwrap_or((&image.reference, "latest"));
    json!({"name": format!("codex-k8s/{name}"), "newName": repository, "newTag": tag})
}

fn settings(name: &str, variable: &str, value: &str) -> Value {
    json!({"name": name, "behavior": "merge", "literals": [format!("{variable}={value}")]})
}

/// kustomize takes no absolute paths.
fn relative(from: &Path, to: &Path) -> Result<String> {
    let from = from.canonicalize().with_context(|| format!("cannot find {}", from.display()))?;
    let to = to.canonicalize().with_context(|| format!("cannot find {}", to.display()))?;
    let up = from.components().filter(|part| matches!(part, Component::Normal(_))).map(|_| "..");
    let down = to.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_leads_there() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("a/b"), root.path().join("c"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(&to).unwrap();
        let path = relative(&from, &to).unwrap();
        assert!(!path.starts_with('/'));
        assert_eq!(from.canonicalize().unwrap().join(path).canonicalize().unwrap(), to.canonicalize().unwrap());
    }
}
