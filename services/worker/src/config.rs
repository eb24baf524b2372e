//! Configuration from the environment. Names are given without the prefix `CODEXK8S_`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cluster::spec::{Grantee, Resources};
use ipnet::IpNet;
use runtime::env::{ConfigProblems, Read, Reader};
use runtime::names::{NameService, SystemNames};
use runtime::redact::RedactFn;
use runtime::telemetry::Settings;
use secrecy::{ExposeSecret, SecretString};
use store::managed::Server;
use url::Url;
use vault::{DerivationKey, Keyring, Redactor};

/// Everything that a worker is told.
#[derive(Clone)]
pub struct Config {
    /// `OPS_LISTEN`: health and metrics.
    pub ops_listen: SocketAddr,
    /// `DATABASE_URL`.
    pub database_url: SecretString,
    /// `DATABASE_POOL`: connections.
    pub database_pool: u32,
    /// `ENCRYPTION_KEYS`: as the control-plane has them.
    pub keyring: Keyring,
    /// `DERIVATION_KEY`: 32 bytes in base64 that the deterministic values of secrets follow from. Another key makes other
    /// values, so it stays as it is.
    pub derivation_key: DerivationKey,
    /// `DATABASES_URL`: the server that projects' databases are made on, with a role that may (`CREATEDB`, `CREATEROLE`,
    /// no superuser); without it, agents are told that there is none.
    pub databases: Option<Server>,
    /// `GITHUB_API_URL`.
    pub github_api_url: Url,
    /// `PUBLIC_URL`: the console, for links in comments.
    pub public_url: Url,
    /// `LEASE_TTL_SECONDS`: how long a silent worker keeps its runs.
    pub lease_ttl: Duration,
    /// `RETRY_SECONDS`: the wait after a first failed launch; doubled after each.
    pub retry: Duration,
    /// `REDELIVERY_SECONDS`: how often each repository's delivery log on GitHub is read. 60 where GitHub reaches the
    /// gateway; 5 to 15 where it does not, and the log is all there is. Many repositories of one account are read more
    /// rarely than that, as GitHub's limit allows ([`domain::delivery_log::period`]).
    pub redelivery: Duration,
    /// `NAMESPACE_STUCK_SECONDS`: a namespace usually ends within seconds; one that takes this long is reported.
    pub namespace_stuck: Duration,
    /// The agents' pods and where they stand.
    pub pods: Pods,
    /// Services of others through which people are asked.
    pub channels: Channels,
    /// `LOG`, `OTLP_ENDPOINT`.
    pub telemetry: Settings,
}

/// How channels are called, and where they call back.
#[derive(Debug, Clone)]
pub struct Channels {
    /// `INTEGRATIONS_URL`: the gateway's integrations listener, as channels reach it.
    pub callback_url: Url,
    /// `CHANNEL_ANSWER_SECONDS`: how long a channel may take to say that it has taken a request.
    pub answer_within: Duration,
    /// `CHANNEL_REFUSED_RANGES`: addresses that no channel may have, although they look like a service's: nodes, the
    /// database, the API server.
    pub refused_ranges: Vec<IpNet>,
    /// `CHANNEL_ALLOWED_RANGES`: addresses that one may have although they do not; for stand-ins of tests.
    pub allowed_ranges: Vec<IpNet>,
    /// How names become addresses.
    pub names: Arc<dyn NameService>,
}

impl Channels {
    fn read(env: &mut Reader, namespace: &str) -> Read<Self> {
        let service = format!("http://api-gateway-integrations.{namespace}.svc:8083");
        let callback_url = env.parse_or("INTEGRATIONS_URL", &service);
        let answer_within = env.parse_or::<u64>("CHANNEL_ANSWER_SECONDS", "20");
        let refused_ranges = env.list("CHANNEL_REFUSED_RANGES");
        let allowed_ranges = env.list("CHANNEL_ALLOWED_RANGES");
        Ok(Self {
            callback_url: callback_url?,
            answer_within: Duration::from_secs(answer_within?.max(1)),
            refused_ranges: refused_ranges?,
            allowed_ranges: allowed_ranges?,
            names: Arc::new(SystemNames),
        })
    }
}

