//! The console's files and the headers that everything carries; and the canary.

use crate::stack::{PUBLIC_URL, Stack, sent};
use contract::assertion::system_clock;

#[tokio::test]
async fn pages_of_the_console_are_its_one_page() {
    let stack = Stack::start().await;
    for path in ["/", "/runs", "/projects/shop?tab=members", "/sign-in"] {
        let (status, headers, body) = sent(stack.get(path)).await;
        assert_eq!(status, 200, "{path}");
        assert!(body.as_str().unwrap().contains("codex-k8s"), "{path}");
        assert_eq!(headers["cache-control"], "no-cache");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        // The editor of templates compares texts in a worker and has its signs in a font, both files of ours.
        assert!(policy.contains("worker-src 'self';") && policy.contains("font-src 'self' "), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
    }
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever_and_sent_compressed() {
    let stack = Stack::start().await;
    let (status, headers, _) = sent(stack.get("/assets/app-1a2b.js").header("accept-encoding", "gzip")).await;
    assert_eq!((status, &headers["content-encoding"]), (200, &"gzip".parse().unwrap()));
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(headers["content-type"], "text/javascript");
    // A page in place of a missing script would be run, or kept for ever.
    let (status, headers, _) = sent(stack.get("/assets/app-gone.js")).await;
    assert_eq!((status, &headers["cache-control"]), (404, &"no-store".parse().unwrap()));
    assert_eq!(sent(stack.get("/favicon.svg")).await.1["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn nothing_else_is_served_as_a_page() {
    let stack = Stack::start().await;
    for path in ["/api/v1/nothing", "/api/", "/api/v2/staff/me"] {
        let (status, headers, _) = sent(stack.get(path)).await;
        assert_eq!((status, &headers["content-type"]), (404, &"application/problem+json".parse().unwrap()), "{path}");
    }
    assert_eq!(sent(stack.post("/runs")).await.0, 404);
    for path in ["/../Cargo.toml", "/..%2f..%2fetc/passwd", "/assets/..%2f..%2f..%2fetc/passwd"] {
        let (_, _, body) = sent(stack.get(path)).await;
        assert!(!body.to_string().contains("root:") && !body.to_string().contains("[package]"), "{path}");
    }
}

#[tokio::test]
async fn over_https_browsers_are_told_to_stay_there() {
    let stack = Stack::with("https://console.test", system_clock, &[]).await;
    assert!(sent(stack.get("/")).await.1.contains_key("strict-transport-security"));
    let stack = Stack::with(PUBLIC_URL, system_clock, &[]).await;
    assert!(!sent(stack.get("/")).await.1.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn the_canary_answers_anybody() {
    let stack = Stack::start().await;
    assert_eq!(stack.http.get(&stack.canary).send().await.unwrap().status(), 200);
}
