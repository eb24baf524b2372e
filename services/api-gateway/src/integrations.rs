//! The integrations listener, which is reached from inside the cluster only. Services of others that the platform asked call
//! back here: what opens that is the secret of one try, in the address that the platform gave away. Systems of others ask
//! people here, with the token of an integration. A run's token opens nothing.

mod asks;

use std::sync::Arc;
use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::extract::{Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::{Json, Router};
use contract::assertion::Caller;
use contract::document::DocumentProblem;
use contract::integrations::{ApproverCallback, CallbackReceipt, ExecutorCallback};
use contract::internal::{ApproverSaid, ExecutorSaid};
use contract::problem::Problem;
use contract::{Document, Secret, Validator};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::CallbackSecret;

use crate::bodies::BodyBounds;
use crate::forward::{AskError, Client};

/// Bytes of a body: an answer has at most a few thousand characters, and so has what people are to read.
const BODY_LIMIT: usize = 64 * 1024;
/// From the first byte to the last of a body that is read before anybody knows who sends it.
const BODY_TIME: Duration = Duration::from_secs(5);
/// What bodies may hold together while they come, callbacks and asks each.
const MEMORY: usize = 32 * 1024 * 1024;
/// Requests that are worked on at the same time, callbacks and asks each; more are answered 503 at once.
const AT_ONCE: usize = 64;
const FULL: &str = "Too many requests at once, try again";
/// The other side waits ten seconds, and never calls back again.
const PATIENCE: Duration = Duration::from_secs(8);

/// The secret of one try.
#[derive(Deserialize)]
struct ByAddress {
    token: String,
}

/// The address that was called.
type Addressed = Query<ByAddress>;

impl ByAddress {
    fn secret(self) -> Secret {
        self.token.into()
    }
}

/// The complete router of the listener. `control` reaches the control-plane under the gateway's signature.
///
/// # Errors
/// When the contract does not compile.
pub fn router(control: Client) -> Result<Router, DocumentProblem> {
    let document = Document::integrations()?;
    let (callbacks, asks) =
        (door(callbacks(), &document, names_a_try)?, door(asks::routes(), &document, asks::says_who)?);
    Ok(callbacks.merge(asks).fallback(nothing_here).with_state(control))
}

/// Routes behind bounds of their own, so that neither callbacks nor asks keep the others out. First comes what `may` says of
/// the head, then the body as a whole, and only a request that is there takes one of the places: who sends slowly holds none.
fn door(
    routes: OpenApiRouter<Client>,
    document: &Document,
    may: fn(&Request) -> Result<(), Problem>,
) -> Result<Router<Client>, DocumentProblem> {
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_: tower::BoxError| Problem::unavailable("overloaded", FULL)))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(AT_ONCE));
    let bodies = Arc::new(BodyBounds::new(BODY_LIMIT, BODY_TIME, MEMORY));
    let held = from_fn(move |request: Request, next: Next| {
        let bodies = bodies.clone();
        async move {
            may(&request)?;
            let answered = bodies.hold(request, next).await;
            answered.map_err(|cut| cut.into_problem("A request has at most 64 KiB", FULL))
        }
    });
    let checked = Validator::new(document)?.with_body_limit(BODY_LIMIT).guard(routes.split_for_parts().0);
    Ok(checked.route_layer(shed).route_layer(held))
}

/// Whether a callback names a secret of the form that is given away; whose it is, is not known here.
fn names_a_try(request: &Request) -> Result<(), Problem> {
    let Ok(Query(by)) = Query::<ByAddress>::try_from_uri(request.uri()) else {
        let problem = Problem::unprocessable("invalid_request", "The request has wrong fields");
        return Err(problem.with_field("query.token", "is required, once"));
    };
    let secret = CallbackSecret::parse(&by.token);
    secret.map(drop).ok_or_else(|| Problem::not_found("not_found", "There is no such request in a channel"))
}

/// What the handlers say of themselves, to be compared with the contract.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    callbacks().merge(asks::routes()).split_for_parts().1
}

fn callbacks() -> OpenApiRouter<Client> {
    OpenApiRouter::new().routes(routes!(receive_approver_callback)).routes(routes!(receive_executor_callback))
}

async fn nothing_here() -> Problem {
    Problem::not_found("no_such_operation", "There is nothing at this address")
}

/// An approver says what became of a request
#[utoipa::path(post, path = "/api/v1/approvers/callback", params(("token" = String, Query)), request_body = ApproverCallback,
    responses((status = 200, body = CallbackReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn receive_approver_callback(
    State(control): State<Client>,
    Query(by): Addressed,
    Json(said): Json<ApproverCallback>,
) -> Result<Json<CallbackReceipt>, Problem> {
    passed_on(&control, "approver", &ApproverSaid { secret: by.secret(), said }).await
}

/// An executor says what was answered
#[utoipa::path(post, path = "/api/v1/executors/callback", params(("token" = String, Query)), request_body = ExecutorCallback,
    responses((status = 200, body = CallbackReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn receive_executor_callback(
    State(control): State<Client>,
    Query(by): Addressed,
    Json(said): Json<ExecutorCallback>,
) -> Result<Json<CallbackReceipt>, Problem> {
    passed_on(&control, "executor", &ExecutorSaid { secret: by.secret(), said }).await
}

async fn passed_on(
    control: &Client,
    from: &'static str,
    said: &(impl Serialize + Sync),
) -> Result<Json<CallbackReceipt>, Problem> {
    let path = format!("/internal/v1/callbacks/{from}");
    let heard = control.call(Caller::Gateway, &path, said, PATIENCE).await;
    let result = if heard.is_ok() { "heard" } else { "refused" };
    metrics::counter!("callbacks_total", "from" => from, "result" => result).increment(1);
    heard.map(Json).map_err(AskError::into_problem)
}

#[cfg(test)]
mod tests;
