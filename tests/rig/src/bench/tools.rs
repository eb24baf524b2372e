//! What a call of a tool costs, through gateway and control-plane, beside the statement that it comes to and one bare
//! exchange over HTTP with a process of the platform.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use domain::flow::FlowKind;
use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use serde_json::{Value, json};
use store::flow::Entry;
use store::runs::{Lease, lease, progress, report};
use store::tokens;
use vault::RunToken;

use super::quiet::watched;
use super::report::{Round, Rounds, median};
use super::stage::Stage;
use crate::delivery::Delivery;
use crate::load::Line;

const ROUNDS: u64 = 5;
/// Runs of a round, because each may call tools only so often.
const RUNS: u64 = 4;
/// Calls of each, one after another, as an agent makes them.
const CALLS: u32 = 90;

/// A run that is launched, with its token.
struct Agent {
    lease: Lease,
    launch: i32,
    token: RunToken,
}

/// P15, in milliseconds.
pub(super) async fn calls(stage: &Stage) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    for round in 0..=ROUNDS {
        stage.clear().await?;
        let (mut statements, mut exchanges, mut calls, mut disturbed) = (Vec::new(), Vec::new(), Vec::new(), 0.0_f64);
        for run in 0..RUNS {
            let agent = Agent::start(stage, round * RUNS + run).await?;
            let (least, foreign) = watched(async { Ok((said(stage, &agent).await?, exchanged(stage).await?)) }).await?;
            statements.extend(least.0);
            exchanges.extend(least.1);
            let (called, also) = watched(called(stage, &agent)).await?;
            calls.extend(called);
            disturbed = disturbed.max(foreign).max(also);
            agent.end(stage).await?;
        }
        // The first round warms caches and prepared statements up.
        if round > 0 {
            let base = median(statements) + median(exchanges);
            rounds.0.push(Round { base, ours: median(calls), foreign: disturbed });
        }
    }
    Ok(rounds)
}

impl Agent {
    async fn start(stage: &Stage, issue: u64) -> Result<Self> {
        let delivery = Delivery::labelled(&format!("tools-{issue}"), issue + 1);
        let status = Line::new(stage.platform.gateway.address).send(&delivery).await?;
        ensure!(status.as_u16() == 202, "the label was answered {status}");
        let lease = lease::claim(&stage.db, "bench", Duration::from_secs(3600)).await?.context("no run waits")?;
        let launch = progress::open_launch(&stage.db, lease).await?.context("the lease is lost")?;
        let token = RunToken::generate();
        ensure!(tokens::issue(&stage.db, lease, &token.hash()).await?, "the lease is lost");
        Ok(Self { lease, launch, token })
    }

    /// Its place is free for the next one.
    async fn end(self, stage: &Stage) -> Result<()> {
        sqlx::query("UPDATE agent_runs SET status = 'succeeded', finished_at = app_now() WHERE id = $1")
            .bind(self.lease.run.0)
            .execute(&stage.db)
            .await?;
        Ok(())
    }

    fn call(&self, number: u32) -> Result<Request<Full<Bytes>>> {
        let params = json!({ "name": "run_status_report", "arguments": { "status": words(number) } });
        let message = json!({ "jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params });
        let request = Request::post("/mcp")
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header("mcp-protocol-version", "2025-06-18");
        Ok(request.body(Full::new(message.to_string().into()))?)
    }
}

fn words(number: u32) -> String {
    format!("Reading file {number}")
}

async fn called(stage: &Stage, agent: &Agent) -> Result<Vec<f64>> {
    let mut line = Line::new(stage.platform.gateway.listener("AGENTS_LISTEN")?);
    timed(async |number| {
        let (status, body) = line.ask(agent.call(number)?).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        ensure!(
            answer["result"]["isError"] != true && !answer["result"].is_null(),
            "the call was answered {status} {answer}"
        );
        Ok(())
    })
    .await
}

/// The statement of the same tool, with its entry in the audit.
async fn said(stage: &Stage, agent: &Agent) -> Result<Vec<f64>> {
    timed(async |number| {
        let words = words(number);
        let arguments = json!({ "status": words }).to_string();
        let data = json!({ "tool": "run_status_report", "outcome": "ok", "arguments": arguments });
        let entry = Entry::new(FlowKind::ToolCalled, "agent", data);
        let said = report::status(&stage.db, agent.lease.run, agent.launch, &words, &entry).await?;
        ensure!(said, "the launch is over");
        Ok(())
    })
    .await
}

/// The least that a process of the platform answers.
async fn exchanged(stage: &Stage) -> Result<Vec<f64>> {
    let mut line = Line::new(stage.platform.control_plane.ops);
    timed(async |_| {
        let (status, _) = line.ask(Request::get("/healthz").body(Full::default())?).await?;
        ensure!(status.is_success(), "the control-plane is not alive: {status}");
        Ok(())
    })
    .await
}

/// How long each took, in milliseconds.
async fn timed(mut one: impl AsyncFnMut(u32) -> Result<()>) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for number in 0..CALLS {
        let begin = Instant::now();
        one(number).await?;
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(took)
}
