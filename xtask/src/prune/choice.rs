//! What may go, decided from what is there, what is in use and what was rolled out last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// What the references of our images begin with.
pub(super) const OURS: &str = "localhost/codex-k8s/";

/// Of everything that is made again and again this many stay: the one at work, and the one to go back to.
const KEPT: usize = 2;

/// One name of an image in the node's container runtime.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Listed {
    /// A reference, or the image's own id: Kubernetes gives every image such a second name, which keeps it just as well.
    pub(super) reference: String,
    /// What the name stands for.
    pub(super) digest: String,
}

/// A file in the cache that is named after what it was made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Copy {
    /// As in `worker-0123456789ab.tar`.
    pub(super) name: String,
    /// When it was last made or found.
    pub(super) used: SystemTime,
    /// Whether a process runs it.
    pub(super) runs: bool,
}

/// An image in the build store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stored {
    pub(super) id: String,
    /// None for what a build that broke off has left.
    pub(super) names: Vec<String>,
}

/// References by their rollout, the newest first: of each image the one that is rolled out now and the one before.
pub(super) fn remembered(before: &[String], now: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: Vec<String> = Vec::new();
    for reference in now.iter().chain(before) {
        let image = reference.rsplit_once(':').map_or(reference.as_str(), |(image, _)| image);
        let count = counts.entry(image.to_owned()).or_default();
        if *count < KEPT && !all.contains(reference) {
            *count += 1;
            all.push(reference.clone());
        }
    }
    all
}

/// Every name of our images that is neither kept nor another name of one that is. Ids come first: as long as an image has
/// its reference, a removal that breaks off can be repeated.
pub(super) fn unused_images(listed: &[Listed], kept: &BTreeSet<String>) -> Vec<String> {
    let mut images: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in listed {
        images.entry(&one.digest).or_default().push(&one.reference);
    }
    let unused = images.values().filter(|names| is_ours(names) && !names.iter().any(|name| kept.contains(*name)));
    let mut names: Vec<String> = unused.flatten().map(|name| (*name).to_owned()).collect();
    names.sort_by_key(|name| name.starts_with(OURS));
    names
}

fn is_ours(names: &[&str]) -> bool {
    let mut references = names.iter().filter(|name| !name.starts_with("sha256:")).peekable();
    references.peek().is_some() && references.all(|name| name.starts_with(OURS))
}

/// Copies to remove: of each kind the most recently used stay, and whatever runs. Other files are not ours to judge.
pub(super) fn older_copies(copies: &[Copy]) -> Vec<&str> {
    let mut kinds: BTreeMap<(&str, &str), Vec<&Copy>> = BTreeMap::new();
    for copy in copies {
        if let Some((stem, _, suffix)) = parts(&copy.name) {
            kinds.entry((stem, suffix)).or_default().push(copy);
        }
    }
    let mut older = Vec::new();
    for mut kind in kinds.into_values() {
        kind.sort_by_key(|copy| Reverse(copy.used));
        older.extend(kind.into_iter().skip(KEPT).filter(|copy| !copy.runs).map(|copy| copy.name.as_str()));
    }
    older
}

/// Images of the build store of which the cache holds no archive; those could only be built anew anyway.
pub(super) fn unarchived(stored: &[Stored], archives: &[String]) -> Vec<String> {
    let kept: BTreeSet<String> = archives
        .iter()
        .filter_map(|file| parts(file))
        .filter(|(_, _, suffix)| *suffix == ".tar")
        .map(|(stem, hash, _)| format!("{OURS}{stem}:{hash}"))
        .collect();
    let unused = stored.iter().filter(|image| !image.names.iter().any(|name| kept.contains(name)));
    unused.map(|image| image.id.clone()).collect()
}

