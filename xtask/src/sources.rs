//! Whose sources the build folder was built from. Checkouts share it, and cargo goes by the times of files alone: what one
//! checkout built counts as fresh in another one whose files are older, whatever is in them. So a checkout that takes the
//! folder over makes its own files new. (Two that build at the same moment can still mistake each other's products.)

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::paths::Paths;

/// Makes sure that cargo takes nothing in the build folder for this checkout's that another one built.
pub(crate) fn claim(paths: &Paths) -> Result<()> {
    take_over(&paths.target(), &paths.checkout)
}

fn take_over(target: &Path, checkout: &Path) -> Result<()> {
    let holder = target.join("checkout");
    let ours = checkout.display().to_string();
    if fs::read_to_string(&holder).is_ok_and(|whose| whose == ours) {
        return Ok(());
    }
    if target.is_dir() {
        let now = SystemTime::now();
        for file in rust_files(checkout)? {
            touch(&file, now)?;
        }
    }
    fs::create_dir_all(target).with_context(|| format!("cannot create {}", target.display()))?;
    fs::write(&holder, ours).with_context(|| format!("cannot write {}", holder.display()))
}

/// Gives a file a new time.
pub(crate) fn touch(file: &Path, time: SystemTime) -> Result<()> {
    File::open(file)
        .and_then(|file| file.set_modified(time))
        .with_context(|| format!("cannot touch {}", file.display()))
}

/// All Rust files: every crate has some, and a crate with a new one is compiled again with whatever else it reads.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
            found.extend(rust_files(&entry.path())?);
        } else if kind.is_file() && name.ends_with(".rs") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn files_become_new_when_another_checkout_built_last() {
        let folder = tempfile::tempdir().unwrap();
        let (target, old) = (folder.path().join("target"), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let checkout = |name: &str| {
            let checkout = folder.path().join(name);
            fs::create_dir_all(checkout.join("src")).unwrap();
            let file = checkout.join("src/lib.rs");
            fs::write(&file, "").unwrap();
            touch(&file, old).unwrap();
            (checkout, file)
        };
        let is_old = |file: &Path| file.metadata().unwrap().modified().unwrap() == old;
        let (one, two) = (checkout("one"), checkout("two"));
        take_over(&target, &one.0).unwrap();
        assert!(is_old(&one.1), "an empty build folder misleads nobody");
        take_over(&target, &two.0).unwrap();
        assert!(!is_old(&two.1) && is_old(&one.1));
        touch(&two.1, old).unwrap();
        take_over(&target, &two.0).unwrap();
        assert!(is_old(&two.1), "who built last is served by cargo itself");
        take_over(&target, &one.0).unwrap();
        assert!(!is_old(&one.1));
    }
}
