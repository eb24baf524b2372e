//! The scripted model: speaks OpenAI's Responses API as codex uses it, and plays scenarios from files instead of
//! thinking. It keeps no conversation of its own: each request carries the whole one, so the next step follows from what
//! is in it, and any request can be answered by any process.

mod conversation;
mod play;
mod requests;
mod scenario;
mod server;
mod wire;

pub use server::{Options, Running, start};
