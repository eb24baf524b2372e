//! Who calls: the front's own table of tokens. The emulator takes any unknown token for some user, so the front admits
//! only those it knows, and keeps for each the emulator's token that stands behind it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use super::{
    emulator::{Emulator, lock},
    proxy::Refusal,
};

/// Somebody who showed a valid token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) login: String,
    pub(super) id: u64,
    /// The emulator's token behind the one shown.
    pub(super) upstream: String,
    pub(super) scope: String,
    /// Permission → `read` or `write`, for fine-grained tokens.
    pub(super) permissions: Option<BTreeMap<String, String>>,
}

/// All tokens that are valid now.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Caller>>);

impl Tokens {
    /// Makes `token` valid for a login.
    pub(super) async fn add(
        &self,
        emulator: &Emulator,
        token: &str,
        login: &str,
        permissions: Option<BTreeMap<String, String>>,
    ) -> Result<Caller> {
        let scope = "repo user admin:repo_hook";
        let upstream = emulator.mint(login, scope).await?;
        let caller = Caller {
            id: user_id(emulator, &upstream).await?,
            login: login.to_owned(),
            scope: scope.to_owned(),
            upstream,
            permissions,
        };
        lock(&self.0).insert(token.to_owned(), caller.clone());
        Ok(caller)
    }

    /// Makes a token valid that the emulator itself handed out at sign-in.
    pub(super) async fn adopt(&self, emulator: &Emulator, token: &str, scope: &str) -> Result<()> {
        let user = emulator.get("/user", Some(token)).await?;
        let caller = Caller {
            login: user["login"].as_str().context("a user without login")?.to_owned(),
            id: user["id"].as_u64().context("a user without id")?,
            upstream: token.to_owned(),
            scope: scope.to_owned(),
            permissions: None,
        };
        lock(&self.0).insert(token.to_owned(), caller);
        Ok(())
    }

    /// Ends a token; whether there was one.
    pub(super) fn revoke(&self, token: &str) -> bool {
        lock(&self.0).remove(token).is_some()
    }

    /// Who sends these headers: nobody in particular, somebody, or somebody with a token that is not valid (401).
    pub(super) async fn caller(&self, emulator: &Emulator, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let Some(token) = shown_token(headers) else { return Ok(None) };
        let known = lock(&self.0).get(&token).cloned();
        let mut caller = known.ok_or_else(Refusal::bad_credentials)?;
        if emulator.is_tired(&caller.upstream) {
            caller.upstream = emulator.mint(&caller.login, &caller.scope).await?;
            lock(&self.0).insert(token, caller.clone());
        }
        Ok(Some(caller))
    }
}

async fn user_id(emulator: &Emulator, upstream: &str) -> Result<u64> {
    emulator.get("/user", Some(upstream)).await?["id"].as_u64().context("a user without id")
}

/// The token in an `Authorization` header: `Bearer`, `token`, or either half of `Basic`, as git sends it.
fn shown_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => Some(rest.trim().to_owned()),
        "basic" => {
            let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
            let (user, password) = pair.split_once(':')?;
            Some(if matches!(password, "" | "x-oauth-basic") { user } else { password }.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_every_form_git_and_clients_send() {
        let shown = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            shown_token(&headers)
        };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert_eq!(shown("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(shown("token abc").as_deref(), Some("abc"));
        assert_eq!(shown(&basic("x-access-token:abc")).as_deref(), Some("abc"));
        assert_eq!(shown(&basic("abc:x-oauth-basic")).as_deref(), Some("abc"));
        assert_eq!(shown(&basic("abc:")).as_deref(), Some("abc"));
        assert_eq!(shown("Digest abc"), None);
    }
}
