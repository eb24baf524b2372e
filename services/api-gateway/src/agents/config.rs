//! What the agents listener is configured with.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use runtime::names::{NameService, SystemNames};
use secrecy::SecretString;
use url::Url;

/// Configuration of the agents listener.
#[derive(Debug)]
pub struct AgentsConfig {
    /// Where model calls go.
    pub model: ModelConfig,
    /// Package registries that are offered.
    pub registries: RegistryConfig,
    /// Rules for outbound connections.
    pub egress: EgressConfig,
}

/// The model API that calls are brokered to.
#[derive(Debug)]
pub struct ModelConfig {
    /// Base address; `responses` is put below it (`https://api.openai.com/v1`).
    pub url: Url,
    /// The key that pods never see.
    pub key: SecretString,
}

/// Package registries by the ecosystem that speaks to them.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// npm: package documents and tarballs.
    pub npm: Url,
    /// Python: the index (`/simple/…`).
    pub pypi: Url,
    /// Python: the files that the index points to.
    pub pypi_files: Url,
    /// Rust: the sparse index.
    pub crates_index: Url,
    /// Rust: the crates themselves (`/crates/<name>/<version>/download`).
    pub crates_files: Url,
    /// Go: the module proxy.
    pub go: Url,
    /// Go: the checksum database, by default as the module proxy passes it on.
    pub go_sums: Url,
}

/// One upstream of [`RegistryConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Registry {
    /// [`RegistryConfig::npm`]
    Npm,
    /// [`RegistryConfig::pypi`]
    Pypi,
    /// [`RegistryConfig::pypi_files`]
    PypiFiles,
    /// [`RegistryConfig::crates_index`]
    CratesIndex,
    /// [`RegistryConfig::crates_files`]
    CratesFiles,
    /// [`RegistryConfig::go`]
    Go,
    /// [`RegistryConfig::go_sums`]
    GoSums,
}

impl Registry {
    /// Each upstream with the configuration variable that names it and the public address it has by default.
    pub const DEFAULTS: [(Self, &'static str, &'static str); 7] = [
        (Self::Npm, "REGISTRY_NPM_URL", "https://registry.npmjs.org/"),
        (Self::Pypi, "REGISTRY_PYPI_URL", "https://pypi.org/"),
        (Self::PypiFiles, "REGISTRY_PYPI_FILES_URL", "https://files.pythonhosted.org/"),
        (Self::CratesIndex, "REGISTRY_CRATES_INDEX_URL", "https://index.crates.io/"),
        (Self::CratesFiles, "REGISTRY_CRATES_FILES_URL", "https://static.crates.io/"),
        (Self::Go, "REGISTRY_GO_URL", "https://proxy.golang.org/"),
        (Self::GoSums, "REGISTRY_GO_SUMS_URL", "https://proxy.golang.org/sumdb/sum.golang.org/"),
    ];

    /// The ecosystem's name in our paths and metrics.
    pub(super) const fn ecosystem(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi | Self::PypiFiles => "pypi",
            Self::CratesIndex | Self::CratesFiles => "crates",
            Self::Go | Self::GoSums => "go",
        }
    }
}

impl RegistryConfig {
    /// The address of one upstream.
    #[must_use]
    pub const fn url(&self, registry: Registry) -> &Url {
        match registry {
            Registry::Npm => &self.npm,
            Registry::Pypi => &self.pypi,
            Registry::PypiFiles => &self.pypi_files,
            Registry::CratesIndex => &self.crates_index,
            Registry::CratesFiles => &self.crates_files,
            Registry::Go => &self.go,
            Registry::GoSums => &self.go_sums,
        }
    }
}

/// Rules for connections out of the platform, beside those that always hold (`domain::egress`).
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Ranges that are refused although they look public: pods, services and nodes of this cluster.
    pub refused_ranges: Vec<IpNet>,
    /// Ranges that are reached although they are special; for stand-ins of tests and the dev stack.
    pub allowed_ranges: Vec<IpNet>,
    /// The only port of granted hosts that can be reached.
    pub port: u16,
    /// How long the first try of a host that is not granted waits for people.
    pub answer_within: Duration,
    /// How names become addresses.
    pub names: Arc<dyn NameService>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            refused_ranges: Vec::new(),
            allowed_ranges: Vec::new(),
            port: 443,
            answer_within: Duration::from_secs(20),
            names: Arc::new(SystemNames),
        }
    }
}
