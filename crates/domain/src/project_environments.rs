//! Environments of a project: places that its applications run in, such as staging or production. Not what surrounds a
//! run: that is [`crate::surroundings`].

use crate::coded_enum;

coded_enum! {
    /// What an environment is for.
    EnvironmentKind {
        /// To try things.
        Development = "development",
        /// To see them as they will be.
        Staging = "staging",
        /// People use it.
        Production = "production",
    }
}

/// Characters of a name.
const LONGEST_NAME: usize = 32;
/// Environments of these names are guarded whatever somebody said of their kind.
const GUARDED: [&str; 3] = ["production", "prod", "ai-staging"];

/// Whether an environment can have this name, on GitHub and as a part of its namespace's.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(|&byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let fits = bytes.iter().all(|&byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    bytes.len() <= LONGEST_NAME && fits && ends(bytes.first()) && ends(bytes.last())
}

/// Whether whoever manages the project has to approve every change there: it cannot be taken back.
#[must_use]
pub fn is_guarded(name: &str, kind: EnvironmentKind) -> bool {
    kind == EnvironmentKind::Production || GUARDED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_label_in_lower_case() {
        for name in ["staging", "a", "qa-2", "0", &"x".repeat(32)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "Staging", "a_b", "a.b", "a/b", "а", "a b", &"x".repeat(33)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_like_production_is_guarded() {
        use EnvironmentKind::{Development, Production, Staging};
        let table = [
            ("anything", Production, true),
            ("production", Development, true),
            ("prod", Staging, true),
            ("ai-staging", Staging, true),
            ("staging", Staging, false),
            ("production-like", Development, false),
        ];
        for (name, kind, expected) in table {
            assert_eq!(is_guarded(name, kind), expected, "{name} {kind}");
        }
    }
}
