//! Systems of others ask people. First the token, then what it may ask, and only then what was sent.

use std::sync::LazyLock;

use anyhow::Context;
use axum::Json;
use axum::extract::State;
use contract::Secret;
use contract::gateway;
use contract::internal::{OutsideAsk, OutsideReply, OutsideReplyVerdict};
use contract::problem::Problem;
use domain::channels::places;
use domain::flow::FlowKind;
use domain::integrations::asking::{self, Ask};
use domain::integrations::{MOST_OPEN, OutsideKind, TellState};
use serde_json::{Value, json};
use store::flow::Entry;
use store::integration_requests::{self, Before, Request, callback_aad};
use store::integrations::{self, Asker};
use url::Url;
use uuid::Uuid;
use vault::{IntegrationToken, Redactor};

use super::ForGateway;
use crate::error::ApiError;
use crate::state::App;

/// People see no secret, whoever wrote it into what is asked.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]));

/// (as gateway) A system of others asks people
#[utoipa::path(post, path = "/internal/v1/outside/asks", request_body = OutsideAsk,
    responses((status = 200, body = OutsideReply),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn take_in_outside_ask(
    State(app): State<App>,
    _: ForGateway,
    Json(OutsideAsk { token, kind, body }): Json<OutsideAsk>,
) -> Result<Json<OutsideReply>, ApiError> {
    let kind = kind_of(kind);
    let asker = asker(&app, &token, kind).await?;
    let Ok(body) = serde_json::from_str::<Value>(&body) else {
        return Ok(reply(OutsideReplyVerdict::Refused, "the body is not JSON", None));
    };
    match asking::read(kind, &body).map_err(|why| why.to_string()).and_then(|ask| placed(&app, ask)) {
        Ok(ask) => asked(&app, &asker, kind, &ask, &asking::digest(&body)).await,
        Err(why) => Ok(reply(OutsideReplyVerdict::Refused, &why, body["correlation_id"].as_str())),
    }
}

/// Whoever asks, if they may ask this.
async fn asker(app: &App, token: &Secret, kind: OutsideKind) -> Result<Asker, ApiError> {
    let refused = || Problem::unauthorized("token_refused", "The token is unknown or was withdrawn");
    let token = IntegrationToken::parse(token.expose()).ok_or_else(refused)?;
    let asker = integrations::recognise(&app.pool, &token.hash()).await?.ok_or_else(refused)?;
    if !asker.asks.iter().any(|asks| asks.0 == kind) {
        let title = format!("This integration may not ask for an {kind}");
        return Err(Problem::forbidden("not_its_question", title).into());
    }
    Ok(asker)
}

/// The same, if something may stand where it is to be answered.
fn placed(app: &App, ask: Ask) -> Result<Ask, String> {
    let url = Url::parse(&ask.callback).map_err(|error| format!("callback.url cannot be read: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("callback.url must not hold a user or a password".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    match places::judge(url.scheme(), host, &app.gateway_namespace) {
        Ok(_) => Ok(ask),
        Err(why) => Err(format!("callback.url leads where nothing is called: {why}")),
    }
}

async fn asked(
    app: &App,
    asker: &Asker,
    kind: OutsideKind,
    ask: &Ask,
    digest: &[u8; 32],
) -> Result<Json<OutsideReply>, ApiError> {
    let id = Uuid::now_v7();
    let sealed =
        app.keyring.seal(ask.callback.as_bytes(), &callback_aad(id)).context("seal where a request is answered")?;
    let request = Request {
        id,
        asker,
        kind,
        correlation_id: &ask.correlation_id,
        digest,
        asked: &cleaned(json!(ask.asked)),
        callback_sealed: sealed.as_bytes(),
        patience: ask.patience,
        most: MOST_OPEN,
    };
    let facts = json!({ "request": id, "integration": asker.id, "project": asker.project_id, "what": kind });
    let entry = Entry::new(FlowKind::OutsideAsked, format!("integration:{}", asker.name), facts);
    let is_new = integration_requests::ask(&app.pool, &request, &entry).await?;
    let told = |verdict, words: &str| Ok(reply(verdict, words, Some(&ask.correlation_id)));
    if is_new {
        app.waker.run(id);
        return told(OutsideReplyVerdict::Pending, "queued");
    }
    match integration_requests::asked_before(&app.pool, asker, kind, &ask.correlation_id).await? {
        Some(before) if before.digest == digest && still_waits(app, &before).await? => {
            told(OutsideReplyVerdict::Pending, "queued")
        }
        Some(_) => told(OutsideReplyVerdict::Taken, &format!("{kind} already exists")),
        None => told(OutsideReplyVerdict::Full, "too many requests of this integration are open; try again later"),
    }
}

/// Whether an answer will come, or comes once more. A decision that was heard is not heard again: what was let happen once
/// would happen twice.
async fn still_waits(app: &App, before: &Before) -> Result<bool, ApiError> {
    match before.telling.map(|telling| telling.0) {
        None | Some(TellState::Queued) => Ok(true),
        Some(TellState::Told | TellState::Unclear) => Ok(false),
        Some(TellState::Failed) => {
            let again = integration_requests::tell_again(&app.pool, before.id).await?;
            app.waker.work();
            app.waker.run(before.id);
            Ok(again)
        }
    }
}

/// Without what looks like a secret.
fn cleaned(asked: Value) -> Value {
    match asked {
        Value::String(text) => Value::String(REDACTOR.redact(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(cleaned).collect()),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, cleaned(value))).collect(),
        other => other,
    }
}

fn reply(verdict: OutsideReplyVerdict, words: &str, correlation_id: Option<&str>) -> Json<OutsideReply> {
    Json(OutsideReply { verdict, words: words.to_owned(), correlation_id: correlation_id.map(str::to_owned) })
}

const fn kind_of(kind: gateway::OutsideKind) -> OutsideKind {
    match kind {
        gateway::OutsideKind::Approval => OutsideKind::Approval,
        gateway::OutsideKind::Execution => OutsideKind::Execution,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_holds_no_secret() {
        let token = IntegrationToken::generate();
        let asked = json!({ "arguments": { "list": [format!("it is {}", token.expose())], "n": 7 } });
        let shown = cleaned(asked).to_string();
        assert!(!shown.contains(token.expose()) && shown.contains("it is") && shown.contains(":7"), "{shown}");
    }
}
