//! What a token must be able to do, and what it must not. Where a right is asked for and why is data; probing it is the
//! forge's work.

use crate::error::ForgeError;

/// What is known about one right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightState {
    /// The token has it.
    Granted,
    /// The token lacks it.
    Missing,
    /// The token has it and must not.
    TooMuch,
    /// It cannot be found out without a lasting write.
    Unchecked,
}

/// One right, what is known about it, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RightCheck {
    /// The right in the words of GitHub's token page, for example `Contents: read and write`.
    pub name: &'static str,
    /// What is known about it.
    pub state: RightState,
    /// Whether runs cannot work without it; the others serve single features.
    pub required: bool,
    /// What needs it.
    pub needed_for: &'static str,
    /// What to do when it is missing or too much.
    pub remedy: &'static str,
}

impl RightCheck {
    /// Whether a repository cannot be connected with a token in this state.
    #[must_use]
    pub fn blocks(&self) -> bool {
        match self.state {
            RightState::TooMuch => true,
            RightState::Missing => self.required,
            RightState::Granted | RightState::Unchecked => false,
        }
    }
}

/// A right before it was probed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) needed_for: &'static str,
    pub(crate) remedy: &'static str,
}

impl Right {
    pub(crate) fn is(self, state: RightState) -> RightCheck {
        let Self { name, required, needed_for, remedy } = self;
        RightCheck { name, state, required, needed_for, remedy }
    }

    /// What a probe's outcome says. A refusal about the content comes only after the right was looked at.
    ///
    /// # Errors
    /// The probe could not be made: nothing is known, and the caller should try again later.
    pub(crate) fn judged<T>(self, probe: Result<T, ForgeError>) -> Result<RightCheck, ForgeError> {
        match probe {
            Ok(_) | Err(ForgeError::Validation { .. } | ForgeError::Conflict { .. }) => {
                Ok(self.is(RightState::Granted))
            }
            Err(ForgeError::Forbidden { .. }) => Ok(self.is(RightState::Missing)),
            Err(ForgeError::NotFound { .. } | ForgeError::Other { .. }) => Ok(self.is(RightState::Unchecked)),
            Err(error) => Err(error),
        }
    }
}

const GRANT: &str = "grant it on the token's page on GitHub";

pub(crate) const ADMIN: Right = Right {
    name: "Admin of the repository",
    required: true,
    needed_for: "the webhook that tells the platform about labels",
    remedy: "make the bot account an organisation member with the admin role on this repository",
};
pub(crate) const METADATA: Right =
    Right { name: "Metadata: read", required: true, needed_for: "every call", remedy: GRANT };
pub(crate) const CONTENTS_READ: Right =
    Right { name: "Contents: read", required: true, needed_for: "cloning", remedy: GRANT };
pub(crate) const CONTENTS_WRITE: Right =
    Right { name: "Contents: read and write", required: true, needed_for: "pushing the agent's branch", remedy: GRANT };
pub(crate) const ISSUES_WRITE: Right =
    Right { name: "Issues: read and write", required: true, needed_for: "labels and the run's comment", remedy: GRANT };
pub(crate) const PULLS_WRITE: Right = Right {
    name: "Pull requests: read and write",
    required: true,
    needed_for: "opening the pull request",
    remedy: GRANT,
};
pub(crate) const HOOKS_READ: Right =
    Right { name: "Webhooks: read", required: true, needed_for: "finding lost deliveries", remedy: GRANT };
pub(crate) const HOOKS_WRITE: Right = Right {
    name: "Webhooks: read and write",
    required: true,
    needed_for: "registering the webhook, which also proves this right",
    remedy: GRANT,
};
pub(crate) const ACTIONS_READ: Right =
    Right { name: "Actions: read", required: false, needed_for: "showing checks", remedy: GRANT };
pub(crate) const SECRETS_READ: Right =
    Right { name: "Secrets: read", required: false, needed_for: "keeping secrets in step", remedy: GRANT };
pub(crate) const SECRETS_WRITE: Right =
    Right { name: "Secrets: read and write", required: false, needed_for: "keeping secrets in step", remedy: GRANT };
pub(crate) const VARIABLES_READ: Right =
    Right { name: "Variables: read", required: false, needed_for: "keeping variables in step", remedy: GRANT };
pub(crate) const VARIABLES_WRITE: Right = Right {
    name: "Variables: read and write",
    required: false,
    needed_for: "keeping variables in step",
    remedy: GRANT,
};
pub(crate) const ENVIRONMENTS: Right = Right {
    name: "Environments: read and write",
    required: false,
    needed_for: "secrets of one environment",
    remedy: GRANT,
};
pub(crate) const WORKFLOWS: Right = Right {
    name: "Workflows: none",
    required: true,
    needed_for: "nothing: who may change workflows may read every secret of the repository",
    remedy: "take the workflow right away from the token",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_need_or_what_is_too_much_blocks() {
        assert!(CONTENTS_WRITE.is(RightState::Missing).blocks());
        assert!(WORKFLOWS.is(RightState::TooMuch).blocks());
        assert!(!SECRETS_WRITE.is(RightState::Missing).blocks());
        assert!(!CONTENTS_WRITE.is(RightState::Unchecked).blocks());
    }

    #[test]
    fn a_passing_failure_is_no_judgement() {
        let away = || ForgeError::Unavailable { call: String::new(), message: String::new() };
        assert!(ADMIN.judged::<()>(Err(away())).is_err());
    }
}
