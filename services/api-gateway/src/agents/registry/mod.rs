//! Package registries as read-only routes that package managers are configured for.
//!
//! A path below `/registry/<ecosystem>/` is mapped to one of the configured upstreams ([`upstream_of`]); addresses
//! inside indexes are rewritten to our own ([`rewrite`]), so that what an index names is fetched through here too.
//! Nothing but `GET` and `HEAD` goes out, and no redirect leaves the registry's own hosts.

mod fetch;
mod rewrite;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use contract::internal::BrokerEventKind;
use contract::problem::Problem;
use http::header::{ALLOW, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::json;

use super::AgentsState;
use super::config::{Registry, RegistryConfig};
use super::limits::Kind;
use super::token::Run;
use fetch::Refused;
use runtime::names::Guard;

const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);

/// The client for registries: it dials judged addresses only, and follows no redirect by itself.
pub(super) fn client(guard: Guard) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(std::sync::Arc::new(guard))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
}

/// Everything below `/registry/`.
pub(super) fn router() -> Router<AgentsState> {
    Router::new().route("/registry/{*rest}", any(answer))
}

/// What a path of ours stands for.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// The configuration of the crates index, which is ours.
    CratesConfig,
    /// This path at this upstream.
    Upstream(Registry, String),
}

/// Maps a path (as sent, still encoded) to its upstream. `None` is nothing that a package manager reads.
fn upstream_of(path: &str) -> Option<Target> {
    let (ecosystem, rest) = path.strip_prefix("/registry/")?.split_once('/')?;
    let at = |registry, path: String| Some(Target::Upstream(registry, path));
    match (ecosystem, rest.split_once('/').unwrap_or((rest, ""))) {
        // Beneath `/-/` lie accounts, searches and audits, which are no packages.
        ("npm", ("-", _)) => None,
        ("npm", _) => at(Registry::Npm, rest.to_owned()),
        ("pypi", ("files", file)) => at(Registry::PypiFiles, file.to_owned()),
        ("pypi", ("simple" | "pypi", _)) => at(Registry::Pypi, rest.to_owned()),
        ("crates", ("index", "config.json")) => Some(Target::CratesConfig),
        ("crates", ("index", entry)) => at(Registry::CratesIndex, entry.to_owned()),
        ("crates", ("dl", file)) => at(Registry::CratesFiles, format!("crates/{file}")),
        // The module proxy's way to offer the checksum database: sumdb/<its name>/…
        ("go", ("sumdb", sums)) => match sums.split_once('/')?.1 {
            "supported" => at(Registry::GoSums, String::new()),
            path => at(Registry::GoSums, path.to_owned()),
        },
        ("go", _) => at(Registry::Go, rest.to_owned()),
        _ => None,
    }
}

async fn answer(State(state): State<AgentsState>, run: Run, request: Request) -> Response {
    // Packages are only read: whatever body there is stays unread.
    let (asked, _body) = request.into_parts();
    match serve(&state, &run, &asked).await {
        Ok(response) => response,
        Err(refused) => {
            if refused.is_the_pods_doing() {
                let data = [
                    ("target", asked.uri.path().chars().take(200).collect::<String>().into()),
                    ("method", asked.method.as_str().into()),
                    ("reason", refused.to_string().into()),
                ];
                state.events.record(&run.grant, BrokerEventKind::EgressRefused, data);
            }
            refusal(&refused)
        }
    }
}

