//! What the platform promises of its runs, tried on a real Kubernetes with the real codex.

mod approvals;
mod canary;
mod changes;
mod channels;
mod configuration;
mod confinement;
mod databases;
mod discussion;
mod egress;
mod ends;
mod label;
mod limits;
mod missed;
mod namespaces;
mod neighbours;
mod paths;
mod refusals;
mod reviews;
mod rights;
mod secrets;
mod sessions;
mod tools;
mod workers;
