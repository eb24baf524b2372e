//! The platform on a real Kubernetes, with the real codex: what a test needs to act as people do, to look at the cluster
//! as its administrator does, and to break things.
//!
//! The stack must be up; `CODEXK8S_CONSOLE_URL`, `CODEXK8S_GITHUB_URL`, `CODEXK8S_OWNER_LOGIN`, `CODEXK8S_XTASK` and
//! `KUBECONFIG` say where it is. `cargo xtask test cluster` sets them.

mod breaking;
mod cluster;
mod patience;
mod run;
mod scene;
mod stage;

pub use breaking::{enforcer, kill_container, sacrifice, with_worker};
pub use cluster::{Cluster, PLATFORM};
pub use patience::until;
pub use run::Run;
pub use scene::{Scene, alone, beside};
pub use stage::Stage;
