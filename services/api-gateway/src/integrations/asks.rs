//! Systems of others ask people here, with the token of an integration. Behind the gateway it is known whose that is and
//! what they may ask; here it is said in the other side's formats.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contract::Secret;
use contract::assertion::Caller;
use contract::gateway::OutsideKind;
use contract::integrations::{
    ApprovalAsked, ApproverReply, ApproverReplyDecision, ExecutionAsked, ExecutorReply, ExecutorReplyStatus,
};
use contract::internal::{OutsideAsk, OutsideReply, OutsideReplyVerdict};
use contract::problem::Problem;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault::IntegrationToken;

use super::PATIENCE;
use crate::forward::{AskError, Client};

const PATH: &str = "/internal/v1/outside/asks";

pub(super) fn routes() -> OpenApiRouter<Client> {
    OpenApiRouter::new().routes(routes!(ask_for_approval)).routes(routes!(ask_for_execution))
}

/// Whether a request brings a token of the form that integrations have; whose it is, is not known here.
pub(super) fn says_who(request: &Request) -> Result<(), Problem> {
    token(request.headers()).map(drop).ok_or_else(refused)
}

/// A system of others asks whether something may be done
#[utoipa::path(post, path = "/api/v1/approvers/approve",
    request_body(content = ApprovalAsked, content_type = "application/json"),
    responses((status = 202, body = ApproverReply), (status = 400, body = ApproverReply),
              (status = 429, body = ApproverReply),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ask_for_approval(State(control): State<Client>, request: Request) -> Result<Response, Problem> {
    let OutsideReply { verdict, words, correlation_id } = asked(&control, OutsideKind::Approval, request).await?;
    let decision = match verdict {
        OutsideReplyVerdict::Pending => ApproverReplyDecision::Pending,
        _ => ApproverReplyDecision::Error,
    };
    Ok((status(verdict), Json(ApproverReply { decision, reason: words, correlation_id })).into_response())
}

/// A system of others asks people a question
#[utoipa::path(post, path = "/api/v1/executors/execute",
    request_body(content = ExecutionAsked, content_type = "application/json"),
    responses((status = 202, body = ExecutorReply), (status = 400, body = ExecutorReply),
              (status = 429, body = ExecutorReply),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ask_for_execution(State(control): State<Client>, request: Request) -> Result<Response, Problem> {
    let OutsideReply { verdict, words, correlation_id } = asked(&control, OutsideKind::Execution, request).await?;
    let said = match verdict {
        OutsideReplyVerdict::Pending => ExecutorReplyStatus::Pending,
        _ => ExecutorReplyStatus::Error,
    };
    Ok((status(verdict), Json(ExecutorReply { status: said, result: words, correlation_id })).into_response())
}

const fn status(verdict: OutsideReplyVerdict) -> StatusCode {
    match verdict {
        OutsideReplyVerdict::Pending | OutsideReplyVerdict::Taken => StatusCode::ACCEPTED,
        OutsideReplyVerdict::Refused => StatusCode::BAD_REQUEST,
        OutsideReplyVerdict::Full => StatusCode::TOO_MANY_REQUESTS,
    }
}

async fn asked(control: &Client, kind: OutsideKind, request: Request) -> Result<OutsideReply, Problem> {
    let (parts, body) = request.into_parts();
    let token = token(&parts.headers).ok_or_else(refused)?;
    // It was read within its bounds already; this only takes it out.
    let body =
        to_bytes(body, usize::MAX).await.map_err(|_| Problem::bad_request("body_cut", "The body ended early"))?;
    // What is no text is no JSON either, and is refused as such, once it is known who asks.
    let body = std::str::from_utf8(&body).unwrap_or_default().to_owned();
    let ask = OutsideAsk { token, kind, body };
    let heard = control.call(Caller::Gateway, PATH, &ask, PATIENCE).await;
    let result = match &heard {
        Ok(OutsideReply { verdict, .. }) => verdict.to_string(),
        Err(AskError::Refused(problem)) => problem.code.clone(),
        Err(AskError::Unreachable(_)) => "unreachable".to_owned(),
    };
    metrics::counter!("outside_asks_total", "kind" => kind.to_string(), "result" => result).increment(1);
    heard.map_err(AskError::into_problem)
}

fn token(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let is_one = scheme.eq_ignore_ascii_case("bearer") && IntegrationToken::parse(token).is_some();
    is_one.then(|| token.to_owned().into())
}

fn refused() -> Problem {
    Problem::unauthorized("token_refused", "Say who asks, with the token of an integration as a bearer")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_says_who_asks() {
        let one = format!("cxi_{}", "A".repeat(43));
        let table = [
            (format!("Bearer {one}"), true),
            (format!("bearer  {one}"), true),
            (format!("Basic {one}"), false),
            (one.clone(), false),
            (format!("Bearer {one}AAAA"), false),
            ("Bearer cxi_abc".to_owned(), false),
            (format!("Bearer cxr_{}", "A".repeat(43)), false),
        ];
        for (header, expected) in table {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&header).unwrap())]);
            assert_eq!(token(&headers).as_ref().map(Secret::expose), expected.then_some(one.as_str()), "{header}");
        }
        assert!(token(&HeaderMap::new()).is_none());
    }
}
