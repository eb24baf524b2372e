//! Acting as an account of a run's namespace: whoever wants to asks for a token of it, and asks the API server with nothing
//! else, so that what is seen or done is confined by that account's rights, whatever this process may do.

use http::Request;
use http::header::{AUTHORIZATION, HeaderValue};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::client::Body;
use secrecy::{ExposeSecret, SecretString};

use crate::ask::ask;
use crate::error::ClusterError;

/// How long a token serves; the API server gives none for less. It is used at once and then forgotten.
const TOKEN_SECONDS: i64 = 600;

/// Asks, as this process's own account, for a token of `account`, and answers a client over `bare` that carries it.
pub(crate) async fn act_as(
    own: &Client,
    bare: &Client,
    namespace: &str,
    account: &str,
) -> Result<Client, ClusterError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(own.clone(), namespace);
    let wanted = TokenRequest {
        spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() },
        ..TokenRequest::default()
    };
    let what = format!("the account {account} of namespace {namespace}");
    let plainly = PostParams::default();
    let given = ask(&what, accounts.create_token_request(account, &plainly, &wanted)).await?;
    // An account without a token is nobody's, and the API server says so.
    let token = given.status.map(|status| status.token).unwrap_or_default().into();
    bearing(bare, &token, namespace).map_err(|error| ClusterError::from_kube(&what, error))
}

fn bearing(bare: &Client, token: &SecretString, namespace: &str) -> Result<Client, kube::Error> {
    let words = format!("Bearer {}", token.expose_secret());
    let mut bearer = HeaderValue::from_str(&words).map_err(|error| kube::Error::HttpError(error.into()))?;
    bearer.set_sensitive(true);
    let bare = bare.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let bare = bare.clone();
        async move { bare.send(request).await }
    });
    Ok(Client::new(service, namespace))
}
