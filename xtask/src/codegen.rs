//! Files that are made from others and committed: wire types from `openapi/`, the console's types from the same
//! documents, and the description of the SQL that compiles without a database. `--check` writes nothing and names what
//! is stale.

mod sql;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{feed, output};
use crate::paths::Paths;

const DOCUMENTS: [&str; 4] = ["gateway.yaml", "agent.yaml", "internal.yaml", "integrations.yaml"];

/// Files by path inside the checkout; `None` for one that must not be there.
type Made = BTreeMap<PathBuf, Option<String>>;

/// Makes everything anew; with `check` it is only compared with what is there.
pub(crate) fn run(paths: &Paths, check: bool) -> Result<()> {
    let mut made = wire_types(paths)?;
    made.extend(console_types(paths)?);
    made.extend(sql::descriptions(paths)?);
    let stale: Vec<_> = made.iter().filter(|(file, text)| differs(&paths.checkout.join(file), text)).collect();
    if check && !stale.is_empty() {
        let names: Vec<_> = stale.iter().map(|(file, _)| format!("\n  - {}", file.display())).collect();
        bail!("stale, run `cargo xtask codegen`:{}", names.concat());
    }
    for (file, text) in &stale {
        write(&paths.checkout.join(file), text.as_deref())?;
        println!("{}", file.display());
    }
    Ok(())
}

fn differs(file: &Path, text: &Option<String>) -> bool {
    fs::read_to_string(file).ok().as_deref() != text.as_deref()
}

fn write(file: &Path, text: Option<&str>) -> Result<()> {
    let Some(text) = text else {
        return fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()));
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    // Others may be compiling: they see the old file or the new one, never half of it.
    let partial = file.with_extension("partial");
    fs::write(&partial, text).with_context(|| format!("cannot write {}", partial.display()))?;
    fs::rename(&partial, file).with_context(|| format!("cannot write {}", file.display()))
}

fn wire_types(paths: &Paths) -> Result<Made> {
    let mut documents = BTreeMap::new();
    for file in DOCUMENTS {
        let text = fs::read_to_string(paths.checkout.join("openapi").join(file))
            .with_context(|| format!("cannot read openapi/{file}"))?;
        let document: Value = serde_saphyr::from_str(&text).with_context(|| format!("openapi/{file} is not YAML"))?;
        documents.insert(file.to_owned(), document);
    }
    let mut made = Made::new();
    for file in DOCUMENTS {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024", "--config-path"]).arg(&paths.checkout);
        let source = feed(&mut rustfmt, &types::rust_types(file, &documents)?)?;
        let name = format!("crates/contract/src/generated/{}.rs", types::module_of(file));
        made.insert(name.into(), Some(source));
    }
    Ok(made)
}

/// The console's types, where its packages are installed: without them there is nothing that could make them.
fn console_types(paths: &Paths) -> Result<Made> {
    let program = paths.checkout.join("web-console/node_modules/openapi-typescript/bin/cli.js");
    if !program.is_file() {
        return Ok(Made::new());
    }
    let bundled = paths.cache.join("node/bin/node");
    let node = if bundled.is_file() { bundled } else { "node".into() };
    let text = output(Command::new(node).arg(program).arg(paths.checkout.join("openapi/gateway.yaml")))?;
    Ok(Made::from([("web-console/src/api/schema.d.ts".into(), Some(text))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_differs_when_its_text_does_or_when_it_should_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/made.rs");
        assert!(differs(&file, &Some("a".to_owned())));
        assert!(!differs(&file, &None));
        write(&file, Some("a")).unwrap();
        assert!(!differs(&file, &Some("a".to_owned())));
        assert!(differs(&file, &Some("b".to_owned())));
        assert!(differs(&file, &None));
        write(&file, None).unwrap();
        assert!(!file.exists());
    }
}
