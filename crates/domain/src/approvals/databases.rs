//! Databases that agents have made for an environment's applications, and taken away again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{ApprovalMode, Risk};
use crate::coded_enum;
use crate::project_environments::{EnvironmentKind, is_guarded};

/// Characters of a name.
const LONGEST_NAME: usize = 63;
/// The server's own.
const RESERVED: [&str; 3] = ["postgres", "template0", "template1"];

coded_enum! {
    /// What is done about a database.
    DatabaseAction {
        /// It is made, with a role of its own.
        Create = "create",
        /// It goes, with all that is in it.
        Delete = "delete",
        /// It is looked at from outside.
        Describe = "describe",
    }
}

coded_enum! {
    /// Where a database stands.
    DatabaseState {
        /// It is being made.
        Creating = "creating",
        /// It can be used.
        Ready = "ready",
        /// It is being taken away.
        Deleting = "deleting",
        /// It is gone.
        Deleted = "deleted",
    }
}

/// What is done about one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseChange {
    /// What.
    pub action: DatabaseAction,
    /// The environment's name.
    pub environment: String,
    /// What that is for.
    pub kind: EnvironmentKind,
    /// Its namespace ([`crate::names::environment_namespace`]).
    pub namespace: String,
    /// The database's name on the server.
    pub database: String,
}

/// What stood there when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSeen {
    /// The environment: one of the same name that came later is another.
    pub environment_id: Uuid,
    /// Of its settings.
    pub environment_version: i64,
    /// The database: one of the same name that came later is another.
    pub database_id: Option<Uuid>,
}

/// Whether a database can have this name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let bytes = name.as_bytes();
    bytes.len() <= LONGEST_NAME
        && bytes.first().copied().is_some_and(first)
        && bytes.iter().all(|&byte| first(byte) || byte.is_ascii_digit() || byte == b'-')
        && !RESERVED.contains(&name)
        && !name.starts_with("pg_")
}

/// Digits of a name's digest.
const DIGITS: usize = 8;

/// The Secret with the connection to a database: `database-<name>`, in letters that Kubernetes takes. A name that cannot
/// stand there as it is, or reads like another one with its digest, is told apart by its own digest.
#[must_use]
pub fn connection_secret(database: &str) -> String {
    let plain = database.to_ascii_lowercase().replace('_', "-");
    let plain = plain.trim_matches('-');
    let secret = format!("database-{plain}");
    if plain == database && !ends_in_digest(&secret) {
        return secret;
    }
    let digest = hex::encode(Sha256::digest(database));
    format!("{secret}-{}", &digest[..DIGITS]).replace("--", "-")
}

fn ends_in_digest(secret: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    secret.rsplit_once('-').is_some_and(|(_, last)| last.len() == DIGITS && last.bytes().all(is_hex))
}

/// The role that owns a database, and nothing else.
#[must_use]
pub fn role(database: Uuid) -> String {
    format!("app_{}", database.simple())
}

impl DatabaseChange {
    /// What is deleted does not come back; a new one costs room.
    #[must_use]
    pub fn risk(&self) -> Risk {
        match self.action {
            DatabaseAction::Delete => Risk::High,
            DatabaseAction::Create if is_guarded(&self.environment, self.kind) => Risk::High,
            DatabaseAction::Create => Risk::Medium,
            DatabaseAction::Describe => Risk::Low,
        }
    }

    /// Who has to approve it, at least.
    #[must_use]
    pub const fn mode(&self) -> ApprovalMode {
        match self.action {
            DatabaseAction::Create | DatabaseAction::Delete => ApprovalMode::Owner,
            DatabaseAction::Describe => ApprovalMode::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_that_needs_no_quotes_to_be_harmless() {
        for name in ["shop", "Shop_2", "_x", "shop-staging", &"a".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in
            ["", "2shop", "-a", "a b", "a\"b", "a';--", "a;DROP", "a.b", "a/b", "база", "postgres", "pg_toast", &long]
        {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn each_database_has_a_secret_of_its_own() {
        assert_eq!(connection_secret("shop-staging"), "database-shop-staging");
        let (upper, lower, under) = (connection_secret("Shop"), connection_secret("shop"), connection_secret("_shop_"));
        assert!(upper.starts_with("database-shop-") && under.starts_with("database-shop-"));
        assert!(upper != lower && under != upper, "{upper} {under}");
        for database in ["Shop", "_", "a_b", "x-", "A__B"] {
            let secret = connection_secret(database);
            let named_so = secret.strip_prefix("database-").unwrap();
            assert_ne!(connection_secret(named_so), secret, "{database}");
            let again = connection_secret(named_so);
            assert_ne!(connection_secret(again.strip_prefix("database-").unwrap()), again, "{database}");
        }
        for plain in ["shop-2026", "shop-abcdefg", "shop-abcdefgh", "a--b", "deadbeef0"] {
            assert_eq!(connection_secret(plain), format!("database-{plain}"));
        }
        for name in ["A__B", "__", "_", "x-", "deadbeef", "shop-01234567", &"Z".repeat(63)] {
            assert!(crate::environment::name(&connection_secret(name)).is_ok(), "{name}: {}", connection_secret(name));
        }
    }

    #[test]
    fn what_does_not_come_back_is_the_riskiest_and_a_look_needs_nobody() {
        let of = |action, environment: &str, kind| {
            let (environment, namespace) = (environment.to_owned(), String::new());
            let change = DatabaseChange { action, environment, kind, namespace, database: "shop".into() };
            (change.risk(), change.mode())
        };
        use ApprovalMode::{None, Owner};
        let (staging, live) = (EnvironmentKind::Staging, EnvironmentKind::Production);
        assert_eq!(of(DatabaseAction::Create, "qa", staging), (Risk::Medium, Owner));
        assert_eq!(of(DatabaseAction::Create, "prod", staging), (Risk::High, Owner));
        assert_eq!(of(DatabaseAction::Create, "live", live), (Risk::High, Owner));
        assert_eq!(of(DatabaseAction::Delete, "qa", staging), (Risk::High, Owner));
        assert_eq!(of(DatabaseAction::Describe, "live", live), (Risk::Low, None));
    }
}
