//! Hashes that name build products: of texts, and of folders with everything in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Twelve digits that stand for these parts in this order.
pub(crate) fn short<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        // The length keeps two parts from being taken for one.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..6])
}

/// Twelve digits that stand for files and folders: their names below `root` and their contents.
pub(crate) fn tree(root: &Path, names: &[&str]) -> Result<String> {
    let mut files = Vec::new();
    for name in names {
        collect(&root.join(name), &mut files)?;
    }
    files.sort();
    let mut parts = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        parts.push(name.into_bytes());
        parts.push(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(short(parts))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(short(["ab", "c"]), short(["a", "bc"]));
        assert_eq!(short(["ab", "c"]), short(["ab".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn a_tree_changes_with_names_and_contents() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/one"), "1").unwrap();
        let first = tree(root.path(), &["a"]).unwrap();
        assert_eq!(tree(root.path(), &["a"]).unwrap(), first);
        fs::write(root.path().join("a/one"), "2").unwrap();
        let second = tree(root.path(), &["a"]).unwrap();
        assert_ne!(second, first);
        fs::rename(root.path().join("a/one"), root.path().join("a/two")).unwrap();
        assert_ne!(tree(root.path(), &["a"]).unwrap(), second);
        assert!(tree(root.path(), &["missing"]).is_err());
    }
}
