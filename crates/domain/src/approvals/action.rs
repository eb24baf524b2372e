//! What an agent may do only when a person has approved exactly that: what will be done, what it was about when it was
//! asked, and the digest that binds the two.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::databases::{DatabaseChange, DatabaseSeen};
use super::labels::{Labelled, Seen};
use super::secrets::{SecretSeen, SecretSync};
use crate::coded_enum;
use crate::environment::changes::{Act, Change};
use crate::labels::APPROVED;

coded_enum! {
    /// Who has to approve. In the order of strictness.
    ApprovalMode {
        /// Nobody.
        None = "none",
        /// Whoever may start runs in the project.
        Delegated = "delegated",
        /// Whoever manages the project or the platform.
        Owner = "owner",
    }
}

coded_enum! {
    /// What is lost when it goes wrong.
    Risk {
        /// Seen at once and easily taken back.
        Low = "low",
        /// People may take it for something that it is not, or act on it.
        Medium = "medium",
        /// It cannot be taken back.
        High = "high",
    }
}

/// An action as people are asked for it. Why is the agent's claim; the rest is what the platform will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What will be done.
    pub effect: Effect,
    /// What the agent says to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What will be done, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case")]
pub enum Effect {
    /// Labels go on and off an issue or pull request.
    Labels {
        /// Where, which, and which not.
        #[serde(flatten)]
        change: Labelled,
        /// What lay there when it was asked.
        seen: Seen,
    },
    /// An object of the run's namespace is changed.
    Object(Change),
    /// A secret is put into an environment on GitHub and into its namespace.
    Secret {
        /// Where, and how its value is come by.
        #[serde(flatten)]
        sync: SecretSync,
        /// What stood there when it was asked.
        seen: SecretSeen,
    },
    /// A database is made, taken away or looked at.
    Database {
        /// Which, and what.
        #[serde(flatten)]
        change: DatabaseChange,
        /// What stood there when it was asked.
        seen: DatabaseSeen,
    },
}

impl Effect {
    /// SHA-256 of exactly what will be done and what it is about, hex. An approval counts for this and nothing else.
    #[must_use]
    pub fn digest(&self) -> String {
        // serde_json's map is ordered by key, so equal effects have equal bytes.
        hex::encode(Sha256::digest(json!(self).to_string()))
    }

    /// How bad it would be.
    #[must_use]
    pub fn risk(&self) -> Risk {
        match self {
            // It says that a person found the work good.
            Self::Labels { change, .. } if change.on.iter().any(|label| label == APPROVED) => Risk::Medium,
            Self::Labels { .. } => Risk::Low,
            Self::Object(change) => match (&change.act, &change.seen) {
                // What it said, or held, is kept nowhere.
                (Act::Delete, _) => Risk::High,
                (Act::Apply { .. }, Some(_)) => Risk::Medium,
                (Act::Apply { .. }, None) | (Act::Restart, _) => Risk::Low,
            },
            Self::Secret { sync, .. } => sync.risk(),
            Self::Database { change, .. } => change.risk(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Kind, changes as environment};

    fn labels(on: &[&str], title: &str) -> Effect {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        let change = Labelled { number: 7, on: owned(on), off: Vec::new() };
        let seen = Seen::of(title, "Please.", &owned(&["bug"]), &change);
        Effect::Labels { change, seen }
    }

    #[test]
    fn another_effect_or_another_subject_is_another_digest() {
        let asked = labels(&["area:ui"], "Dark mode");
        assert_eq!(asked.digest(), labels(&["area:ui"], "Dark mode").digest());
        assert_eq!(asked.digest().len(), 64);
        assert_ne!(asked.digest(), labels(&["area:api"], "Dark mode").digest());
        assert_ne!(asked.digest(), labels(&["area:ui"], "Light mode").digest());
        let kept: Effect = serde_json::from_value(json!(asked)).unwrap();
        assert_eq!(kept.digest(), asked.digest(), "as it comes back from the database");
    }

    #[test]
    fn what_passes_for_a_persons_word_is_riskier() {
        assert_eq!(labels(&["area:ui"], "x").risk(), Risk::Low);
        assert_eq!(labels(&["area:ui", APPROVED], "x").risk(), Risk::Medium);
    }

    fn object(act: Act, seen: Option<&str>) -> Effect {
        Effect::Object(Change {
            namespace: "acme-dev-i7-456789ab".into(),
            kind: Kind::ConfigMap,
            name: "settings".into(),
            act,
            seen: seen.map(|uid| environment::Seen { uid: uid.into(), says: "f".repeat(64) }),
            diff: "-color: blue\n+color: red\n".into(),
        })
    }

    #[test]
    fn the_digest_of_a_change_covers_what_it_is_about_and_what_becomes_of_it() {
        let apply = |color: &str| Act::Apply { manifest: json!({ "data": { "color": color } }) };
        let asked = object(apply("red"), Some("u-1"));
        let kept: Effect = serde_json::from_str(&json!(asked).to_string()).unwrap();
        assert_eq!((kept.digest(), &kept), (asked.digest(), &asked), "as it comes back from the database");
        for other in [
            object(apply("blue"), Some("u-1")),
            object(apply("red"), Some("u-2")),
            object(apply("red"), None),
            object(Act::Delete, Some("u-1")),
        ] {
            assert_ne!(other.digest(), asked.digest(), "{other:?}");
        }
        let risks =
            [object(apply("red"), None), asked, object(Act::Delete, Some("u-1")), object(Act::Restart, Some("u-1"))];
        assert_eq!(risks.map(|effect| effect.risk()), [Risk::Low, Risk::Medium, Risk::High, Risk::Low]);
    }

    #[test]
    fn the_strictest_mode_is_the_greatest() {
        assert_eq!(ApprovalMode::ALL.iter().max(), Some(&ApprovalMode::Owner));
        assert!(ApprovalMode::None < ApprovalMode::Delegated);
    }
}
