//! Addresses inside indexes, turned into ours. An index is text that names files by absolute addresses of known
//! hosts, so replacing those prefixes is enough, for JSON and HTML alike, and keeps everything else as it was.

use super::super::config::{Registry, RegistryConfig};

/// Which prefixes an upstream's indexes are rewritten from and to; empty when it has none to rewrite.
pub(super) fn prefixes(config: &RegistryConfig, registry: Registry, base: &str) -> Vec<(String, String)> {
    let upstream = |registry| format!("{}/", config.url(registry).as_str().trim_end_matches('/'));
    match registry {
        Registry::Npm => vec![(upstream(Registry::Npm), format!("{base}/registry/npm/"))],
        Registry::Pypi => vec![(upstream(Registry::PypiFiles), format!("{base}/registry/pypi/files/"))],
        _ => Vec::new(),
    }
}

/// Whether an answer of this type is an index, as opposed to a package.
pub(super) fn is_index(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.ends_with("json") || essence.ends_with("html")
}

/// The text with every prefix replaced.
pub(super) fn rewritten(text: &[u8], prefixes: &[(String, String)]) -> Vec<u8> {
    prefixes.iter().fold(text.to_vec(), |text, (from, to)| replace(&text, from.as_bytes(), to.as_bytes()))
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.iter().position(|byte| *byte == from[0]) {
        let (before, here) = rest.split_at(first);
        out.extend_from_slice(before);
        if here.starts_with(from) {
            out.extend_from_slice(to);
            rest = &here[from.len()..];
        } else {
            out.push(here[0]);
            rest = &here[1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_replaced_and_nothing_else() {
        let prefixes = [("https://a.test/".to_owned(), "http://gw/r/".to_owned())];
        let text = br#"{"t":"https://a.test/x.tgz","h":"https://a.tes","u":"hhttps://a.test/https://a.test/"}"#;
        let expected = br#"{"t":"http://gw/r/x.tgz","h":"https://a.tes","u":"hhttp://gw/r/http://gw/r/"}"#;
        assert_eq!(rewritten(text, &prefixes), expected);
        assert_eq!(rewritten(b"", &prefixes), b"");
    }

    #[test]
    fn indexes_are_told_from_packages() {
        for kind in [
            "application/json",
            "application/vnd.npm.install-v1+json; charset=utf-8",
            "text/html; charset=utf-8",
            "application/vnd.pypi.simple.v1+json",
            "application/vnd.pypi.simple.v1+html",
        ] {
            assert!(is_index(kind), "{kind}");
        }
        for kind in ["application/octet-stream", "application/gzip", "text/plain", ""] {
            assert!(!is_index(kind), "{kind}");
        }
    }
}
