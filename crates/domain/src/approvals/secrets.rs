//! Secrets that agents have put into an environment: on GitHub and in its namespace, with one value that no agent sees.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Risk;
use crate::coded_enum;
use crate::environment;
use crate::project_environments::{EnvironmentKind, is_guarded};

/// Bytes of a value. GitHub takes 48 KB.
pub const LONGEST_VALUE: usize = 32 * 1024;
/// Characters of a name on GitHub.
const LONGEST_GITHUB_NAME: usize = 200;
/// Characters of a key in a Secret.
const LONGEST_KEY: usize = 253;

coded_enum! {
    /// How the value of a secret is come by.
    SecretPolicy {
        /// It follows from the names.
        Deterministic = "deterministic",
        /// It is made up once.
        Random = "random",
        /// Whoever approves types it.
        Provided = "provided",
    }
}

/// A secret in its two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSync {
    /// The environment's name, in the project and on GitHub.
    pub environment: String,
    /// What it is for.
    pub kind: EnvironmentKind,
    /// The environment's namespace ([`crate::names::environment_namespace`]).
    pub namespace: String,
    /// owner/name.
    pub repository: String,
    /// Its name in the environment on GitHub.
    pub github_secret: String,
    /// The Secret in the namespace.
    pub kubernetes_secret: String,
    /// The key in that.
    pub kubernetes_key: String,
    /// How its value is come by.
    pub policy: SecretPolicy,
    /// What the agent tells its requests apart by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// What stood there when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSeen {
    /// The environment: one of the same name that came later is another.
    pub environment_id: Uuid,
    /// Of its settings.
    pub environment_version: i64,
    /// GitHub has a secret of the name.
    pub on_github: bool,
    /// The platform has put exactly this one there before.
    pub synced_before: bool,
}

/// Why a secret cannot be called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitSecret {
    /// GitHub would not take it.
    #[error(
        "github_secret_name has capital letters, digits and underscores, does not begin with a digit or with GITHUB_, and \
         has at most {LONGEST_GITHUB_NAME} characters"
    )]
    GithubName,
    /// Kubernetes would not take it.
    #[error("kubernetes_secret_name has lower-case letters, digits, dashes and dots")]
    KubernetesName,
    /// Kubernetes would not take it.
    #[error("kubernetes_secret_key has letters, digits, dashes, underscores and dots, at most {LONGEST_KEY} of them")]
    KubernetesKey,
}

/// Why something is no value of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitValue {
    /// It is asked for one.
    #[error("type the value of the secret")]
    Missing,
    /// Nobody asked for one.
    #[error("this request takes no value")]
    NotAsked,
    /// GitHub would not take it.
    #[error("the value is longer than {LONGEST_VALUE} bytes")]
    TooLong,
    /// No program could read it from its environment.
    #[error("the value holds a character that no secret may hold")]
    Unreadable,
}

impl SecretSync {
    /// Whether its names can be given.
    ///
    /// # Errors
    /// Which of them cannot.
    pub fn fit(&self) -> Result<(), UnfitSecret> {
        if !is_github_name(&self.github_secret) {
            Err(UnfitSecret::GithubName)
        } else if environment::name(&self.kubernetes_secret).is_err() {
            Err(UnfitSecret::KubernetesName)
        } else if !is_key(&self.kubernetes_key) {
            Err(UnfitSecret::KubernetesKey)
        } else {
            Ok(())
        }
    }

    /// A wrong value stops an application; where people use it, that cannot be taken back.
    #[must_use]
    pub fn risk(&self) -> Risk {
        if is_guarded(&self.environment, self.kind) { Risk::High } else { Risk::Medium }
    }

