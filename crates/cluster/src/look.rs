//! Looking at a run's namespace as the run's own account. Who looks asks for a token of that account and asks the API
//! server with nothing else, so that what is seen is confined by the account's own rights, whatever this process may do.

mod error;
mod read;
mod shown;

use std::fmt;

use http::header::{AUTHORIZATION, HeaderValue};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::config::AuthInfo;
use kube::{Client, Config};
use secrecy::{ExposeSecret, SecretString};

pub use error::{ConnectError, LookError};
pub use read::{Listing, Printed};

use crate::ask::ask;
use crate::error::ClusterError;
use crate::manifests::AGENT_ACCOUNT;

/// How long a token serves; the API server gives none for less. It is used at once and then forgotten.
const TOKEN_SECONDS: i64 = 600;

/// Opens namespaces of runs to be looked at.
#[derive(Clone)]
pub struct Looker {
    /// Under this process's account, which may do nothing but ask for tokens.
    own: Client,
    /// Without an account: each request carries its token.
    bare: Client,
}

impl fmt::Debug for Looker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looker").finish_non_exhaustive()
    }
}

impl Looker {
    /// Looks through these clients: `own` asks for tokens, `bare` carries them.
    #[must_use]
    pub const fn new(own: Client, bare: Client) -> Self {
        Self { own, bare }
    }

    /// Looks at the cluster that this process's pod is in; `None` when it is in none. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ConnectError`] when the pod has no token.
    pub fn in_cluster() -> Result<Option<Self>, ConnectError> {
        if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
            return Ok(None);
        }
        let config = Config::incluster()?;
        let mut without = config.clone();
        without.auth_info = AuthInfo::default();
        Ok(Some(Self::new(Client::try_from(config)?, Client::try_from(without)?)))
    }

    /// Takes on the account of the run whose namespace this is.
    ///
    /// # Errors
    /// [`LookError::Missing`] when the namespace is not there, else [`LookError::Unavailable`].
    pub async fn at(&self, namespace: &str) -> Result<Look, LookError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.own.clone(), namespace);
        let wanted = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let what = format!("the account of namespace {namespace}");
        let plainly = PostParams::default();
        let asked = accounts.create_token_request(AGENT_ACCOUNT, &plainly, &wanted);
        let given = match ask(&what, asked).await {
            Err(ClusterError::Gone { what }) => return Err(LookError::Missing { what }),
            answer => answer.map_err(LookError::Unavailable)?,
        };
        // An account without a token is nobody's, and the API server says so.
        let token = given.status.map(|status| status.token).unwrap_or_default().into();
        Ok(Look { client: self.bare.clone(), namespace: namespace.to_owned(), token })
    }
}

/// One look at one namespace, as its run's account.
pub struct Look {
    client: Client,
    namespace: String,
    token: SecretString,
}

impl Look {
    fn signed(&self, mut request: http::Request<Vec<u8>>) -> Result<http::Request<Vec<u8>>, kube::Error> {
        let words = format!("Bearer {}", self.token.expose_secret());
        let mut bearer = HeaderValue::from_str(&words).map_err(|error| kube::Error::HttpError(error.into()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        Ok(request)
    }
}
