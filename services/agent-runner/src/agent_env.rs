//! What codex and everything it starts find around them: folders they may write, and tools that are told the way out.
//!
//! The way out is the relay on loopback, so no variable or file here holds a credential, but one that opens nothing.
//! Package managers get their registry from the relay, everything else uses it as a proxy.

use std::{
    ffi::OsString,
    fs::{DirBuilder, OpenOptions},
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret;
use tokio::process::Command;
use url::Url;
use vault::Decoy;

use crate::relay::NPM_REGISTRY;

/// The folders of a run, all under the workspace.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The checkout.
    pub repo: PathBuf,
    /// Home of the agent's user.
    pub home: PathBuf,
    /// `CODEX_HOME`; codex refuses one under `/tmp`.
    pub codex_home: PathBuf,
    /// Files between the runner and codex: output schema, last message.
    pub exchange: PathBuf,
}

impl Paths {
    /// The folders under `workspace`.
    #[must_use]
    pub fn under(workspace: &Path) -> Self {
        let home = workspace.join("home");
        Self { repo: workspace.join("repo"), codex_home: home.join(".codex"), exchange: workspace.join("run"), home }
    }

    /// Makes those that must be there before git and codex start, the configuration that tools read from files, and the
    /// run's decoy, which nothing needs to read.
    ///
    /// # Errors
    /// When the workspace cannot be written.
    pub fn prepare(&self, relay: SocketAddr, decoy: &Decoy) -> std::io::Result<()> {
        let cargo = self.home.join(".cargo");
        for folder in [&self.codex_home, &self.exchange, &cargo] {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(cargo.join("config.toml"), cargo_config(relay))?;
        let file = self.home.join(Decoy::PLACE);
        write_private(&file, decoy.file().expose_secret())
    }
}

/// A file for its owner alone, in a folder of the same kind, as the programs make them whose credentials they hold.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

/// Cargo takes source replacement from files only, not from variables. The gateway's index asks for a token, so cargo
/// insists on having one; the relay puts the real one in its place.
fn cargo_config(relay: SocketAddr) -> String {
    format!(
        "[source.crates-io]\nreplace-with = \"gateway\"\n\n\
         [registries.gateway]\nindex = \"sparse+http://{relay}/registry/crates/index/\"\n\n\
         [registry]\nglobal-credential-providers = [\"cargo:token\"]\n"
    )
}

/// The whole environment of a child process.
#[derive(Debug, Clone)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// What the image set (toolchains, locale), without what is the runner's or Kubernetes' own, and over it the way
    /// out. `gateway` is where plain HTTP links in registry answers may point.
    #[must_use]
    pub fn new(
        image: impl IntoIterator<Item = (OsString, OsString)>,
        paths: &Paths,
        relay: SocketAddr,
        gateway: &Url,
    ) -> Self {
        let ours = variables(paths, relay, gateway);
        let mut all: Vec<(OsString, OsString)> = image
            .into_iter()
            .filter(|(name, _)| is_for_the_agent(&name.to_string_lossy()))
            .filter(|(name, _)| !ours.iter().any(|(our, _)| name == *our))
            .collect();
        all.extend(ours.into_iter().map(|(name, value)| (name.into(), value.into())));
        Self(all)
    }

    /// Gives it to `command`, and nothing else.
    pub fn apply(&self, command: &mut Command) {
        command.env_clear().envs(self.0.iter().map(|(name, value)| (name, value)));
    }

    /// One variable's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.to_str())
    }
}

fn is_for_the_agent(name: &str) -> bool {
    !name.starts_with("CODEXK8S_")
        && !name.starts_with("KUBERNETES_")
        && !name.to_ascii_lowercase().ends_with("_proxy")
        && !name.starts_with("GIT_")
}

