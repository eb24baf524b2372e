//! Comments that the platform writes on issues and pull requests.

mod refusal;
mod review;
mod said;
mod service;
#[cfg(test)]
mod tests;
mod words;

pub use refusal::{Refusal, refusal};
pub use review::{Finding, ReviewComment, review};
pub use said::{ANSWER, AgentComment, AnswerComment, agent, answer, answered};
pub use service::{OpenQuestion, ServiceComment, service};
pub use words::{lost, words};

/// A hidden line by which a comment of ours is found again when GitHub did not answer. Only comments of our own account
/// are looked at, so nobody can plant one.
#[must_use]
pub fn marker(kind: &str, id: impl std::fmt::Display) -> String {
    format!("<!-- codex-k8s:{kind}:{id} -->")
}
