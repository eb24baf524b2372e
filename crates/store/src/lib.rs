//! The only home of SQL: one module per table, one function per statement.
//!
//! Functions take an executor, so the caller owns the transaction; those that write a run quote the lease they were
//! given and answer `None` or `false` when it is not theirs any more.
#![deny(missing_docs)]

pub mod agent_sessions;
pub mod agent_worktrees;
pub mod agents;
pub mod approvals;
pub mod channel_requests;
pub mod channels;
pub mod clock;
mod coded;
pub mod deliveries;
pub mod discussions;
pub mod egress_grants;
pub mod egress_requests;
pub mod events;
pub mod flow;
pub mod intake;
pub mod integration_requests;
pub mod integrations;
pub mod let_ins;
pub mod managed;
pub mod members;
pub mod notices;
pub mod outbound;
mod page;
mod pool;
pub mod project_databases;
pub mod project_environments;
pub mod projects;
pub mod prompt_templates;
pub mod repositories;
pub mod runs;
pub mod settings;
pub mod staff_sessions;
pub mod tokens;
pub mod usage;
pub mod users;
mod viewer;
pub mod wake;

pub use coded::Coded;
pub use page::Cursor;
pub use pool::{MIGRATOR, connect, connect_intake, in_transaction, wait_until_ready};
pub use sqlx::{PgExecutor, PgPool};
pub use viewer::Viewer;

/// What a statement may fail with; the kinds a caller branches on have methods in [`sqlx::Error`].
pub type Error = sqlx::Error;
/// Result of a statement.
pub type Result<T> = std::result::Result<T, Error>;
