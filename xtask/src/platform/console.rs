//! The console's built files, as one archive that the gateway's image unpacks. Built away from the checkout, so that
//! nobody's `node_modules` is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::hashing;
use crate::node;
use crate::paths::Paths;
use crate::steps::{Step, step};
use crate::wheels::remove;

/// What the build reads, inside `web-console`.
const SOURCES: [&str; 8] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "public",
    "src",
    "tests/first-load.ts",
    "tsconfig.json",
    "vite.config.ts",
];

/// The archive of these sources, from the cache where nothing changed.
pub(crate) fn built(paths: &Paths) -> Result<PathBuf> {
    let source = paths.checkout.join("web-console");
    let folder = paths.cache.join("console");
    let archive = folder.join(format!("console-{}.tar", hashing::tree(&source, &SOURCES)?));
    if archive.is_file() {
        return Ok(archive);
    }
    let node = node::home(paths)?;
    step(paths, "console", "build the console", |step| {
        let work = folder.join("work");
        fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
        take_over(step, &source, &work)?;
        node::install(step, &node, &work)?;
        step.run(node::npm(&node, &work)?.args(["run", "build"]))?;
        let partial = archive.with_extension("partial");
        step.run(
            Command::new("tar")
                .args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=a+rX"])
                .arg("--directory")
                .arg(work.join("dist"))
                .arg("--file")
                .arg(&partial)
                .args(["--create", "."]),
        )?;
        drop_older(&folder)?;
        fs::rename(&partial, &archive).context("cannot move the console's archive into place")
    })?;
    Ok(archive)
}

fn take_over(step: &mut Step, source: &Path, work: &Path) -> Result<()> {
    for name in SOURCES {
        let target = work.join(name);
        if target.is_dir() {
            remove(&target)?;
        }
        fs::create_dir_all(target.parent().unwrap_or(work))?;
        step.run(Command::new("cp").arg("-rT").arg(source.join(name)).arg(&target))?;
    }
    Ok(())
}

fn drop_older(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "tar") {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
