//! Sign-in through GitHub, renewing and ending a session, and the tricks that must not work.

use contract::assertion::{Caller, system_clock};
use serde_json::{Value, json};
use url::Url;

use crate::platform::{Asked, answer, problem};
use crate::stack::{PUBLIC_URL, Stack, sent};
use crate::tokens::{SESSION, USER};

const SECRET: &str = "cxs_session-secret";

/// A control-plane that knows Ada.
fn knows_ada(asked: &Asked) -> axum::response::Response {
    match asked.line.as_str() {
        "POST /internal/v1/sign-ins" => answer(
            201,
            &json!({ "user_id": USER, "session_id": SESSION, "secret": SECRET, "expires_at": "2100-01-01T00:00:00Z" }),
        ),
        "POST /internal/v1/sessions/refresh" => answer(200, &json!({ "user_id": USER, "session_id": SESSION })),
        "POST /internal/v1/sessions/revoke" => answer(204, &Value::Null),
        _ => answer(200, &json!({ "items": [] })),
    }
}

/// A browser that went to GitHub: where it was sent, and the cookie it holds.
struct Departed {
    authorize: Url,
    state: String,
    cookie: String,
    flags: String,
}

async fn depart(stack: &Stack, query: &str) -> Departed {
    let (status, headers, body) = sent(stack.get(&format!("/api/v1/auth/github/start{query}"))).await;
    assert_eq!(status, 302, "{body}");
    let authorize = Url::parse(headers["location"].to_str().unwrap()).unwrap();
    let state = authorize.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let (cookie, flags) = headers["set-cookie"].to_str().unwrap().split_once("; ").unwrap();
    Departed { authorize, state, cookie: cookie.to_owned(), flags: flags.to_owned() }
}

/// The browser comes back; where is it sent, and which cookies is it given?
async fn arrive(stack: &Stack, code: &str, state: &str, cookie: Option<&str>) -> (String, Vec<String>) {
    let mut request = stack.get(&format!("/api/v1/auth/github/callback?code={code}&state={state}"));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let (status, headers, body) = sent(request).await;
    assert_eq!(status, 302, "{body}");
    let cookies = headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    (headers["location"].to_str().unwrap().to_owned(), cookies)
}

#[tokio::test]
async fn a_person_who_is_listed_gets_a_session_and_goes_where_they_wanted() {
    let stack = Stack::start().await;
    stack.platform.answers(knows_ada);
    let left = depart(&stack, "?return_to=/runs%3Factive%3Dtrue").await;
    assert_eq!(left.flags, "HttpOnly; SameSite=Lax; Path=/api/v1/auth/github; Max-Age=600");
    let query: Vec<_> = left.authorize.query_pairs().into_owned().collect();
    let redirect = ("redirect_uri".to_owned(), format!("{PUBLIC_URL}/api/v1/auth/github/callback"));
    assert!(query.contains(&redirect) && query.contains(&("client_id".to_owned(), "client".to_owned())), "{query:?}");
    stack.github.agree("c-1", &left.authorize);
    let (location, cookies) = arrive(&stack, "c-1", &left.state, Some(&left.cookie)).await;
    assert_eq!(location, "/runs?active=true");
    let session = cookies.iter().find(|cookie| cookie.starts_with("codexk8s_session=")).unwrap();
    assert!(session.starts_with(&format!("codexk8s_session={SECRET}; HttpOnly; SameSite=Strict; Path=/api/v1/auth; ")));
    assert!(cookies.iter().any(|cookie| cookie.starts_with("codexk8s_sign_in=;") && cookie.contains("Max-Age=0")));
    let asked = &stack.platform.asked()[0];
    assert_eq!(asked.caller, Caller::Gateway);
    let person: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(person, json!({ "github_id": 42, "login": "ada", "email": "ada@example.org" }));
}

#[tokio::test]
async fn over_https_the_cookies_say_so() {
    let stack = Stack::with("https://console.test", system_clock, &[]).await;
    stack.platform.answers(knows_ada);
    let left = depart(&stack, "").await;
    assert!(left.cookie.starts_with("__Secure-codexk8s_sign_in=") && left.flags.contains("Secure"), "{}", left.flags);
    stack.github.agree("c-1", &left.authorize);
    let (location, cookies) = arrive(&stack, "c-1", &left.state, Some(&left.cookie)).await;
    assert_eq!(location, "/");
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("__Secure-codexk8s_session=") && cookie.contains("; Secure"))
    );
}

