//! What the worker tells the runner, in environment variables of the pod.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use runtime::{
    env::{ConfigProblems, Reader},
    telemetry::Settings,
};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

/// Configuration of one launch. Variables have the prefix `CODEXK8S_`.
#[derive(Debug, Clone)]
pub struct Config {
    /// `GATEWAY_URL`: the gateway's agents listener, plain HTTP.
    pub gateway: Url,
    /// `RUN_ID`.
    pub run: Uuid,
    /// `RUN_TOKEN_FILE` (a mounted Secret) or `RUN_TOKEN`.
    pub token: SecretString,
    /// `EGRESS_PROBES`: addresses, separated by commas, that would answer if egress were open. The API server's is
    /// added from Kubernetes' own variables. Names are not taken: one that does not resolve would prove nothing.
    pub probes: Vec<SocketAddr>,
    /// `EGRESS_WAIT_SECONDS`: how long policies may take to reach the pod.
    pub egress_wait: Duration,
    /// `WORKSPACE`: the folder for checkout and homes.
    pub workspace: PathBuf,
    /// `RELAY_LISTEN`: where the agent's processes find their way out; loopback.
    pub relay: SocketAddr,
    /// `CODEX`: codex's binary; the search path decides otherwise.
    pub codex: PathBuf,
    /// `CORRELATION_ID`: ties the run's requests and log lines to the webhook or click that caused it.
    pub correlation: Option<Uuid>,
    /// `LOG`, `OTLP_ENDPOINT`.
    pub telemetry: Settings,
}

impl Config {
    /// Reads the configuration. `api_server` is where Kubernetes says that its API stands.
    ///
    /// # Errors
    /// Lists every variable that is missing or malformed.
    pub fn read(mut env: Reader, api_server: Option<SocketAddr>) -> Result<Self, ConfigProblems> {
        let gateway = env.parse::<PlainHttp>("GATEWAY_URL");
        let run = env.parse("RUN_ID");
        let token = env.secret("RUN_TOKEN");
        // Without an API server to probe, the list may not be empty: nothing would be proved.
        let probes = match api_server {
            Some(_) => env.list("EGRESS_PROBES"),
            None => env.parse::<String>("EGRESS_PROBES").and_then(|_| env.list("EGRESS_PROBES")),
        };
        let egress_wait = env.parse_or::<u64>("EGRESS_WAIT_SECONDS", "30");
        let workspace = env.parse_or("WORKSPACE", "/workspace");
        let relay = env.parse_or::<Loopback>("RELAY_LISTEN", "127.0.0.1:3128");
        let codex = env.parse_or("CODEX", "codex");
        let correlation = env.optional("CORRELATION_ID");
        let telemetry = Settings::read(&mut env);
        env.finish()?;
        let mut probes: Vec<SocketAddr> = probes?;
        probes.extend(api_server);
        Ok(Self {
            gateway: gateway?.0,
            run: run?,
            token: token?,
            probes,
            egress_wait: Duration::from_secs(egress_wait?),
            workspace: workspace?,
            relay: relay?.0,
            codex: codex?,
            correlation: correlation?,
            telemetry: telemetry?,
        })
    }
}

/// The relay speaks plain HTTP to the gateway, as proxy clients do.
struct PlainHttp(Url);

impl FromStr for PlainHttp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Url = text.parse().map_err(|_| "not a URL")?;
        (url.scheme() == "http" && url.host().is_some()).then_some(Self(url)).ok_or("must be http://host:port")
    }
}

/// The relay adds credentials to whatever it is sent, so nobody else may reach it.
struct Loopback(SocketAddr);

impl FromStr for Loopback {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: SocketAddr = text.parse().map_err(|_| "not an address and port")?;
        address.ip().is_loopback().then_some(Self(address)).ok_or("must be a loopback address")
    }
}

/// The API server's address as every pod is told it.
#[must_use]
pub fn api_server() -> Option<SocketAddr> {
    let host = std::env::var("KUBERNETES_SERVICE_HOST").ok()?.parse().ok()?;
    let port = std::env::var("KUBERNETES_SERVICE_PORT").ok()?.parse().ok()?;
    Some(SocketAddr::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("CODEXK8S_GATEWAY_URL", "http://agents.codex-k8s.internal:8081"),
        ("CODEXK8S_RUN_ID", "0192f0c1-2222-7333-8444-0123456789ab"),
        ("CODEXK8S_RUN_TOKEN", "cxr_secret"),
    ];

    #[test]
    fn defaults_fit_the_pod_and_the_api_server_is_always_probed() {
        let server = SocketAddr::from(([10, 96, 0, 1], 443));
        let pairs = GOOD.into_iter().chain([("CODEXK8S_EGRESS_PROBES", "10.96.7.7:8082")]);
        let config = Config::read(Reader::from_pairs(pairs), Some(server)).unwrap();
        assert_eq!(config.workspace, PathBuf::from("/workspace"));
        assert_eq!(config.probes, [SocketAddr::from(([10, 96, 7, 7], 8082)), server]);
        assert!(!format!("{config:?}").contains("cxr_secret"));
    }

    #[test]
    fn all_problems_are_listed_at_once() {
        let pairs = [
            ("CODEXK8S_GATEWAY_URL", "https://gateway"),
            ("CODEXK8S_RUN_ID", "seven"),
            ("CODEXK8S_RELAY_LISTEN", "0.0.0.0:3128"),
        ];
        let problems = Config::read(Reader::from_pairs(pairs), None).unwrap_err().to_string();
        for name in ["GATEWAY_URL", "RUN_ID", "RUN_TOKEN", "RELAY_LISTEN", "EGRESS_PROBES"] {
            assert!(problems.contains(&format!("CODEXK8S_{name}")), "{name} in {problems}");
        }
        assert!(!problems.contains("seven"));
    }
}
