//! One call to GitHub: built, limited in time and size, sorted when it fails, repeated when that is safe.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use chrono::Utc;
use http::header::{AUTHORIZATION, ETAG, HeaderValue, IF_NONE_MATCH, LINK};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use octocrab::service::middleware::retry::RetryConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::ForgeError;
use crate::model::RepositoryName;
use crate::provider::Answered;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A delivery's payload has at most 25 MB; it comes wrapped.
const LARGEST_ANSWER: usize = 32 << 20;

/// A list is never followed further than this many pages of 100.
const MOST_PAGES: usize = 100;

const REPEATS: usize = 2;

/// Calls GitHub with one token. The connections are shared by all clones, whatever their token.
#[derive(Clone)]
pub(super) struct Client {
    connections: Octocrab,
    base: Url,
    authorization: HeaderValue,
}

/// Where a call goes, and what it is called in errors.
#[derive(Debug, Clone)]
pub(super) struct Route {
    segments: Vec<String>,
    query: Vec<(&'static str, String)>,
}

/// A successful answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Bytes,
    call: String,
}

impl Route {
    /// `/first/second/…`; slashes inside a segment are escaped.
    pub(super) fn of<S: ToString>(segments: impl IntoIterator<Item = S>) -> Self {
        Self { segments: segments.into_iter().map(|segment| segment.to_string()).collect(), query: Vec::new() }
    }

    /// `/repos/{owner}/{name}/…`, where `path` has its slashes between segments.
    pub(super) fn repository(name: &RepositoryName, path: &str) -> Self {
        let inside = path.split('/').filter(|segment| !segment.is_empty());
        Self::of(["repos", &name.owner, &name.name].into_iter().chain(inside))
    }

    /// One segment more, whatever it contains.
    pub(super) fn then(mut self, segment: impl ToString) -> Self {
        self.segments.push(segment.to_string());
        self
    }

    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&self.segments);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

impl Answer {
    /// Reads the body as what is expected.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Answered<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ForgeError::Other { call: self.call.clone(), message: error.to_string() })
    }

    /// What names this state of what was asked for.
    fn version(&self) -> Option<String> {
        self.headers.get(ETAG)?.to_str().ok().map(str::to_owned)
    }
}

impl Client {
    pub(super) fn new(base: &Url, token: &SecretString) -> Answered<Self> {
        let setup = |message: String| ForgeError::Other { call: format!("set up {}", base.authority()), message };
        let connections = Octocrab::builder()
            .base_uri(base.as_str())
            .map_err(|error| setup(error.to_string()))?
            .set_connect_timeout(Some(CONNECT_WITHIN))
            .set_read_timeout(Some(ANSWER_WITHIN))
            // Repeating is decided here, by the kind of call.
            .add_retry_config(RetryConfig::None)
            .build()
            .map_err(|error| setup(error.to_string()))?;
        Ok(Self { connections, base: base.clone(), authorization: bearer(token).map_err(setup)? })
    }

    pub(super) fn with_token(&self, token: &SecretString) -> Answered<Self> {
        let call = format!("set up {}", self.base.authority());
        let authorization = bearer(token).map_err(|message| ForgeError::Other { call, message })?;
        Ok(Self { authorization, ..self.clone() })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, route: &Route) -> Answered<T> {
        self.get_answer(route).await?.read()
    }

    /// Like [`Client::get`], with the headers of the answer.
    pub(super) async fn get_answer(&self, route: &Route) -> Answered<Answer> {
        self.read(&route.url(&self.base), None).await
    }