/// What the agents' pods are made of, and what they may reach.
#[derive(Debug, Clone)]
pub struct Pods {
    /// `AGENT_IMAGE`.
    pub image: String,
    /// `AGENT_PULL_POLICY`.
    pub pull_policy: String,
    /// `AGENT_CPU_MILLIS`, `AGENT_MEMORY_MIB`, `AGENT_DISK_MIB`.
    pub limits: Resources,
    /// `NAMESPACE_CPU_MILLIS`, `NAMESPACE_MEMORY_MIB`, `NAMESPACE_DISK_MIB`: the quota of a run's namespace.
    pub quota: Resources,
    /// `PLACE_WAIT_SECONDS`: how long a pod may wait for a node with room before its launch counts as failed.
    pub place_wait: Duration,
    /// `AGENT_EGRESS_WAIT_SECONDS`: how long the runner waits for its network to be closed.
    pub egress_wait_seconds: u32,
    /// `AGENT_LOG`: the runner's log filter.
    pub log: String,
    /// `GATEWAY_NAMESPACE`, where the gateway and this worker stand.
    pub gateway_namespace: String,
    /// `GATEWAY_APP`: the gateway pods' `app.kubernetes.io/name`.
    pub gateway_app: String,
    /// `AGENTS_SERVICE`: the Service in front of the agents listener.
    pub agents_service: String,
    /// `AGENTS_HOST`: the gateway's name inside a pod.
    pub agents_host: String,
    /// `AGENTS_PORT`.
    pub agents_port: u16,
    /// `CANARY_SERVICE`: a Service that answers everybody whom no policy stops.
    pub canary_service: String,
    /// `CANARY_PORT`.
    pub canary_port: u16,
    /// `SERVICE_ACCOUNT` and `RUN_MANAGER_ROLE`: who gets rights in a run's namespace, and which.
    pub grantee: Grantee,
    /// `ENVIRONMENT_MANAGER_ROLE`: which it gets in the namespace of an environment.
    pub environment_role: String,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Lists every variable that is missing or malformed.
    pub fn read(mut env: Reader) -> Result<Self, ConfigProblems> {
        let ops_listen = env.parse_or("OPS_LISTEN", "0.0.0.0:9090");
        let database_url = env.secret("DATABASE_URL");
        let database_pool = env.parse_or("DATABASE_POOL", "10");
        let keyring = env.secret_as("ENCRYPTION_KEYS", Keyring::parse);
        let derivation_key = env.secret_as("DERIVATION_KEY", DerivationKey::parse);
        let databases = env.optional_secret_as("DATABASES_URL", |url| Server::parse(url).map_err(|_| "is no address"));
        let github_api_url = env.parse_or("GITHUB_API_URL", "https://api.github.com");
        let public_url = env.parse("PUBLIC_URL");
        let lease_ttl = env.parse_or::<u64>("LEASE_TTL_SECONDS", "30");
        let retry = env.parse_or::<u64>("RETRY_SECONDS", "5");
        let redelivery = env.parse_or::<u64>("REDELIVERY_SECONDS", "60");
        let namespace_stuck = env.parse_or::<u64>("NAMESPACE_STUCK_SECONDS", "300");
        let pods = Pods::read(&mut env);
        let namespace = pods.as_ref().map_or("", |pods| &pods.gateway_namespace);
        let channels = Channels::read(&mut env, namespace);
        let telemetry = Settings::read(&mut env);
        env.finish()?;
        Ok(Self {
            ops_listen: ops_listen?,
            database_url: database_url?,
            database_pool: database_pool?,
            keyring: keyring?,
            derivation_key: derivation_key?,
            databases: databases?,
            github_api_url: github_api_url?,
            public_url: public_url?,
            lease_ttl: Duration::from_secs(lease_ttl?.max(3)),
            retry: Duration::from_secs(retry?),
            redelivery: Duration::from_secs(redelivery?.max(1)),
            namespace_stuck: Duration::from_secs(namespace_stuck?),
            pods: pods?,
            channels: channels?,
            telemetry: telemetry?,
        })
    }

    /// Knows the secrets of this process, for its logs.
    #[must_use]
    pub fn redactor(&self) -> RedactFn {
        let redactor = Redactor::new([self.database_url.expose_secret()]);
        Box::new(move |text| redactor.redact(text).into_owned())
    }
}

