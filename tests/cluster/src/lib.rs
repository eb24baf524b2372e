//! The platform on a real Kubernetes, with the real codex: what a test needs to act as people do, to look at the cluster
//! as its administrator does, and to break things.
//!
//! The stack must be up; `CODEXK8S_CONSOLE_URL`, `CODEXK8S_GITHUB_URL`, `CODEXK8S_OWNER_LOGIN`, `CODEXK8S_XTASK` and
//! `KUBECONFIG` say where it is. `cargo xtask test cluster` sets them.

mod account;
mod breaking;
mod chat;
mod cluster;
mod patience;
mod played;
mod refusing;
mod run;
mod scene;
mod settings;
mod stage;
mod surrounded;

pub use account::{Account, Question};
pub use breaking::{Frozen, enforcer, kill_container, sacrifice, without_right};
pub use chat::{Chat, chatting};
pub use cluster::{Cluster, PLATFORM};
pub use patience::{answers, until};
pub use played::{Host, Played, playing};
pub use refusing::refusing;
pub use run::{Run, said};
pub use scene::{Scene, alone, beside};
pub use settings::{later, with_gateway, with_worker};
pub use stage::Stage;
pub use surrounded::surrounded;
