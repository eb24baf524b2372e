//! Package registries: what is read through, what is rewritten, and what is refused.

use std::sync::{Arc, Mutex};

use api_gateway::agents::EgressConfig;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::any;
use contract::internal::BrokerEventKind;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::world::{Behind, TOKEN, World, registries_at, serve_router};

#[derive(Clone)]
struct Upstream {
    base: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

struct Registries {
    world: World,
    upstream: Upstream,
}

impl Registries {
    async fn new() -> Self {
        let upstream = Upstream { base: Arc::default(), asked: Arc::default() };
        let router = Router::new().route("/{*path}", any(registry)).with_state(upstream.clone());
        let base: Url = format!("http://{}/", serve_router(router).await).parse().unwrap();
        base.as_str().clone_into(&mut upstream.base.lock().unwrap());
        let behind = Behind { registries: registries_at(&base), egress: EgressConfig::default(), ..Behind::default() };
        Self { world: World::with(behind).await, upstream }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.world.get(path).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.upstream.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }
}

async fn registry(State(upstream): State<Upstream>, request: Request) -> Response {
    let base = upstream.base.lock().unwrap().clone();
    let path = request.uri().path_and_query().unwrap().to_string();
    upstream.asked.lock().unwrap().push((path.clone(), request.headers().clone()));
    let html = |text: String| ([("content-type", "text/html")], text).into_response();
    match path.as_str() {
        "/npm/left-pad" => axum::Json(json!({ "versions": { "1.0.0": { "dist": {
            "tarball": format!("{base}npm/left-pad/-/left-pad-1.0.0.tgz"), "integrity": "sha512-x" } } } }))
        .into_response(),
        "/pypi/simple/requests/" => html(format!("<a href=\"{base}pypi-files/packages/a/r.whl#sha256=aa\">r</a>")),
        "/npm/moved" => Redirect::temporary(&format!("{base}npm/left-pad")).into_response(),
        "/npm/away" => Redirect::temporary("https://evil.example.com/x").into_response(),
        "/npm/inside" => Redirect::temporary("http://169.254.169.254/latest/meta-data").into_response(),
        "/npm/scheme" => Redirect::temporary("file:///etc/passwd").into_response(),
        "/npm/circle" => Redirect::temporary("/npm/circle").into_response(),
        "/npm/none" => StatusCode::NOT_FOUND.into_response(),
        path => ([("content-type", "application/octet-stream"), ("set-cookie", "a=b")], format!("bytes of {path}"))
            .into_response(),
    }
}

#[tokio::test]
async fn npm_documents_name_us_and_tarballs_come_through() {
    let registries = Registries::new().await;
    let (status, text) = registries.get("/registry/npm/left-pad").await;
    assert_eq!(status, StatusCode::OK);
    let document: Value = serde_json::from_str(&text).unwrap();
    let tarball = document["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap();
    assert_eq!(tarball, registries.world.url("/registry/npm/left-pad/-/left-pad-1.0.0.tgz"));
    let path = tarball.strip_prefix(&registries.world.url("")).unwrap();
    assert_eq!(registries.get(path).await.1, "bytes of /npm/left-pad/-/left-pad-1.0.0.tgz");
    let asked = registries.upstream.asked.lock().unwrap().clone();
    assert!(
        asked
            .iter()
            .all(|(_, headers)| !format!("{headers:?}").contains(TOKEN) && !headers.contains_key("authorization"))
    );
}

#[tokio::test]
async fn every_ecosystem_is_mapped_to_its_upstreams() {
    let registries = Registries::new().await;
    let (_, simple) = registries.get("/registry/pypi/simple/requests/").await;
    let file = registries.world.url("/registry/pypi/files/packages/a/r.whl#sha256=aa");
    assert_eq!(simple, format!("<a href=\"{file}\">r</a>"));
    let (_, config) = registries.get("/registry/crates/index/config.json").await;
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config, json!({ "dl": registries.world.url("/registry/crates/dl"), "auth-required": true }));
    for (path, upstream) in [
        ("/registry/npm/@vue%2fcore", "/npm/@vue%2fcore"),
        ("/registry/pypi/files/packages/a/r.whl", "/pypi-files/packages/a/r.whl"),
        ("/registry/crates/index/se/rd/serde", "/crates-index/se/rd/serde"),
        ("/registry/crates/dl/serde/1.0.0/download", "/crates-files/crates/serde/1.0.0/download"),
        ("/registry/go/golang.org/x/text/@v/list", "/go/golang.org/x/text/@v/list"),
        ("/registry/go/sumdb/sum.golang.org/latest", "/go-sums/latest"),
    ] {
        let (status, text) = registries.get(path).await;
        assert_eq!((status, text), (StatusCode::OK, format!("bytes of {upstream}")), "{path}");
    }
    assert_eq!(registries.get("/registry/go/sumdb/sum.golang.org/supported").await.0, StatusCode::OK);
    assert_eq!(registries.get("/registry/npm/none").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_written() {
    let registries = Registries::new().await;
    for method in ["PUT", "POST", "DELETE", "PATCH", "PUBLISH"] {
        let method = method.parse().unwrap();
        let request = registries.world.client.request(method, registries.world.url("/registry/npm/left-pad"));
        let answer = request.bearer_auth(TOKEN).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["allow"], "GET, HEAD");
    }
    let event = registries.world.control.event(BrokerEventKind::EgressRefused).await;
    assert_eq!((&event.data["method"], &event.data["target"]), (&json!("PUT"), &json!("/registry/npm/left-pad")));
    assert!(registries.asked().is_empty());
}

#[tokio::test]
async fn redirects_stay_within_the_registry() {
    let registries = Registries::new().await;
    let (status, text) = registries.get("/registry/npm/moved").await;
    assert!(status == StatusCode::OK && text.contains("/registry/npm/left-pad/-/"), "{status} {text}");
    for (path, host) in [("away", "evil.example.com"), ("inside", "169.254.169.254"), ("scheme", "nowhere")] {
        let (status, text) = registries.get(&format!("/registry/npm/{path}")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(text.contains("redirect_refused") && text.contains(host), "{text}");
    }
    let event = registries.world.control.event(BrokerEventKind::EgressRefused).await;
    assert!(event.data["reason"].as_str().unwrap().contains("evil.example.com"));
    assert_eq!(registries.get("/registry/npm/circle").await.0, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn only_packages_and_only_below_the_upstream() {
    let registries = Registries::new().await;
    for path in ["/registry/npm/-/whoami", "/registry/maven/x", "/registry/crates/api/v1/me", "/registry/pypi/legacy/"]
    {
        assert_eq!(registries.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(registries.asked().is_empty(), "{:?}", registries.asked());
    let anonymous = registries.world.client.get(registries.world.url("/registry/npm/left-pad")).send().await.unwrap();
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn cookies_of_a_registry_stay_out() {
    let registries = Registries::new().await;
    let answer = registries.world.get("/registry/npm/x/-/x.tgz").header("cookie", "a=b").send().await.unwrap();
    assert!(!answer.headers().contains_key("set-cookie"));
    assert!(!registries.upstream.asked.lock().unwrap()[0].1.contains_key("cookie"));
}
