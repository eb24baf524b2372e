//! What the gateway asks on its own behalf, for GitHub and for its brokers.

mod brokers;
mod callbacks;
mod egress;
mod outside;
mod sessions;
mod tokens;
mod webhooks;

use axum::extract::FromRequestParts;
use contract::assertion::Caller;
use contract::problem::Problem;
use domain::ids::RunId;
use http::request::Parts;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

/// The internal API.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::take_in_delivery))
        .routes(routes!(sessions::open_session))
        .routes(routes!(sessions::renew_session))
        .routes(routes!(sessions::revoke_session))
        .routes(routes!(tokens::verify_run_token))
        .routes(routes!(brokers::release_forge_credential))
        .routes(routes!(brokers::record_model_call))
        .routes(routes!(brokers::record_model_limit))
        .routes(routes!(brokers::record_broker_event))
        .routes(routes!(egress::ask_for_host))
        .routes(routes!(brokers::record_decoy_sighting))
        .routes(routes!(callbacks::take_in_approver_callback))
        .routes(routes!(callbacks::take_in_executor_callback))
        .routes(routes!(outside::take_in_outside_ask))
}

fn wrong_caller() -> Problem {
    Problem::forbidden("wrong_caller", "This operation is not for this caller")
}

/// The gateway asks for itself.
pub(crate) struct ForGateway;

impl FromRequestParts<App> for ForGateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Gateway => Ok(Self),
            _ => Err(wrong_caller()),
        }
    }
}

/// The gateway asks for a run whose token it has verified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForRun {
    /// The run.
    pub(crate) run: RunId,
    /// The launch that the token was made for.
    pub(crate) launch: i32,
}

impl FromRequestParts<App> for ForRun {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Run { run_id, launch } => Ok(Self { run: run_id, launch }),
            _ => Err(wrong_caller()),
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::{Document, drift};

    #[test]
    fn the_handlers_are_what_the_document_says() {
        let code = super::router().into_openapi();
        assert_eq!(drift::compare(&Document::internal().unwrap(), &code, &[]), Vec::<String>::new());
    }
}
