//! The staff API. It is the control-plane's; the gateway lets in who has a good token, holds the request to the contract
//! and to a rate, and passes on what it has checked: method, address, body and a few headers. Nothing else gets through,
//! in either direction. Answers are streamed, so logs and live events take as long as they take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use contract::assertion::Caller;
use contract::problem::Problem;
use contract::{Document, Validator};
use futures::StreamExt;
use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MATCH, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::auth::Staff;
use super::{PublicState, SetupError};
use crate::forward::{STAFF_PATIENCE, passed_on, unavailable};

/// Bytes of a request's body.
const BODY_LIMIT: usize = 1024 * 1024;
/// Longest silence within a body.
const BODY_SILENCE: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What goes in, beside method, address and body.
const IN: [HeaderName; 4] = [ACCEPT, CONTENT_TYPE, IF_MATCH, LAST_EVENT_ID];
/// What comes out, beside status and body.
const OUT: [HeaderName; 5] = [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, RETRY_AFTER];

/// Every staff route of the contract, forwarded.
pub(super) fn router(state: &PublicState, document: &Document) -> Result<Router<PublicState>, SetupError> {
    let rate = GovernorConfigBuilder::default()
        .key_extractor(BySubject)
        .period(Duration::from_secs(1) / state.config.staff_rate.max(1))
        .burst_size(state.config.staff_burst)
        .finish()
        .filter(|_| state.config.staff_rate > 0)
        .ok_or(SetupError::Rate)?;
    let routes: BTreeMap<_, _> = document.routes("staff");
    let mut router = Router::new();
    for path in routes.keys() {
        router = router.route(path, any(forward));
    }
    let router = Validator::new(document)?.with_body_limit(BODY_LIMIT).guard(router);
    Ok(router
        .route_layer(RequestBodyTimeoutLayer::new(BODY_SILENCE))
        .route_layer(GovernorLayer::new(Arc::new(rate)).error_handler(too_often))
        .route_layer(from_fn_with_state(state.clone(), admit)))
}

/// Who may ask at all. Only the `Authorization` header counts, which no other site's page can set: a cookie never
/// authorises anything here.
async fn admit(State(app): State<PublicState>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let cross_site = headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site");
    if cross_site && !request.method().is_safe() {
        return Problem::forbidden("foreign_origin", "Only pages of the console may ask this").into_response();
    }
    let staff = bearer(headers).ok_or(None).and_then(|token| app.auth.tokens().staff(token).map_err(Some));
    match staff {
        Ok(staff) => {
            request.extensions_mut().insert(staff);
            next.run(request).await
        }
        Err(refused) => {
            if let Some(refused) = refused {
                tracing::debug!(error = &refused as &dyn std::error::Error, "an access token was refused");
            }
            let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
            (challenge, Problem::unauthorized("token_refused", "Renew the access token or sign in")).into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn forward(State(app): State<PublicState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let staff = parts.extensions.get::<Staff>().copied().ok_or_else(Problem::internal)?;
    // The contract check has read it already; this only takes it out.
    let body =
        to_bytes(body, BODY_LIMIT).await.map_err(|_| Problem::bad_request("body_cut", "The body ended early"))?;
    let caller = Caller::Staff { user_id: staff.user_id, session_id: staff.session_id };
    let request = passed_on(parts.method, parts.uri, &parts.headers, &IN, body);
    let answer = app.control.send(caller, request, STAFF_PATIENCE).await.map_err(|error| unavailable(&error))?;
    Ok(passed_back(&app, answer))
}

fn passed_back(app: &PublicState, answer: http::Response<Body>) -> Response {
    let (parts, body) = answer.into_parts();
    let is_live =
        parts.headers.get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"));
    let body = if is_live {
        // Clients come back to another replica with their last event's id.
        Body::from_stream(body.into_data_stream().take_until(app.closing.clone().cancelled_owned()))
    } else {
        body
    };
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    for name in OUT {
        if let Some(value) = parts.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The rate is a person's, however many addresses or sessions they have. Only people with a good token are counted, so
/// there are never more entries than people.
#[derive(Clone, Copy, Debug)]
struct BySubject;

impl KeyExtractor for BySubject {
    type Key = uuid::Uuid;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<Self::Key, GovernorError> {
        let staff = request.extensions().get::<Staff>().ok_or(GovernorError::UnableToExtractKey)?;
        Ok(staff.user_id.into())
    }
}

fn too_often(error: GovernorError) -> http::Response<Body> {
    let GovernorError::TooManyRequests { wait_time, .. } = error else {
        return Problem::internal().into_response();
    };
    let mut response = Problem::too_many_requests("too_many_requests", "Too many requests, slow down").into_response();
    debug_assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    // At least one second: a client that comes back at once would only be refused again.
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_time.max(1)));
    response
}
