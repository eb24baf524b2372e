//! The prompt of a run: policy, context, issue (and pull request), task, stage, tools, what is to be revised, output
//! contract, in this order; of a turn of a discussion, before the contract what was said and what waits for an answer.

mod answered;
mod facts;
#[cfg(test)]
mod injection_tests;
mod output;
mod replaced;
mod segments;
#[cfg(test)]
mod tests;
mod tools;
mod words;

use sha2::{Digest, Sha256};

use crate::templates::Templates;

pub use answered::{Answered, Reply, Request, answered};
pub use facts::{Author, Pull, Remark, Revision, RunFacts, Talk, Work};
pub use output::{discussion_output_schema, output_schema, review_output_schema};
pub use replaced::{Replaced, replaced};
pub use segments::{Content, RenderError, SaidAt, Segment};
pub use words::pull_request;

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What the agent gets: the segments' texts with an empty line between each two, without those that are left out.
    pub text: String,
    /// SHA-256 of it, hex.
    pub sha256: String,
    /// Changes whenever one of its templates does: a hash over all of them.
    pub version: String,
    /// What it is made of, in order.
    pub segments: Vec<Segment>,
}

/// Renders the prompt of a run, in a language, or with templates that people wrote.
///
/// # Errors
/// When role or stage have no template, which a project's own may lack; or when a template lacks a variable, which the
/// tests rule out for the seeds, and [`crate::templates::check`] for those that people write.
pub fn render(templates: impl Into<Templates>, facts: &RunFacts<'_>) -> Result<Prompt, RenderError> {
    let segments = segments::of(&templates.into(), facts)?;
    let text = told(segments.iter());
    let sha256 = hex::encode(Sha256::digest(&text));
    Ok(Prompt { text, sha256, version: segments::version(&segments), segments })
}

/// What an agent is told whose session of an earlier turn goes on: the segments that it does not know yet.
#[must_use]
pub fn news(segments: &[Segment]) -> String {
    told(segments.iter().filter(|segment| !segment.only_afresh))
}

fn told<'a>(segments: impl Iterator<Item = &'a Segment>) -> String {
    let texts: Vec<_> = segments.filter(|segment| !segment.left_out).map(|segment| segment.text.as_str()).collect();
    texts.join("\n\n") + "\n"
}
