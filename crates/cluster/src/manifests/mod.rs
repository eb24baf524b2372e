//! The objects of a run, as pure functions of its [`RunSpec`](crate::spec::RunSpec). Applying them is
//! [`crate::launch`]'s work.

mod environment;
mod guards;
mod job;
mod namespace;
mod rights;

pub use environment::{
    connection_secret, environment_binding, environment_namespace, environment_policy, synced_secret,
};
pub use guards::{limit_range, network_policy, resource_quota, service_account};
pub use job::{SECRET_KEY, TOKEN_DIR, job, token_secret};
pub use namespace::{manager_binding, namespace};
pub use rights::{change_accounts, change_binding, right_bindings, rules};

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleRef;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels;
use crate::spec::{Resources, RunMarks, RunSpec};

/// The ServiceAccount of the run. Its pods run under it without its token; its rights are for those who look on the
/// run's behalf.
pub const AGENT_ACCOUNT: &str = "agent";
/// The ServiceAccount as which changes are tried before people are asked; admission makes none of them.
pub const TRYING_ACCOUNT: &str = "agent-tries";
/// The ServiceAccount as which changes are made. No pod ever runs under it, or under the one that tries.
pub const CHANGING_ACCOUNT: &str = "agent-changes";

fn meta(spec: &RunSpec, name: &str) -> ObjectMeta {
    meta_of(&spec.marks(), name)
}

fn meta_of(run: &RunMarks, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(run.namespace.clone()),
        labels: Some(labels::of_run(run)),
        ..ObjectMeta::default()
    }
}

fn account(run: &RunMarks, name: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: meta_of(run, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

fn cluster_role_ref(name: &str) -> RoleRef {
    RoleRef { api_group: "rbac.authorization.k8s.io".into(), kind: "ClusterRole".into(), name: name.to_owned() }
}

fn quantities(prefix: &str, of: Resources) -> BTreeMap<String, Quantity> {
    [
        (format!("{prefix}cpu"), format!("{}m", of.cpu_millis)),
        (format!("{prefix}memory"), format!("{}Mi", of.memory_mib)),
        (format!("{prefix}ephemeral-storage"), format!("{}Mi", of.disk_mib)),
    ]
    .into_iter()
    .map(|(key, amount)| (key, Quantity(amount)))
    .collect()
}
