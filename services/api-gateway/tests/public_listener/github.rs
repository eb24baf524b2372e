//! A stand-in of GitHub's sign-in that holds clients to PKCE and gives each code away once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[derive(Clone, Default)]
pub(crate) struct GitHub {
    pub(crate) address: String,
    /// Codes not redeemed yet, with the challenge that each was asked for with.
    codes: Arc<Mutex<HashMap<String, String>>>,
    pub(crate) emails: Arc<Mutex<Value>>,
}

impl GitHub {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let emails = json!([
            { "email": "old@example.org", "primary": false, "verified": true },
            { "email": "ada@example.org", "primary": true, "verified": true },
        ]);
        let github = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            emails: Arc::new(Mutex::new(emails)),
            ..Self::default()
        };
        let router = Router::new()
            .route("/login/oauth/access_token", post(redeem))
            .route("/user", get(user))
            .route("/user/emails", get(emails_of))
            .with_state(github.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        github
    }

    /// A person agrees on the page that the gateway sent the browser to; GitHub sends it back with this code.
    pub(crate) fn agree(&self, code: &str, authorize: &url::Url) {
        let query: HashMap<_, _> = authorize.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        self.codes.lock().unwrap().insert(code.to_owned(), query["code_challenge"].clone());
    }
}

async fn redeem(State(github): State<GitHub>, Form(form): Form<HashMap<String, String>>) -> Json<Value> {
    let challenge = github.codes.lock().unwrap().remove(&form["code"]);
    let proof = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    let genuine = form["client_secret"] == crate::stack::CLIENT_SECRET && challenge.as_deref() == Some(&proof);
    // GitHub answers 200 either way.
    Json(if genuine {
        json!({ "access_token": "gho_stand_in", "token_type": "bearer", "scope": "read:user,user:email" })
    } else {
        json!({ "error": "bad_verification_code", "error_description": "The code passed is incorrect or expired." })
    })
}

async fn user(headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], "Bearer gho_stand_in");
    Json(json!({ "id": 42, "login": "ada", "name": null, "email": "public@example.org" }))
}

async fn emails_of(State(github): State<GitHub>) -> Json<Value> {
    Json(github.emails.lock().unwrap().clone())
}
