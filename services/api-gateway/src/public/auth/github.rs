//! GitHub's side of sign-in: the authorization address with PKCE, the exchange of the code, and who it is that signed in.

use std::time::Duration;

use contract::internal::SignIn;
use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{AuthConfig, AuthSetupError};

const CALLBACK: &str = "/api/v1/auth/github/callback";
/// Longest wait for GitHub in one call; a person is waiting.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: usize = 256 * 1024;

type OAuth = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Why GitHub did not tell who signs in.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitHubError {
    /// It refused the code: wrong, used before, or the verifier does not fit.
    #[error("GitHub refused the code")]
    Refused,
    /// It did not answer, or not as documented.
    #[error("GitHub did not answer: {0}")]
    Unavailable(String),
    /// The account has no address that is both primary and verified.
    #[error("the account has no verified primary address")]
    NoVerifiedEmail,
}

/// What a browser needs to go to GitHub, and what must be remembered until it comes back.
pub(super) struct Departure {
    pub(super) url: Url,
    pub(super) state: String,
    pub(super) verifier: String,
}

pub(super) struct GitHub {
    oauth: OAuth,
    http: reqwest::Client,
    api: Url,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(super) fn new(public_url: &Url, config: AuthConfig) -> Result<Self, AuthSetupError> {
        let oauth = BasicClient::new(ClientId::new(config.client_id))
            .set_client_secret(ClientSecret::new(config.client_secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::from_url(config.web_url.join("/login/oauth/authorize")?))
            .set_token_uri(TokenUrl::from_url(config.web_url.join("/login/oauth/access_token")?))
            // GitHub takes the secret in the body.
            .set_auth_type(oauth2::AuthType::RequestBody)
            .set_redirect_uri(RedirectUrl::from_url(public_url.join(CALLBACK)?));
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("codex-k8s")
            .build()?;
        let mut api = config.api_url;
        if !api.path().ends_with('/') {
            api.set_path(&format!("{}/", api.path()));
        }
        Ok(Self { oauth, http, api })
    }

    /// Begins a sign-in.
    pub(super) fn depart(&self) -> Departure {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state) = self
            .oauth
            .authorize_url(CsrfToken::new_random)
            .add_scope(Scope::new("read:user".to_owned()))
            .add_scope(Scope::new("user:email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Departure { url, state: state.into_secret(), verifier: verifier.into_secret() }
    }

    /// Ends a sign-in: who is it?
    pub(super) async fn arrive(&self, code: String, verifier: String) -> Result<SignIn, GitHubError> {
        let token = self
            .oauth
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&Caller(&self.http))
            .await
            .map_err(|error| refusal(&error))?;
        let token: SecretString = token.access_token().secret().clone().into();
        let user: User = self.get("user", &token).await?;
        let emails: Vec<Email> = self.get("user/emails", &token).await?;
        let email = emails.into_iter().find(|email| email.primary && email.verified);
        let email = email.ok_or(GitHubError::NoVerifiedEmail)?.email;
        Ok(SignIn { github_id: user.id, login: user.login, name: user.name, email })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, token: &SecretString) -> Result<T, GitHubError> {
        let url = self.api.join(path).map_err(|_| GitHubError::Unavailable("bad address".to_owned()))?;
        let request =
            self.http.get(url).bearer_auth(token.expose_secret()).header("accept", "application/vnd.github+json");
        let answer = request.send().await.map_err(|error| unavailable(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(GitHubError::Unavailable(format!("{path} answered {status}")));
        }
        let bytes = answer.bytes().await.map_err(|error| unavailable(&error))?;
        serde_json::from_slice(&bytes).map_err(|_| GitHubError::Unavailable(format!("{path} is not as documented")))
    }
}

/// The HTTP client as the OAuth library wants it; its own support is for another version of the client.
struct Caller<'a>(&'a reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Caller<'_> {
    type Error = reqwest::Error;
    type Future = futures::future::BoxFuture<'c, Result<HttpResponse, reqwest::Error>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.execute(request.try_into()?).await?;
            let mut response = http::Response::new(Vec::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            let bytes = answer.bytes().await?;
            *response.body_mut() = bytes.slice(..bytes.len().min(ANSWER_LIMIT)).to_vec();
            Ok(response)
        })
    }
}

/// GitHub reports a refused code with status 200 and an error document, which the library cannot read as a token.
fn refusal<T: oauth2::ErrorResponse>(error: &oauth2::RequestTokenError<reqwest::Error, T>) -> GitHubError {
    match error {
        oauth2::RequestTokenError::ServerResponse(_) => GitHubError::Refused,
        oauth2::RequestTokenError::Request(error) => unavailable(error),
        oauth2::RequestTokenError::Parse(_, body) => match serde_json::from_slice::<serde_json::Value>(body) {
            Ok(document) if document.get("error").is_some() => GitHubError::Refused,
            _ => GitHubError::Unavailable("the token endpoint is not as documented".to_owned()),
        },
        oauth2::RequestTokenError::Other(text) => GitHubError::Unavailable(text.clone()),
    }
}

fn unavailable(error: &reqwest::Error) -> GitHubError {
    let kind = if error.is_timeout() { "no answer in time" } else { "no connection, or it broke" };
    GitHubError::Unavailable(kind.to_owned())
}
