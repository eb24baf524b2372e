//! The stack's own secrets: made once, kept readable for their owner only, and handed to the cluster as the Secrets that
//! the Deployments name.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::NAMESPACE;
use crate::command::output;
use crate::hashing;
use crate::paths::Paths;
use crate::postgres;

/// The OAuth application in the seed of GitHub's stand-in.
const OAUTH_CLIENT_SECRET: &str = "codex-k8s-dev-secret";

/// The model that agents' calls are sent to.
pub(super) struct Model {
    /// Base URL of its API.
    pub(super) url: String,
    key: String,
}

impl Model {
    /// OpenAI's where a key is in the environment, the scripted one otherwise.
    pub(super) fn chosen(paths: &Paths) -> Result<Self> {
        match openai_key() {
            Some(key) => Ok(Self { url: "https://api.openai.com/v1".to_owned(), key }),
            None => {
                Ok(Self { url: "http://172.31.255.1:4100/v1".to_owned(), key: postgres::secret(paths, "model-key")? })
            }
        }
    }

    /// The choice in words, since one of them costs money.
    pub(super) fn words() -> &'static str {
        match openai_key() {
            Some(_) => "OpenAI's, paid with the key in OPENAI_API_KEY",
            None => "scripted, it plays tests/scenarios (for OpenAI's put a key into OPENAI_API_KEY)",
        }
    }
}

fn openai_key() -> Option<String> {
    let key = std::env::var("OPENAI_API_KEY").ok()?.trim().to_owned();
    (!key.is_empty()).then_some(key)
}

/// The Secret of one Deployment.
pub(super) struct Secret {
    /// Name of Secret and Deployment.
    pub(super) name: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Secret {
    /// Changes when a value does: programs read them at their start.
    pub(super) fn digest(&self) -> String {
        hashing::short(self.values.iter().flat_map(|(key, value)| [*key, value.as_str()]))
    }

    /// As the API server takes it.
    pub(super) fn manifest(&self) -> Value {
        let values: serde_json::Map<String, Value> =
            self.values.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "labels": {"app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": "codex-k8s"},
            },
            "type": "Opaque",
            "stringData": values,
        })
    }
}

/// All Secrets, from what is kept in the state folder.
pub(super) fn all(paths: &Paths, model: &Model) -> Result<[Secret; 3]> {
    let database =
        format!("postgres://codexk8s:{}@172.31.255.1:55432/codexk8s", postgres::secret(paths, "database-password")?);
    let encryption = kept(paths, "encryption-keys", || {
        Ok(format!("dev-1:{}", output(Command::new("openssl").args(["rand", "-base64", "32"]))?.trim()))
    })?;
    let derivation = kept(paths, "derivation-key", || {
        Ok(output(Command::new("openssl").args(["rand", "-base64", "32"]))?.trim().into())
    })?;
    let webhook = postgres::secret(paths, "webhook-secret")?;
    let assertion = signing_key(paths, "assertion-key")?;
    let public = output(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(file(paths, "assertion-key")?))?;
    let sealed = || vec![("database-url", database.clone()), ("encryption-keys", encryption.clone())];
    let mut control_plane = sealed();
    control_plane.extend([("assertion-public-keys", public), ("webhook-secret", webhook.clone())]);
    let mut worker = sealed();
    let databases = postgres::secret(paths, "databases-password")?;
    worker.push(("derivation-key", derivation));
    worker.push(("databases-url", format!("postgres://projects:{databases}@172.31.255.1:55432/postgres")));
    let gateway = vec![
        ("assertion-private-key", assertion),
        ("staff-jwt-private-key", signing_key(paths, "staff-jwt-key")?),
        ("webhook-secrets", webhook),
        ("github-oauth-client-secret", OAUTH_CLIENT_SECRET.to_owned()),
        ("model-api-key", model.key.clone()),
    ];
    Ok([
        Secret { name: "api-gateway", values: gateway },
        Secret { name: "control-plane", values: control_plane },
        Secret { name: "worker", values: worker },
    ])
}

fn signing_key(paths: &Paths, name: &str) -> Result<String> {
    kept(paths, name, || output(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"])))
}

/// What is kept under this name, or what `make` makes now.
fn kept(paths: &Paths, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let file = file(paths, name)?;
    if let Ok(value) = fs::read_to_string(&file) {
        return Ok(value);
    }
    let value = make()?;
    let partial = file.with_extension("partial");
    let mut open = OpenOptions::new();
    let written = open.write(true).create(true).truncate(true).mode(0o600).open(&partial);
    written.and_then(|mut out| out.write_all(value.as_bytes())).context("cannot keep a secret")?;
    fs::rename(&partial, &file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(value)
}

fn file(paths: &Paths, name: &str) -> Result<PathBuf> {
    Ok(paths.make_state("secrets")?.join(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_readable_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { checkout: folder.path().into(), cache: folder.path().into(), state: folder.path().into() };
        let model = Model { url: String::new(), key: "k".to_owned() };
        let first = all(&paths, &model).unwrap();
        let second = all(&paths, &model).unwrap();
        for (before, after) in first.iter().zip(&second) {
            assert_eq!(before.digest(), after.digest(), "{}", before.name);
        }
        let other = all(&paths, &Model { url: String::new(), key: "other".to_owned() }).unwrap();
        assert_ne!(first[0].digest(), other[0].digest());
        assert_eq!(first[1].digest(), other[1].digest());
        let mode = fs::metadata(folder.path().join("secrets/assertion-key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