/// Stem, hash and suffix of a copy's name.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (stem, rest) = name.rsplit_once('-')?;
    let (hash, suffix) = rest.split_at_checked(12)?;
    let whole = hash.bytes().all(|digit| digit.is_ascii_hexdigit()) && (suffix.is_empty() || suffix.starts_with('.'));
    whole.then_some((stem, hash, suffix))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn owned(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn of_each_image_the_last_two_rollouts_are_remembered() {
        let table = [
            ("", "w:1 a:1", "w:1 a:1"),
            ("w:1 a:1", "w:2 a:1", "w:2 a:1 w:1"),
            ("w:2 a:1 w:1", "w:2 a:1", "w:2 a:1 w:1"),
            ("w:2 a:1 w:1", "w:3 a:1", "w:3 a:1 w:2"),
            ("w:3 a:1 w:2", "w:2 a:1", "w:2 a:1 w:3"),
        ];
        for (before, now, expected) in table {
            assert_eq!(remembered(&owned(before), &owned(now)), owned(expected), "{before} then {now}");
        }
    }

    #[test]
    fn an_image_goes_with_all_its_names_or_stays() {
        let list = |rows: &str| -> Vec<Listed> {
            let rows = rows.split_whitespace().filter_map(|row| row.split_once('='));
            rows.map(|(name, digest)| Listed { reference: name.replace("our/", OURS), digest: digest.to_owned() })
                .collect()
        };
        let table = [
            ("kept by name", "our/w:1=x sha256:1=x", "our/w:1", ""),
            ("kept by id", "our/w:1=x sha256:1=x", "sha256:1", ""),
            ("kept by a twin", "our/w:1=x our/w:2=x sha256:1=x", "our/w:2", ""),
            ("unused", "our/w:1=x sha256:1=x our/w:2=y sha256:2=y", "our/w:2", "sha256:1 our/w:1"),
            ("all unused", "our/w:1=x sha256:1=x our/w:2=y", "", "sha256:1 our/w:1 our/w:2"),
            ("somebody else's", "other/w:1=x sha256:1=x", "", ""),
            ("somebody else's too", "our/w:1=x other/w:1=x sha256:1=x", "", ""),
            ("without a reference", "sha256:1=x", "", ""),
        ];
        for (what, rows, kept, expected) in table {
            let kept = owned(&kept.replace("our/", OURS)).into_iter().collect();
            assert_eq!(unused_images(&list(rows), &kept), owned(&expected.replace("our/", OURS)), "{what}");
        }
    }

    #[test]
    fn of_each_kind_the_last_two_stay_and_what_runs() {
        // Name, age in days, whether it runs.
        let copies: Vec<Copy> = [
            ("coredns-aaaaaaaaaaaa", 1, false),
            ("coredns-bbbbbbbbbbbb", 3, false),
            ("coredns-cccccccccccc", 2, false),
            ("standins-aaaaaaaaaaaa", 1, false),
            ("standins-bbbbbbbbbbbb", 2, false),
            ("standins-cccccccccccc", 4, false),
            ("standins-dddddddddddd", 9, true),
            ("base-agent-bookworm-aaaaaaaaaaaa.rootfs", 9, false),
            ("base-agent-aaaaaaaaaaaa.tar", 1, false),
            ("base-agent-bbbbbbbbbbbb.tar", 2, false),
            ("coredns-dddddddddddd-more", 9, false),
            ("devcluster.partial", 9, false),
        ]
        .into_iter()
        .map(|(name, days, runs)| Copy {
            name: name.to_owned(),
            used: SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * (100 - days)),
            runs,
        })
        .collect();
        assert_eq!(older_copies(&copies), ["coredns-bbbbbbbbbbbb", "standins-cccccccccccc"]);
    }

    #[test]
    fn the_build_store_keeps_what_has_an_archive() {
        let stored = |id: &str, name: &str| Stored { id: id.to_owned(), names: owned(&name.replace("our/", OURS)) };
        let all =
            [stored("1", "our/base-agent:aaaaaaaaaaaa"), stored("2", "our/base-agent:bbbbbbbbbbbb"), stored("3", "")];
        let archives = owned("base-agent-aaaaaaaaaaaa.tar base-agent-bbbbbbbbbbbb.partial");
        assert_eq!(unarchived(&all, &archives), ["2", "3"]);
    }
}
