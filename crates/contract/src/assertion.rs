//! How the gateway tells the control-plane for whom it asks.
//!
//! Every forwarded request carries a JWT (EdDSA) that says who is behind it and is bound to method, path with query and
//! the SHA-256 of the body. It lives 30 s. There is no leeway at its end and a few seconds at its beginning: a gateway
//! whose clock is wrong is refused, it never gets a wider window.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use domain::ids::{RunId, SessionId, UserId};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::keys::{PublicKeys, SignatureKey};
use crate::problem::Problem;

/// The header that carries the assertion; on an answer it says that the assertion was refused.
pub const HEADER: HeaderName = HeaderName::from_static("x-codexk8s-assertion");

const ISSUER: &str = "codex-k8s-gateway";
const AUDIENCE: &str = "codex-k8s-control-plane";
/// Seconds that an assertion lives.
const LIFETIME: i64 = 30;
/// Seconds that the gateway's clock may be ahead of ours.
const AHEAD: i64 = 5;

/// On whose behalf the gateway asks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "as", rename_all = "snake_case", deny_unknown_fields)]
pub enum Caller {
    /// GitHub, by a delivery whose signature was good; event and id are its headers.
    Webhook {
        /// `X-GitHub-Event`.
        event: String,
        /// `X-GitHub-Delivery`.
        delivery_guid: String,
    },
    /// A person with a session.
    Staff {
        /// Who.
        user_id: UserId,
        /// By which session; the control-plane checks that it is still alive.
        session_id: SessionId,
    },
    /// An agent's pod, by its run token.
    Run {
        /// The run that the token belongs to.
        run_id: RunId,
        /// The launch that the token was made for.
        launch: i32,
    },
    /// The gateway itself.
    Gateway,
}

#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    method: String,
    target: String,
    body_sha256: String,
    caller: Caller,
}

/// Seconds since 1970 by somebody's clock.
pub type Clock = fn() -> i64;

/// This machine's clock.
#[must_use]
pub fn system_clock() -> i64 {
    chrono::Utc::now().timestamp()
}

/// Signs assertions; the gateway has one.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SignatureKey,
    clock: Clock,
}

impl Signer {
    /// A signer that reads the time from `clock`.
    #[must_use]
    pub fn new(key: SignatureKey, clock: Clock) -> Self {
        Self { key, clock }
    }

    /// The value of [`HEADER`] for one request. `target` is path and query as they are sent.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(
        &self,
        method: &Method,
        target: &str,
        body: &[u8],
        caller: &Caller,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        self.sign_hashed(method, target, &hex::encode(Sha256::digest(body)), caller)
    }

    /// The same for a body that was hashed while it was spooled; `body_sha256` is lower-case hex.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign_hashed(
        &self,
        method: &Method,
        target: &str,
        body_sha256: &str,
        caller: &Caller,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now = (self.clock)();
        self.key.sign(&Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now,
            exp: now + LIFETIME,
            method: method.as_str().to_owned(),
            target: target.to_owned(),
            body_sha256: body_sha256.to_owned(),
            caller: caller.clone(),
        })
    }
}

/// Why an assertion was not believed. For logs; the one who asked learns only that it was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There was none.
    #[error("the request carries no assertion")]
    Missing,
    /// Bad signature, key, algorithm, audience, issuer or form.
    #[error("the assertion is not valid")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its time is over, has not come, or would last longer than 30 s.
    #[error("the assertion is not of this moment: issued {issued} s from now, ends {ends} s from now")]
    Time {
        /// When it was issued, in seconds from now.
        issued: i64,
        /// When it ends, in seconds from now.
        ends: i64,
    },
    /// It was made for another request.
    #[error("the assertion was made for another {0}")]
    Unbound(&'static str),
}

/// Checks assertions; the control-plane has one.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: PublicKeys,
    clock: Clock,
}

impl Verifier {
    /// A verifier that believes `keys` and reads the time from `clock`.
    #[must_use]
    pub fn new(keys: PublicKeys, clock: Clock) -> Self {
        Self { keys, clock }
    }

    /// Who asks, when all of it fits: signature, audience, issuer, time, method, target and body.
    ///
    /// # Errors
    /// [`Refused`] says what did not fit.
    pub fn check(&self, token: &str, method: &Method, target: &str, body: &[u8]) -> Result<Caller, Refused> {
        let claims: Claims = self.keys.verify(token, AUDIENCE, ISSUER)?;
        let now = (self.clock)();
        let (issued, ends) = (claims.iat.saturating_sub(now), claims.exp.saturating_sub(now));
        let lifetime = claims.exp.saturating_sub(claims.iat);
        if issued > AHEAD || ends <= 0 || !(0..=LIFETIME).contains(&lifetime) {
            return Err(Refused::Time { issued, ends });
        }
        if claims.method != method.as_str() {
            return Err(Refused::Unbound("method"));
        }
        if claims.target != target {
            return Err(Refused::Unbound("target"));
        }
        if claims.body_sha256 != hex::encode(Sha256::digest(body)) {
            return Err(Refused::Unbound("body"));
        }
        Ok(claims.caller)
    }
}

/// Lets only asserted requests reach `router`; bodies are read whole, up to `body_limit` bytes, because the assertion
/// covers them. Handlers take [`Caller`] as an extractor.
pub fn guard<S: Clone + Send + Sync + 'static>(router: Router<S>, verifier: Verifier, body_limit: usize) -> Router<S> {
    router.layer(from_fn_with_state((Arc::new(verifier), body_limit), admit))
}

async fn admit(State((verifier, limit)): State<(Arc<Verifier>, usize)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large")
                .into_response();
        }
        Err(_) => return Problem::bad_request("body_cut", "The body ended early").into_response(),
    };
    let token = parts.headers.get(&HEADER).and_then(|value| value.to_str().ok()).ok_or(Refused::Missing);
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    match token.and_then(|token| verifier.check(token, &parts.method, target, &body)) {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(refused) => {
            let why: &dyn std::error::Error = &refused;
            tracing::warn!(error = why, method = %parts.method, path = parts.uri.path(), "assertion refused");
            // Tells the gateway that it is itself who was refused, not the one for whom it asks.
            let mark = [(HEADER, HeaderValue::from_static("refused"))];
            let title = "The request was not vouched for by the gateway";
            (mark, Problem::unauthorized("assertion_refused", title)).into_response()
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller
            .ok_or_else(|| Problem::unauthorized("assertion_refused", "The request was not vouched for by the gateway"))
    }
}

#[cfg(test)]
mod tests;
