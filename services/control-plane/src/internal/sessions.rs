//! Sessions of signed-in browsers.

use axum::Json;
use axum::extract::State;
use contract::internal::{Session, SessionRef, SessionSecret, SignIn};
use contract::problem::Problem;
use http::StatusCode;
use store::users::Visitor;
use store::{staff_sessions, users};
use vault::SessionSecret as Secret;

use super::ForGateway;
use crate::error::ApiError;
use crate::state::App;

/// A person whom GitHub vouches for
#[utoipa::path(post, path = "/internal/v1/sign-ins", request_body = SignIn,
    responses((status = 201, body = Session),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn open_session(
    State(app): State<App>,
    _: ForGateway,
    Json(sign_in): Json<SignIn>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let visitor = Visitor {
        github_id: sign_in.github_id,
        login: &sign_in.login,
        name: sign_in.name.as_deref(),
        email: &sign_in.email,
    };
    let Some(user) = users::recognise(&app.pool, &visitor).await? else {
        let listed = users::email_is_listed(&app.pool, &sign_in.email).await?;
        return Err(not_entering(listed).into());
    };
    let secret = Secret::generate();
    let session = staff_sessions::open(&app.pool, user.id, &secret.hash()).await?;
    let session = Session {
        user_id: user.id.into(),
        session_id: session.id.into(),
        secret: secret.expose().to_owned().into(),
        expires_at: session.expires_at,
    };
    Ok((StatusCode::CREATED, Json(session)))
}

fn not_entering(email_is_listed: bool) -> Problem {
    if email_is_listed {
        Problem::forbidden("email_taken", "This address belongs to another GitHub account here")
    } else {
        Problem::forbidden("not_listed", "You are not a user of this platform; ask its owner to add you")
    }
}

/// Is the session alive
#[utoipa::path(post, path = "/internal/v1/sessions/refresh", request_body = SessionSecret,
    responses((status = 200, body = SessionRef),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn renew_session(
    State(app): State<App>,
    _: ForGateway,
    Json(body): Json<SessionSecret>,
) -> Result<Json<SessionRef>, ApiError> {
    let over = || Problem::unauthorized("session_over", "The session is over; sign in again");
    let secret = Secret::parse(body.secret.expose()).ok_or_else(over)?;
    let session = staff_sessions::renew(&app.pool, &secret.hash()).await?.ok_or_else(over)?;
    Ok(Json(SessionRef { user_id: session.user_id.into(), session_id: session.id.into() }))
}

/// End a session; ending an ended one is fine
#[utoipa::path(post, path = "/internal/v1/sessions/revoke", request_body = SessionSecret,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke_session(
    State(app): State<App>,
    _: ForGateway,
    Json(body): Json<SessionSecret>,
) -> Result<StatusCode, ApiError> {
    if let Some(secret) = Secret::parse(body.secret.expose()) {
        staff_sessions::revoke(&app.pool, &secret.hash()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
