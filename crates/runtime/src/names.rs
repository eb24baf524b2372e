//! Names to addresses, with every address judged before anything is dialled. A name that yields one refused address
//! is refused whole: whoever controls the name must not get to choose. What is refused says the one who asks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses on their way.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// How host names become addresses.
pub trait NameService: fmt::Debug + Send + Sync {
    /// All addresses of a host name.
    fn addresses<'a>(&'a self, host: &'a str) -> Addresses<'a>;
}

/// The resolver of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

impl NameService for SystemNames {
    fn addresses<'a>(&'a self, host: &'a str) -> Addresses<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 443)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Why a name is not dialled.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// Nobody knows it.
    #[error("the name does not resolve")]
    NoAddress,
    /// One of its addresses is refused.
    #[error("it resolves to {address}, which is {range}")]
    Refused {
        /// The address.
        address: IpAddr,
        /// What is wrong with it, in a word.
        range: &'static str,
    },
}

/// Says of a host's address why it is not dialled; `None`: it is.
pub type Judge = dyn Fn(&str, IpAddr) -> Option<&'static str> + Send + Sync;

/// Resolves names and lets only addresses through that may be dialled.
#[derive(Clone)]
pub struct Guard {
    names: Arc<dyn NameService>,
    judge: Arc<Judge>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard over a name service. Addresses are judged in their shortest form: no IPv4 hides in an IPv6.
    pub fn new(
        names: Arc<dyn NameService>,
        judge: impl Fn(&str, IpAddr) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        Self { names, judge: Arc::new(judge) }
    }

    /// Addresses of `host`, all of them allowed and at least one.
    ///
    /// # Errors
    /// [`Unreached`] when there is none, or one of them is refused.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Unreached> {
        let found = timeout(PATIENCE, self.names.addresses(host)).await;
        let addresses = found.ok().and_then(Result::ok).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Unreached::NoAddress);
        }
        for &address in &addresses {
            if let Some(range) = (self.judge)(host, address.to_canonical()) {
                return Err(Unreached::Refused { address, range });
            }
        }
        Ok(addresses)
    }
}

/// For HTTP clients: the same judgement, at the moment of dialling. A host that is given as an address is not resolved, so
/// it must be refused before.
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
