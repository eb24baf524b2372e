//! Pull requests where git knows more than the emulator: refusals of impossible ones, the head after later pushes, the
//! files and the diff.

use axum::{
    Json,
    extract::{Path, Query, State as Extracted},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    emulator::Answer,
    mirror,
    proxy::{self, Refusal},
    rights::repository_path,
    server::{Shared, State},
    tokens::Caller,
};
use crate::git::BareRepository;

/// Refuses a new pull request that GitHub would refuse and the emulator would make.
pub(super) async fn check_new(state: &State, caller: Option<&Caller>, path: &str, body: &[u8]) -> Result<(), Refusal> {
    let Some((owner, repository, "pulls")) = repository_path(path) else { return Ok(()) };
    let token = caller.map(|caller| caller.upstream.as_str());
    let asked: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let (Some(head), Some(base)) = (asked["head"].as_str(), asked["base"].as_str()) else { return Ok(()) };
    let head = head.rsplit_once(':').map_or(head, |(_, branch)| branch);
    let get = |rest: String| {
        let path = format!("/repos/{owner}/{repository}/{rest}");
        async move { state.emulator.call(Method::GET, &path, token, &Value::Null).await }
    };
    for (field, branch) in [("head", head), ("base", base)] {
        if !get(format!("git/ref/heads/{branch}")).await?.status.is_success() {
            return Err(Refusal::invalid(json!({"resource": "PullRequest", "field": field, "code": "invalid"})));
        }
    }
    let custom =
        |message: String| Refusal::invalid(json!({"resource": "PullRequest", "code": "custom", "message": message}));
    if get(format!("compare/{base}...{head}")).await?.json()["ahead_by"] == 0 {
        return Err(custom(format!("No commits between {base} and {head}")));
    }
    let open = get("pulls?state=open&per_page=100".to_owned()).await?.json();
    let exists = open
        .as_array()
        .is_some_and(|pulls| pulls.iter().any(|pull| pull["head"]["ref"] == head && pull["base"]["ref"] == base));
    if exists {
        return Err(custom(format!("A pull request already exists for {owner}:{head}.")));
    }
    Ok(())
}

/// `GET …/issues/{number}` of a pull request, which is an issue too; the emulator keeps them apart.
pub(super) async fn as_issue(
    state: &State,
    token: Option<&str>,
    path: &str,
    answer: &mut Answer,
) -> Result<(), Refusal> {
    let Some((owner, repository, rest)) = repository_path(path) else { return Ok(()) };
    let Some(number) = rest.strip_prefix("issues/").and_then(|number| number.parse::<u64>().ok()) else {
        return Ok(());
    };
    let path = format!("/repos/{owner}/{repository}/pulls/{number}");
    let found = state.emulator.call(Method::GET, &path, token, &Value::Null).await?;
    if found.status.is_success() {
        let mut issue = found.json();
        issue["pull_request"] = json!({ "url": issue["url"] });
        *answer = Answer { body: issue.to_string().into(), ..found };
    }
    Ok(())
}

/// Gives open pull requests the head their branch has now; the emulator keeps the one from the start.
pub(super) async fn correct(state: &State, owner: &str, repository: &str, answer: &mut Answer) -> Result<(), Refusal> {
    let folder = state.repository_folder(owner, repository);
    if !folder.join("HEAD").exists() {
        return Ok(());
    }
    let git = BareRepository::open(folder).await?;
    let mut value = answer.json();
    let single = value.is_object();
    let pulls: Vec<&mut Value> = match &mut value {
        Value::Array(pulls) => pulls.iter_mut().collect(),
        one => vec![one],
    };
    for pull in pulls {
        if pull["state"] != "open" {
            continue;
        }
        let branch = format!("refs/heads/{}", pull["head"]["ref"].as_str().unwrap_or_default());
        let Ok(sha) = git.git(&["rev-parse", "--verify", "--quiet", &branch]).await else { continue };
        pull["head"]["sha"] = json!(sha);
        if single {
            let files = changed_files(&git, &range(pull)?).await?;
            let sum = |field: &str| files.iter().filter_map(|file| file[field].as_u64()).sum::<u64>();
            pull["changed_files"] = json!(files.len());
            pull["additions"] = json!(sum("additions"));
            pull["deletions"] = json!(sum("deletions"));
            pull["commits"] = json!(
                git.git(&["rev-list", "--count", &range(pull)?.replace("...", "..")])
                    .await?
                    .parse::<u64>()
                    .unwrap_or(0)
            );
        }
    }
    answer.body = value.to_string().into();
    Ok(())
}

