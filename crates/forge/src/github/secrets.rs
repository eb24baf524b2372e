//! Secrets of an environment. GitHub takes a value only as a box sealed for the environment's public key, and never shows
//! one again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, Route};
use crate::error::ForgeError;
use crate::model::{Environment, RepositoryName};
use crate::provider::Answered;

/// What boxes are sealed for.
#[derive(Deserialize)]
struct Key {
    key_id: String,
    key: String,
}

fn environment(name: &RepositoryName, environment: &str) -> Route {
    Route::repository(name, "environments").then(environment)
}

fn secrets(name: &RepositoryName, of: &str) -> Route {
    environment(name, of).then("secrets")
}

pub(super) async fn exists(client: &Client, name: &RepositoryName, of: &str, secret: &str) -> Answered<bool> {
    Ok(client.find::<Value>(&secrets(name, of).then(secret)).await?.is_some())
}

pub(super) async fn put(
    client: &Client,
    name: &RepositoryName,
    environment: Environment<'_>,
    secret: &str,
    value: &SecretString,
) -> Answered<bool> {
    let key = key(client, name, environment).await?;
    let of = environment.name;
    let sealed = seal(&key.key, value).ok_or_else(|| ForgeError::Other {
        call: format!("GET /repos/{name}/environments/{of}/secrets/public-key"),
        message: "the public key is none".into(),
    })?;
    let body = json!({ "encrypted_value": sealed, "key_id": key.key_id });
    let answer = client.write(Method::PUT, &secrets(name, of).then(secret), Some(&body)).await?;
    Ok(answer.status == StatusCode::CREATED)
}

/// Sees to it that there is such an environment: one that GitHub does not have yet is made.
pub(super) async fn ensure(client: &Client, name: &RepositoryName, of: Environment<'_>) -> Answered<()> {
    key(client, name, of).await.map(drop)
}

/// The environment's public key. One that GitHub does not have yet is made, and one that it has is never written: that
/// would take its protection away. About one that is made with no policy GitHub says that every branch deploys there, and
/// so the workflow of any branch that somebody pushes reads its secrets; a guarded one is for protected branches.
async fn key(client: &Client, name: &RepositoryName, of: Environment<'_>) -> Answered<Key> {
    let route = secrets(name, of.name).then("public-key");
    if let Some(key) = client.find(&route).await? {
        return Ok(key);
    }
    let policy = json!({ "deployment_branch_policy": { "protected_branches": true, "custom_branch_policies": false } });
    client.write(Method::PUT, &environment(name, of.name), of.guarded.then_some(&policy)).await?;
    client.get(&route).await
}

/// libsodium's sealed box: whoever seals it cannot open it again.
fn seal(key: &str, value: &SecretString) -> Option<String> {
    let key = PublicKey::from_slice(&STANDARD.decode(key).ok()?).ok()?;
    let sealed = key.seal(&mut OsRng, value.expose_secret().as_bytes()).ok()?;
    Some(STANDARD.encode(sealed))
}

#[cfg(test)]
mod tests {
    use crypto_box::SecretKey;

    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_environments_key_alone() {
        let secret = SecretKey::generate(&mut OsRng);
        let key = STANDARD.encode(secret.public_key().as_bytes());
        let value = SecretString::from("hunter22");
        let sealed = STANDARD.decode(seal(&key, &value).unwrap()).unwrap();
        assert_eq!(secret.unseal(&sealed).unwrap(), b"hunter22");
        assert!(SecretKey::generate(&mut OsRng).unseal(&sealed).is_err());
        assert_ne!(seal(&key, &value), seal(&key, &value), "a box does not tell what is in it");
        for none in ["", "no base64", "c2hvcnQ="] {
            assert_eq!(seal(none, &value), None, "{none}");
        }
    }
}
