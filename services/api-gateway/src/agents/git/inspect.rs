//! Gathers the facts about a push from the objects in quarantine. What they mean is decided in `domain::scope`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use domain::scope::{Ancestry, COMMITS_LIMIT, Change, Commit, NO_OBJECT, Push, RefUpdate};

use super::command::{Git, GitError};
use super::hook::Quarantine;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// A pointer of Git LFS is shorter than this (its specification), and begins with these words.
const POINTER_LIMIT: u64 = 1024;
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const ATTRIBUTES_LIMIT: u64 = 1024 * 1024;

/// A repository together with the objects of an unfinished push.
pub(super) struct Inspected<'a> {
    pub(super) repository: &'a Path,
    pub(super) quarantine: &'a Quarantine,
}

/// One line of `git diff-tree --raw`.
#[derive(Debug, PartialEq, Eq)]
struct RawChange {
    mode: String,
    old: String,
    new: String,
    path: String,
}

impl Inspected<'_> {
    pub(super) fn git(&self, name: &'static str) -> Git {
        Git::new(name, self.repository)
            .env("GIT_OBJECT_DIRECTORY", &self.quarantine.objects)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &self.quarantine.alternates)
    }

    /// Everything that the rules want to know about moving the run's branch.
    pub(super) async fn facts(&self, update: &RefUpdate, base: &str) -> Result<Push, GitError> {
        let commits = self.commits(&update.new).await?;
        let Some(left_from) = self.merge_base(base, &update.new).await? else {
            return Ok(Push { ancestry: Ancestry::Unrelated, changes: Vec::new(), commits });
        };
        let forward = update.old == NO_OBJECT || self.is_ancestor(&update.old, &update.new).await?;
        let ancestry = if forward { Ancestry::Forward } else { Ancestry::Rewritten };
        let changes = self.changes(&left_from, &update.new).await?;
        Ok(Push { ancestry, changes, commits })
    }

    async fn merge_base(&self, base: &str, new: &str) -> Result<Option<String>, GitError> {
        let output = self.git("merge-base").args([&format!("refs/heads/{base}"), new]).output(PATIENCE).await?;
        match output.status.code() {
            Some(0) => Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())),
            Some(1) => Ok(None),
            _ => output.good("merge-base").map(|_| None),
        }
    }

    async fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, GitError> {
        let output = self.git("merge-base").args(["--is-ancestor", old, new]).output(PATIENCE).await?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => output.good("merge-base").map(|_| false),
        }
    }

    /// Commits that no branch has yet, one more than may come at most.
    async fn commits(&self, new: &str) -> Result<Vec<Commit>, GitError> {
        let most = format!("--max-count={}", COMMITS_LIMIT + 1);
        let args = ["-z", "--encoding=UTF-8", "--format=%H%n%B", &most, new, "--not", "--all"];
        let log = self.git("log").args(args).stdout(PATIENCE).await?;
        let records = log.split(|byte| *byte == 0).filter(|record| !record.is_empty());
        Ok(records
            .map(|record| {
                let text = String::from_utf8_lossy(record);
                let (id, message) = text.split_once('\n').unwrap_or((&text, ""));
                Commit { id: id.to_owned(), message: message.to_owned() }
            })
            .collect())
    }

    async fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>, GitError> {
        let args = ["-r", "-z", "--raw", "--no-renames", "--no-abbrev", from, to];
        let raw = parse_raw(&self.git("diff-tree").args(args).stdout(PATIENCE).await?)?;
        let sizes = self.sizes(&raw).await?;
        let size = |change: &RawChange| sizes.get(&change.new).copied().unwrap_or(0);
        let mut wanted = HashSet::new();
        for change in &raw {
            if is_attributes(&change.path) && size(change) <= ATTRIBUTES_LIMIT {
                wanted.extend([change.new.clone(), change.old.clone()]);
            } else if (1..POINTER_LIMIT).contains(&size(change)) {
                wanted.insert(change.new.clone());
            }
        }
        wanted.remove(NO_OBJECT);
        let contents = self.contents(wanted).await?;
        let content = |id: &str| contents.get(id).map_or(&[] as &[u8], Vec::as_slice);
        Ok(raw
            .iter()
            .map(|change| Change {
                size: size(change),
                lfs_pointer: content(&change.new).starts_with(POINTER),
                adds_filter: is_attributes(&change.path) && adds_filter(content(&change.old), content(&change.new)),
                path: change.path.clone(),
                mode: change.mode.clone(),
            })
            .collect())
    }

    async fn sizes(&self, changes: &[RawChange]) -> Result<HashMap<String, u64>, GitError> {
        let blobs = changes.iter().filter(|change| change.new != NO_OBJECT && change.mode != "160000");
        let input: String = blobs.map(|change| format!("{}\n", change.new)).collect();
        let args = ["--batch-check=%(objectname) %(objectsize)"];
        let listing = self.git("cat-file").args(args).fed(input.into_bytes(), PATIENCE).await?;
        let lines = String::from_utf8_lossy(&listing).into_owned();
        lines
            .lines()
            .map(|line| {
                let (id, size) = line.split_once(' ').ok_or(GitError::Unread("cat-file"))?;
                Ok((id.to_owned(), size.parse().map_err(|_| GitError::Unread("cat-file"))?))
            })
            .collect()
    }

    pub(super) async fn contents(&self, ids: HashSet<String>) -> Result<HashMap<String, Vec<u8>>, GitError> {
        let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let batch = self
            .git("cat-file")
            .args(["--batch=%(objectname) %(objectsize)"])
            .fed(input.into_bytes(), PATIENCE)
            .await?;
        parse_batch(&batch).ok_or(GitError::Unread("cat-file"))
    }
}

