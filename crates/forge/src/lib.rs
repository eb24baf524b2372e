//! Where repositories live: what the platform asks of a forge, and how GitHub answers.
//!
//! Callers know [`RepositoryProvider`] and [`ForgeError`] alone, so another forge needs nothing but another
//! implementation.
#![deny(missing_docs)]

mod error;
mod github;
mod model;
mod provider;
mod rights;

pub use error::{ForgeError, LimitKind};
pub use github::GitHub;
pub use model::{
    Account, AccountKind, AccountRights, BadRepositoryName, ChangedFile, Comment, CommitInfo, Comparison, Delivery,
    DeliveryLog, DeliverySummary, Environment, FileText, HookSpec, Issue, LabelFix, NewPull, Pull, Remark, Repository,
    RepositoryName, RepositoryPermission, Review, Viewer,
};
pub use provider::{Answered, RepositoryProvider};
pub use rights::{RightCheck, RightState};
