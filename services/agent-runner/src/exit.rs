//! How the runner ends, as the exit code of its container. The worker reads it only when no result was reported.

use contract::agent::RunResultReason;

/// Exit codes of the runner. They are part of what an operator sees (`kubectl describe pod`), so they stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The work was pushed and its result reported.
    Succeeded = 0,
    /// Something outside the cases below; the log has the chain of errors.
    Unexpected = 1,
    /// A variable is missing or malformed; nothing was begun.
    BadConfiguration = 2,
    /// Reported: the agent failed, or changed nothing.
    AgentError = 10,
    /// Reported: the pod could reach what it must not reach, so nothing was begun.
    EgressOpen = 11,
    /// Reported: the gateway, git or the pod itself failed.
    InfraError = 12,
    /// Reported: the push was refused for what it changes.
    WriteScope = 13,
    /// Asked to stop by an order or by SIGTERM; the session was saved as far as time allowed.
    Stopped = 20,
    /// The run token is not accepted any more; nothing could be saved.
    Revoked = 21,
}

impl Exit {
    /// The code of a run that was reported as failed for `reason`.
    #[must_use]
    pub const fn failed(reason: RunResultReason) -> Self {
        match reason {
            RunResultReason::AgentError => Self::AgentError,
            RunResultReason::EgressOpen => Self::EgressOpen,
            RunResultReason::InfraError => Self::InfraError,
            RunResultReason::WriteScope => Self::WriteScope,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
