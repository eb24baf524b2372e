//! Access tokens: made as the gateway makes them, and forged in every way that is known.

use contract::assertion::system_clock;
use serde_json::{Value, json};

use crate::stack::{KEY_ID, Stack, key, private_pem, public_pem, sent};

pub(crate) const USER: &str = "019f0000-0000-7000-8000-000000000001";
pub(crate) const SESSION: &str = "019f0000-0000-7000-8000-000000000002";

fn claims() -> Value {
    let now = system_clock();
    json!({ "iss": "codex-k8s", "aud": "codex-k8s-staff", "iat": now, "exp": now + 900, "sub": USER, "sid": SESSION })
}

fn signed(claims: &Value, seed: u8, kid: Option<&str>) -> String {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.kid = kid.map(str::to_owned);
    let key = jsonwebtoken::EncodingKey::from_ed_pem(private_pem(&key(seed)).as_bytes()).unwrap();
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

/// A token that the gateway believes.
pub(crate) fn good() -> String {
    of(USER)
}

/// The same for another person.
pub(crate) fn of(user: &str) -> String {
    let mut claims = claims();
    claims["sub"] = user.into();
    signed(&claims, 2, Some(KEY_ID))
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    signed(&claims, 2, Some(KEY_ID))
}

fn hmac_with_the_public_key() -> String {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(KEY_ID.to_owned());
    let secret = jsonwebtoken::EncodingKey::from_secret(public_pem(&key(2)).as_bytes());
    jsonwebtoken::encode(&header, &claims(), &secret).unwrap()
}

fn unsigned() -> String {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    let header = json!({ "alg": "none", "typ": "JWT", "kid": KEY_ID });
    format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()))
}

#[tokio::test]
async fn forged_and_misused_tokens_are_refused() {
    let stack = Stack::start().await;
    let good = good();
    let forged = [
        ("unsigned", unsigned()),
        ("HMAC with the public key", hmac_with_the_public_key()),
        ("another key", signed(&claims(), 9, Some(KEY_ID))),
        ("another key under its own id", signed(&claims(), 9, Some("staff-9"))),
        ("no key id", signed(&claims(), 2, None)),
        ("a path as key id", signed(&claims(), 2, Some("../../dev/null"))),
        ("the assertion key", signed(&claims(), 1, Some(KEY_ID))),
        ("over", with("exp", (system_clock() - 1).into())),
        ("over since ever", with("exp", 0.into())),
        ("without an end", with("exp", Value::Null)),
        ("for somebody else", with("aud", "codex-k8s-control-plane".into())),
        ("of the sign-in", with("aud", "codex-k8s-sign-in".into())),
        ("by somebody else", with("iss", "evil".into())),
        ("no audience", with("aud", Value::Null)),
        ("no user", with("sub", "root".into())),
        ("signature cut", good[..good.len() - 4].to_owned()),
        ("nothing", String::new()),
    ];
    for (what, token) in forged {
        let (status, headers, body) = sent(stack.get("/api/v1/staff/me").bearer_auth(&token)).await;
        assert_eq!((status, &body["code"]), (401, &json!("token_refused")), "{what}");
        assert_eq!(headers["www-authenticate"], "Bearer");
    }
    let cookie = stack.get("/api/v1/staff/me").header("cookie", format!("codexk8s_session={good}; token={good}"));
    assert_eq!(sent(cookie).await.0, 401);
    assert!(stack.platform.asked().is_empty());
    assert_ne!(sent(stack.get("/api/v1/staff/me").bearer_auth(&good)).await.0, 401);
    assert_eq!(stack.platform.lines(), ["GET /api/v1/staff/me"]);
}
