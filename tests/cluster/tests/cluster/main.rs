//! What the platform promises of its runs, tried on a real Kubernetes with the real codex.

mod configuration;
mod confinement;
mod ends;
mod label;
mod workers;
