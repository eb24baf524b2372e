//! The gateway's configuration. A missing or malformed variable ends the process at start, with all of them listed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use contract::assertion::{Signer, system_clock};
use contract::keys::SignatureKey;
use ipnet::IpNet;
use runtime::env::{ConfigProblems, Read, Reader};
use runtime::telemetry;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::agents::{AgentsConfig, EgressConfig, ModelConfig, Registry, RegistryConfig};
use crate::public::PublicConfig;
use crate::public::auth::AuthConfig;

/// Everything that the gateway is told at start.
#[derive(Debug)]
pub struct Config {
    /// Where the listeners are bound; port 0 takes any free one.
    pub listen: Listen,
    /// The control-plane's address.
    pub control_plane: Url,
    /// Signs what is forwarded.
    pub signer: Signer,
    /// The public listener.
    pub public: PublicConfig,
    /// The agents listener.
    pub agents: AgentsConfig,
    /// Values that must never be printed, for the redactor.
    pub secrets: Vec<SecretString>,
    /// Logs and traces.
    pub telemetry: telemetry::Settings,
}

/// Addresses of the listeners.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// Webhooks, sign-in, staff API, console.
    pub public: SocketAddr,
    /// Agents' pods.
    pub agents: SocketAddr,
    /// Answers anybody, so that a pod can prove that it cannot reach it.
    pub canary: SocketAddr,
    /// Services of others, inside the cluster.
    pub integrations: SocketAddr,
    /// Health and metrics.
    pub ops: SocketAddr,
}

impl Config {
    /// Reads all variables of the environment.
    ///
    /// # Errors
    /// Every missing or malformed variable.
    pub fn read(mut env: Reader) -> Result<Self, ConfigProblems> {
        let listen = listen(&mut env);
        let control_plane = env.parse("CONTROL_PLANE_URL");
        let signer = env.secret_as("ASSERTION_PRIVATE_KEY", SignatureKey::from_pem);
        let public = public(&mut env);
        let agents = agents(&mut env);
        let telemetry = telemetry::Settings::read(&mut env);
        env.finish()?;
        let (public, agents) = (public?, agents?);
        let mut secrets = vec![agents.model.key.clone(), public.auth.client_secret.clone()];
        secrets.extend(public.webhook_secrets.iter().cloned());
        Ok(Self {
            listen: listen?,
            control_plane: control_plane?,
            signer: Signer::new(signer?, system_clock),
            public,
            agents,
            secrets,
            telemetry: telemetry?,
        })
    }
}

fn listen(env: &mut Reader) -> Read<Listen> {
    let (public, agents) =
        (env.parse_or("PUBLIC_LISTEN", "0.0.0.0:8080"), env.parse_or("AGENTS_LISTEN", "0.0.0.0:8081"));
    let (canary, ops) = (env.parse_or("CANARY_LISTEN", "0.0.0.0:8082"), env.parse_or("OPS_LISTEN", "0.0.0.0:9090"));
    let integrations = env.parse_or("INTEGRATIONS_LISTEN", "0.0.0.0:8083");
    Ok(Listen { public: public?, agents: agents?, canary: canary?, integrations: integrations?, ops: ops? })
}

fn public(env: &mut Reader) -> Read<PublicConfig> {
    let url = env.parse("PUBLIC_URL");
    let console = env.parse::<Folder>("CONSOLE_DIR");
    let webhook_secrets = env.secret_as("WEBHOOK_SECRETS", webhook_secrets);
    let auth = auth(env);
    let (staff_rate, staff_burst) = (env.parse_or("STAFF_RATE", "20"), env.parse_or("STAFF_BURST", "100"));
    Ok(PublicConfig {
        url: url?,
        console: console?.0,
        webhook_secrets: webhook_secrets?,
        auth: auth?,
        staff_rate: staff_rate.map(std::num::NonZeroU32::get)?,
        staff_burst: staff_burst.map(std::num::NonZeroU32::get)?,
    })
}

fn auth(env: &mut Reader) -> Read<AuthConfig> {
    let client_id = env.parse("GITHUB_OAUTH_CLIENT_ID");
    let client_secret = env.secret("GITHUB_OAUTH_CLIENT_SECRET");
    let web_url = env.parse_or("GITHUB_WEB_URL", "https://github.com");
    let api_url = env.parse_or("GITHUB_API_URL", "https://api.github.com");
    let key = env.secret_as("STAFF_JWT_PRIVATE_KEY", SignatureKey::from_pem);
    let key_id = env.parse::<String>("STAFF_JWT_KEY_ID");
    Ok(AuthConfig {
        client_id: client_id?,
        client_secret: client_secret?,
        web_url: web_url?,
        api_url: api_url?,
        key: key?.named(key_id?),
        clock: system_clock,
    })
}

