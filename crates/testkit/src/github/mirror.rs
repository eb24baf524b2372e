//! Keeps a bare repository and the emulator's copy of it equal: what was pushed goes there object by object, what was
//! made through the API comes back the same way. Ids are compared at every object, so the two cannot drift unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, FixedOffset};
use http::Method;
use serde_json::{Value, json};

use super::emulator::Emulator;
use crate::git::{BareRepository, TreeEntry};

/// The emulator's side of one repository, seen with somebody's token.
#[derive(Debug)]
pub(super) struct Upstream<'a> {
    emulator: &'a Emulator,
    base: String,
    token: Option<&'a str>,
}

impl<'a> Upstream<'a> {
    pub(super) fn new(emulator: &'a Emulator, owner: &str, repository: &str, token: Option<&'a str>) -> Self {
        Self { emulator, base: format!("/repos/{owner}/{repository}"), token }
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.emulator.get(&format!("{}/{path}", self.base), self.token).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        self.emulator.must(method, &format!("{}/{path}", self.base), self.token, body).await
    }

    /// All branches and tags with the object each names.
    pub(super) async fn refs(&self) -> Result<BTreeMap<String, String>> {
        let mut refs = BTreeMap::new();
        for prefix in ["heads", "tags"] {
            let listing = self.get(&format!("git/matching-refs/{prefix}")).await?;
            for one in listing.as_array().context("refs are not a list")? {
                refs.insert(text(&one["ref"])?.to_owned(), text(&one["object"]["sha"])?.to_owned());
            }
        }
        Ok(refs)
    }
}

/// Sends what changed in `git` since its refs were `before`.
pub(super) async fn push(
    git: &BareRepository,
    upstream: &Upstream<'_>,
    before: &BTreeMap<String, String>,
) -> Result<()> {
    let after = git.refs().await?;
    let changed: Vec<(&String, &String)> = after.iter().filter(|(name, sha)| before.get(*name) != Some(sha)).collect();
    for (name, sha) in &changed {
        let kind = git.git(&["cat-file", "-t", sha]).await?;
        ensure!(kind == "commit", "{name} names a {kind}; only commits can be mirrored");
    }
    send_objects(git, upstream, before, &changed).await?;
    for (name, sha) in changed {
        let short = name.strip_prefix("refs/").context("a ref outside refs/")?;
        if before.contains_key(name) {
            let body = json!({"sha": sha, "force": true});
            upstream.send(Method::PATCH, &format!("git/refs/{short}"), &body).await?;
        } else {
            upstream.send(Method::POST, "git/refs", &json!({"ref": name, "sha": sha})).await?;
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        let short = name.strip_prefix("refs/").context("a ref outside refs/")?;
        upstream.send(Method::DELETE, &format!("git/refs/{short}"), &Value::Null).await?;
    }
    Ok(())
}

async fn send_objects(
    git: &BareRepository,
    upstream: &Upstream<'_>,
    before: &BTreeMap<String, String>,
    changed: &[(&String, &String)],
) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let mut args = vec!["rev-list", "--reverse", "--topo-order"];
    args.extend(changed.iter().map(|(_, sha)| sha.as_str()));
    args.push("--not");
    args.extend(before.values().map(String::as_str));
    let commits = git.git(&args).await?;
    let mut sent = BTreeSet::new();
    for known in before.values() {
        remember_tree(git, known, &mut sent).await?;
    }
    for commit in commits.lines() {
        let raw = Commit::parse(&git.object("commit", commit).await?)?;
        send_tree(git, upstream, &raw.tree, &mut sent).await?;
        let made = upstream.send(Method::POST, "git/commits", &raw.to_api()).await?;
        ensure!(made["sha"] == commit, "commit {commit} became {} in the emulator", made["sha"]);
    }
    Ok(())
}

/// Everything in the tree of a ref that both sides had already.
async fn remember_tree(git: &BareRepository, commit: &str, sent: &mut BTreeSet<String>) -> Result<()> {
    let listing = git.git(&["ls-tree", "-r", "-t", "--format=%(objectname)", commit]).await?;
    sent.extend(listing.lines().map(str::to_owned));
    Ok(())
}

