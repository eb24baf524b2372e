//! What codex-k8s decides, as plain data and total functions.
//!
//! Nothing here knows a database, a cluster or a socket: a rule takes facts and answers; performing the answer is
//! somebody else's work. Each rule has one home, named after what it decides.
#![deny(missing_docs)]

pub mod agents;
pub mod approvals;
pub mod canary;
pub mod catalogue;
pub mod channels;
pub mod choice;
pub mod closing;
pub mod code;
pub mod delivery_log;
pub mod egress;
pub mod environment;
pub mod event;
pub mod flow;
pub mod hidden;
pub mod ids;
pub mod intake;
pub mod integrations;
pub mod labels;
pub mod launch;
pub mod let_in;
pub mod limits;
pub mod locale;
pub mod missed;
pub mod names;
pub mod next_steps;
pub mod notices;
pub mod precondition;
pub mod project_environments;
pub mod reasons;
pub mod revision;
pub mod rights;
pub mod run;
pub mod scope;
pub mod settlement;
pub mod stages;
pub mod surroundings;
pub mod templates;
pub mod tools;
pub mod workflows;