fn agents(env: &mut Reader) -> Read<AgentsConfig> {
    let (url, key) = (env.parse("MODEL_API_URL"), env.secret("MODEL_API_KEY"));
    let registries = registries(env);
    let refused_ranges = env.list::<IpNet>("EGRESS_REFUSED_RANGES");
    let allowed_ranges = env.list::<IpNet>("EGRESS_ALLOWED_RANGES");
    let answer = env.parse_or::<u64>("EGRESS_ANSWER_SECONDS", "20");
    Ok(AgentsConfig {
        model: ModelConfig { url: url?, key: key? },
        registries: registries?,
        egress: EgressConfig {
            refused_ranges: refused_ranges?,
            allowed_ranges: allowed_ranges?,
            answer_within: Duration::from_secs(answer?),
            ..EgressConfig::default()
        },
    })
}

fn registries(env: &mut Reader) -> Read<RegistryConfig> {
    let [npm, pypi, pypi_files, crates_index, crates_files, go, go_sums] =
        Registry::DEFAULTS.map(|(_, name, address)| env.parse_or::<Url>(name, address));
    Ok(RegistryConfig {
        npm: npm?,
        pypi: pypi?,
        pypi_files: pypi_files?,
        crates_index: crates_index?,
        crates_files: crates_files?,
        go: go?,
        go_sums: go_sums?,
    })
}

/// A folder that is there.
struct Folder(PathBuf);

impl FromStr for Folder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = PathBuf::from(text);
        if path.is_dir() { Ok(Self(path)) } else { Err("it names no folder") }
    }
}

fn webhook_secrets(list: &SecretString) -> Result<Vec<SecretString>, &'static str> {
    let secrets: Vec<SecretString> =
        list.expose_secret().split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(Into::into).collect();
    if !(1..=2).contains(&secrets.len()) {
        return Err("must hold one secret, or two while they are rotated, separated by a comma");
    }
    if secrets.iter().any(|secret| secret.expose_secret().len() < 16) {
        return Err("must hold secrets of at least 16 characters");
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_or_malformed_is_listed_at_once() {
        let problems = Config::read(Reader::from_pairs([
            ("CODEXK8S_PUBLIC_LISTEN", "somewhere"),
            ("CODEXK8S_WEBHOOK_SECRETS", "short"),
            ("CODEXK8S_ASSERTION_PRIVATE_KEY", "no key"),
            ("CODEXK8S_CONSOLE_DIR", "/nowhere/at/all"),
            ("CODEXK8S_STAFF_RATE", "0"),
            ("CODEXK8S_EGRESS_REFUSED_RANGES", "10.0.0.0/8,x"),
        ]))
        .unwrap_err();
        let text = problems.to_string();
        for name in [
            "PUBLIC_LISTEN",
            "WEBHOOK_SECRETS",
            "ASSERTION_PRIVATE_KEY",
            "CONSOLE_DIR",
            "STAFF_RATE",
            "EGRESS_REFUSED_RANGES",
            "CONTROL_PLANE_URL",
            "PUBLIC_URL",
            "GITHUB_OAUTH_CLIENT_ID",
            "GITHUB_OAUTH_CLIENT_SECRET",
            "STAFF_JWT_PRIVATE_KEY",
            "STAFF_JWT_KEY_ID",
            "MODEL_API_URL",
            "MODEL_API_KEY",
        ] {
            assert!(text.contains(&format!("CODEXK8S_{name} ")), "{name} is not in {text}");
        }
        assert_eq!(problems.lines().len(), 14, "{text}");
    }

    #[test]
    fn one_secret_or_two_are_taken() {
        let secrets = |text: &str| webhook_secrets(&text.into()).map(|secrets| secrets.len());
        assert_eq!(secrets("0123456789abcdef"), Ok(1));
        assert_eq!(secrets("0123456789abcdef, fedcba9876543210"), Ok(2));
        assert!(secrets("0123456789abcdef,fedcba9876543210,0123456789abcdeg").is_err());
        assert!(secrets("").is_err());
    }
}
