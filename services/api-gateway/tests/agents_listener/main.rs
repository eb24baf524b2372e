//! The agents listener through its front door: a real listener, real HTTP, the real git, and stand-ins for what lies
//! behind it (control-plane, model API, forge, registries).
#![expect(clippy::unwrap_used, reason = "tests")]

mod bodies;
mod control;
mod decoy;
mod egress;
mod forge;
mod git;
mod logs;
mod model;
mod registries;
mod run_api;
mod token;
mod world;
