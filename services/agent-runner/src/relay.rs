//! The pod's way out, on loopback: takes what codex, git and package managers send, adds the run's credentials and
//! passes it to the gateway.
//!
//! It stands here so that the agent's processes need no credential at all: Go refuses to send one over plain HTTP,
//! cargo and npm would want it in files, and a shell would show it in every `env`. It also keeps the run API out of the
//! agent's reach: events, beats and results come from the runner alone.

use std::{borrow::Cow, convert::Infallible, sync::Arc};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header, uri::Authority};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

type Body = BoxBody<Bytes, hyper::Error>;

/// What of the gateway the agent may reach through the relay.
const ROUTES: [&str; 3] = ["/git/", "/model/v1/", "/registry/"];
/// The agent's tools.
pub const TOOLS: &str = "/mcp";

/// npm's public registry under its own name, asked over plain HTTP so that the relay can answer. Only under this name
/// does npm take over the addresses in existing lock files, and write new ones that hold outside the pod.
pub const NPM_REGISTRY: &str = "http://registry.npmjs.org/";
const NPM_HOST: &str = "registry.npmjs.org";

/// Headers that belong to one connection, or that the relay sets itself.
const NOT_PASSED: [HeaderName; 11] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::HOST,
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Where requests go and what they are signed with.
pub struct Relay {
    gateway: Authority,
    bearer: HeaderValue,
    proxy: HeaderValue,
}

/// Where one request goes.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    /// A tunnel to this authority, which the gateway grants or refuses.
    Tunnel(Uri),
    /// A route of the gateway itself.
    Gateway(Uri),
    /// Plain HTTP to somewhere else. The gateway refuses it, says why and makes it an event of the run.
    Outside(Uri),
    /// Nothing the agent may call.
    Hidden,
}

impl Relay {
    /// A relay to `gateway`, calling with `token` in the name of `run`.
    ///
    /// # Errors
    /// When the address has no host, is not plain HTTP, or the token cannot stand in a header.
    pub fn new(gateway: &Url, run: Uuid, token: &SecretString) -> anyhow::Result<Self> {
        anyhow::ensure!(gateway.scheme() == "http", "the gateway's address for pods must be http");
        let host = gateway.host_str().context("the gateway's address has no host")?;
        let port = gateway.port_or_known_default().context("the gateway's address has no port")?;
        let secret = |text: String| -> anyhow::Result<HeaderValue> {
            let mut value = HeaderValue::try_from(text).context("the run token cannot stand in a header")?;
            value.set_sensitive(true);
            Ok(value)
        };
        Ok(Self {
            gateway: format!("{host}:{port}").parse().context("the gateway's address is no authority")?,
            bearer: secret(format!("Bearer {}", token.expose_secret()))?,
            proxy: secret(format!("Basic {}", STANDARD.encode(format!("{run}:{}", token.expose_secret()))))?,
        })
    }

    /// Serves connections until `stop`.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                accepted = listener.accept() => accepted.context("the relay cannot accept connections")?,
            };
            let (relay, stop) = (Arc::clone(&self), stop.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| Arc::clone(&relay).answer(request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(accepted.0), service);
                tokio::select! {
                    () = stop.cancelled() => {}
                    ended = connection.with_upgrades() => if let Err(error) = ended {
                        tracing::debug!(?error, "a connection to the relay ended early");
                    }
                }
            });
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let answered = match route(request.method(), request.uri(), &self.gateway) {
            Route::Tunnel(target) => self.tunnel(request, target).await,
            Route::Gateway(target) => self.pass(request, target, header::AUTHORIZATION, &self.bearer).await,
            Route::Outside(target) => self.pass(request, target, header::PROXY_AUTHORIZATION, &self.proxy).await,
            Route::Hidden => {
                Ok(text(StatusCode::NOT_FOUND, "The agent may use /git, /model/v1, /registry and /mcp here.\n"))
            }
        };
        Ok(answered.unwrap_or_else(|error| {
            tracing::warn!(?error, "the gateway could not be reached for the agent");
            text(StatusCode::BAD_GATEWAY, "The gateway did not answer. Try again.\n")
        }))
    }

    /// Sends the request on and streams the answer back.
    async fn pass(
        &self,
        request: Request<Incoming>,
        target: Uri,
        credential: HeaderName,
        value: &HeaderValue,
    ) -> anyhow::Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        let host = target.authority().unwrap_or(&self.gateway).as_str();
        let host = HeaderValue::from_str(host).context("the host cannot stand in a header")?;
        parts.headers = passed(&parts.headers);
        parts.headers.insert(header::HOST, host);
        parts.headers.insert(credential, value.clone());
        parts.uri = target;
        parts.version = http::Version::HTTP_11;
        let mut sender = self.connect().await?;
        let (mut parts, body) = sender.send_request(Request::from_parts(parts, body.boxed())).await?.into_parts();
        parts.headers = passed(&parts.headers);
        Ok(Response::from_parts(parts, body.boxed()))
    }

    /// Asks the gateway for a tunnel and joins both ends when it grants one.
    async fn tunnel(&self, request: Request<Incoming>, target: Uri) -> anyhow::Result<Response<Body>> {
        let host = target.to_string();
        let asked = Request::connect(target)
            .header(header::HOST, host)
            .header(header::PROXY_AUTHORIZATION, self.proxy.clone())
            .body(text_body(""))?;
        let granted = self.connect().await?.send_request(asked).await?;
        if !granted.status().is_success() {
            let (mut parts, body) = granted.into_parts();
            parts.headers = passed(&parts.headers);
            return Ok(Response::from_parts(parts, body.boxed()));
        }
        tokio::spawn(async move {
            let ends = tokio::try_join!(hyper::upgrade::on(request), hyper::upgrade::on(granted));
            let Ok((agent, gateway)) = ends.inspect_err(|error| tracing::debug!(?error, "a tunnel was not joined"))
            else {
                return;
            };
            let (mut agent, mut gateway) = (TokioIo::new(agent), TokioIo::new(gateway));
            if let Err(error) = tokio::io::copy_bidirectional(&mut agent, &mut gateway).await {
                tracing::debug!(?error, "a tunnel ended early");
            }
        });
        Ok(text(StatusCode::OK, ""))
    }

    /// One connection for one request: the gateway is a hop away, and a pooled one would outlive its token.
    async fn connect(&self) -> anyhow::Result<hyper::client::conn::http1::SendRequest<Body>> {
        let stream = TcpStream::connect(self.gateway.as_str()).await.context("connecting to the gateway")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(?error, "a connection to the gateway ended early");
            }
        });
        Ok(sender)
    }
}