async fn serve(state: &AgentsState, run: &Run, request: &Parts) -> Result<Response, Refused> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(Refused::Method);
    }
    let slot = state.limits.take(run.grant.run_id, Kind::Registry).map_err(|_| Refused::TooMany)?;
    let base = base(request).ok_or(Refused::Host)?;
    match upstream_of(request.uri.path()).ok_or(Refused::NoPackage)? {
        Target::CratesConfig => {
            // `auth-required` makes cargo send the run token with everything it fetches.
            let config = json!({ "dl": format!("{base}/registry/crates/dl"), "auth-required": true });
            Ok(axum::Json(config).into_response())
        }
        Target::Upstream(Registry::GoSums, path) if path.is_empty() => Ok(StatusCode::OK.into_response()),
        Target::Upstream(registry, path) => {
            let url =
                below(state.config.registries.url(registry), &path, request.uri.query()).ok_or(Refused::NoPackage)?;
            metrics::counter!("codexk8s_registry_requests_total", "ecosystem" => registry.ecosystem()).increment(1);
            let fetch =
                fetch::Fetch { state, registry, head: request.method == Method::HEAD, headers: &request.headers };
            fetch.answer(url, &base, slot).await
        }
    }
}

/// Our own address as the client knows it; what an index names is rewritten to lie below it.
fn base(request: &Parts) -> Option<String> {
    let host: Authority = request.headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    Some(format!("http://{host}"))
}

/// `path` below the upstream's address, or `None` when it would climb out of it.
fn below(upstream: &url::Url, path: &str, query: Option<&str>) -> Option<url::Url> {
    let root = format!("{}/", upstream.path().trim_end_matches('/'));
    let wanted = format!("{root}{path}");
    let mut url = upstream.clone();
    url.set_path(&wanted);
    url.set_query(query);
    (url.path() == wanted).then_some(url)
}

fn refusal(refused: &Refused) -> Response {
    let problem = Problem::new(refused.status(), refused.code(), refused.to_string());
    let mut response = problem.into_response();
    if matches!(refused, Refused::Method) {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Whether an address lies at one of the hosts that serve this ecosystem.
fn is_upstream(config: &RegistryConfig, ecosystem: &str, url: &url::Url) -> bool {
    Registry::DEFAULTS
        .iter()
        .any(|(registry, ..)| registry.ecosystem() == ecosystem && config.url(*registry).origin() == url.origin())
        && url.username().is_empty()
        && url.password().is_none()
        && Uri::try_from(url.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_upstreams() {
        let at = |registry, path: &str| Some(Target::Upstream(registry, path.to_owned()));
        for (path, expected) in [
            ("/registry/npm/left-pad", at(Registry::Npm, "left-pad")),
            ("/registry/npm/@vue%2fcore", at(Registry::Npm, "@vue%2fcore")),
            ("/registry/npm/-/whoami", None),
            ("/registry/npm/-/npm/v1/security/audits", None),
            ("/registry/pypi/simple/requests/", at(Registry::Pypi, "simple/requests/")),
            ("/registry/pypi/files/packages/a/b.whl", at(Registry::PypiFiles, "packages/a/b.whl")),
            ("/registry/pypi/legacy/", None),
            ("/registry/crates/index/config.json", Some(Target::CratesConfig)),
            ("/registry/crates/index/se/rd/serde", at(Registry::CratesIndex, "se/rd/serde")),
            ("/registry/crates/dl/serde/1.0.0/download", at(Registry::CratesFiles, "crates/serde/1.0.0/download")),
            ("/registry/crates/api/v1/crates/new", None),
            ("/registry/go/golang.org/x/text/@v/list", at(Registry::Go, "golang.org/x/text/@v/list")),
            ("/registry/go/sumdb/sum.golang.org/supported", at(Registry::GoSums, "")),
            ("/registry/go/sumdb/sum.golang.org/lookup/a@v1", at(Registry::GoSums, "lookup/a@v1")),
            ("/registry/maven/x", None),
            ("/registry/npm", None),
        ] {
            assert_eq!(upstream_of(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_stays_below_its_upstream() {
        let upstream = "https://mirror.example.com/npm".parse().unwrap();
        let at = |path: &str| below(&upstream, path, None).map(String::from);
        assert_eq!(at("@vue%2fcore").as_deref(), Some("https://mirror.example.com/npm/@vue%2fcore"));
        for path in ["../secret", "a/../../secret", "%2e%2e/secret", "a/%2E%2e/b", "..", ".", "a\\..\\b"] {
            assert_eq!(at(path), None, "{path}");
        }
    }
}