impl Pods {
    fn read(env: &mut Reader) -> Read<Self> {
        let image = env.parse("AGENT_IMAGE");
        let pull_policy = env.parse_or("AGENT_PULL_POLICY", "IfNotPresent");
        let limits = resources(env, "AGENT", [2000, 2048, 6144]);
        let quota = resources(env, "NAMESPACE", [4000, 4096, 12288]);
        let place_wait = env.parse_or::<u64>("PLACE_WAIT_SECONDS", "600");
        let egress_wait_seconds = env.parse_or("AGENT_EGRESS_WAIT_SECONDS", "30");
        let log = env.parse_or("AGENT_LOG", "info");
        let gateway_namespace = env.parse_or::<String>("GATEWAY_NAMESPACE", "codex-k8s");
        let gateway_app = env.parse_or("GATEWAY_APP", "api-gateway");
        let agents_service = env.parse_or("AGENTS_SERVICE", "api-gateway-agents");
        let agents_host = env.parse_or("AGENTS_HOST", "agents.codex-k8s.internal");
        let agents_port = env.parse_or("AGENTS_PORT", "8081");
        let canary_service = env.parse_or("CANARY_SERVICE", "api-gateway-canary");
        let canary_port = env.parse_or("CANARY_PORT", "8082");
        let service_account = env.parse_or("SERVICE_ACCOUNT", "worker");
        let cluster_role = env.parse_or("RUN_MANAGER_ROLE", "codex-k8s-run-manager");
        let environment_role = env.parse_or("ENVIRONMENT_MANAGER_ROLE", "codex-k8s-environment-manager");
        let gateway_namespace = gateway_namespace?;
        Ok(Self {
            image: image?,
            pull_policy: pull_policy?,
            limits: limits?,
            quota: quota?,
            place_wait: Duration::from_secs(place_wait?),
            egress_wait_seconds: egress_wait_seconds?,
            log: log?,
            gateway_app: gateway_app?,
            agents_service: agents_service?,
            agents_host: agents_host?,
            agents_port: agents_port?,
            canary_service: canary_service?,
            canary_port: canary_port?,
            grantee: Grantee {
                namespace: gateway_namespace.clone(),
                service_account: service_account?,
                cluster_role: cluster_role?,
            },
            environment_role: environment_role?,
            gateway_namespace,
        })
    }
}

fn resources(env: &mut Reader, of: &str, [cpu, memory, disk]: [u32; 3]) -> Read<Resources> {
    let cpu_millis = env.parse_or(&format!("{of}_CPU_MILLIS"), &cpu.to_string());
    let memory_mib = env.parse_or(&format!("{of}_MEMORY_MIB"), &memory.to_string());
    let disk_mib = env.parse_or(&format!("{of}_DISK_MIB"), &disk.to_string());
    Ok(Resources { cpu_millis: cpu_millis?, memory_mib: memory_mib?, disk_mib: disk_mib? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Vec<(&'static str, String)> {
        vec![
            ("CODEXK8S_DATABASE_URL", "postgres://codexk8s@db/codexk8s".into()),
            ("CODEXK8S_ENCRYPTION_KEYS", Keyring::generate_entry("k1").expose_secret().to_owned()),
            ("CODEXK8S_DERIVATION_KEY", DerivationKey::generate().expose_secret().to_owned()),
            ("CODEXK8S_PUBLIC_URL", "http://console.test".into()),
            ("CODEXK8S_AGENT_IMAGE", "registry.example/agent:1".into()),
        ]
    }

    #[test]
    fn five_variables_are_enough() {
        let config = Config::read(Reader::from_pairs(good())).map_err(|problems| problems.to_string());
        assert_eq!(config.map(|config| config.lease_ttl.as_secs()), Ok(30));
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let pairs = [("CODEXK8S_AGENT_MEMORY_MIB", "much"), ("CODEXK8S_OPS_LISTEN", "somewhere")];
        let problems = Config::read(Reader::from_pairs(pairs)).err().map(|problems| problems.to_string()).unwrap();
        let missing = ["DATABASE_URL", "ENCRYPTION_KEYS", "DERIVATION_KEY", "PUBLIC_URL", "AGENT_IMAGE"];
        for name in missing.into_iter().chain(["OPS_LISTEN", "AGENT_MEMORY_MIB"]) {
            assert!(problems.contains(&format!("CODEXK8S_{name}")), "{name} in {problems}");
        }
    }
}
