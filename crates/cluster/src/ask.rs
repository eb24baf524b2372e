//! The connection to the API server, and how one request is made: bounded in time, its failure sorted.

use std::future::Future;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use kube::config::AuthInfo;
use kube::{Client, Config};

use crate::error::{ClusterError, lacks_rights};

/// A single request that takes longer has failed; the next turn of a loop asks again.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// A grant made a moment ago reaches the API server's authorizer through a watch.
const GRANT_LAG: Duration = Duration::from_millis(50);
const GRANT_TRIES: usize = 100;

/// The cluster that runs live in.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) client: Client,
    /// Without an account: each request carries a token of the account that it is made as.
    pub(crate) bare: Client,
}

impl Cluster {
    /// A cluster behind these clients: `client` has this process's account, `bare` has none.
    #[must_use]
    pub const fn new(client: Client, bare: Client) -> Self {
        Self { client, bare }
    }

    /// Finds the cluster as every client does: `KUBECONFIG`, or the account of the pod that this process runs in.
    /// Nothing is asked yet, so this also works while the API server is away.
    ///
    /// # Errors
    /// [`ClusterError::Unavailable`] when there is no usable configuration.
    pub async fn connect() -> Result<Self, ClusterError> {
        let read = async {
            let config = Config::infer().await.map_err(kube::Error::InferConfig)?;
            let mut without = config.clone();
            without.auth_info = AuthInfo::default();
            kube::Result::Ok(Self::new(Client::try_from(config)?, Client::try_from(without)?))
        };
        read.await.map_err(|error| ClusterError::from_kube("configuration", error))
    }

    /// Whether the API server answers.
    ///
    /// # Errors
    /// As every request.
    pub async fn check(&self) -> Result<(), ClusterError> {
        ask("API server", self.client.apiserver_version()).await.map(drop)
    }
}

pub(crate) async fn ask<T>(what: &str, request: impl Future<Output = kube::Result<T>>) -> Result<T, ClusterError> {
    sort(what, bounded(request).await)
}

/// Like [`ask`], for requests in a namespace whose grant may be too fresh to be seen.
pub(crate) async fn ask_granted<T, F>(what: &str, request: impl FnMut() -> F) -> Result<T, ClusterError>
where
    F: Future<Output = kube::Result<T>>,
{
    let mut request = request;
    let patience = ConstantBuilder::new().with_delay(GRANT_LAG).with_max_times(GRANT_TRIES);
    let answer = (|| bounded(request()))
        .retry(patience)
        .when(|error| matches!(error, Some(kube::Error::Api(status)) if lacks_rights(status)))
        .await;
    sort(what, answer)
}

/// `Err(None)` says that the time ran out.
async fn bounded<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Option<kube::Error>> {
    match tokio::time::timeout(REQUEST_LIMIT, request).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn sort<T>(what: &str, answer: Result<T, Option<kube::Error>>) -> Result<T, ClusterError> {
    answer.map_err(|error| match error {
        Some(error) => ClusterError::from_kube(what, error),
        None => ClusterError::TimedOut { what: what.to_owned() },
    })
}

/// Turns "not there" into `None`.
pub(crate) fn unless_gone<T>(answer: Result<T, ClusterError>) -> Result<Option<T>, ClusterError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ClusterError::Gone { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
