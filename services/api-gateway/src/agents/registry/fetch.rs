//! One request to a registry: bounded, with redirects judged one by one.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RANGE, USER_AGENT,
};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use url::Url;

use super::super::AgentsState;
use super::super::config::Registry;
use super::super::limits::Slot;
use super::{is_upstream, rewrite};

/// Bytes of an index, which is held in memory to be rewritten.
const INDEX_LIMIT: usize = 64 * 1024 * 1024;
/// Bytes of a package, which is streamed.
const PACKAGE_LIMIT: usize = 1024 * 1024 * 1024;
const REDIRECTS: usize = 5;
/// What a package manager may say to a registry. Its credentials are for us and stay here.
const ASKED: [HeaderName; 4] = [ACCEPT, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE];
/// What a registry may say to a package manager.
const ANSWERED: [HeaderName; 4] = [CONTENT_TYPE, ETAG, LAST_MODIFIED, HeaderName::from_static("content-range")];

/// Why a request for a package is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("package registries are read only: GET and HEAD")]
    Method,
    #[error("this is no address of a package")]
    NoPackage,
    #[error("the request does not say whom it asks")]
    Host,
    #[error("the run has too many of these open already")]
    TooMany,
    #[error("the registry redirects to {0}, which is not one of its hosts")]
    Redirect(String),
    #[error("the registry redirects in circles")]
    Circles,
    #[error("the registry does not answer")]
    Silent,
    #[error("the registry answers with more than {0} bytes")]
    TooBig(usize),
}

impl Refused {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoPackage => StatusCode::NOT_FOUND,
            Self::Host => StatusCode::BAD_REQUEST,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Redirect(_) => StatusCode::FORBIDDEN,
            Self::Circles | Self::Silent | Self::TooBig(_) => StatusCode::BAD_GATEWAY,
        }
    }

    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Method => "registry_read_only",
            Self::NoPackage => "no_package",
            Self::Host => "host_required",
            Self::TooMany => "too_many_at_once",
            Self::Redirect(_) => "redirect_refused",
            Self::Circles | Self::Silent => "registry_unreachable",
            Self::TooBig(_) => "answer_too_big",
        }
    }

    /// Whether it belongs on the run's page: something was tried that is not allowed.
    pub(super) const fn is_the_pods_doing(&self) -> bool {
        matches!(self, Self::Method | Self::NoPackage | Self::Redirect(_))
    }
}

/// A request of a package manager's, on its way out.
pub(super) struct Fetch<'a> {
    pub(super) state: &'a AgentsState,
    pub(super) registry: Registry,
    pub(super) head: bool,
    pub(super) headers: &'a HeaderMap,
}

impl Fetch<'_> {
    /// The answer of the registry, with addresses of files turned into ours below `base`.
    pub(super) async fn answer(&self, url: Url, base: &str, slot: Slot) -> Result<Response, Refused> {
        let upstream = self.follow(url).await?;
        let config = &self.state.config.registries;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = upstream.status();
        for name in ANSWERED {
            if let Some(value) = upstream.headers().get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        let media = upstream.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let prefixes = rewrite::prefixes(config, self.registry, base);
        if rewrite::is_index(media) && !prefixes.is_empty() && !self.head {
            let body = Limited::new(reqwest::Body::from(upstream), INDEX_LIMIT).collect().await;
            let text = body.map_err(|_| Refused::TooBig(INDEX_LIMIT))?.to_bytes();
            *response.body_mut() = rewrite::rewritten(&text, &prefixes).into();
            return Ok(response);
        }
        if upstream.content_length().is_some_and(|length| length > PACKAGE_LIMIT as u64) {
            return Err(Refused::TooBig(PACKAGE_LIMIT));
        }
        if let Some(length) = upstream.headers().get(CONTENT_LENGTH) {
            response.headers_mut().insert(CONTENT_LENGTH, length.clone());
        }
        let body = Limited::new(reqwest::Body::from(upstream), PACKAGE_LIMIT);
        *response.body_mut() = Body::new(body.map_frame(move |frame| {
            let _open = &slot;
            frame
        }));
        Ok(response.into_response())
    }

    async fn follow(&self, mut url: Url) -> Result<reqwest::Response, Refused> {
        for _ in 0..=REDIRECTS {
            let response = self.send(url.clone()).await?;
            let moved = [301, 302, 303, 307, 308].contains(&response.status().as_u16());
            let Some(location) = response.headers().get(LOCATION).filter(|_| moved) else {
                return Ok(response);
            };
            let to = location.to_str().ok().and_then(|location| url.join(location).ok());
            let to = to.ok_or_else(|| Refused::Redirect("an address that cannot be read".to_owned()))?;
            if !is_upstream(&self.state.config.registries, self.registry.ecosystem(), &to) {
                return Err(Refused::Redirect(to.host_str().unwrap_or("nowhere").to_owned()));
            }
            url = to;
        }
        Err(Refused::Circles)
    }

    async fn send(&self, url: Url) -> Result<reqwest::Response, Refused> {
        let client = &self.state.clients.registry;
        let mut request = if self.head { client.head(url) } else { client.get(url) };
        for name in ASKED {
            if let Some(value) = self.headers.get(&name) {
                request = request.header(name, value);
            }
        }
        // Some registries refuse clients without a name.
        let request = request.header(USER_AGENT, "codex-k8s");
        request.send().await.map_err(|error| {
            tracing::warn!(error = &error.without_url() as &dyn std::error::Error, "a registry did not answer");
            Refused::Silent
        })
    }
}