    /// Reads what the approving person typed, exactly as it was typed.
    ///
    /// # Errors
    /// When a value is missing, is not asked for, or cannot be one.
    pub fn value<'a>(&self, typed: Option<&'a str>) -> Result<Option<&'a str>, UnfitValue> {
        match (self.policy, typed) {
            (SecretPolicy::Provided, None | Some("")) => Err(UnfitValue::Missing),
            (SecretPolicy::Provided, Some(value)) if value.len() > LONGEST_VALUE => Err(UnfitValue::TooLong),
            (SecretPolicy::Provided, Some(value)) if value.contains('\0') => Err(UnfitValue::Unreadable),
            (SecretPolicy::Provided, Some(value)) => Ok(Some(value)),
            (SecretPolicy::Deterministic | SecretPolicy::Random, Some(_)) => Err(UnfitValue::NotAsked),
            (SecretPolicy::Deterministic | SecretPolicy::Random, None) => Ok(None),
        }
    }
}

fn is_github_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LONGEST_GITHUB_NAME).contains(&name.len())
        && name.bytes().all(is_part)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.starts_with("GITHUB_")
}

fn is_key(key: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(is_part) && key != "." && !key.starts_with("..")
}

coded_enum! {
    /// What became of a secret in one of its places.
    Became {
        /// It was not there.
        Created = "created",
        /// It has another value now.
        Updated = "updated",
        /// It has the value that it had.
        Reused = "reused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync() -> SecretSync {
        SecretSync {
            environment: "staging".into(),
            kind: EnvironmentKind::Staging,
            namespace: "acme-env-staging".into(),
            repository: "acme/shop".into(),
            github_secret: "SESSION_KEY".into(),
            kubernetes_secret: "shop".into(),
            kubernetes_key: "SESSION_KEY".into(),
            policy: SecretPolicy::Random,
            idempotency_key: None,
        }
    }

    #[test]
    fn names_are_those_that_both_sides_take() {
        assert_eq!(sync().fit(), Ok(()));
        let long = "A".repeat(201);
        for name in ["", "session", "1KEY", "GITHUB_TOKEN", "A-B", "A B", "A\"B", "KEY;DROP", "КЛЮЧ", &long] {
            let named = SecretSync { github_secret: name.into(), ..sync() };
            assert_eq!(named.fit(), Err(UnfitSecret::GithubName), "{name}");
        }
        for name in ["", "Shop", "a_b", "../x", "a/b", "-a", &"a".repeat(254)] {
            let named = SecretSync { kubernetes_secret: name.into(), ..sync() };
            assert_eq!(named.fit(), Err(UnfitSecret::KubernetesName), "{name}");
        }
        for key in ["", ".", "..", "..data", "a b", "a/b", "ключ", &"a".repeat(254)] {
            let named = SecretSync { kubernetes_key: key.into(), ..sync() };
            assert_eq!(named.fit(), Err(UnfitSecret::KubernetesKey), "{key}");
        }
    }

    #[test]
    fn a_value_is_typed_where_it_is_asked_for_and_nowhere_else() {
        use SecretPolicy::{Deterministic, Provided, Random};
        let long = "x".repeat(LONGEST_VALUE + 1);
        let table = [
            (Provided, None, Err(UnfitValue::Missing)),
            (Provided, Some(""), Err(UnfitValue::Missing)),
            (Provided, Some(" as typed\n"), Ok(Some(" as typed\n"))),
            (Provided, Some("a\0b"), Err(UnfitValue::Unreadable)),
            (Provided, Some(long.as_str()), Err(UnfitValue::TooLong)),
            (Random, None, Ok(None)),
            (Random, Some("x"), Err(UnfitValue::NotAsked)),
            (Deterministic, None, Ok(None)),
            (Deterministic, Some("x"), Err(UnfitValue::NotAsked)),
        ];
        for (policy, typed, expected) in table {
            assert_eq!(SecretSync { policy, ..sync() }.value(typed), expected, "{policy}");
        }
    }

    #[test]
    fn where_people_use_it_it_is_riskier() {
        let at = |environment: &str, kind| SecretSync { environment: environment.into(), kind, ..sync() }.risk();
        assert_eq!(at("staging", EnvironmentKind::Staging), Risk::Medium);
        assert_eq!(at("prod", EnvironmentKind::Staging), Risk::High);
        assert_eq!(at("live", EnvironmentKind::Production), Risk::High);
    }
}
