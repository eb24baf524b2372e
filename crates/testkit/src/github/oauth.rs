//! Signing in with GitHub: the page where a person picks who they are, and the exchange of the code, with PKCE checked.
//! The emulator has such a page too, but drops the code challenge.

use std::{collections::HashMap, fmt::Write as _, sync::Mutex};

use axum::{
    Form, Json,
    body::Bytes,
    extract::{Query, State as Extracted},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::{
    emulator::lock,
    proxy::Refusal,
    seed::{OauthApp, Seed},
    server::Shared,
    worlds,
};

/// Codes handed out and not yet exchanged.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<HashMap<String, Grant>>);

#[derive(Debug, Clone)]
struct Grant {
    client_id: String,
    redirect_uri: String,
    challenge: Option<String>,
    scope: String,
}

/// What the application asks for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ask {
    client_id: String,
    redirect_uri: Option<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    /// On the page: the account it suggests. In the answer: the account that was picked.
    login: Option<String>,
}

/// `GET /login/oauth/authorize`: one button per person. `login` narrows the page to that account.
pub(super) async fn authorize(
    Extracted(state): Extracted<Shared>,
    Query(ask): Query<Ask>,
) -> Result<Response, Refusal> {
    let (app, target) = check(&state.seed, &ask)?;
    let hidden = [
        ("client_id", ask.client_id.as_str()),
        ("redirect_uri", target.as_str()),
        ("scope", &ask.scope),
        ("state", &ask.state),
        ("code_challenge", ask.code_challenge.as_deref().unwrap_or_default()),
        ("code_challenge_method", ask.code_challenge_method.as_deref().unwrap_or_default()),
    ];
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Sign in to GitHub</title><body><main><h1>Sign in to GitHub</h1><p>to go on to {}</p>\
         <form method=post action=/login/oauth/callback>",
        escape(&app.name)
    );
    for (name, value) in hidden {
        let _ = write!(page, "<input type=hidden name={name} value=\"{}\">", escape(value));
    }
    let logins: Vec<&str> = match ask.login.as_deref() {
        Some(login) => vec![login],
        None => state.seed.people.iter().map(|person| person.login.as_str()).collect(),
    };
    for login in logins {
        let login = escape(login);
        let _ = write!(page, "<p><button name=login value=\"{login}\">{login}</button></p>");
    }
    page.push_str("</form></main></body></html>");
    Ok(Html(page).into_response())
}

/// `POST /login/oauth/callback`: the person's choice; sends the browser back to the application.
pub(super) async fn callback(Extracted(state): Extracted<Shared>, Form(ask): Form<Ask>) -> Result<Response, Refusal> {
    let (_, mut target) = check(&state.seed, &ask)?;
    let login = ask.login.as_deref().unwrap_or_default();
    if !state.seed.people.iter().any(|person| person.login == login) && !worlds::is_inhabitant(login) {
        return Err(Refusal::not_found());
    }
    let code = state.emulator.sign_in(login, &ask.scope).await?;
    let grant = Grant {
        client_id: ask.client_id,
        redirect_uri: target.to_string(),
        challenge: ask.code_challenge.filter(|challenge| !challenge.is_empty()),
        scope: ask.scope,
    };
    lock(&state.codes.0).insert(code.clone(), grant);
    target.query_pairs_mut().append_pair("code", &code).append_pair("state", &ask.state);
    Ok(Redirect::to(target.as_str()).into_response())
}

#[derive(Debug, Deserialize)]
struct Exchange {
    client_id: String,
    client_secret: String,
    code: String,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

/// `POST /login/oauth/access_token`: a token for a code. Errors come with status 200, as GitHub's do.
pub(super) async fn access_token(
    Extracted(state): Extracted<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let is = |name, value: &str| headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(value));
    let exchange: Option<Exchange> = if is(header::CONTENT_TYPE, "json") {
        serde_json::from_slice(&body).ok()
    } else {
        serde_urlencoded::from_bytes(&body).ok()
    };
    let exchange = exchange.ok_or_else(|| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "incomplete request"))?;
    let grant = lock(&state.codes.0).remove(&exchange.code);
    let answer = match judge(&state.seed, &exchange, grant.as_ref()) {
        Err(error) => json!({"error": error, "error_description": error.replace('_', " ")}),
        Ok(grant) => {
            let body = json!({"code": exchange.code});
            let token = state.emulator.must(Method::POST, "/login/oauth/access_token", None, &body).await?;
            let token = token["access_token"].as_str().unwrap_or_default();
            state.tokens.adopt(&state.emulator, token, &grant.scope).await?;
            json!({"access_token": token, "token_type": "bearer", "scope": grant.scope})
        }
    };
    if is(header::ACCEPT, "json") {
        return Ok(Json(answer).into_response());
    }
    let form =
        serde_urlencoded::to_string(answer.as_object().into_iter().flatten().filter_map(pair).collect::<Vec<_>>());
    let form = form.map_err(anyhow::Error::from)?;
    Ok(([(header::CONTENT_TYPE, "application/x-www-form-urlencoded")], form).into_response())
}

