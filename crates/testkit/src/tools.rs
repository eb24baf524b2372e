//! Where the programs the stand-ins and their tests start are found on this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Node 24's binary: `CODEXK8S_TEST_NODE`, else the one in the development stack's cache.
///
/// # Errors
/// When neither exists.
pub fn node() -> Result<PathBuf> {
    find("CODEXK8S_TEST_NODE", "node/bin/node")
}

/// The entry script of the npm package `emulate`: `CODEXK8S_TEST_EMULATE`, else the one in the cache.
///
/// # Errors
/// When neither exists.
pub fn emulate() -> Result<PathBuf> {
    find("CODEXK8S_TEST_EMULATE", "npm/node_modules/emulate/dist/index.js")
}

/// The `codex` binary, with its code-mode host beside it: `CODEXK8S_TEST_CODEX`, else the one in the cache.
///
/// # Errors
/// When neither exists.
pub fn codex() -> Result<PathBuf> {
    find("CODEXK8S_TEST_CODEX", "npm/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex")
}

/// The folder the development stack caches its parts in: `$HOME/.cache/codex-k8s`.
///
/// # Errors
/// When `HOME` is not set.
pub fn cache() -> Result<PathBuf> {
    Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache/codex-k8s"))
}

fn find(variable: &str, cached: &str) -> Result<PathBuf> {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => cache()?.join(cached),
    };
    anyhow::ensure!(path.exists(), "{} does not exist; name the program in {variable}", path.display());
    Ok(path)
}
