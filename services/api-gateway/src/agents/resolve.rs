//! Which addresses the gateway dials for a run: public ones that are not the cluster's own, and what its owner allows.

use std::net::IpAddr;
use std::sync::Arc;

use domain::egress::special_range;
use ipnet::IpNet;
use runtime::names::Guard;

use super::config::EgressConfig;

/// Resolves names for runs.
pub(super) fn guard(config: &EgressConfig) -> Guard {
    let refused: Arc<[IpNet]> = config.refused_ranges.clone().into();
    let allowed: Arc<[IpNet]> = config.allowed_ranges.clone().into();
    let within = |ranges: &[IpNet], address: IpAddr| ranges.iter().any(|range| range.contains(&address));
    Guard::new(config.names.clone(), move |_, address| {
        if within(&allowed, address) {
            return None;
        }
        special_range(address).or_else(|| within(&refused, address).then_some("inside the cluster"))
    })
}

#[cfg(test)]
mod tests {
    use runtime::names::{Addresses, NameService};

    use super::*;

    #[derive(Debug)]
    struct Fixed(Vec<IpAddr>);

    impl NameService for Fixed {
        fn addresses<'a>(&'a self, _host: &'a str) -> Addresses<'a> {
            Box::pin(async { Ok(self.0.clone()) })
        }
    }

    fn fixed(addresses: &[&str]) -> Guard {
        guard(&EgressConfig {
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
            assert_eq!(fixed(addresses).resolve("api.example.com").await.is_ok(), good, "{addresses:?}");
        }
    }
}