fn route(method: &Method, uri: &Uri, gateway: &Authority) -> Route {
    if method == Method::CONNECT {
        return Route::Tunnel(uri.clone());
    }
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let path = match uri.authority() {
        Some(authority) if authority == NPM_HOST => Cow::Owned(format!("/registry/npm{path}")),
        Some(authority) if authority != gateway => return Route::Outside(uri.clone()),
        _ => Cow::Borrowed(path),
    };
    let known = path == TOOLS || ROUTES.iter().any(|allowed| path.starts_with(allowed));
    if !known || climbs(uri.path()) {
        return Route::Hidden;
    }
    path.parse().map_or(Route::Hidden, Route::Gateway)
}

/// Whether a path has a `.` or `..` segment, plain or percent-encoded, with which it could leave its route.
fn climbs(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    plain.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

fn passed(headers: &HeaderMap) -> HeaderMap {
    headers.iter().filter(|(name, _)| !NOT_PASSED.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn text_body(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed()
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(text_body(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(method: &Method, uri: &'static str) -> Route {
        route(method, &Uri::from_static(uri), &Authority::from_static("agents.codex-k8s.internal:8081"))
    }

    #[test]
    fn requests_go_where_they_may() {
        let gateway = |path| Route::Gateway(Uri::from_static(path));
        let get = &Method::GET;
        assert_eq!(seen(get, "/registry/npm/left-pad?x=1"), gateway("/registry/npm/left-pad?x=1"));
        assert_eq!(seen(&Method::POST, "/mcp"), gateway("/mcp"));
        assert_eq!(seen(get, "/registry/npm/@types%2fnode"), gateway("/registry/npm/@types%2fnode"));
        assert_eq!(
            seen(get, "http://agents.codex-k8s.internal:8081/registry/pypi/files/a.whl"),
            gateway("/registry/pypi/files/a.whl")
        );
        assert_eq!(seen(get, "http://registry.npmjs.org/x/-/x.tgz?y"), gateway("/registry/npm/x/-/x.tgz?y"));
        let outside = "http://example.test/x";
        assert_eq!(seen(get, outside), Route::Outside(Uri::from_static(outside)));
        assert_eq!(seen(&Method::CONNECT, "example.test:443"), Route::Tunnel(Uri::from_static("example.test:443")));
    }

    #[test]
    fn the_run_api_is_out_of_reach() {
        for path in [
            "/api/v1/run/result",
            "/",
            "/mcp/../api/v1/run/result",
            "/mcp?x=/git/",
            "/git/../api/v1/run/result",
            "/git/%2e%2E/api/v1/run/result",
            "/git/..%2fapi/v1/run/result",
            "/registry/./x",
            "http://agents.codex-k8s.internal:8081/api/v1/run/events",
            "http://registry.npmjs.org/../../api/v1/run/events",
        ] {
            assert_eq!(seen(&Method::POST, path), Route::Hidden, "{path}");
        }
    }
}