fn pair<'a>((key, value): (&'a String, &'a Value)) -> Option<(&'a str, &'a str)> {
    Some((key, value.as_str()?))
}

/// Whether a code may be exchanged; otherwise GitHub's name for what is wrong.
fn judge<'a>(seed: &Seed, exchange: &Exchange, grant: Option<&'a Grant>) -> Result<&'a Grant, &'static str> {
    let app = seed.oauth_apps.iter().find(|app| app.client_id == exchange.client_id);
    let known =
        app.is_some_and(|app| bool::from(app.client_secret.as_bytes().ct_eq(exchange.client_secret.as_bytes())));
    if !known {
        return Err("incorrect_client_credentials");
    }
    let grant = grant.filter(|grant| grant.client_id == exchange.client_id).ok_or("bad_verification_code")?;
    if exchange.redirect_uri.as_ref().is_some_and(|uri| !same_address(uri, &grant.redirect_uri)) {
        return Err("redirect_uri_mismatch");
    }
    if let Some(challenge) = &grant.challenge {
        let verifier = exchange.code_verifier.as_deref().unwrap_or_default();
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != *challenge {
            return Err("bad_verification_code");
        }
    }
    Ok(grant)
}

fn same_address(left: &str, right: &str) -> bool {
    matches!((Url::parse(left), Url::parse(right)), (Ok(left), Ok(right)) if left == right)
}

/// The application and the address to send the browser back to, when it is known and may use it.
fn check<'a>(seed: &'a Seed, ask: &Ask) -> Result<(&'a OauthApp, Url), Refusal> {
    let refuse = |why: &str| Refusal::new(StatusCode::BAD_REQUEST, why);
    let app = seed.oauth_apps.iter().find(|app| app.client_id == ask.client_id);
    let app = app.ok_or_else(|| refuse("no application has this client_id"))?;
    if ask.code_challenge.as_deref().is_some_and(|it| !it.is_empty())
        && ask.code_challenge_method.as_deref() != Some("S256")
    {
        return Err(refuse("code_challenge_method must be S256"));
    }
    let first = app.redirect_uris.first().map_or("", String::as_str);
    let target =
        Url::parse(ask.redirect_uri.as_deref().unwrap_or(first)).map_err(|_| refuse("redirect_uri is no URL"))?;
    if may_redirect(app, &target) {
        Ok((app, target))
    } else {
        Err(refuse("redirect_uri is not registered for this application"))
    }
}

/// Registered as it is, or on a loopback address with another port.
fn may_redirect(app: &OauthApp, target: &Url) -> bool {
    app.redirect_uris.iter().filter_map(|one| Url::parse(one).ok()).any(|registered| {
        let loopback = matches!(target.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        registered.scheme() == target.scheme()
            && registered.host_str() == target.host_str()
            && registered.path() == target.path()
            && (loopback || registered.port_or_known_default() == target.port_or_known_default())
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> OauthApp {
        OauthApp {
            name: "console".into(),
            client_id: "id".into(),
            client_secret: "secret".into(),
            redirect_uris: vec!["http://127.0.0.1:30080/back".into(), "https://console.test/back".into()],
        }
    }

    #[test]
    fn only_loopback_may_change_its_port() {
        let may = |url: &str| may_redirect(&app(), &Url::parse(url).unwrap());
        assert!(may("http://127.0.0.1:4711/back"));
        assert!(may("https://console.test/back"));
        assert!(!may("https://console.test:8443/back"));
        assert!(!may("http://127.0.0.1:30080/elsewhere"));
        assert!(!may("http://evil.test:30080/back"));
    }

    #[test]
    fn a_code_needs_its_own_verifier() {
        let seed = Seed {
            people: vec![],
            organisations: vec![],
            repositories: vec![],
            oauth_apps: vec![app()],
            worlds: 0,
            world_files: "".into(),
        };
        let grant = Grant {
            client_id: "id".into(),
            redirect_uri: "http://127.0.0.1:1/back".into(),
            // From RFC 7636, appendix B.
            challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
            scope: String::new(),
        };
        let judged = |secret: &str, verifier: Option<&str>, grant: Option<&Grant>| {
            let exchange = Exchange {
                client_id: "id".into(),
                client_secret: secret.into(),
                code: "code".into(),
                redirect_uri: None,
                code_verifier: verifier.map(str::to_owned),
            };
            judge(&seed, &exchange, grant).map(|_| ()).err()
        };
        let right = Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(judged("secret", right, Some(&grant)), None);
        assert_eq!(judged("secret", Some("guess"), Some(&grant)), Some("bad_verification_code"));
        assert_eq!(judged("secret", None, Some(&grant)), Some("bad_verification_code"));
        assert_eq!(judged("secret", right, None), Some("bad_verification_code"));
        assert_eq!(judged("wrong", right, Some(&grant)), Some("incorrect_client_credentials"));
    }
}