    /// `None` when it does not exist.
    pub(super) async fn find<T: DeserializeOwned>(&self, route: &Route) -> Answered<Option<T>> {
        match self.get(route).await {
            Ok(found) => Ok(Some(found)),
            Err(ForgeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Follows a list page by page as long as `enough` says no; gives everything seen.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        route: &Route,
        enough: impl Fn(&[T]) -> bool,
    ) -> Answered<Vec<T>> {
        let first = self.read(&paged(route).url(&self.base), None).await?;
        self.follow(route, first, enough).await
    }

    /// The same, with what names the list's state, unless it is still in the `known` one. GitHub does not count the call
    /// against its limit then
    /// (<https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate>).
    pub(super) async fn list_if_changed<T: DeserializeOwned>(
        &self,
        route: &Route,
        known: Option<&str>,
        enough: impl Fn(&[T]) -> bool,
    ) -> Answered<Option<(Vec<T>, Option<String>)>> {
        let first = self.read(&paged(route).url(&self.base), known).await?;
        if first.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let version = first.version();
        Ok(Some((self.follow(route, first, enough).await?, version)))
    }

    async fn follow<T: DeserializeOwned>(
        &self,
        route: &Route,
        mut answer: Answer,
        enough: impl Fn(&[T]) -> bool,
    ) -> Answered<Vec<T>> {
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            all.extend(answer.read::<Vec<T>>()?);
            match next_page(&answer.headers) {
                Some(next) if !enough(&all) => answer = self.read(&self.ours(&answer.call, &next)?, None).await?,
                _ => return Ok(all),
            }
        }
        tracing::warn!(route = ?route.segments, "a list of GitHub was cut after {MOST_PAGES} pages");
        Ok(all)
    }

    /// A call that changes something; made once.
    pub(super) async fn write(&self, method: Method, route: &Route, body: Option<&Value>) -> Answered<Answer> {
        self.send(&method, &route.url(&self.base), body, None).await
    }

    async fn read(&self, url: &Url, known: Option<&str>) -> Answered<Answer> {
        let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(200)).with_max_times(REPEATS);
        let call = || self.send(&Method::GET, url, None, known);
        call.retry(pauses.with_jitter()).when(|error| matches!(error, ForgeError::Unavailable { .. })).await
    }

    /// With a `known` state, that it has not changed is a success as well.
    async fn send(&self, method: &Method, url: &Url, body: Option<&Value>, known: Option<&str>) -> Answered<Answer> {
        let call = format!("{method} {}", url.path());
        let mut request = Request::builder()
            .method(method.clone())
            .uri(url.as_str())
            .header(AUTHORIZATION, self.authorization.clone());
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let request = self
            .connections
            .build_request(request, body)
            .map_err(|error| ForgeError::Other { call: call.clone(), message: error.to_string() })?;
        let unavailable = |message: String| ForgeError::Unavailable { call: call.clone(), message };
        let exchange = async {
            let answer = self.connections.execute(request).await.map_err(|error| unavailable(chain(&error)))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            Ok::<_, ForgeError>((parts, body.map_err(|error| unavailable(error.to_string()))?.to_bytes()))
        };
        let answered = tokio::time::timeout(ANSWER_WITHIN, exchange).await;
        let (parts, body) = answered.map_err(|_| unavailable(format!("no answer within {ANSWER_WITHIN:?}")))??;
        if parts.status.is_success() || (known.is_some() && parts.status == StatusCode::NOT_MODIFIED) {
            return Ok(Answer { status: parts.status, headers: parts.headers, body, call });
        }
        Err(ForgeError::of(call, parts.status, &parts.headers, &body, Utc::now()))
    }

    /// A page's address, if it is on the same server: the token goes nowhere else.
    fn ours(&self, call: &str, address: &str) -> Answered<Url> {
        let next = Url::parse(address).ok().filter(|next| next.origin() == self.base.origin());
        next.ok_or_else(|| ForgeError::Other { call: call.to_owned(), message: "the next page is elsewhere".into() })
    }
}

fn paged(route: &Route) -> Route {
    route.clone().query("per_page", 100)
}

fn bearer(token: &SecretString) -> Result<HeaderValue, String> {
    let text = SecretString::from(format!("Bearer {}", token.expose_secret()));
    let mut value =
        HeaderValue::from_str(text.expose_secret()).map_err(|_| "the token is no header value".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The cause is what tells a refused connection from a broken one.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains(r#"rel="next""#))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    Some(address.to_owned())
}
