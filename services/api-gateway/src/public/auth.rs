//! Sign-in through GitHub, and what it leaves behind: a short access token that the console keeps in memory, and a
//! session cookie that reaches only the routes here.
//!
//! The cookie authorises nothing but renewing and ending the session, and both demand that the request comes from our
//! own pages; everything else demands the token, which no other site can send.

mod cookies;
mod flow;
mod github;
mod session;
mod token;

use axum::Router;
use contract::keys::{KeyProblem, SignatureKey};
use contract::{Document, Validator};
use secrecy::SecretString;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PublicState;
use cookies::Cookies;
use github::GitHub;
use token::Tokens;

pub use token::{Staff, TokenRefused};

/// GitHub's OAuth application and the key of our own tokens.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Client id of the OAuth application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where browsers sign in (`https://github.com`).
    pub web_url: Url,
    /// Where the gateway asks who signed in (`https://api.github.com`).
    pub api_url: Url,
    /// Ed25519 key that signs access tokens, with its id.
    pub key: SignatureKey,
    /// Seconds since 1970; tests shift it.
    pub clock: contract::assertion::Clock,
}

/// Why sign-in cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// The HTTP client cannot be made.
    #[error("no HTTP client for GitHub")]
    Client(#[from] reqwest::Error),
    /// An address cannot be used.
    #[error("an OAuth address cannot be used")]
    Address(#[from] url::ParseError),
    /// The signing key cannot be used.
    #[error("the key of access tokens cannot be used")]
    Key(#[from] KeyProblem),
}

/// Sign-in, set up.
pub(super) struct Auth {
    github: GitHub,
    tokens: Tokens,
    cookies: Cookies,
    /// Scheme, host and port of our own pages, as browsers write it in `Origin`.
    origin: String,
}

impl Auth {
    pub(super) fn new(public_url: &Url, config: AuthConfig) -> Result<Self, AuthSetupError> {
        Ok(Self {
            tokens: Tokens::new(config.key.clone(), config.clock),
            cookies: Cookies::new(public_url.scheme() == "https"),
            origin: public_url.origin().ascii_serialization(),
            github: GitHub::new(public_url, config)?,
        })
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

/// The four routes of sign-in.
pub(super) fn routes() -> OpenApiRouter<PublicState> {
    OpenApiRouter::new()
        .routes(routes!(flow::start))
        .routes(routes!(flow::finish))
        .routes(routes!(session::refresh))
        .routes(routes!(session::sign_out))
}

/// The same, held to the contract.
pub(super) fn router(document: &Document) -> Result<Router<PublicState>, contract::document::DocumentProblem> {
    let (routes, _) = routes().split_for_parts();
    Ok(Validator::new(document)?.guard(routes))
}
