//! Finding out what a token may do. GitHub lists the scopes of classic tokens only, so the rights of others are probed:
//! reads by reading; writes by something that is taken back at once, or that GitHub refuses for its content after it has
//! looked at the right.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Client, Route};
use super::{accounts, pulls};
use crate::model::RepositoryName;
use crate::provider::Answered;
use crate::rights::{
    ACTIONS_READ, ADMIN, CONTENTS_READ, CONTENTS_WRITE, ENVIRONMENTS, HOOKS_READ, HOOKS_WRITE, ISSUES_WRITE, METADATA,
    PULLS_WRITE, Right, RightCheck, RightState, SECRETS_READ, SECRETS_WRITE, VARIABLES_READ, VARIABLES_WRITE,
    WORKFLOWS,
};

pub(super) async fn check(client: &Client, name: &RepositoryName) -> Answered<Vec<RightCheck>> {
    let scopes = accounts::viewer(client).await?.scopes;
    let repository = accounts::repository(client, name).await?;
    let admin = if repository.permissions.admin { RightState::Granted } else { RightState::Missing };
    let head = pulls::branch_head(client, name, &repository.default_branch).await;
    let mut checks = vec![METADATA.is(RightState::Granted), ADMIN.is(admin)];
    let tip = match head {
        Ok(tip) => {
            checks.push(CONTENTS_READ.is(RightState::Granted));
            tip
        }
        Err(error) => {
            checks.push(CONTENTS_READ.judged::<()>(Err(error))?);
            None
        }
    };
    checks.push(contents_write(client, name, tip.as_deref()).await?);
    checks.push(ISSUES_WRITE.judged(label(client, name).await)?);
    checks.push(PULLS_WRITE.judged(empty_pull(client, name, &repository.default_branch).await)?);
    for (right, path) in [
        (HOOKS_READ, "hooks"),
        (ACTIONS_READ, "actions/runs"),
        (SECRETS_READ, "actions/secrets"),
        (VARIABLES_READ, "actions/variables"),
    ] {
        let route = Route::repository(name, path).query("per_page", 1);
        checks.push(right.judged(client.get::<Value>(&route).await)?);
    }
    checks.extend(
        [HOOKS_WRITE, SECRETS_WRITE, VARIABLES_WRITE, ENVIRONMENTS].map(|right| by_scope(right, scopes.as_deref())),
    );
    checks.push(workflows(scopes.as_deref()));
    Ok(checks)
}

/// A reference outside branches and tags: nobody sees it and no workflow runs for it.
async fn contents_write(client: &Client, name: &RepositoryName, tip: Option<&str>) -> Answered<RightCheck> {
    let Some(tip) = tip else { return Ok(CONTENTS_WRITE.is(RightState::Unchecked)) };
    let reference = format!("codex-k8s/probe-{}", Uuid::now_v7().simple());
    let body = json!({ "ref": format!("refs/{reference}"), "sha": tip });
    let made = client.write(Method::POST, &Route::repository(name, "git/refs"), Some(&body)).await;
    if made.is_ok() {
        let route = Route::repository(name, &format!("git/refs/{reference}"));
        take_back(client, &route).await;
    }
    CONTENTS_WRITE.judged(made)
}

async fn label(client: &Client, name: &RepositoryName) -> Answered<()> {
    let route = Route::repository(name, "labels");
    let label = format!("codex-k8s-probe-{}", Uuid::now_v7().simple());
    let body = json!({ "name": label, "color": "ededed", "description": "Removed at once" });
    client.write(Method::POST, &route, Some(&body)).await?;
    take_back(client, &route.then(label)).await;
    Ok(())
}

/// A probe that stays is untidy, but says nothing about the right.
async fn take_back(client: &Client, route: &Route) {
    if let Err(error) = client.write(Method::DELETE, route, None).await {
        tracing::warn!(%error, "a probe could not be taken back");
    }
}

/// A pull request from a branch to itself cannot exist: without the right GitHub says 403, with it 422.
async fn empty_pull(client: &Client, name: &RepositoryName, branch: &str) -> Answered<()> {
    let body = json!({ "title": "codex-k8s probe", "head": branch, "base": branch });
    client.write(Method::POST, &Route::repository(name, "pulls"), Some(&body)).await.map(drop)
}

/// Rights that only a lasting write would prove: known for classic tokens, whose scopes hold them.
fn by_scope(right: Right, scopes: Option<&[String]>) -> RightCheck {
    let holds = scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == "repo"));
    right.is(if holds { RightState::Granted } else { RightState::Unchecked })
}

fn workflows(scopes: Option<&[String]>) -> RightCheck {
    WORKFLOWS.is(match scopes {
        None => RightState::Unchecked,
        Some(scopes) if scopes.iter().any(|scope| scope == "workflow") => RightState::TooMuch,
        Some(_) => RightState::Granted,
    })
}
