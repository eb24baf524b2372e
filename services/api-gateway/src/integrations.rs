//! The integrations listener, which is reached from inside the cluster only. Services of others that the platform asked call
//! back here: what opens that is the secret of one try, in the address that the platform gave away. Systems of others ask
//! people here, with the token of an integration. A run's token opens nothing.

mod asks;

use std::sync::Arc;
use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::extract::{Query, State};
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
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bodies::BodyBounds;
use crate::forward::{AskError, Client};

/// Bytes of a body: an answer has at most a few thousand characters, and so has what people are to read.
const BODY_LIMIT: usize = 64 * 1024;
/// Longest silence within a body.
const BODY_SILENCE: Duration = Duration::from_secs(5);
/// From the first byte to the last of a body that is read before anybody knows who sends it.
const BODY_TIME: Duration = Duration::from_secs(5);
/// Requests that are worked on at the same time; more are answered 503 at once.
const AT_ONCE: usize = 64;
/// The other side waits ten seconds, and never calls back again.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the handlers share.
#[derive(Clone)]
struct Listener {
    control: Client,
    bodies: Arc<BodyBounds>,
}

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
    let routes = routes().split_for_parts().0;
    let guarded = Validator::new(&Document::integrations()?)?.with_body_limit(BODY_LIMIT).guard(routes);
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_: tower::BoxError| {
            Problem::unavailable("overloaded", "Too many requests at once, try again")
        }))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(AT_ONCE));
    let timed = guarded.route_layer(RequestBodyTimeoutLayer::new(BODY_SILENCE)).fallback(nothing_here);
    let bodies = Arc::new(BodyBounds::new(BODY_LIMIT, BODY_TIME, AT_ONCE * BODY_LIMIT));
    Ok(timed.layer(shed).with_state(Listener { control, bodies }))
}

/// What the handlers say of themselves, to be compared with the contract.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

fn routes() -> OpenApiRouter<Listener> {
    OpenApiRouter::new()
        .routes(routes!(receive_approver_callback))
        .routes(routes!(receive_executor_callback))
        .routes(routes!(asks::ask_for_approval))
        .routes(routes!(asks::ask_for_execution))
}

async fn nothing_here() -> Problem {
    Problem::not_found("no_such_operation", "There is nothing at this address")
}

/// An approver says what became of a request
#[utoipa::path(post, path = "/api/v1/approvers/callback", params(("token" = String, Query)), request_body = ApproverCallback,
    responses((status = 200, body = CallbackReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn receive_approver_callback(
    State(at): State<Listener>,
    Query(by): Addressed,
    Json(said): Json<ApproverCallback>,
) -> Result<Json<CallbackReceipt>, Problem> {
    passed_on(&at.control, "approver", &ApproverSaid { secret: by.secret(), said }).await
}

/// An executor says what was answered
#[utoipa::path(post, path = "/api/v1/executors/callback", params(("token" = String, Query)), request_body = ExecutorCallback,
    responses((status = 200, body = CallbackReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn receive_executor_callback(
    State(at): State<Listener>,
    Query(by): Addressed,
    Json(said): Json<ExecutorCallback>,
) -> Result<Json<CallbackReceipt>, Problem> {
    passed_on(&at.control, "executor", &ExecutorSaid { secret: by.secret(), said }).await
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
