//! Which annotations agents may put on. Controllers act on those with a prefix (they copy objects elsewhere, put containers
//! into pods, hand out addresses), and clients keep some that people are not shown; what only describes is taken.

use super::changes::COUNTED;

/// Prefixes of annotations that describe, or that at most a scraper reads.
const PREFIXES: [&str; 3] = ["app.kubernetes.io", "checksum", "prometheus.io"];
/// Of other prefixes.
const KEYS: [&str; 3] =
    ["kubectl.kubernetes.io/default-container", "kubernetes.io/change-cause", "kubernetes.io/description"];

/// What is taken, in words.
pub(super) const TAKEN: &str = "controllers and clients act on such an annotation; take a key without a prefix, or one that \
                                begins with app.kubernetes.io/, checksum/ or prometheus.io/";

pub(super) fn is_taken(key: &str) -> bool {
    if COUNTED.contains(&key) {
        return false;
    }
    key.split_once('/').is_none_or(|(prefix, _)| PREFIXES.contains(&prefix)) || KEYS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_is_taken_and_what_somebody_acts_on_is_not() {
        for key in ["note", "app.kubernetes.io/owner", "prometheus.io/scrape", "checksum/config", KEYS[0]] {
            assert!(is_taken(key), "{key}");
        }
        for key in [
            "replicator.v1.mittwald.de/replicate-to",
            "sidecar.istio.io/inject",
            "service.beta.kubernetes.io/aws-load-balancer-type",
            "kubernetes.io/ingress.class",
            "prometheus.io.evil.example/scrape",
            "evil.example/prometheus.io/scrape",
            "/note",
        ] {
            assert!(!is_taken(key), "{key}");
        }
        assert!(COUNTED.iter().all(|key| !is_taken(key)), "what people are not shown is not an agent's to write");
    }
}
