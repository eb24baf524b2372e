//! Templates that people write: the states they go through.

use crate::coded_enum;

coded_enum! {
    /// Where a version of a template stands.
    TemplateState {
        /// Being written; agents are not told it.
        Draft = "draft",
        /// What agents are told.
        Active = "active",
        /// Was written, and perhaps told, before.
        Archived = "archived",
    }
}

/// What a person does with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateAct {
    /// Change its text.
    Edit,
    /// Put it to use for the first time.
    Activate,
    /// Put an earlier one to use again.
    RollBack,
    /// Take it out of use, or throw a draft away.
    Archive,
}

/// Where a version stands after an act; `None` when its state does not allow it.
#[must_use]
pub const fn after(state: TemplateState, act: TemplateAct) -> Option<TemplateState> {
    use {TemplateAct as Act, TemplateState as State};
    match (state, act) {
        (State::Draft, Act::Edit) => Some(State::Draft),
        (State::Draft, Act::Activate) | (State::Archived, Act::RollBack) => Some(State::Active),
        (State::Draft | State::Active, Act::Archive) => Some(State::Archived),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_state_allows() {
        use {TemplateAct as A, TemplateState as S};
        let acts = [A::Edit, A::Activate, A::RollBack, A::Archive];
        let table = [
            (S::Draft, [Some(S::Draft), Some(S::Active), None, Some(S::Archived)]),
            (S::Active, [None, None, None, Some(S::Archived)]),
            (S::Archived, [None, None, Some(S::Active), None]),
        ];
        for (state, expected) in table {
            assert_eq!(acts.map(|act| after(state, act)), expected, "{state}");
        }
    }
}