#[tokio::test]
async fn state_cookie_and_code_must_belong_together_and_are_good_once() {
    let stack = Stack::start().await;
    stack.platform.answers(knows_ada);
    let (mine, other) = (depart(&stack, "").await, depart(&stack, "").await);
    stack.github.agree("c-1", &mine.authorize);
    let expired = "/sign-in?problem=sign_in_expired";
    let forged = format!("{}x", mine.cookie);
    for (state, cookie, told) in [
        (mine.state.as_str(), None, expired),
        (mine.state.as_str(), Some(forged.as_str()), expired),
        (mine.state.as_str(), Some("codexk8s_sign_in=x.y.z"), expired),
        (mine.state.as_str(), Some(other.cookie.as_str()), "/sign-in?problem=state_mismatch"),
        ("", Some(mine.cookie.as_str()), "/sign-in?problem=state_mismatch"),
        // Another browser's code, redeemed with our verifier: PKCE.
        (other.state.as_str(), Some(other.cookie.as_str()), "/sign-in?problem=github_refused"),
    ] {
        let (location, cookies) = arrive(&stack, "c-1", state, cookie).await;
        assert_eq!(location, told);
        assert!(!cookies.iter().any(|cookie| cookie.contains("session=")), "{cookies:?}");
    }
    assert!(stack.platform.asked().is_empty());
    stack.github.agree("c-2", &mine.authorize);
    assert_eq!(arrive(&stack, "c-2", &mine.state, Some(&mine.cookie)).await.0, "/");
    assert_eq!(arrive(&stack, "c-2", &mine.state, Some(&mine.cookie)).await.0, "/sign-in?problem=github_refused");
}

#[tokio::test]
async fn who_is_not_listed_or_has_no_verified_address_is_told_so() {
    let stack = Stack::start().await;
    for (code, refusal) in [("not_listed", 403), ("email_taken", 403)] {
        stack.platform.answers(move |_| problem(refusal, code));
        let left = depart(&stack, "").await;
        stack.github.agree("c", &left.authorize);
        let (location, cookies) = arrive(&stack, "c", &left.state, Some(&left.cookie)).await;
        assert_eq!(location, format!("/sign-in?problem={code}"));
        assert!(!cookies.iter().any(|cookie| cookie.contains("session=")));
    }
    let before = stack.platform.asked().len();
    *stack.github.emails.lock().unwrap() = json!([{ "email": "ada@example.org", "primary": true, "verified": false }]);
    let left = depart(&stack, "").await;
    stack.github.agree("c", &left.authorize);
    assert_eq!(arrive(&stack, "c", &left.state, Some(&left.cookie)).await.0, "/sign-in?problem=no_verified_email");
    assert_eq!(stack.platform.asked().len(), before);
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let stack = Stack::start().await;
    for target in ["https://evil.example", "//evil.example", "/%5Cevil.example", "javascript:alert(1)"] {
        let (status, ..) = sent(stack.get(&format!("/api/v1/auth/github/start?return_to={target}"))).await;
        assert_eq!(status, 422, "{target}");
    }
    let (status, headers, _) = sent(stack.get("/api/v1/auth/github/callback?error=access_denied")).await;
    assert_eq!((status, &headers["location"]), (302, &"/sign-in?problem=sign_in_expired".parse().unwrap()));
}

#[tokio::test]
async fn a_session_gives_tokens_that_the_staff_api_takes() {
    let stack = Stack::start().await;
    stack.platform.answers(knows_ada);
    let refresh = || stack.post("/api/v1/auth/refresh").header("cookie", format!("codexk8s_session={SECRET}"));
    let (status, headers, body) = sent(refresh().header("origin", PUBLIC_URL)).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(900)));
    assert_eq!(headers["cache-control"], "no-store");
    let told: Value = serde_json::from_slice(&stack.platform.asked()[0].body).unwrap();
    assert_eq!(told, json!({ "secret": SECRET }));
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(sent(stack.get("/api/v1/staff/projects").bearer_auth(token)).await.0, 200);

    stack.platform.answers(|_| problem(401, "session_over"));
    let (status, headers, body) = sent(refresh().header("origin", PUBLIC_URL)).await;
    assert_eq!((status, &body["code"]), (401, &json!("session_over")));
    assert!(headers["set-cookie"].to_str().unwrap().starts_with("codexk8s_session=;"));
    // A control-plane that does not answer says nothing about the session: the cookie stays.
    stack.platform.answers(|_| problem(500, "internal"));
    let (status, headers, _) = sent(refresh().header("origin", PUBLIC_URL)).await;
    assert_eq!((status, headers.contains_key("set-cookie")), (503, false));
}

#[tokio::test]
async fn only_our_own_pages_may_renew_or_end_a_session() {
    let stack = Stack::start().await;
    stack.platform.answers(knows_ada);
    for path in ["/api/v1/auth/refresh", "/api/v1/auth/sign-out"] {
        for origin in [None, Some("https://evil.example"), Some("null"), Some("http://console.test.evil.example")] {
            let mut request = stack.post(path).header("cookie", format!("codexk8s_session={SECRET}"));
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let (status, _, body) = sent(request).await;
            assert_eq!((status, &body["code"]), (403, &json!("foreign_origin")), "{path} {origin:?}");
        }
    }
    assert!(stack.platform.asked().is_empty());
    let out = stack.post("/api/v1/auth/sign-out").header("origin", PUBLIC_URL);
    let (status, headers, _) = sent(out.header("cookie", format!("codexk8s_session={SECRET}"))).await;
    assert_eq!(status, 204);
    assert!(headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(stack.platform.lines(), ["POST /internal/v1/sessions/revoke"]);
    assert_eq!(sent(stack.post("/api/v1/auth/refresh").header("origin", PUBLIC_URL)).await.0, 401);
}
