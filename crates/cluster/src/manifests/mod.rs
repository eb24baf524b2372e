//! The objects of a run, as pure functions of its [`RunSpec`](crate::spec::RunSpec). Applying them is
//! [`crate::launch`]'s work.

mod guards;
mod job;
mod namespace;

pub use guards::{agent_service_account, limit_range, network_policy, resource_quota};
pub use job::{SECRET_KEY, TOKEN_DIR, job, token_secret};
pub use namespace::{manager_binding, namespace};

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels;
use crate::spec::{Resources, RunSpec};

/// The ServiceAccount of the run's pods. It has no rights, and its token is not mounted.
pub const AGENT_ACCOUNT: &str = "agent";

fn meta(spec: &RunSpec, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(spec.namespace.clone()),
        labels: Some(labels::of_run(spec)),
        ..ObjectMeta::default()
    }
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
