//! What can keep a look from showing something, sorted by what whoever looks can do about it.

use crate::error::{ClusterError, lacks_rights};

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The object, or the namespace around it, is not there.
    #[error("{what} is not there")]
    Missing {
        /// Kind and name.
        what: String,
    },
    /// The account's rights do not reach that far.
    #[error("the run's account may not see {what}")]
    NotAllowed {
        /// Kind and name.
        what: String,
    },
    /// A pod that nobody enters on an agent's behalf.
    #[error("{what} is the platform's own")]
    Closed {
        /// Kind and name.
        what: String,
    },
    /// The API server says what is wrong with the question.
    #[error("{0}")]
    Told(String),
    /// The answer is longer than one may be.
    #[error("{what} is larger than {most} bytes")]
    TooLarge {
        /// Kind and name.
        what: String,
        /// Bytes.
        most: usize,
    },
    /// The API server gives no answer, or no token.
    #[error("the cluster cannot be looked at")]
    Unavailable(#[source] ClusterError),
}

impl From<ClusterError> for LookError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Gone { what } => Self::Missing { what },
            ClusterError::Refused { message, .. } => Self::Told(message),
            ClusterError::Unavailable { what, source } => match *source {
                kube::Error::Api(status) if lacks_rights(&status) => Self::NotAllowed { what },
                // A bad request, or a page that is too old to go on from.
                kube::Error::Api(status) if [400, 410].contains(&status.code) => Self::Told(status.message),
                other => Self::Unavailable(ClusterError::Unavailable { what, source: Box::new(other) }),
            },
            other => Self::Unavailable(other),
        }
    }
}

/// Why the cluster around this process cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The pod says that it is in a cluster, and has no token of an account.
    #[error("this pod has no account in its cluster; mount the token of its service account")]
    NoAccount(#[from] kube::config::InClusterError),
    /// The client could not be made.
    #[error("no client for the cluster")]
    Client(#[from] kube::Error),
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn answers_are_sorted_by_what_whoever_looks_can_do() {
        let sorted = |code, reason: &str, message: &str| {
            let status = Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
            match LookError::from(ClusterError::from_kube("Pod web", kube::Error::Api(Box::new(status)))) {
                LookError::Missing { .. } => "missing",
                LookError::NotAllowed { .. } => "not allowed",
                LookError::Told(words) if words == message => "told",
                LookError::Unavailable(_) => "unavailable",
                other => panic!("unexpected: {other}"),
            }
        };
        let table = [
            (404, "NotFound", "pods \"web\" not found", "missing"),
            (
                403,
                "Forbidden",
                "pods is forbidden: User \"x\" cannot list resource \"pods\" in API group \"\"",
                "not allowed",
            ),
            (400, "BadRequest", "container \"web\" in pod \"web\" is waiting to start: ContainerCreating", "told"),
            (410, "Expired", "The provided continue parameter is too old", "told"),
            (401, "Unauthorized", "Unauthorized", "unavailable"),
            (429, "TooManyRequests", "slow down", "unavailable"),
            (500, "InternalError", "etcdserver: leader changed", "unavailable"),
        ];
        for (code, reason, message, expected) in table {
            assert_eq!(sorted(code, reason, message), expected, "{code} {message}");
        }
    }
}
