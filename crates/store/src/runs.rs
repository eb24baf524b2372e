//! `agent_runs`: the queue, the state and the lease of every run.
//!
//! Reading for people is in [`view`], claiming in [`lease`], what a worker writes in [`progress`], what the run's own
//! pod reports in [`report`], the prompt that it works on in [`prompt`], what its start rests on in [`start`], which
//! of them a namespace belongs to in [`ownership`], whose namespaces want accounts for changes in [`accounts`], and how one
//! ends whose decoy turned up in [`trip`].

pub mod accounts;
pub(crate) mod clearing;
pub mod jobs;
pub(crate) mod keeping;
pub mod lease;
pub mod ownership;
pub mod progress;
pub mod prompt;
pub mod report;
pub(crate) mod settle;
pub mod start;
pub mod sweep;
pub mod trip;
pub mod view;

use domain::ids::RunId;

/// The right to write a run: what a claim gave, and what every later write quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Fencing token; a newer claim has a greater one.
    pub token: i64,
}