/// Sends a tree after all it holds.
async fn send_tree(
    git: &BareRepository,
    upstream: &Upstream<'_>,
    tree: &str,
    sent: &mut BTreeSet<String>,
) -> Result<()> {
    if !sent.insert(tree.to_owned()) {
        return Ok(());
    }
    let entries = git.tree(tree).await?;
    for entry in &entries {
        match entry.kind.as_str() {
            "tree" => Box::pin(send_tree(git, upstream, &entry.sha, sent)).await?,
            "blob" if sent.insert(entry.sha.clone()) => send_blob(git, upstream, &entry.sha).await?,
            _ => {}
        }
    }
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| json!({"path": entry.name, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}))
        .collect();
    let made = upstream.send(Method::POST, "git/trees", &json!({"tree": entries})).await?;
    ensure!(made["sha"] == tree, "tree {tree} became {} in the emulator", made["sha"]);
    Ok(())
}

async fn send_blob(git: &BareRepository, upstream: &Upstream<'_>, sha: &str) -> Result<()> {
    let content = STANDARD.encode(git.object("blob", sha).await?);
    let made = upstream.send(Method::POST, "git/blobs", &json!({"content": content, "encoding": "base64"})).await?;
    ensure!(made["sha"] == sha, "blob {sha} became {} in the emulator", made["sha"]);
    Ok(())
}

/// Brings what the emulator has and `git` lacks: commits made through the API, merges, moved and deleted refs.
pub(super) async fn fetch(git: &BareRepository, upstream: &Upstream<'_>) -> Result<()> {
    let (here, there) = (git.refs().await?, upstream.refs().await?);
    for (name, sha) in there.iter().filter(|(name, sha)| here.get(*name) != Some(sha)) {
        fetch_commits(git, upstream, sha).await?;
        git.git(&["update-ref", name, sha]).await?;
    }
    for name in here.keys().filter(|name| !there.contains_key(*name)) {
        git.git(&["update-ref", "-d", name]).await?;
    }
    Ok(())
}

async fn fetch_commits(git: &BareRepository, upstream: &Upstream<'_>, tip: &str) -> Result<()> {
    let mut wanted = vec![tip.to_owned()];
    let mut found: Vec<Commit> = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some(sha) = wanted.pop() {
        if !seen.insert(sha.clone()) || git.has(&sha).await {
            continue;
        }
        let commit = Commit::from_api(&upstream.get(&format!("git/commits/{sha}")).await?)?;
        wanted.extend(commit.parents.iter().cloned());
        found.push(commit);
    }
    for commit in found {
        fetch_tree(git, upstream, &commit.tree).await?;
        let id = git.write("commit", &commit.to_raw()).await?;
        ensure!(seen.contains(&id), "a commit of the emulator became {id} in git");
    }
    Ok(())
}

async fn fetch_tree(git: &BareRepository, upstream: &Upstream<'_>, tree: &str) -> Result<()> {
    if git.has(tree).await {
        return Ok(());
    }
    let listing = upstream.get(&format!("git/trees/{tree}")).await?;
    let mut entries = Vec::new();
    for one in listing["tree"].as_array().context("a tree without entries")? {
        let entry = TreeEntry {
            mode: text(&one["mode"])?.to_owned(),
            kind: text(&one["type"])?.to_owned(),
            sha: text(&one["sha"])?.to_owned(),
            name: text(&one["path"])?.to_owned(),
        };
        match entry.kind.as_str() {
            "tree" => Box::pin(fetch_tree(git, upstream, &entry.sha)).await?,
            "blob" => fetch_blob(git, upstream, &entry.sha).await?,
            _ => {}
        }
        entries.push(entry);
    }
    let id = git.write_tree(&entries).await?;
    ensure!(id == tree, "tree {tree} of the emulator became {id} in git");
    Ok(())
}

async fn fetch_blob(git: &BareRepository, upstream: &Upstream<'_>, sha: &str) -> Result<()> {
    if git.has(sha).await {
        return Ok(());
    }
    let blob = upstream.get(&format!("git/blobs/{sha}")).await?;
    let id = git.write("blob", &STANDARD.decode(text(&blob["content"])?)?).await?;
    ensure!(id == sha, "blob {sha} of the emulator became {id} in git");
    Ok(())
}

/// A commit's content, between git's raw form and the API's.
#[derive(Debug, PartialEq, Eq)]
struct Commit {
    tree: String,
    parents: Vec<String>,
    author: Signature,
    committer: Signature,
    message: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    email: String,
    at: DateTime<FixedOffset>,
}

