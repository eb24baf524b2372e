//! What surrounds a launch: the mode of its namespace, and what the run's service account may do there.

use std::collections::BTreeSet;

use crate::stages::{Mode, Right};

/// A mode and the rights that come to something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    mode: Mode,
    rights: BTreeSet<Right>,
}

impl Surroundings {
    /// What a policy comes to. Without an environment there is nothing to look at, so rights count in `full_env` only.
    #[must_use]
    pub fn of(mode: Mode, rights: impl IntoIterator<Item = Right>) -> Self {
        let rights = match mode {
            Mode::CodeOnly => BTreeSet::new(),
            Mode::FullEnv => rights.into_iter().collect(),
        };
        Self { mode, rights }
    }

    /// What stands in the namespace.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the run's account may do this in it.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// What the run's account may do in it, each once.
    pub fn rights(&self) -> impl Iterator<Item = Right> + '_ {
        self.rights.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::stages::Role;

    #[test]
    fn what_each_role_starts_out_with() {
        use Mode::{CodeOnly, FullEnv};
        use Right::{Change, Exec, Logs, Read, TestJobs};
        let table: [(Role, Mode, &[Right]); 8] = [
            (Role::Pm, CodeOnly, &[]),
            (Role::Sa, FullEnv, &[Read]),
            (Role::Em, FullEnv, &[Read]),
            (Role::Dev, FullEnv, &[Read, Logs, Exec, Change]),
            (Role::Reviewer, FullEnv, &[Read, Logs, Exec]),
            (Role::Qa, FullEnv, &[Read, Logs, Exec, TestJobs, Change]),
            (Role::Sre, FullEnv, &[Read, Change]),
            (Role::Km, CodeOnly, &[]),
        ];
        assert_eq!(table.map(|(role, ..)| role), Role::ALL);
        for (role, mode, rights) in table {
            let found = Catalogue::builtin().role(role).surroundings();
            assert_eq!((found.mode(), found.rights().collect::<Vec<_>>()), (mode, rights.to_vec()), "{role}");
        }
    }

    #[test]
    fn rights_without_an_environment_come_to_nothing() {
        let all = || Right::ALL.iter().copied();
        assert_eq!(Surroundings::of(Mode::CodeOnly, all()).rights().count(), 0);
        let twice = Surroundings::of(Mode::FullEnv, all().chain(all()));
        assert_eq!(twice.rights().collect::<Vec<_>>(), Right::ALL);
    }
}
