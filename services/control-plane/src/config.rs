//! What the control-plane is told by its environment.

use std::net::SocketAddr;
use std::time::Duration;

use cluster::Looker;
use contract::assertion::{Clock, system_clock};
use contract::keys::PublicKeys;
use runtime::env::{ConfigProblems, Reader};
use runtime::redact::RedactFn;
use runtime::telemetry::Settings;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use vault::{Keyring, Redactor};

/// The control-plane's configuration; each variable is named beside its field, without the prefix `CODEXK8S_`.
#[derive(Debug, Clone)]
pub struct Config {
    /// `LISTEN`: where the gateway reaches it.
    pub listen: SocketAddr,
    /// `OPS_LISTEN`: health and metrics.
    pub ops_listen: SocketAddr,
    /// `DATABASE_URL` (secret).
    pub database_url: SecretString,
    /// `DATABASE_POOL`: connections.
    pub database_pool: u32,
    /// `ENCRYPTION_KEYS` (secret): `id:base64` pairs, the first one seals.
    pub keyring: Keyring,
    /// `ASSERTION_PUBLIC_KEYS`: PEM of the gateway's keys.
    pub assertion_keys: PublicKeys,
    /// The clock by which assertions are judged.
    pub assertion_clock: Clock,
    /// `OWNER_EMAIL`: becomes the platform's owner while it has none.
    pub owner_email: String,
    /// `GITHUB_API_URL`.
    pub github_api_url: Url,
    /// `GITHUB_GIT_URL`: where repositories are cloned from, as seen from the gateway.
    pub github_git_url: Url,
    /// `WEBHOOK_URL`: where GitHub sends deliveries.
    pub webhook_url: Url,
    /// `WEBHOOK_SECRET` (secret): what new webhooks are made with; the gateway's first one.
    pub webhook_secret: SecretString,
    /// `LIVE_ANSWER_SECONDS`: how long a tool that asks people waits for an answer before the run is parked.
    pub live_answer: Duration,
    /// `GATEWAY_NAMESPACE`: where the platform stands; no channel stands there.
    pub gateway_namespace: String,
    /// Through which runs look at their namespaces; `None` outside of a cluster.
    pub looker: Option<Looker>,
    /// `LOG`, `OTLP_ENDPOINT`.
    pub telemetry: Settings,
}

impl Config {
    /// Reads the given environment.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn read(mut env: Reader) -> Result<Self, ConfigProblems> {
        let listen = env.parse_or("LISTEN", "0.0.0.0:8080");
        let ops_listen = env.parse_or("OPS_LISTEN", "0.0.0.0:9090");
        let database_url = env.secret("DATABASE_URL");
        let database_pool = env.parse_or("DATABASE_POOL", "20");
        let keyring = env.secret_as("ENCRYPTION_KEYS", Keyring::parse);
        let assertion_keys = env.secret_as("ASSERTION_PUBLIC_KEYS", |pem| PublicKeys::from_pem(pem.expose_secret()));
        let owner_email = env.parse("OWNER_EMAIL");
        let github_api_url = env.parse_or("GITHUB_API_URL", "https://api.github.com");
        let github_git_url = env.parse_or("GITHUB_GIT_URL", "https://github.com");
        let webhook_url = env.parse("WEBHOOK_URL");
        let webhook_secret = env.secret("WEBHOOK_SECRET");
        let live_answer = env.parse_or("LIVE_ANSWER_SECONDS", "8").map(Duration::from_secs);
        let gateway_namespace = env.parse_or::<String>("GATEWAY_NAMESPACE", "codex-k8s");
        let telemetry = Settings::read(&mut env);
        env.finish()?;
        Ok(Self {
            listen: listen?,
            ops_listen: ops_listen?,
            database_url: database_url?,
            database_pool: database_pool?,
            keyring: keyring?,
            assertion_keys: assertion_keys?,
            assertion_clock: system_clock,
            owner_email: owner_email?,
            github_api_url: github_api_url?,
            github_git_url: github_git_url?,
            webhook_url: webhook_url?,
            webhook_secret: webhook_secret?,
            live_answer: live_answer?,
            gateway_namespace: gateway_namespace?,
            looker: None,
            telemetry: telemetry?,
        })
    }

    /// Knows the secrets of this process, for its logs.
    #[must_use]
    pub fn redactor(&self) -> RedactFn {
        let secrets = [&self.database_url, &self.webhook_secret];
        let redactor = Redactor::new(secrets.map(ExposeSecret::expose_secret));
        Box::new(move |text| redactor.redact(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_variable_is_named_at_once() {
        let problems = Config::read(Reader::from_pairs::<&str, &str>([])).unwrap_err().to_string();
        for name in
            ["DATABASE_URL", "ENCRYPTION_KEYS", "ASSERTION_PUBLIC_KEYS", "OWNER_EMAIL", "WEBHOOK_URL", "WEBHOOK_SECRET"]
        {
            assert!(problems.contains(&format!("CODEXK8S_{name}")), "{name}: {problems}");
        }
    }
}
