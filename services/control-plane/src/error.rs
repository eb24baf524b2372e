//! The one error of this edge: refusals go to the client word for word, everything else stays here and is logged once.

use axum::response::{IntoResponse, Response};
use contract::problem::Problem;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub enum ApiError {
    /// The client is told exactly this.
    Refused(Box<Problem>),
    /// The client is told that something went wrong, the log is told what.
    Internal(anyhow::Error),
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(problem) => problem.into_response(),
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                if is_passing(&error) { database_away().into_response() } else { Problem::internal().into_response() }
            }
        }
    }
}

/// The database is away, busy or starting: the same request may go well later.
fn is_passing(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<store::Error>()).any(|error| match error {
        // Shut down by an administrator or a crash, starting, too many connections, read-only, cut by a time limit.
        store::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P03" | "53300" | "25006" | "57014"))
        }
        store::Error::Io(_)
        | store::Error::PoolTimedOut
        | store::Error::PoolClosed
        | store::Error::Tls(_)
        | store::Error::WorkerCrashed => true,
        _ => false,
    })
}

fn database_away() -> Problem {
    Problem::unavailable("database_unavailable", "The database does not answer; nothing was changed, try again")
}

/// Turns a unique violation into a refusal that says what is taken.
pub(crate) fn taken(code: &'static str, field: &'static str, title: &'static str) -> impl Fn(store::Error) -> ApiError {
    move |error| {
        if error.as_database_error().is_some_and(|e| e.is_unique_violation()) {
            Problem::conflict(code, title).with_coded_field(field, code, title).into()
        } else {
            error.into()
        }
    }
}

/// There is no such object, or none that the caller may know of.
pub(crate) fn no_such(what: &str) -> ApiError {
    Problem::not_found("not_found", format!("There is no such {what}")).into()
}
