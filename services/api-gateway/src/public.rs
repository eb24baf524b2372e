//! The public listener: webhooks, sign-in, the staff API and the console's files. Nothing else is reachable from
//! outside, and nothing here trusts a header that it did not set itself.

pub mod auth;
mod console;
mod event;
mod staff;
mod webhooks;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::Request;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use contract::Document;
use contract::problem::Problem;
use http::{HeaderName, HeaderValue, header};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use url::Url;

use crate::forward::Client;
use auth::{Auth, AuthConfig};
use webhooks::Webhooks;

/// Requests that are worked on at the same time; more are answered 503 at once. A stream counts until its head is sent.
const AT_ONCE: usize = 1024;

/// What the public listener is configured with.
#[derive(Clone, Debug)]
pub struct PublicConfig {
    /// Where browsers find us; its scheme decides whether cookies are `Secure`.
    pub url: Url,
    /// The built console.
    pub console: PathBuf,
    /// One or two secrets that webhooks may be signed with.
    pub webhook_secrets: Vec<secrecy::SecretString>,
    /// GitHub's OAuth and our own tokens.
    pub auth: AuthConfig,
    /// Staff requests per second and person, in the long run.
    pub staff_rate: u32,
    /// Staff requests that may come at once.
    pub staff_burst: u32,
}

/// What the handlers of the public listener share. Cheap to clone.
#[derive(Clone)]
pub struct PublicState {
    config: Arc<PublicConfig>,
    control: Client,
    auth: Arc<Auth>,
    webhooks: Arc<Webhooks>,
    closing: CancellationToken,
}

/// Why the public listener cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A contract document is broken.
    #[error("the contract cannot be used")]
    Document(#[from] contract::document::DocumentProblem),
    /// Sign-in cannot be set up.
    #[error("sign-in cannot be set up")]
    Auth(#[from] auth::AuthSetupError),
    /// A limit of zero.
    #[error("the staff rate and burst must be greater than zero")]
    Rate,
}

impl PublicState {
    /// Puts the listener's parts together. Live streams, which have no end of their own, end when `closing` is
    /// cancelled.
    ///
    /// # Errors
    /// [`SetupError`] when sign-in cannot be set up.
    pub fn new(config: PublicConfig, control: Client, closing: CancellationToken) -> Result<Self, SetupError> {
        let auth = Auth::new(&config.url, config.auth.clone())?;
        let webhooks = Webhooks::new(config.webhook_secrets.clone());
        Ok(Self { config: Arc::new(config), control, auth: Arc::new(auth), webhooks: Arc::new(webhooks), closing })
    }
}

/// The complete router of the public listener.
///
/// # Errors
/// [`SetupError`] when the contract does not compile or a limit is zero.
pub fn router(state: &PublicState) -> Result<Router, SetupError> {
    let document = Document::gateway()?;
    let api = Router::new()
        .merge(webhooks::routes().split_for_parts().0)
        .merge(auth::router(&document)?)
        .merge(staff::router(state, &document)?)
        .with_state(state.clone());
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_: tower::BoxError| {
            Problem::unavailable("overloaded", "Too many requests at once, try again")
        }))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(AT_ONCE));
    Ok(api
        .merge(console::router(&state.config.console))
        .layer(shed)
        .layer(from_fn_with_state(state.config.url.scheme() == "https", secure)))
}

/// What the handlers of webhooks and sign-in say of themselves, to be compared with the contract. The staff API is
/// forwarded by the contract itself; its handlers are the control-plane's.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    webhooks::routes().merge(auth::routes()).split_for_parts().1
}

/// Headers that every answer has; the console's files get a content policy besides.
async fn secure(axum::extract::State(https): axum::extract::State<bool>, request: Request, next: Next) -> Response {
    const ALWAYS: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ];
    let mut response = next.run(request).await.into_response();
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if https {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}
