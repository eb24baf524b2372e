//! What tests and the development stack put in the place of the outside world: GitHub with real git behind it, a model that
//! plays scenarios, and a service of others that asks people. Everything speaks HTTP, so that what is tested is the same code
//! that runs in production.
#![deny(missing_docs)]

pub mod channel;
pub mod console;
pub mod git;
pub mod github;
pub mod model;
pub mod ports;
pub mod tools;
