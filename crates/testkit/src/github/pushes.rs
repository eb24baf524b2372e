//! What follows a push: the emulator's copy, or everything back as it was; and the events GitHub would send.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Result, ensure};
use chrono::Utc;
use serde_json::{Value, json};

use super::{
    deliveries,
    emulator::lock,
    mirror::{self, Upstream},
    server::Shared,
    tokens::Caller,
};
use crate::git::BareRepository;

const ZERO: &str = "0000000000000000000000000000000000000000";

/// Refs and the objects they name.
pub(super) type Refs = BTreeMap<String, String>;

/// Takes a push over into the emulator, or undoes it: then the answer for the client that was refused.
pub(super) async fn settle(
    git: &BareRepository,
    upstream: &Upstream<'_>,
    before: &Refs,
    caller: &Caller,
) -> Result<Option<Vec<u8>>> {
    let taken = match check_workflows(git, before, caller).await {
        Ok(()) => mirror::push(git, upstream, before).await,
        refused => refused,
    };
    let Err(error) = taken else { return Ok(None) };
    let after = git.refs().await?;
    let names = after.keys().chain(before.keys());
    let changed: BTreeSet<&str> =
        names.filter(|name| before.get(*name) != after.get(*name)).map(String::as_str).collect();
    let report = refusal(&changed, &format!("{error:#}"));
    restore(git, before).await?;
    Ok(Some(report))
}

/// The answer of `git receive-pack` to a push whose refs were all refused (every git client asks for sidebands).
fn refusal(refs: &BTreeSet<&str>, why: &str) -> Vec<u8> {
    let line = |content: &[u8]| [format!("{:04x}", content.len() + 4).as_bytes(), content].concat();
    let mut report = line(b"unpack ok\n");
    for name in refs {
        report.extend(line(format!("ng {name} push declined\n").as_bytes()));
    }
    report.extend(b"0000");
    let message = line(&[b"\x02", why.as_bytes(), b"\n"].concat());
    [message, line(&[b"\x01", report.as_slice()].concat()), b"0000".to_vec()].concat()
}

/// A token without the right to change workflows cannot push such a change.
async fn check_workflows(git: &BareRepository, before: &Refs, caller: &Caller) -> Result<()> {
    let may =
        caller.permissions.as_ref().is_none_or(|held| held.get("workflows").is_some_and(|level| level == "write"));
    if may {
        return Ok(());
    }
    for (name, sha) in git.refs().await?.iter().filter(|(name, sha)| before.get(*name) != Some(sha)) {
        let mut args = vec!["log", "--format=%H", sha, "--not"];
        args.extend(before.values().map(String::as_str));
        args.extend(["--", ".github/workflows"]);
        let touched = git.git(&args).await?.is_empty();
        ensure!(
            touched,
            "refusing to allow a Personal Access Token to create or update workflow on {name} without `workflows` permission"
        );
    }
    Ok(())
}

/// Puts all refs back to what they were.
async fn restore(git: &BareRepository, before: &Refs) -> Result<()> {
    for name in git.refs().await?.keys().filter(|name| !before.contains_key(*name)) {
        git.git(&["update-ref", "-d", name]).await?;
    }
    for (name, sha) in before {
        git.git(&["update-ref", name, sha]).await?;
    }
    Ok(())
}

/// The emulator announces pushes to refs that existed. GitHub announces new and deleted ones as pushes too, and tells
/// open pull requests of their new head.
pub(super) async fn announce(
    state: &Shared,
    full_name: &str,
    caller: &Caller,
    before: &Refs,
    after: &Refs,
) -> Result<()> {
    lock(&state.pushed_at).insert(full_name.to_owned(), Utc::now());
    if state.hooks.of_repository(full_name).is_empty() {
        return Ok(());
    }
    let token = Some(caller.upstream.as_str());
    let repository = state.emulator.get(&format!("/repos/{full_name}"), token).await?;
    let sender = state.emulator.get("/user", token).await?;
    let appeared = after.keys().filter(|name| !before.contains_key(*name));
    let vanished = before.keys().filter(|name| !after.contains_key(*name));
    for name in appeared.chain(vanished) {
        let at = |refs: &Refs| refs.get(name).map_or(ZERO, String::as_str).to_owned();
        let payload =
            json!({"ref": name, "before": at(before), "after": at(after), "repository": repository, "sender": sender});
        send(state, full_name, "push", payload);
    }
    let pulls = state.emulator.get(&format!("/repos/{full_name}/pulls?state=open&per_page=100"), token).await?;
    for pull in pulls.as_array().into_iter().flatten() {
        let name = format!("refs/heads/{}", pull["head"]["ref"].as_str().unwrap_or_default());
        let (Some(old), Some(new)) = (before.get(&name), after.get(&name)) else { continue };
        if old != new {
            let mut pull = pull.clone();
            pull["head"]["sha"] = json!(new);
            let payload = json!({
                "action": "synchronize", "number": pull["number"], "before": old, "after": new,
                "pull_request": pull, "repository": repository, "sender": sender,
            });
            send(state, full_name, "pull_request", payload);
        }
    }
    Ok(())
}

fn send(state: &Shared, full_name: &str, event: &'static str, payload: Value) {
    for hook in state.hooks.of_repository(full_name) {
        let (state, payload) = (Arc::clone(state), payload.clone());
        tokio::spawn(async move { deliveries::deliver(&state, hook, event, payload).await });
    }
}