fn variables(paths: &Paths, relay: SocketAddr, gateway: &Url) -> Vec<(&'static str, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let proxy = format!("http://{relay}");
    let loopback = "127.0.0.1,localhost,::1".to_owned();
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    let pypi = format!("{proxy}/registry/pypi/simple/");
    let gateway_host = gateway.host_str().unwrap_or_default();
    vec![
        ("HOME", text(&paths.home)),
        ("CODEX_HOME", text(&paths.codex_home)),
        ("PATH", format!("{}:{path}", text(&paths.home.join(".local/bin")))),
        ("USER", "agent".into()),
        ("SHELL", "/bin/bash".into()),
        ("LANG", "C.UTF-8".into()),
        ("TERM", "dumb".into()),
        ("CI", "true".into()),
        ("HTTP_PROXY", proxy.clone()),
        ("http_proxy", proxy.clone()),
        ("HTTPS_PROXY", proxy.clone()),
        ("https_proxy", proxy.clone()),
        ("NO_PROXY", loopback.clone()),
        ("no_proxy", loopback),
        // Node's own fetch looks at the proxy variables only when asked to.
        ("NODE_USE_ENV_PROXY", "1".into()),
        ("GIT_TERMINAL_PROMPT", "0".into()),
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ("npm_config_registry", NPM_REGISTRY.into()),
        ("npm_config_audit", "false".into()),
        ("npm_config_fund", "false".into()),
        ("npm_config_update_notifier", "false".into()),
        ("YARN_NPM_REGISTRY_SERVER", NPM_REGISTRY.into()),
        ("YARN_UNSAFE_HTTP_WHITELIST", "registry.npmjs.org".into()),
        ("PIP_INDEX_URL", pypi.clone()),
        ("PIP_TRUSTED_HOST", format!("127.0.0.1 {gateway_host}")),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1".into()),
        // The root is read-only, so packages go to the user's folder, also on Debian's managed Python.
        ("PIP_BREAK_SYSTEM_PACKAGES", "1".into()),
        ("UV_DEFAULT_INDEX", pypi),
        ("UV_INSECURE_HOST", "127.0.0.1".into()),
        ("CARGO_HOME", text(&paths.home.join(".cargo"))),
        ("CARGO_REGISTRIES_GATEWAY_TOKEN", "relay".into()),
        ("GOPATH", text(&paths.home.join("go"))),
        ("GOPROXY", format!("{proxy}/registry/go")),
        // The checksum database is another host; go.sum still pins what was reviewed.
        ("GOSUMDB", "off".into()),
        ("GOTOOLCHAIN", "local".into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(image: &[(&str, &str)]) -> Environment {
        let image: Vec<(OsString, OsString)> = image.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let relay = SocketAddr::from(([127, 0, 0, 1], 3128));
        let gateway = Url::parse("http://agents.codex-k8s.internal:8081").unwrap();
        Environment::new(image, &Paths::under(Path::new("/workspace")), relay, &gateway)
    }

    #[test]
    fn what_is_not_the_agents_stays_out_and_the_image_keeps_its_toolchains() {
        let seen = environment(&[
            ("CODEXK8S_RUN_TOKEN", "cxr_secret"),
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            ("ALL_PROXY", "http://elsewhere"),
            ("GIT_SSH_COMMAND", "ssh -i key"),
            ("HTTPS_PROXY", "http://elsewhere"),
            ("RUSTUP_HOME", "/usr/local/rustup"),
        ]);
        assert_eq!(seen.get("RUSTUP_HOME"), Some("/usr/local/rustup"));
        assert_eq!(seen.get("HTTPS_PROXY"), Some("http://127.0.0.1:3128"));
        let text = format!("{seen:?}");
        for absent in ["cxr_", "KUBERNETES", "elsewhere", "GIT_SSH_COMMAND"] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
    }

    #[test]
    fn every_package_manager_is_pointed_at_the_relay() {
        let seen = environment(&[]);
        assert_eq!(seen.get("npm_config_registry"), Some("http://registry.npmjs.org/"));
        assert_eq!(seen.get("PIP_INDEX_URL"), Some("http://127.0.0.1:3128/registry/pypi/simple/"));
        assert_eq!(seen.get("GOPROXY"), Some("http://127.0.0.1:3128/registry/go"));
        let cargo: toml::Table = cargo_config(SocketAddr::from(([127, 0, 0, 1], 3128))).parse().unwrap();
        assert_eq!(
            cargo["registries"]["gateway"]["index"].as_str(),
            Some("sparse+http://127.0.0.1:3128/registry/crates/index/")
        );
    }
}