fn parse_raw(listing: &[u8]) -> Result<Vec<RawChange>, GitError> {
    let unread = || GitError::Unread("diff-tree");
    let mut fields = listing.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut changes = Vec::new();
    while let Some(head) = fields.next() {
        let head = std::str::from_utf8(head).ok().and_then(|head| head.strip_prefix(':')).ok_or_else(unread)?;
        let words: Vec<_> = head.split(' ').collect();
        let [_, mode, old, new, _] = words[..] else { return Err(unread()) };
        let path = String::from_utf8_lossy(fields.next().ok_or_else(unread)?).into_owned();
        changes.push(RawChange { mode: mode.to_owned(), old: old.to_owned(), new: new.to_owned(), path });
    }
    Ok(changes)
}

fn parse_batch(mut batch: &[u8]) -> Option<HashMap<String, Vec<u8>>> {
    let mut contents = HashMap::new();
    while !batch.is_empty() {
        let end = batch.iter().position(|byte| *byte == b'\n')?;
        let (id, size) = std::str::from_utf8(&batch[..end]).ok()?.split_once(' ')?;
        let content = batch.get(end + 1..)?.get(..size.parse().ok()?)?;
        contents.insert(id.to_owned(), content.to_vec());
        batch = batch.get(end + 1 + content.len() + 1..)?;
    }
    Some(contents)
}

fn is_attributes(path: &str) -> bool {
    path == ".gitattributes" || path.ends_with("/.gitattributes")
}

fn adds_filter(old: &[u8], new: &[u8]) -> bool {
    let declared = |text: &[u8]| -> HashSet<String> {
        let text = String::from_utf8_lossy(text);
        text.lines().filter(|line| line.contains("filter=")).map(|line| line.trim().to_owned()).collect()
    };
    !declared(new).is_subset(&declared(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_listings_are_read_whatever_the_name() {
        let listing = b":100644 100755 aa bb M\0a b\nc\0:000000 160000 00 cc A\0sub\0";
        let changes = parse_raw(listing).unwrap();
        assert_eq!(
            changes[0],
            RawChange { mode: "100755".into(), old: "aa".into(), new: "bb".into(), path: "a b\nc".into() }
        );
        assert_eq!((changes[1].mode.as_str(), changes[1].path.as_str()), ("160000", "sub"));
        assert!(parse_raw(b":100644 x\0p\0").is_err());
        assert!(parse_raw(b":100644 100644 a b M\0").is_err());
    }

    #[test]
    fn batches_are_read_by_size() {
        let contents = parse_batch(b"aa 3\nx\ny\nbb 0\n\n").unwrap();
        assert_eq!(contents["aa"], b"x\ny");
        assert_eq!(contents["bb"], b"");
        assert!(parse_batch(b"aa missing\n").is_none());
    }

    #[test]
    fn only_new_filters_count() {
        assert!(adds_filter(b"", b"*.bin filter=lfs diff=lfs\n"));
        assert!(!adds_filter(b"*.bin filter=lfs\n", b"*.md text\n*.bin filter=lfs\n"));
        assert!(!adds_filter(b"", b"*.md text\n"));
    }
}
