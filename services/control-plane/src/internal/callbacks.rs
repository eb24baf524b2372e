//! Channels call back about what they were asked. A secret decides once; whoever comes later, or again, is told so and
//! changes nothing.

use std::sync::LazyLock;

use anyhow::Context;
use axum::Json;
use axum::extract::State;
use contract::Secret;
use contract::integrations::{CallbackReceipt, CallbackReceiptStatus, ExecutorCallback};
use contract::internal::{ApproverSaid, ExecutorSaid};
use contract::problem::Problem;
use domain::approvals::Asked;
use domain::channels::replies::{self, Said};
use domain::channels::trial::TrialAnswer;
use domain::channels::{AskState, ChannelKind};
use domain::flow::FlowKind;
use serde_json::{Value, json};
use store::approvals::{self, Decision, Meant};
use store::channel_requests::trial::{self, TriedRow};
use store::channel_requests::{self, FoundRow};
use store::flow::Entry;
use uuid::Uuid;
use vault::{CallbackSecret, Redactor};

use super::ForGateway;
use crate::error::{ApiError, no_such};
use crate::state::App;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]).with_addresses());

/// (as gateway) An approver called back
#[utoipa::path(post, path = "/internal/v1/callbacks/approver", request_body = ApproverSaid,
    responses((status = 200, body = CallbackReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn take_in_approver_callback(
    State(app): State<App>,
    _: ForGateway,
    Json(ApproverSaid { secret, said }): Json<ApproverSaid>,
) -> Result<Json<CallbackReceipt>, ApiError> {
    let found = found(&app, ChannelKind::Approver, &secret, &said.correlation_id).await?;
    let said = replies::approver(&said.decision.to_string(), said.reason.as_deref().unwrap_or_default());
    match found {
        Found::Request(found) => hear(&app, &found, said).await,
        Found::Test(tried) => note(&app, &tried, said).await,
    }
}

/// (as gateway) An executor called back
#[utoipa::path(post, path = "/internal/v1/callbacks/executor", request_body = ExecutorSaid,
    responses((status = 200, body = CallbackReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn take_in_executor_callback(
    State(app): State<App>,
    _: ForGateway,
    Json(ExecutorSaid { secret, said }): Json<ExecutorSaid>,
) -> Result<Json<CallbackReceipt>, ApiError> {
    let ExecutorCallback { correlation_id, status, result, .. } = said;
    let (status, result) = (status.to_string(), result.unwrap_or(Value::Null));
    match found(&app, ChannelKind::Executor, &secret, &correlation_id).await? {
        Found::Request(found) => {
            let Asked::Question(question) = &found.asked.0 else { return Err(unknown()) };
            let said = replies::executor(question, &status, &result);
            hear(&app, &found, said).await
        }
        Found::Test(tried) => {
            let question = prompts::channels::trial::question(tried.locale.0);
            note(&app, &tried, replies::executor(&question, &status, &result)).await
        }
    }
}

/// What was asked.
enum Found {
    /// What an agent asks.
    Request(Box<FoundRow>),
    /// Whether the channel works.
    Test(TriedRow),
}

/// What was asked under this secret and id. The secret is looked up by its hash, and must have been handed out with
/// exactly this id to a channel of this kind.
async fn found(app: &App, kind: ChannelKind, secret: &Secret, correlation: &str) -> Result<Found, ApiError> {
    let hash = CallbackSecret::parse(secret.expose()).ok_or_else(unknown)?.hash();
    let correlation: Uuid = correlation.parse().map_err(|_| unknown())?;
    if let Some(request) = channel_requests::find(&app.pool, kind, &hash, correlation).await? {
        return Ok(Found::Request(Box::new(request)));
    }
    trial::find(&app.pool, kind, &hash, correlation).await?.map(Found::Test).ok_or_else(unknown)
}

fn unknown() -> ApiError {
    no_such("request in a channel")
}

async fn hear(app: &App, found: &FoundRow, said: Said) -> Result<Json<CallbackReceipt>, ApiError> {
    let counts = match said {
        // An earlier try whose answer was lost: what was asked anew is still waited for.
        Said::Expired | Said::Failed(_) if !found.is_newest => false,
        Said::Expired => give_up(app, found, AskState::Expired, None).await?,
        Said::Failed(why) => give_up(app, found, AskState::Failed, Some(&why)).await?,
        Said::Approve | Said::Deny(_) | Said::Answer(_) if !found.may_decide => {
            give_up(app, found, AskState::Failed, Some("it does not speak for those who may decide")).await?
        }
        Said::Approve => {
            let meant = meant(found)?;
            let facts = json!({ "digest": meant.digest });
            decide(app, found, &Decision::Approve(meant), FlowKind::RequestApproved, facts).await?
        }
        Said::Deny(words) => {
            let (meant, words) = (meant(found)?, words.as_deref());
            let facts = json!({ "digest": meant.digest, "words": words });
            decide(app, found, &Decision::Deny(meant, words), FlowKind::RequestDenied, facts).await?
        }
        Said::Answer(answer) => {
            let facts = json!({ "answer": answer.text });
            decide(app, found, &Decision::Answer(&answer), FlowKind::RequestAnswered, facts).await?
        }
    };
    Ok(receipt(counts))
}

/// A test decides nothing: what came back is kept for whoever had it sent.
async fn note(app: &App, tried: &TriedRow, said: Said) -> Result<Json<CallbackReceipt>, ApiError> {
    let counts = match (TrialAnswer::of(&said), said) {
        (Some(answer), _) => {
            let text = answer.text.map(|text| REDACTOR.redact(&text).into_owned());
            trial::answered(&app.pool, tried.id, &TrialAnswer { text, ..answer }).await?
        }
        (None, Said::Failed(why)) => {
            let why = REDACTOR.redact(&why);
            channel_requests::give_up(&app.pool, tried.id, AskState::Failed, Some(&why)).await?
        }
        (None, _) => channel_requests::give_up(&app.pool, tried.id, AskState::Expired, None).await?,
    };
    Ok(receipt(counts))
}

fn receipt(counts: bool) -> Json<CallbackReceipt> {
    let status = if counts { CallbackReceiptStatus::Ok } else { CallbackReceiptStatus::AlreadyResolved };
    Json(CallbackReceipt { status })
}

/// What an approval counts for, as it was when it was asked, which the request's row cannot change; and who may give it, as
/// it was when the channel was found to speak for them.
fn meant(found: &FoundRow) -> Result<Meant<'_>, ApiError> {
    let digest = found.digest.as_deref().context("an action without a digest was asked through a channel")?;
    let mode = found.mode.context("an action that nobody may approve was asked through a channel")?;
    Ok(Meant { digest, mode: mode.0 })
}

async fn decide(
    app: &App,
    found: &FoundRow,
    decision: &Decision<'_>,
    kind: FlowKind,
    mut facts: Value,
) -> Result<bool, ApiError> {
    facts["request"] = json!(found.request_id);
    facts["channel"] = json!(found.channel);
    let entry = Entry::new(kind, format!("channel:{}", found.channel), facts);
    let decided = approvals::decide_through(&app.pool, found.request_id, decision, found.id, &entry).await?;
    if let Some(run) = decided {
        app.waker.work();
        app.waker.run(run.into());
    }
    Ok(decided.is_some())
}

/// The request stays open: the console and other channels may still decide.
async fn give_up(app: &App, found: &FoundRow, state: AskState, why: Option<&str>) -> Result<bool, ApiError> {
    let why = why.map(|why| REDACTOR.redact(why));
    let given = channel_requests::give_up(&app.pool, found.id, state, why.as_deref()).await?;
    if given {
        app.waker.run(found.run_id.into());
    }
    Ok(given)
}
