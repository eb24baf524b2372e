//! The manifests as they are sent, and the edge against a scripted API server.

mod changes;
mod environments;
mod manifests;
mod scripted;