impl Commit {
    fn parse(raw: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(raw).context("a commit is not UTF-8")?;
        let (head, message) = text.split_once("\n\n").context("a commit without a message")?;
        let (mut tree, mut parents, mut author, mut committer) = (None, Vec::new(), None, None);
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("tree", sha)) => tree = Some(sha.to_owned()),
                Some(("parent", sha)) => parents.push(sha.to_owned()),
                Some(("author", who)) => author = Some(Signature::parse(who)?),
                Some(("committer", who)) => committer = Some(Signature::parse(who)?),
                _ => bail!("a commit carries {line:?}, which the stand-in cannot keep (signed commits, encodings)"),
            }
        }
        Ok(Self {
            tree: tree.context("a commit without a tree")?,
            parents,
            author: author.context("a commit without an author")?,
            committer: committer.context("a commit without a committer")?,
            message: message.to_owned(),
        })
    }

    fn to_api(&self) -> Value {
        json!({
            "message": self.message, "tree": self.tree, "parents": self.parents,
            "author": self.author.to_api(), "committer": self.committer.to_api(),
        })
    }

    fn from_api(commit: &Value) -> Result<Self> {
        let parents = commit["parents"].as_array().context("a commit without parents")?;
        let mut message = text(&commit["message"])?.to_owned();
        // The emulator hashes every message with a newline at its end, but keeps it as it came.
        if !message.ends_with('\n') {
            message.push('\n');
        }
        Ok(Self {
            tree: text(&commit["tree"]["sha"])?.to_owned(),
            parents: parents.iter().map(|parent| Ok(text(&parent["sha"])?.to_owned())).collect::<Result<_>>()?,
            author: Signature::from_api(&commit["author"])?,
            committer: Signature::from_api(&commit["committer"])?,
            message,
        })
    }

    fn to_raw(&self) -> Vec<u8> {
        let mut raw = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            raw.push_str(&format!("parent {parent}\n"));
        }
        raw.push_str(&format!("author {}\ncommitter {}\n\n", self.author.to_raw(), self.committer.to_raw()));
        raw.push_str(&self.message);
        raw.into_bytes()
    }
}

impl Signature {
    fn parse(line: &str) -> Result<Self> {
        let (name, rest) = line.split_once(" <").context("a signature without an address")?;
        let (email, when) = rest.rsplit_once("> ").context("a signature without a time")?;
        let (seconds, zone) = when.split_once(' ').context("a signature without a zone")?;
        let at = DateTime::from_timestamp(seconds.parse()?, 0).context("a time out of range")?;
        let zone: FixedOffset = zone.parse().map_err(|_| anyhow::anyhow!("unknown zone {zone}"))?;
        Ok(Self { name: name.to_owned(), email: email.to_owned(), at: at.with_timezone(&zone) })
    }

    fn to_raw(&self) -> String {
        format!("{} <{}> {} {}", self.name, self.email, self.at.timestamp(), self.at.format("%z"))
    }

    fn to_api(&self) -> Value {
        json!({"name": self.name, "email": self.email, "date": self.at.to_rfc3339()})
    }

    fn from_api(value: &Value) -> Result<Self> {
        Ok(Self {
            name: text(&value["name"])?.to_owned(),
            email: text(&value["email"])?.to_owned(),
            at: DateTime::parse_from_rfc3339(text(&value["date"])?)?,
        })
    }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("expected a text, found {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 953249cc4685106b4fa856e49188957993adfdde\n\
        author Änne O'Neil <a@b.test> 1795316821 +0530\ncommitter C <c@d.test> 1795316822 -0800\n\nTitle\n\nBody\n";

    #[test]
    fn a_commit_survives_both_directions() {
        let commit = Commit::parse(RAW.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(commit.to_raw()).unwrap(), RAW);
        let mut api = commit.to_api();
        api["tree"] = json!({"sha": commit.tree});
        api["parents"] = json!([{"sha": commit.parents[0]}]);
        assert_eq!(Commit::from_api(&api).unwrap(), commit);
    }

    #[test]
    fn a_signed_commit_is_refused() {
        let signed = RAW.replace("\n\nTitle", "\ngpgsig -----BEGIN\n\nTitle");
        assert!(Commit::parse(signed.as_bytes()).unwrap_err().to_string().contains("gpgsig"));
    }
}
