//! A service of somebody else's through which people are asked, as the platform of a story reaches it: by a name of the
//! cluster, which leads to this process.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::time::Duration;

use anyhow::Result;
use runtime::names::{Addresses, NameService};
use serde_json::Value;
use testkit::channel::{self, BELOW};

/// How long a story waits until one is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service; it ends when this is dropped.
#[derive(Debug)]
pub struct Service(channel::Service);

impl Deref for Service {
    type Target = channel::Service;

    fn deref(&self) -> &channel::Service {
        &self.0
    }
}

impl Service {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        channel::Service::start(Ipv4Addr::LOCALHOST).await.map(Self)
    }

    /// Its address, by its name in the cluster.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://approver.tools.svc:{}{BELOW}", self.port())
    }

    /// Waits until it was asked this often, and answers what came last.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn asked_times(&self, times: usize) -> Result<Value> {
        self.asked_within(times, PATIENCE).await
    }
}

/// The cluster's names, of which one leads where no channel may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterNames;

impl NameService for ClusterNames {
    fn addresses<'a>(&'a self, host: &'a str) -> Addresses<'a> {
        let metadata = host.starts_with("metadata.");
        let address = if metadata { Ipv4Addr::new(169, 254, 169, 254) } else { Ipv4Addr::LOCALHOST };
        Box::pin(async move { Ok(vec![IpAddr::from(address)]) })
    }
}
