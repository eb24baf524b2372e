//! Does a payload fit the event that its header names? Only the body of a delivery is signed, so a captured body sent
//! again under another event's name must not be taken for that event.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Events that the platform acts on. A payload that looks like one of these comes under its name or not at all.
const KNOWN: [&str; 7] =
    ["issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment", "push", "ping"];

/// Why a payload is not passed on.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Misfit {
    /// Not a JSON object, nested too deep, or a member given twice.
    Malformed,
    /// The header names another event.
    Mismatch,
}

/// Checks a payload against the event its header names.
pub(super) fn check(event: &str, payload: &[u8]) -> Result<(), Misfit> {
    let members: Members = serde_json::from_slice(payload).map_err(|_| Misfit::Malformed)?;
    let named = KNOWN.iter().find(|known| **known == event).copied();
    if named == members.event() { Ok(()) } else { Err(Misfit::Mismatch) }
}

/// The names of an object's own members.
struct Members(BTreeSet<String>);

impl Members {
    fn event(&self) -> Option<&'static str> {
        let has = |names: &[&str]| names.iter().all(|name| self.0.contains(*name));
        match () {
            // Events that carry the marks of ours and one of their own.
            () if has(&["thread"]) || has(&["discussion"]) => None,
            () if has(&["action", "pull_request", "review"]) => Some("pull_request_review"),
            () if has(&["action", "pull_request", "comment"]) => Some("pull_request_review_comment"),
            () if has(&["action", "issue", "comment"]) => Some("issue_comment"),
            () if has(&["action", "pull_request"]) => Some("pull_request"),
            () if has(&["action", "issue"]) => Some("issues"),
            () if has(&["ref", "before", "after"]) => Some("push"),
            () if has(&["zen", "hook_id"]) => Some("ping"),
            () => None,
        }
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(BTreeSet::new()))
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<Anything>()?;
            // Two readers could take different ones.
            if !self.0.insert(name) {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(self)
    }
}

/// Any JSON, read in full and forgotten. Unlike serde's own `IgnoredAny` it is refused when nested too deep.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<serde::de::IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = r#"{"action":"labeled","issue":{"number":1},"label":{"name":"run:dev"},"repository":{}}"#;
    const COMMENT: &str = r#"{"action":"created","issue":{},"comment":{},"repository":{}}"#;
    const PULL: &str = r#"{"action":"closed","number":2,"pull_request":{}}"#;
    const REVIEW: &str = r#"{"action":"submitted","review":{},"pull_request":{}}"#;
    const REVIEW_COMMENT: &str = r#"{"action":"created","comment":{},"pull_request":{}}"#;
    const PUSH: &str = r#"{"ref":"refs/heads/main","before":"a","after":"b","commits":[]}"#;
    const PING: &str = r#"{"zen":"Keep it simple.","hook_id":1,"hook":{}}"#;
    const STAR: &str = r#"{"action":"created","starred_at":"2026-01-01"}"#;
    const THREAD: &str = r#"{"action":"resolved","pull_request":{},"thread":{}}"#;

    #[test]
    fn a_payload_comes_under_its_own_name_only() {
        let table = [
            ("issues", ISSUE),
            ("issue_comment", COMMENT),
            ("pull_request", PULL),
            ("pull_request_review", REVIEW),
            ("pull_request_review_comment", REVIEW_COMMENT),
            ("push", PUSH),
            ("ping", PING),
            ("star", STAR),
            ("pull_request_review_thread", THREAD),
        ];
        for (event, _) in table {
            for (owner, payload) in table {
                let both_unknown = !KNOWN.contains(&event) && !KNOWN.contains(&owner);
                let fits = event == owner || both_unknown;
                assert_eq!(check(event, payload.as_bytes()).is_ok(), fits, "{event} with the payload of {owner}");
            }
        }
    }

    #[test]
    fn what_is_not_one_plain_object_is_refused() {
        let deep = format!(r#"{{"action":"x","issue":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for text in ["", "[]", "1", "{", r#"{"action":"a","issue":{},"issue":{}}"#, &deep, "{\"issue\":\"\u{0}\"}"] {
            assert_eq!(check("issues", text.as_bytes()), Err(Misfit::Malformed), "{text}");
        }
    }
}
