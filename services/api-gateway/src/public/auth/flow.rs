//! The browser's way to GitHub and back. State and PKCE verifier travel in a signed cookie that only this browser has,
//! so a code that somebody else obtained cannot be redeemed here. Every refusal leads to the console's sign-in page with
//! a stable code.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use contract::assertion::Caller;
use contract::internal::{Session, SignIn};
use contract::problem::Problem;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::github::GitHubError;
use super::session::PATIENCE;
use super::token::SignInState;
use crate::forward::AskError;
use crate::public::PublicState;

/// Where the console shows why a sign-in failed.
const SIGN_IN_PAGE: &str = "/sign-in";

#[derive(Deserialize)]
pub(super) struct Start {
    return_to: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Finish {
    code: Option<String>,
    state: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/auth/github/start",
    operation_id = "start_sign_in",
    params(("return_to" = Option<String>, Query)),
    responses(
        (status = 302, description = "To GitHub"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn start(
    State(app): State<PublicState>,
    jar: CookieJar,
    Query(query): Query<Start>,
) -> Result<Response, Problem> {
    let departure = app.auth.github.depart();
    let state = SignInState {
        state: departure.state,
        verifier: departure.verifier,
        return_to: own_path(query.return_to.as_deref()).to_owned(),
    };
    let sealed = app.auth.tokens.seal_sign_in(state).map_err(|error| {
        tracing::error!(%error, "cannot sign the state of a sign-in");
        Problem::internal()
    })?;
    Ok(sent_to(departure.url.as_str(), app.auth.cookies.with_sign_in(jar, &sealed)))
}

#[utoipa::path(
    get,
    path = "/api/v1/auth/github/callback",
    operation_id = "finish_sign_in",
    params(
        ("code" = Option<String>, Query),
        ("state" = Option<String>, Query),
        ("error" = Option<String>, Query),
        ("error_description" = Option<String>, Query),
        ("error_uri" = Option<String>, Query),
        ("iss" = Option<String>, Query),
    ),
    responses(
        (status = 302, description = "To the console"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn finish(State(app): State<PublicState>, jar: CookieJar, Query(query): Query<Finish>) -> Response {
    let begun = app.auth.cookies.sign_in(&jar);
    // Whatever comes out: it can be redeemed once.
    let jar = app.auth.cookies.without_sign_in(jar);
    match signed_in(&app, begun, query).await {
        Ok((session, return_to)) => {
            let now = app.auth.tokens.now();
            let jar = app.auth.cookies.with_session(jar, session.secret.expose(), session.expires_at, now);
            sent_to(&return_to, jar)
        }
        Err(refusal) => {
            let (code, why) = refusal.told();
            tracing::warn!(code, why, "a sign-in was refused");
            metrics::counter!("sign_ins_refused_total", "code" => code).increment(1);
            sent_to(&format!("{SIGN_IN_PAGE}?problem={code}"), jar)
        }
    }
}

async fn signed_in(app: &PublicState, begun: Option<String>, query: Finish) -> Result<(Session, String), Refusal> {
    let begun = begun.and_then(|sealed| app.auth.tokens.open_sign_in(&sealed).ok()).ok_or(Refusal::Expired)?;
    let state = query.state.unwrap_or_default();
    if !bool::from(state.as_bytes().ct_eq(begun.state.as_bytes())) {
        return Err(Refusal::State);
    }
    let code = query.code.ok_or(Refusal::GitHub(GitHubError::Refused))?;
    let person: SignIn = app.auth.github.arrive(code, begun.verifier).await.map_err(Refusal::GitHub)?;
    let session = app.control.call(Caller::Gateway, "/internal/v1/sign-ins", &person, PATIENCE).await;
    Ok((session.map_err(Refusal::Platform)?, begun.return_to))
}

/// Why somebody is not signed in.
enum Refusal {
    /// No cookie of a sign-in under way, or one that is too old.
    Expired,
    /// The state is not the one that left.
    State,
    GitHub(GitHubError),
    Platform(AskError),
}

impl Refusal {
    /// The stable code for the console, and more for the log.
    fn told(self) -> (&'static str, String) {
        match self {
            Self::Expired => ("sign_in_expired", String::new()),
            Self::State => ("state_mismatch", String::new()),
            Self::GitHub(error) => {
                let code = match error {
                    GitHubError::Refused => "github_refused",
                    GitHubError::Unavailable(_) => "github_unavailable",
                    GitHubError::NoVerifiedEmail => "no_verified_email",
                };
                (code, error.to_string())
            }
            Self::Platform(AskError::Refused(problem)) => match problem.code.as_str() {
                "not_listed" => ("not_listed", String::new()),
                "email_taken" => ("email_taken", String::new()),
                other => ("platform_unavailable", format!("the control-plane refused: {other}")),
            },
            Self::Platform(error @ AskError::Unreachable(_)) => ("platform_unavailable", error.to_string()),
        }
    }
}

/// A path of our own, or the console's start. Browsers read `//host` and `/\host` as another site.
fn own_path(wanted: Option<&str>) -> &str {
    let is_own = |path: &&str| {
        let mut characters = path.chars();
        characters.next() == Some('/')
            && !matches!(characters.next(), Some('/' | '\\'))
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    wanted.filter(is_own).unwrap_or("/")
}

fn sent_to(address: &str, jar: CookieJar) -> Response {
    let Ok(location) = HeaderValue::try_from(address) else {
        return Redirect::to("/").into_response();
    };
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::FOUND, jar, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_returned_to() {
        for path in ["/", "/runs", "/runs/1?tab=log#l5", "/a//b"] {
            assert_eq!(own_path(Some(path)), path);
        }
        for path in
            ["", "runs", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\t/evil", "/a\\b"]
        {
            assert_eq!(own_path(Some(path)), "/", "{path:?}");
        }
        assert_eq!(own_path(None), "/");
    }
}