/// Which page of a listing.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(default = "first")]
    page: usize,
    #[serde(default = "thirty")]
    per_page: usize,
}

/// `GET /repos/{owner}/{repo}/pulls/{number}/files`, from git.
pub(super) async fn files(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, number)): Path<(String, String, u64)>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (git, range) = find(&state, &owner, &repository, number, &headers).await?;
    let files = changed_files(&git, &range).await?;
    let size = page.per_page.clamp(1, 100);
    let files: Vec<Value> = files.into_iter().skip(page.page.saturating_sub(1) * size).take(size).collect();
    Ok(Json(files).into_response())
}

/// `GET /{owner}/{repo}/pull/{number}.diff`, from git.
pub(super) async fn diff(
    Extracted(state): Extracted<Shared>,
    Path((owner, repository, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let number = file.strip_suffix(".diff").and_then(|number| number.parse().ok()).ok_or_else(Refusal::not_found)?;
    let (git, range) = find(&state, &owner, &repository, number, &headers).await?;
    let diff = git.git(&["diff", &range]).await? + "\n";
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], diff).into_response())
}

/// The repository and the commit range of a pull request the caller may see.
async fn find(
    state: &State,
    owner: &str,
    repository: &str,
    number: u64,
    headers: &HeaderMap,
) -> Result<(BareRepository, String), Refusal> {
    let path = format!("/repos/{owner}/{repository}/pulls/{number}");
    let caller = proxy::admit(state, &Method::GET, &path, headers).await?;
    let token = caller.as_ref().map(|caller| caller.upstream.as_str());
    let mut answer = state.emulator.call(Method::GET, &path, token, &Value::Null).await?;
    if !answer.status.is_success() {
        return Err(Refusal::not_found());
    }
    let lock = state.repository_lock(owner, repository);
    let _held = lock.lock().await;
    let git = BareRepository::open(state.repository_folder(owner, repository)).await?;
    mirror::fetch(&git, &mirror::Upstream::new(&state.emulator, owner, repository, token)).await?;
    correct(state, owner, repository, &mut answer).await?;
    Ok((git, range(&answer.json())?))
}

fn range(pull: &Value) -> Result<String, Refusal> {
    match (pull["base"]["sha"].as_str(), pull["head"]["sha"].as_str()) {
        (Some(base), Some(head)) => Ok(format!("{base}...{head}")),
        _ => Err(anyhow::anyhow!("a pull request without base or head").into()),
    }
}

async fn changed_files(git: &BareRepository, range: &str) -> Result<Vec<Value>, Refusal> {
    let names = git.git(&["diff", "--no-renames", "--name-status", "-z", range]).await?;
    let counts = git.git(&["diff", "--no-renames", "--numstat", "-z", range]).await?;
    let mut fields = names.split_terminator('\0');
    let mut counts = counts.split_terminator('\0').map(|line| line.split('\t').map(|n| n.parse::<u64>().unwrap_or(0)));
    let mut files = Vec::new();
    while let (Some(status), Some(name), Some(mut count)) = (fields.next(), fields.next(), counts.next()) {
        let (additions, deletions) = (count.next().unwrap_or(0), count.next().unwrap_or(0));
        let status = match status {
            "A" => "added",
            "D" => "removed",
            _ => "modified",
        };
        let head = range.rsplit("...").next().unwrap_or_default();
        let sha = git.git(&["rev-parse", "--verify", "--quiet", &format!("{head}:{name}")]).await.ok();
        let patch = git.git(&["diff", "--no-renames", range, "--", name]).await?;
        let patch = patch.find("\n@@").map(|start| &patch[start + 1..]);
        files.push(json!({
            "sha": sha, "filename": name, "status": status, "additions": additions, "deletions": deletions,
            "changes": additions + deletions, "patch": patch,
        }));
    }
    Ok(files)
}

fn first() -> usize {
    1
}

fn thirty() -> usize {
    30
}
