//! Names to addresses, with every address judged before anything is dialled. A name that yields one refused address
//! is refused whole: whoever controls the name must not get to choose.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::egress::special_range;
use futures::future::BoxFuture;
use ipnet::IpNet;
use tokio::time::timeout;

use super::config::EgressConfig;

const PATIENCE: Duration = Duration::from_secs(5);

/// How host names become addresses.
pub trait NameService: fmt::Debug + Send + Sync {
    /// All addresses of a host name.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>>;
}

/// The resolver of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

impl NameService for SystemNames {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 443)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Why a name is not dialled.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreached {
    #[error("the name does not resolve")]
    NoAddress,
    #[error("it resolves to {address}, which is {range}")]
    Refused { address: IpAddr, range: &'static str },
}

/// Resolves names and lets only addresses through that may be dialled.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    refused: Arc<[IpNet]>,
    allowed: Arc<[IpNet]>,
    names: Arc<dyn NameService>,
}

impl Guard {
    pub(super) fn new(config: &EgressConfig) -> Self {
        Self {
            refused: config.refused_ranges.clone().into(),
            allowed: config.allowed_ranges.clone().into(),
            names: config.names.clone(),
        }
    }

    /// Addresses of `host`, all of them allowed and at least one.
    pub(super) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Unreached> {
        let found = timeout(PATIENCE, self.names.addresses(host)).await;
        let addresses = found.ok().and_then(Result::ok).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Unreached::NoAddress);
        }
        for &address in &addresses {
            self.judge(address)?;
        }
        Ok(addresses)
    }

    fn judge(&self, address: IpAddr) -> Result<(), Unreached> {
        let address = address.to_canonical();
        let within = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&address));
        if within(&self.allowed) {
            return Ok(());
        }
        let range = special_range(address).or_else(|| within(&self.refused).then_some("inside the cluster"));
        range.map_or(Ok(()), |range| Err(Unreached::Refused { address, range }))
    }
}

/// For clients that follow a configured address: the same judgement, at the moment of dialling.
impl reqwest::dns::Resolve for Guard {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = Self::resolve(&guard, name.as_str()).await?;
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets.collect::<Vec<_>>().into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(Vec<IpAddr>);

    impl NameService for Fixed {
        fn addresses<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
            Box::pin(async { Ok(self.0.clone()) })
        }
    }

    fn guard(addresses: &[&str]) -> Guard {
        Guard::new(&EgressConfig {
            refused_ranges: vec!["44.0.0.0/8".parse().unwrap()],
            allowed_ranges: vec!["203.0.113.0/24".parse().unwrap()],
            names: Arc::new(Fixed(addresses.iter().map(|address| address.parse().unwrap()).collect())),
            ..EgressConfig::default()
        })
    }

    #[tokio::test]
    async fn one_bad_address_spoils_the_name() {
        for (addresses, good) in [
            (&["1.1.1.1"] as &[&str], true),
            (&["1.1.1.1", "2606:4700::1"], true),
            (&["203.0.113.9"], true),
            (&["1.1.1.1", "10.0.0.1"], false),
            (&["169.254.169.254"], false),
            (&["::ffff:127.0.0.1"], false),
            (&["44.1.1.1"], false),
            (&[], false),
        ] {
            assert_eq!(guard(addresses).resolve("api.example.com").await.is_ok(), good, "{addresses:?}");
        }
    }
}
