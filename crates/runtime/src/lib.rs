//! What every process needs before it does its own work: configuration, telemetry, a way to stop, a pace for its loops,
//! health, an HTTP server that drains, and names whose addresses are judged.
//!
//! No business rule lives here, no SQL and no cluster: services put these parts together in their `main`.
#![deny(missing_docs)]

pub mod correlation;
pub mod env;
pub mod http;
pub mod names;
pub mod ops;
pub mod pace;
pub mod redact;
pub mod shutdown;
pub mod supervise;
pub mod telemetry;
mod traces;

pub use pace::Pace;
pub use supervise::supervise;
