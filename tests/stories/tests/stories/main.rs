//! What users would notice, told through the front door.

mod access;
mod actions;
mod agents;
mod approvals;
mod canaries;
mod connecting;
mod databases;
mod discussion;
mod egress;
mod environment;
mod labels;
mod let_ins;
mod namespaces;
mod next_steps;
mod notifications;
mod outages;
mod prompts;
mod replies;
mod reviews;
mod runs;
mod secrets;
mod sessions;
mod signatures;
mod templates;
mod tools;
