use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const NOW: i64 = 1_800_000_000;

fn now() -> i64 {
    NOW
}

fn key(seed: u8) -> (SignatureKey, String) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let private = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
    (SignatureKey::from_pem(&private.into()).unwrap(), public)
}

fn verifier() -> Verifier {
    // Two keys: one is being rotated out.
    Verifier::new(PublicKeys::from_pem(&format!("{}{}", key(1).1, key(2).1)).unwrap(), now)
}

fn webhook() -> Caller {
    Caller::Webhook { event: "issues".to_owned(), delivery_guid: "g-1".to_owned() }
}

fn check(token: &str) -> Result<Caller, Refused> {
    verifier().check(token, &Method::POST, "/a?b=c", b"body")
}

fn signed_at(seed: u8, clock: Clock) -> String {
    Signer::new(key(seed).0, clock).sign(&Method::POST, "/a?b=c", b"body", &webhook()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + LIFETIME, "method": "POST", "target": "/a?b=c",
        "body_sha256": hex::encode(Sha256::digest(b"body")), "caller": { "as": "gateway" },
    })
}

#[test]
fn each_kind_of_caller_arrives_as_it_was_sent() {
    let callers = [
        webhook(),
        Caller::Staff { user_id: UserId::new(), session_id: SessionId::new() },
        Caller::Run { run_id: RunId::new(), launch: 3 },
        Caller::Gateway,
    ];
    for caller in callers {
        let token = Signer::new(key(2).0, now).sign(&Method::POST, "/a?b=c", b"body", &caller).unwrap();
        assert_eq!(check(&token).unwrap(), caller);
    }
}

#[test]
fn it_holds_for_one_request_only() {
    let token = signed_at(1, now);
    let verifier = verifier();
    for (method, target, body) in [
        (Method::PUT, "/a?b=c", &b"body"[..]),
        (Method::POST, "/a?b=d", b"body"),
        (Method::POST, "/a", b"body"),
        (Method::POST, "/a?b=c", b"bodY"),
        (Method::POST, "/a?b=c", b""),
    ] {
        let refused = verifier.check(&token, &method, target, body).unwrap_err();
        assert!(matches!(refused, Refused::Unbound(_)), "{method} {target}: {refused}");
    }
}

#[test]
fn a_clock_that_is_wrong_is_refused_never_given_more_time() {
    for clock in [(|| NOW - 30) as Clock, || NOW - 600, || NOW + 6, || NOW + 600] {
        assert!(matches!(check(&signed_at(1, clock)).unwrap_err(), Refused::Time { .. }));
    }
    for clock in [(|| NOW - 29) as Clock, || NOW + 5] {
        assert_eq!(check(&signed_at(1, clock)).unwrap(), webhook());
    }
}

#[test]
fn a_longer_life_than_thirty_seconds_is_not_believed() {
    let signing = key(1).0;
    let sign = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signing.sign(&claims).unwrap()
    };
    assert!(check(&sign("iss", ISSUER.into())).is_ok());
    assert!(matches!(check(&sign("exp", (NOW + 31).into())).unwrap_err(), Refused::Time { .. }));
    assert!(matches!(check(&sign("iat", i64::MIN.into())).unwrap_err(), Refused::Time { .. }));
    assert!(matches!(check(&sign("aud", "somebody".into())).unwrap_err(), Refused::Invalid(_)));
    assert!(matches!(check(&sign("iss", "somebody".into())).unwrap_err(), Refused::Invalid(_)));
    assert!(matches!(check(&sign("exp", Value::Null)).unwrap_err(), Refused::Invalid(_)));
}

#[test]
fn other_keys_algorithms_and_key_ids_are_refused() {
    assert!(matches!(check(&signed_at(9, now)).unwrap_err(), Refused::Invalid(_)));
    // A stranger's key under the id of ours.
    let posing = key(9).0.named(key(1).0.id());
    assert!(matches!(check(&posing.sign(&claims()).unwrap()).unwrap_err(), Refused::Invalid(_)));
    // The public key as an HMAC secret.
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(key(1).0.id().to_owned());
    let secret = jsonwebtoken::EncodingKey::from_secret(key(1).1.as_bytes());
    let forged = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert!(matches!(check(&forged).unwrap_err(), Refused::Invalid(_)));
    for text in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        assert!(matches!(check(text).unwrap_err(), Refused::Invalid(_)), "{text}");
    }
}

#[tokio::test]
async fn only_asserted_requests_reach_a_guarded_router() {
    let router = Router::new()
        .route("/a", axum::routing::post(async |caller: Caller, body: String| format!("{caller:?} {body}")));
    let router = guard(router, verifier(), 10);
    let send = async |token: Option<String>, body: &'static str| {
        let mut request = Request::post("/a?b=c");
        if let Some(token) = token {
            request = request.header(HEADER, token);
        }
        let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    let (status, answer) = send(Some(signed_at(1, now)), "body").await;
    assert_eq!((status, answer.ends_with("body")), (StatusCode::OK, true), "{answer}");
    assert_eq!(send(None, "body").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(Some(signed_at(1, now)), "other").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(Some(signed_at(1, now)), "more than ten bytes").await.0, StatusCode::PAYLOAD_TOO_LARGE);
}
