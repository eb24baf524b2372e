//! Keeps a bare repository and the emulator's copy of it equal: what was pushed goes there object by object, what was
//! made through the API comes back the same way. Ids are compared at every object, so the two cannot drift unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use super::{commit::Commit, emulator::Emulator};
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

pub(super) fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("expected a text, found {value}"))
}
