//! The HTTP contracts: wire types generated from `openapi/*.yaml`, and what holds both ends to the documents.
//!
//! * [`gateway`], [`agent`], [`internal`], [`integrations`]: the types, one module a document, written by `cargo xtask codegen`.
//! * [`validator`]: checks requests (and, in debug builds, responses) against a document while serving.
//! * [`drift`]: compares a document with what the handlers declare; used by tests.
//! * [`shape`]: how much a JSON document holds, before it is parsed.
//! * [`tools`]: what agents' tools take, for listing and for checking.
//! * [`problem`]: refusals as RFC 9457 problem documents.
//! * [`assertion`]: how the gateway tells the control-plane who is asking.
#![deny(missing_docs)]

pub mod assertion;
pub mod document;
pub mod drift;
pub mod keys;
pub mod problem;
mod secret;
pub mod shape;
pub mod tools;
pub mod validator;

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::derivable_impls,
    reason = "generated; what a field means is said in openapi/gateway.yaml"
)]
#[path = "generated/gateway.rs"]
pub mod gateway;

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::derivable_impls,
    reason = "generated; what a field means is said in openapi/agent.yaml"
)]
#[path = "generated/agent.rs"]
pub mod agent;

#[expect(
    missing_docs,
    unused_qualifications,
    reason = "generated; what a field means is said in openapi/internal.yaml"
)]
#[path = "generated/internal.rs"]
pub mod internal;

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::derivable_impls,
    reason = "generated; what a field means is said in openapi/integrations.yaml"
)]
#[path = "generated/integrations.rs"]
pub mod integrations;

pub use document::Document;
pub use secret::Secret;
pub use tools::Tools;
pub use validator::Validator;
