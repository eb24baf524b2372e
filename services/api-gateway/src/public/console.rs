//! The console's files. Addresses of its pages answer with its one page; files with a hash in their name may be kept for
//! ever, the page itself is asked for each time. Scripts run only from our own files.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::handler::HandlerWithoutStateExt;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get_service;
use contract::problem::Problem;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderValue, Method};
use tower_http::compression::CompressionLayer;
use tower_http::services::{ServeDir, ServeFile};

/// Component libraries of the console set inline styles; scripts and everything else come from our own files only.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// Files whose names change with their content.
const HASHED: &str = "/assets/";

/// Everything that no other route answers.
pub(super) fn router(folder: &Path) -> Router {
    let page = get_service(ServeFile::new(folder.join("index.html")));
    let files = ServeDir::new(folder).append_index_html_on_directories(true).fallback(page);
    // Compressed here only: an answer that mixes secrets with what somebody else chose must not be.
    let files = Router::new().fallback_service(files).layer(from_fn(kept)).layer(CompressionLayer::new());
    let hashed = get_service(ServeDir::new(folder.join("assets")).fallback(nothing.into_service()));
    let hashed = Router::new().fallback_service(hashed).layer(CompressionLayer::new()).layer(from_fn(kept_for_ever));
    Router::new().nest_service(HASHED, hashed).fallback_service(files)
}

async fn nothing() -> Problem {
    Problem::not_found("no_such_operation", "There is nothing at this address")
}

/// Images carry no file times, and two versions of the page are equally long: neither says that the page is the same.
async fn kept(mut request: Request, next: Next) -> Response {
    let is_api = request.uri().path().split('/').nth(1) == Some("api");
    if is_api || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return nothing().await.into_response();
    }
    for validator in [IF_MODIFIED_SINCE, IF_NONE_MATCH] {
        request.headers_mut().remove(validator);
    }
    let mut response = next.run(request).await;
    for validator in [LAST_MODIFIED, ETAG] {
        response.headers_mut().remove(validator);
    }
    with(response, "no-cache")
}

async fn kept_for_ever(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let found = response.status().is_success() || response.status().is_redirection();
    with(response, if found { "public, max-age=31536000, immutable" } else { "no-store" })
}

fn with(mut response: Response, caching: &'static str) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
