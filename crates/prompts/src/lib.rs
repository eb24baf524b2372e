//! What agents are told and what people read on GitHub, in two languages, from one template engine.
//!
//! Rendering is deterministic: the same facts give the same bytes, so a prompt can be hashed and shown again later.
#![deny(missing_docs)]

pub mod channels;
pub mod comments;
mod engine;
mod outward;
pub mod run;
mod seeds;
pub mod templates;
pub mod untrusted;

pub use engine::TemplateError;
