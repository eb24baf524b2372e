//! Looking at a run's namespace, and entering its pods, as the run's own account.

mod enter;
mod error;
mod read;
mod shown;

use std::fmt;

use domain::environment::Kind;
use kube::config::AuthInfo;
use kube::{Client, Config};

pub use enter::Entry;
pub use error::{ConnectError, LookError};
pub use read::{Listing, Printed};

use crate::acting::act_as;
use crate::error::ClusterError;
use crate::manifests::AGENT_ACCOUNT;

/// Opens namespaces of runs to be looked at.
#[derive(Clone)]
pub struct Looker {
    /// Under this process's account, which may do nothing but ask for tokens.
    pub(crate) own: Client,
    /// Without an account: each request carries its token.
    pub(crate) bare: Client,
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
        let client = match act_as(&self.own, &self.bare, namespace, AGENT_ACCOUNT).await {
            Err(ClusterError::Gone { what }) => return Err(LookError::Missing { what }),
            answer => answer.map_err(LookError::Unavailable)?,
        };
        Ok(Look { client, namespace: namespace.to_owned() })
    }
}

/// One look at one namespace, as its run's account.
pub struct Look {
    client: Client,
    namespace: String,
}

/// Where the API server has a kind's objects of a namespace.
pub(crate) fn place(namespace: &str, kind: Kind) -> String {
    let (group, version, plural) = kind.place();
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    format!("{root}/namespaces/{namespace}/{plural}")
}
