//! Codex's configuration: the fixed part in `base.toml`, and over it what differs from run to run.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use contract::agent::RunContext;
use toml::{Table, Value};

use crate::{agent_env::Paths, relay::TOOLS};

/// The files codex is started with.
#[derive(Debug, Clone)]
pub struct CodexFiles {
    /// JSON schema of the last message.
    pub schema: PathBuf,
    /// Where codex writes its last message.
    pub last_message: PathBuf,
}

/// Writes `config.toml` and the output schema.
///
/// # Errors
/// When the workspace cannot be written.
pub fn write(paths: &Paths, relay: SocketAddr, context: &RunContext) -> anyhow::Result<CodexFiles> {
    let files =
        CodexFiles { schema: paths.exchange.join("schema.json"), last_message: paths.exchange.join("last.json") };
    let config = config(relay, &context.model, context.effort.as_deref())?;
    std::fs::write(paths.codex_home.join("config.toml"), config).context("writing codex's configuration")?;
    let schema = serde_json::to_vec(&context.output_schema)?;
    std::fs::write(&files.schema, schema).context("writing the output schema")?;
    Ok(files)
}

fn config(relay: SocketAddr, model: &str, effort: Option<&str>) -> anyhow::Result<String> {
    let mut config: Table = include_str!("base.toml").parse().context("the fixed part of codex's configuration")?;
    config.insert("model".into(), model.into());
    if let Some(effort) = effort {
        config.insert("model_reasoning_effort".into(), effort.into());
    }
    let provider =
        config.get_mut("model_providers").and_then(|all| all.get_mut("gateway")).and_then(Value::as_table_mut);
    let provider = provider.context("the fixed part of codex's configuration names no provider")?;
    provider.insert("base_url".into(), format!("http://{relay}/model/v1").into());
    let tools = config.get_mut("mcp_servers").and_then(|all| all.get_mut("platform")).and_then(Value::as_table_mut);
    let tools = tools.context("the fixed part of codex's configuration names no tools")?;
    tools.insert("url".into(), format!("http://{relay}{TOOLS}").into());
    Ok(toml::to_string(&config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_the_only_way_out_and_names_cannot_break_out() {
        let relay = SocketAddr::from(([127, 0, 0, 1], 3128));
        let text = config(relay, "gpt\"\n[agents]\nenabled = true", Some("high")).unwrap();
        let config: Table = text.parse().unwrap();
        assert_eq!(config["model"].as_str(), Some("gpt\"\n[agents]\nenabled = true"));
        assert_eq!(config["agents"]["enabled"].as_bool(), Some(false));
        assert_eq!(config["model_reasoning_effort"].as_str(), Some("high"));
        let providers = config["model_providers"].as_table().unwrap();
        assert_eq!(providers.len(), 1);
        assert_eq!(providers["gateway"]["base_url"].as_str(), Some("http://127.0.0.1:3128/model/v1"));
        assert!(providers["gateway"].get("env_key").is_none());
        let servers = config["mcp_servers"].as_table().unwrap();
        assert_eq!((servers.len(), servers["platform"]["url"].as_str()), (1, Some("http://127.0.0.1:3128/mcp")));
    }
}
