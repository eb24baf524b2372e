//! GitHub's stand-in: an npm emulator of the REST API behind a front of our own.
//!
//! The front is what everybody talks to. It adds what the emulator lacks and the platform needs: git over HTTP on real
//! repositories (mirrored object by object, both ways), tokens that are refused when they are unknown or too narrow,
//! PKCE, a delivery log with payloads and redelivery, pull request files, and faults on demand.

mod admin;
mod client;
mod commit;
mod deliveries;
mod emulator;
mod faults;
mod hooks;
mod mirror;
mod oauth;
mod proxy;
mod pulls;
mod pushes;
mod reactions;
mod rights;
mod secrets;
mod seed;
mod server;
mod settings;
mod smart_http;
mod tokens;
mod translate;
mod worlds;

pub use client::{Front, World};
pub use server::{Options, Running, start};
pub use worlds::{Person, WorldView};
