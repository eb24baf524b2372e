//! What can go wrong between the worker and the Kubernetes API, sorted by what the worker does about it.

use domain::reasons::Reason;
use kube::core::Status;

/// A request to the cluster that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// An object of that name is there and is not this run's. Nothing was changed.
    #[error("{what} exists and does not belong to this run")]
    Foreign {
        /// Kind and name.
        what: String,
    },
    /// The object is being removed; once it is gone the same request can go through.
    #[error("{what} is being removed")]
    Terminating {
        /// Kind and name.
        what: String,
    },
    /// The object, or the namespace around it, is not there, or is another one of the same name.
    #[error("{what} is not there any more")]
    Gone {
        /// Kind and name.
        what: String,
    },
    /// The API server judged the object and said no. Asking again gives the same answer.
    #[error("{what} was refused: {message}")]
    Refused {
        /// Kind and name.
        what: String,
        /// `quota` or `admission_denied`.
        reason: Reason,
        /// In the API server's words.
        message: String,
    },
    /// The API server could not be asked, or could not answer. Whether the request took effect is unknown; every
    /// request of this crate may be repeated.
    #[error("{what}: the cluster gave no answer")]
    Unavailable {
        /// Kind and name.
        what: String,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer within the time a request may take. Like [`Self::Unavailable`].
    #[error("{what}: no answer in time")]
    TimedOut {
        /// Kind and name.
        what: String,
    },
}

impl ClusterError {
    /// The same request may well succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Terminating { .. } | Self::Unavailable { .. } | Self::TimedOut { .. })
    }

    pub(crate) fn from_kube(what: &str, error: kube::Error) -> Self {
        let what = what.to_owned();
        match error {
            kube::Error::Api(status) => Self::from_status(what, status),
            other => Self::Unavailable { what, source: Box::new(other) },
        }
    }

    fn from_status(what: String, status: Box<Status>) -> Self {
        if status.is_not_found() {
            return Self::Gone { what };
        }
        // A 409 is "somebody else was first" or "the UID is another one's"; creation is handled where it happens.
        if status.is_conflict() && !status.is_already_exists() {
            return if status.message.contains("UID") || status.message.contains("uid") {
                Self::Gone { what }
            } else {
                Self::Unavailable { what, source: Box::new(kube::Error::Api(status)) }
            };
        }
        if is_terminating(&status) {
            return Self::Terminating { what };
        }
        match refusal(&status) {
            Some(reason) => Self::Refused { what, reason, message: status.message },
            None => Self::Unavailable { what, source: Box::new(kube::Error::Api(status)) },
        }
    }
}

/// The namespace takes no new objects because it is on its way out.
fn is_terminating(status: &Status) -> bool {
    status.is_forbidden() && status.message.contains("because it is being terminated")
}

/// A refusal by quota or admission. Missing rights are none: a grant that was just made needs a moment to be seen by
/// every API server, and a wrong installation is not the run's fault.
fn refusal(status: &Status) -> Option<Reason> {
    if lacks_rights(status) {
        None
    } else if status.is_forbidden() && is_quota(&status.message) {
        Some(Reason::Quota)
    } else if status.is_forbidden() || status.is_invalid() {
        Some(Reason::AdmissionDenied)
    } else {
        None
    }
}

/// The authorizer said no, rather than admission: `User "…" cannot create resource "jobs" in API group …`.
pub(crate) fn lacks_rights(status: &Status) -> bool {
    status.is_forbidden() && status.message.contains(" cannot ") && status.message.contains(" resource \"")
}

/// Whether the text is the quota plugin's. `status unknown for quota` is not: that quota was only just made.
pub(crate) fn is_quota(message: &str) -> bool {
    message.contains("exceeded quota") || message.contains("failed quota")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, reason: &str, message: &str) -> kube::Error {
        let status = Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn answers_are_sorted_by_what_can_be_done() {
        let sorted = |code, reason, message| match ClusterError::from_kube("Job a", status(code, reason, message)) {
            ClusterError::Refused { reason, .. } => reason.as_str(),
            ClusterError::Gone { .. } => "gone",
            ClusterError::Terminating { .. } => "terminating",
            ClusterError::Unavailable { .. } => "unavailable",
            other => panic!("unexpected: {other}"),
        };
        let table = [
            (404, "NotFound", "jobs.batch \"a\" not found", "gone"),
            (409, "Conflict", "the UID in the precondition (x) does not match", "gone"),
            (409, "Conflict", "the object has been modified", "unavailable"),
            (429, "TooManyRequests", "slow down", "unavailable"),
            (500, "InternalError", "etcdserver: leader changed", "unavailable"),
            (403, "Forbidden", "pods \"a\" is forbidden: exceeded quota: run, requested: pods=1", "quota"),
            (
                403,
                "Forbidden",
                "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"",
                "admission_denied",
            ),
            (422, "Invalid", "Job.batch \"a\" is invalid: spec: required", "admission_denied"),
            (
                403,
                "Forbidden",
                "secrets is forbidden: User \"system:serviceaccount:codex-k8s:worker\" cannot create resource \
                 \"secrets\" in API group \"\" in the namespace \"a\"",
                "unavailable",
            ),
            (
                403,
                "Forbidden",
                "jobs.batch \"a\" is forbidden: unable to create new content in namespace b because it is being \
                 terminated",
                "terminating",
            ),
        ];
        for (code, reason, message, expected) in table {
            assert_eq!(sorted(code, reason, message), expected, "{code} {message}");
        }
    }
}
