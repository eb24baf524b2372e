//! Every route of the agents listener, with tokens that open nothing, with that of a run which is being stopped, and with
//! that of one that works. Those of the run API are held against the contract.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use contract::Document;
use http::Method;
use serde_json::Value;
use stories::{Pod, Story};
use testkit::console::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Keeping what a run has, which one that is being stopped may do too.
    Saving,
    /// Work.
    Working,
}

use For::{Saving, Working};

const ROUTES: &[(&str, For)] = &[
    ("GET /api/v1/run/context", Working),
    ("POST /api/v1/run/events", Saving),
    ("POST /api/v1/run/beat", Saving),
    ("GET /api/v1/run/session", Working),
    ("PUT /api/v1/run/session", Saving),
    ("GET /api/v1/run/worktree", Working),
    ("PUT /api/v1/run/worktree", Saving),
    ("POST /api/v1/run/result", Saving),
    ("POST /mcp", Working),
    // In the formats of others, so beside the contract.
    ("GET /model/v1/models", Working),
    ("POST /model/v1/responses", Working),
    ("GET /git/acme/app.git/info/refs?service=git-upload-pack", Working),
    ("POST /git/acme/app.git/git-upload-pack", Working),
    ("POST /git/acme/app.git/git-receive-pack", Working),
    ("GET /registry/npm/left-pad", Working),
    ("CONNECT", Working),
];

#[test]
fn the_table_has_every_operation_of_the_run_api() -> Result<()> {
    let told = ROUTES.iter().map(|(route, _)| (*route).to_owned());
    let told: BTreeSet<_> = told.filter(|route| route.contains("/api/") || route.ends_with("/mcp")).collect();
    let routes = Document::agent()?.routes("run");
    let contract =
        routes.iter().flat_map(|(path, methods)| methods.iter().map(move |method| format!("{method} {path}")));
    assert_eq!(told, contract.collect());
    Ok(())
}

/// What a token opens at a route; there is nothing in the body.
async fn asked(t: &Story, token: Option<&str>, route: &str) -> Result<Answer> {
    let Some((method, path)) = route.split_once(' ') else { return tunnel(t, token).await };
    let request = reqwest::Client::new().request(method.parse()?, format!("{}{path}", t.platform.agents_url()));
    let request = request.header("content-type", "application/json");
    let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
    testkit::channel::said(request.send().await?).await
}

/// Asks for a tunnel to a host that nobody granted.
async fn tunnel(t: &Story, token: Option<&str>) -> Result<Answer> {
    let at = t.platform.agents_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(at).await?;
    let who = token.map(|token| format!("proxy-authorization: Bearer {token}\r\n")).unwrap_or_default();
    let ask = format!("CONNECT none.invalid:443 HTTP/1.1\r\nhost: none.invalid:443\r\nconnection: close\r\n{who}\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    Ok(Answer { status, body: serde_json::from_str(body).unwrap_or_default() })
}

async fn working(t: &Story) -> Result<Pod> {
    let issue = t.open_issue("Add dark mode").await?;
    t.label("writer", issue, "run:dev").await?;
    Pod::launch(t).await
}

#[tokio::test]
async fn no_route_of_agents_opens_to_anybody_but_a_run_that_goes_on() -> Result<()> {
    let mut t = Story::begin().await?;
    let over = working(&t).await?;
    let ended = over.token().to_owned();
    over.fail(&t).await?;
    let pod = working(&t).await?;
    let staff = t.owner.access_token();
    for &(route, _) in ROUTES {
        for token in [None, Some("cxr_forged"), Some(staff.as_str()), Some(ended.as_str())] {
            let answer = asked(&t, token, route).await?;
            assert!([401, 407].contains(&answer.status.as_u16()), "{route}: {} {}", answer.status, answer.body);
        }
        let answer = asked(&t, Some(pod.token()), route).await?;
        let refused = [401, 407].contains(&answer.status.as_u16()) || answer.code() == "run_ending";
        assert!(!refused, "{route}: {} {}", answer.status, answer.body);
    }
    t.platform.still_runs()
}

#[tokio::test]
async fn a_run_that_is_being_stopped_saves_what_it_has_and_nothing_else() -> Result<()> {
    let mut t = Story::begin().await?;
    let pod = working(&t).await?;
    t.owner.call(Method::POST, &format!("runs/{}/cancel", pod.lease.run), &Value::Null).await?.ok()?;
    stories::until("the gateway knows", async || {
        Ok(asked(&t, Some(pod.token()), "POST /mcp").await?.code() == "run_ending")
    })
    .await?;
    for &(route, needs) in ROUTES {
        let answer = asked(&t, Some(pod.token()), route).await?;
        let saves = ![401, 403, 407].contains(&answer.status.as_u16());
        let ends = answer.status.as_u16() == 403 && answer.code() == "run_ending";
        ensure!(if needs == Saving { saves } else { ends }, "{route}: {} {}", answer.status, answer.body);
    }
    t.platform.still_runs()
}
