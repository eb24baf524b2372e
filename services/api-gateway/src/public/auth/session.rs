//! Renewing and ending a session. Both are authorised by a cookie, which browsers send by themselves, so both demand that
//! the request was made by a page of ours.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use contract::assertion::Caller;
use contract::gateway::AccessToken;
use contract::internal::{SessionRef, SessionSecret};
use contract::problem::Problem;
use http::header::{CACHE_CONTROL, ORIGIN};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::token::{LIFETIME, Staff};
use crate::forward::AskError;
use crate::public::PublicState;

/// Longest wait for the control-plane; a person is waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    operation_id = "refresh_session",
    responses(
        (status = 200, body = AccessToken),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn refresh(
    State(app): State<PublicState>,
    jar: CookieJar,
    headers: HeaderMap,
) -> Result<Response, Response> {
    same_origin(&app, &headers).map_err(IntoResponse::into_response)?;
    let over = |jar| {
        let jar = app.auth.cookies.without_session(jar);
        (jar, Problem::unauthorized("session_over", "Sign in again")).into_response()
    };
    let Some(secret) = app.auth.cookies.session(&jar) else { return Err(over(jar)) };
    let body = SessionSecret { secret: secret.into() };
    let alive = app.control.call(Caller::Gateway, "/internal/v1/sessions/refresh", &body, PATIENCE).await;
    let session: SessionRef = match alive {
        Ok(session) => session,
        Err(AskError::Refused(_)) => return Err(over(jar)),
        Err(error) => return Err(error.into_problem().into_response()),
    };
    let staff = Staff { user_id: session.user_id.into(), session_id: session.session_id.into() };
    let token = app.auth.tokens.issue(staff).map_err(|error| {
        tracing::error!(%error, "cannot sign an access token");
        Problem::internal().into_response()
    })?;
    let answer = Json(AccessToken { access_token: token.into(), expires_in: LIFETIME });
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response())
}

#[utoipa::path(
    post,
    path = "/api/v1/auth/sign-out",
    operation_id = "sign_out",
    responses(
        (status = 204, description = "Signed out"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn sign_out(
    State(app): State<PublicState>,
    jar: CookieJar,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    same_origin(&app, &headers)?;
    if let Some(secret) = app.auth.cookies.session(&jar) {
        let body = SessionSecret { secret: secret.into() };
        app.control
            .tell(Caller::Gateway, "/internal/v1/sessions/revoke", &body, PATIENCE)
            .await
            .map_err(AskError::into_problem)?;
    }
    Ok((StatusCode::NO_CONTENT, app.auth.cookies.without_session(jar)).into_response())
}

/// Browsers put `Origin` on every POST; a request without one was not made by our pages.
fn same_origin(app: &PublicState, headers: &HeaderMap) -> Result<(), Problem> {
    let ours = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == app.auth.origin.as_bytes());
    if ours { Ok(()) } else { Err(Problem::forbidden("foreign_origin", "Only pages of the console may ask this")) }
}
