//! Runs in Kubernetes: what a run's namespace, guards and Job look like ([`manifests`], pure), what the cluster shows
//! of them ([`seen`], pure), and the thin edge that asks the API server: [`Cluster`] for whoever drives runs, [`Looker`]
//! for whoever looks at a run's namespace on its behalf, and a [`Hand`] of either to change it with.
//!
//! Every request may be repeated, by the same worker or by another one: names are deterministic, what is there
//! already is adopted after its labels were checked, and what is taken away is named by UID.
#![deny(missing_docs)]

mod acting;
mod ask;
mod change;
mod environments;
mod error;
pub mod labels;
mod launch;
mod look;
pub mod manifests;
mod namespaces;
mod remove;
mod rights;
pub mod seen;
mod sight;
pub mod spec;
mod watch;

pub use ask::Cluster;
pub use change::{ChangeError, Hand};
pub use environments::FoundSecret;
pub use error::ClusterError;
pub use kube::runtime::watcher::Error as WatchError;
pub use launch::MadeJob;
pub use look::{ConnectError, Entry, Listing, Look, LookError, Looker, Printed};
pub use namespaces::{RunNamespace, Standing};
pub use remove::{Removal, RunJob};
pub use seen::{Sighting, observe};
pub use spec::{EnvironmentSpec, RunMarks, RunSpec, SyncedSecret};

#[cfg(test)]
mod tests;
