//! Where a pod's traffic may go: which host names a project's grants cover, and which addresses are never dialled,
//! whatever a name resolves to.
//!
//! The address list is the union of the IANA special-purpose registries (RFC 6890 and its updates) for IPv4 and IPv6:
//! everything that is not plainly a public unicast host. An IPv6 address that carries an IPv4 one (mapped, NAT64,
//! 6to4) is judged by what it carries, or a translator would lead back inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::coded_enum;

/// How long people have to decide about a host that was refused.
pub const PATIENCE_HOURS: u64 = 72;
/// About how many hosts of one run people are asked at once: an agent cannot bury them in cards.
pub const MOST_ASKED: i32 = 5;
/// How long what a role was granted lasts.
pub const ROLE_DAYS: u64 = 7;

coded_enum! {
    /// What people decide about a host that was refused.
    EgressDecision {
        /// This run may reach it.
        Once = "once",
        /// Runs of this role may, for [`ROLE_DAYS`].
        Role = "role",
        /// All runs of the project may, until it is withdrawn.
        Project = "project",
        /// No run of the project may, and nobody is asked again.
        Never = "never",
    }
}

coded_enum! {
    /// Where the question about a host stands.
    EgressVerdict {
        /// The run may reach it.
        Allowed = "allowed",
        /// People said no.
        Refused = "refused",
        /// People are asked.
        Asked = "asked",
        /// People are not asked: too much is open, or they had their time.
        NotAsked = "not_asked",
    }
}

impl EgressVerdict {
    /// Why a host is not reached, for the agent and the run's page.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Allowed => "the grant has come; try again",
            Self::Refused => "people have decided that this project does not reach it",
            Self::Asked => "the project has no grant for this host; people are asked, so go on without it or try later",
            Self::NotAsked => "the project has no grant for this host; an administrator of the project can add one",
        }
    }
}

/// Why a host name of a request is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// An address instead of a name: no grant can cover it.
    #[error("addresses are refused; ask for a host by its name")]
    Literal,
    /// Not a host name at all.
    #[error("this is not a host name")]
    Malformed,
    /// The project has no grant for it.
    #[error("the project has no grant for this host; an administrator of the project can add one")]
    NotGranted,
}

/// Whether a pod may reach `host`, given the hosts granted to its project (lower case, no wildcards).
///
/// # Errors
/// The reason, in words for the person who reads the run's page.
pub fn judge_host(host: &str, granted: &[String]) -> Result<(), HostRefusal> {
    if looks_like_address(host) {
        return Err(HostRefusal::Literal);
    }
    if !is_host_name(host) {
        return Err(HostRefusal::Malformed);
    }
    let covered = granted.iter().any(|grant| grant.eq_ignore_ascii_case(host));
    if covered { Ok(()) } else { Err(HostRefusal::NotGranted) }
}

/// Addresses in every spelling that a resolver would take as one: dotted, bracketed, and the short decimal, octal and
/// hexadecimal forms of `inet_aton`, which all end in a label that begins with a digit.
fn looks_like_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    host.contains(':') || host.starts_with('[') || last.starts_with(|c: char| c.is_ascii_digit())
}

fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.contains('.') && host.split('.').all(label)
}

/// The kind of place that an address belongs to when it is not a public host, as a word for a refusal; `None` when
/// it is public.
#[must_use]
pub fn special_range(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (0, ..) => "this network",
        (127, ..) => "loopback",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "private",
        (100, 64..=127, _) => "carrier-grade NAT",
        (169, 254, _) => "link-local (cloud metadata lives there)",
        (192, 0, 0) => "protocol assignments",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "documentation",
        (192, 88, 99) => "6to4 relay",
        (198, 18..=19, _) => "benchmarking",
        (224..=239, ..) => "multicast",
        (240..=255, ..) => "reserved",
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(inner) = carried_v4(address) {
        return special_v4(inner);
    }
    let segments = address.segments();
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0xfc00..=0xfdff, ..] => "private",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => "documentation",
        [0x2001, 0..=0x01ff, ..] => "protocol assignments",
        [0x2000..=0x3fff, ..] => return None,
        _ => "reserved",
    })
}

/// The IPv4 address inside a mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`) address.
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_granted_names_are_reached() {
        let granted = ["api.example.com".to_owned()];
        let table = [
            ("api.example.com", Ok(())),
            ("API.Example.Com", Ok(())),
            ("example.com", Err(HostRefusal::NotGranted)),
            ("evil-api.example.com", Err(HostRefusal::NotGranted)),
            ("api.example.com.evil.test", Err(HostRefusal::NotGranted)),
            ("93.184.215.14", Err(HostRefusal::Literal)),
            ("2130706433", Err(HostRefusal::Literal)),
            ("0x7f.1", Err(HostRefusal::Literal)),
            ("0x7f000001", Err(HostRefusal::Literal)),
            ("[::1]", Err(HostRefusal::Literal)),
            ("::1", Err(HostRefusal::Literal)),
            ("localhost", Err(HostRefusal::Malformed)),
            ("api.example.com.", Err(HostRefusal::Malformed)),
            ("api..example.com", Err(HostRefusal::Malformed)),
            ("api.example.com\r\nx", Err(HostRefusal::Malformed)),
            ("-a.example.com", Err(HostRefusal::Malformed)),
            ("", Err(HostRefusal::Malformed)),
        ];
        for (host, expected) in table {
            assert_eq!(judge_host(host, &granted), expected, "{host:?}");
        }
    }

    #[test]
    fn everything_that_is_not_public_is_named() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "10.96.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.5",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "::127.0.0.1",
            "64:ff9b:1::1",
        ] {
            assert!(special_range(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn public_hosts_pass() {
        for address in [
            "1.1.1.1",
            "93.184.215.14",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "2a00::1",
        ] {
            assert_eq!(special_range(address.parse().unwrap()), None, "{address}");
        }
    }
}
