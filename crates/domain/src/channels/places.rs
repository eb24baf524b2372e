//! Where a channel may stand. Its address is given by whoever manages the project, and the platform calls it from inside the
//! cluster: so it is a service of the cluster, in a namespace that is not the platform's or the cluster's own, or a public
//! host behind TLS. Names are judged when they are stored and before each call, addresses when they are dialled.

use std::net::IpAddr;

use crate::egress::{judge_host, special_range};

/// Namespaces that belong to the cluster.
const OF_THE_CLUSTER: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A service of this cluster: `<service>.<namespace>.svc`, plain or with TLS, on any port.
    Cluster,
    /// A public host, behind TLS.
    Outside,
}

/// Why a channel may not stand somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// Another scheme.
    #[error("only http and https are spoken")]
    Scheme,
    /// Plain text through foreign networks.
    #[error("outside of the cluster only https is spoken; a service of the cluster is named <service>.<namespace>.svc")]
    Plain,
    /// An address, or no name of a host.
    #[error("name a host: <service>.<namespace>.svc, or a public one")]
    Host,
    /// The platform itself, or the cluster's own services.
    #[error("services of the platform and of the cluster itself are no channels")]
    Own,
}

/// Judges an address by its scheme and host; `platform` is the platform's own namespace.
///
/// # Errors
/// The reason, in words for whoever set it up.
pub fn judge(scheme: &str, host: &str, platform: &str) -> Result<Place, Misplaced> {
    if !matches!(scheme, "http" | "https") {
        return Err(Misplaced::Scheme);
    }
    let host = host.to_ascii_lowercase();
    // As if it were granted, so that only the name itself counts.
    if judge_host(&host, std::slice::from_ref(&host)).is_err() {
        return Err(Misplaced::Host);
    }
    let labels: Vec<_> = host.split('.').collect();
    match labels.as_slice() {
        [service, namespace, "svc"] | [service, namespace, "svc", "cluster", "local"] => {
            let is_own = *namespace == platform
                || OF_THE_CLUSTER.contains(namespace)
                || (*namespace == "default" && *service == "kubernetes");
            if is_own { Err(Misplaced::Own) } else { Ok(Place::Cluster) }
        }
        [.., "svc" | "local" | "internal" | "localhost" | "localdomain"] => Err(Misplaced::Host),
        _ if scheme == "http" => Err(Misplaced::Plain),
        _ => Ok(Place::Outside),
    }
}

/// Where a host of a channel stands that was judged before; by its name alone.
#[must_use]
pub fn of_host(host: &str) -> Place {
    let labels: Vec<_> = host.split('.').collect();
    match labels.as_slice() {
        [_, _, "svc"] | [_, _, "svc", "cluster", "local"] => Place::Cluster,
        _ => Place::Outside,
    }
}

/// Why an address is not dialled for a host in this place, as a word; `None` when it is. A service of the cluster has a
/// private address, whatever its name is made to lead to; a public host has none.
#[must_use]
pub fn refused_range(place: Place, address: IpAddr) -> Option<&'static str> {
    match (place, special_range(address.to_canonical())) {
        (Place::Outside, range) => range,
        (Place::Cluster, Some("private" | "carrier-grade NAT")) => None,
        (Place::Cluster, None) => Some("public, which no service of the cluster is"),
        (Place::Cluster, range) => range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_a_service_of_the_cluster_or_a_public_host_behind_tls() {
        let table = [
            ("http", "telegram-approver.tools.svc", Ok(Place::Cluster)),
            ("https", "telegram-approver.tools.svc.cluster.local", Ok(Place::Cluster)),
            ("https", "approver.example.com", Ok(Place::Outside)),
            ("http", "approver.example.com", Err(Misplaced::Plain)),
            ("http", "Control-Plane.codex-k8s.svc", Err(Misplaced::Own)),
            ("http", "api-gateway.codex-k8s.svc.cluster.local", Err(Misplaced::Own)),
            ("http", "kube-dns.kube-system.svc", Err(Misplaced::Own)),
            ("https", "kubernetes.default.svc", Err(Misplaced::Own)),
            ("http", "approver.default.svc", Ok(Place::Cluster)),
            ("http", "127.0.0.1", Err(Misplaced::Host)),
            ("http", "0x7f.1", Err(Misplaced::Host)),
            ("http", "[::1]", Err(Misplaced::Host)),
            ("http", "localhost", Err(Misplaced::Host)),
            ("https", "app.localhost", Err(Misplaced::Host)),
            ("https", "metadata.google.internal", Err(Misplaced::Host)),
            ("http", "svc", Err(Misplaced::Host)),
            ("http", "a.b.c.svc", Err(Misplaced::Host)),
            ("http", "telegram-approver", Err(Misplaced::Host)),
            ("ftp", "approver.tools.svc", Err(Misplaced::Scheme)),
        ];
        for (scheme, host, expected) in table {
            let judged = judge(scheme, host, "codex-k8s");
            assert_eq!(judged, expected, "{scheme}://{host}");
            if let Ok(place) = judged {
                assert_eq!(of_host(host), place, "{host}");
            }
        }
    }

    #[test]
    fn an_address_fits_the_place() {
        let table = [
            (Place::Cluster, "10.96.0.12", true),
            (Place::Cluster, "fd00::12", true),
            (Place::Cluster, "100.64.3.4", true),
            (Place::Cluster, "169.254.169.254", false),
            (Place::Cluster, "127.0.0.1", false),
            (Place::Cluster, "::ffff:127.0.0.1", false),
            (Place::Cluster, "0.0.0.0", false),
            (Place::Cluster, "fe80::1", false),
            (Place::Cluster, "1.1.1.1", false),
            (Place::Outside, "1.1.1.1", true),
            (Place::Outside, "2606:4700::1", true),
            (Place::Outside, "10.96.0.12", false),
            (Place::Outside, "169.254.169.254", false),
        ];
        for (place, address, good) in table {
            assert_eq!(refused_range(place, address.parse().unwrap()).is_none(), good, "{place:?} {address}");
        }
    }
}
