//! A run's namespace without a run, made as the worker makes it.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use chrono::Utc;
use cluster::RunSpec;
use cluster::spec::{AgentPod, Gateway, Grantee, Resources};
use domain::ids::{CorrelationId, ProjectId, RunId};
use domain::stages::Right;
use domain::surroundings::Surroundings;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use uuid::Uuid;

use crate::cluster::{Cluster, PLATFORM};

/// Has the namespace of a role's run prepared, as it is once a change was tried where the role may ask for any, lets `work`
/// look at it, and removes it.
///
/// # Errors
/// Those of `work`, or when the namespace cannot be made or removed.
pub async fn surrounded<T>(
    cluster: &Cluster,
    (role, surroundings): (&str, Surroundings),
    work: impl AsyncFnOnce(&RunSpec) -> Result<T>,
) -> Result<T> {
    let spec = spec(role, surroundings);
    let prepared = async {
        let platform = cluster::Cluster::new(cluster.client.clone(), cluster.client.clone());
        platform.prepare(&spec).await?;
        if spec.surroundings.has(Right::Change) {
            platform.make_change_accounts(&spec.marks()).await?;
        }
        work(&spec).await
    };
    let result = prepared.await;
    let removed = Api::<Namespace>::all(cluster.client.clone()).delete(&spec.namespace, &DeleteParams::default()).await;
    let value = result?;
    removed?;
    Ok(value)
}

fn spec(role: &str, surroundings: Surroundings) -> RunSpec {
    let unique = Uuid::new_v4().simple().to_string();
    let few = Resources { cpu_millis: 200, memory_mib: 128, disk_mib: 128 };
    RunSpec {
        run_id: RunId::new(),
        project_id: ProjectId::new(),
        issue: 1,
        role: role.to_owned(),
        surroundings,
        launch: 1,
        namespace: format!("rights-{role}-{}", &unique[..8]),
        namespace_uid: None,
        correlation_id: CorrelationId::new(),
        expires_at: Utc::now(),
        deadline_seconds: 60,
        agent: AgentPod { image: "none".into(), pull_policy: "Never".into(), limits: few, env: Vec::new() },
        gateway: Gateway {
            namespace: PLATFORM.into(),
            app: "api-gateway".into(),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            host: "agents.invalid".into(),
            port: 8081,
            egress_probes: Vec::new(),
        },
        grantee: Grantee {
            namespace: PLATFORM.into(),
            service_account: "worker".into(),
            cluster_role: "codex-k8s-run-manager".into(),
        },
        quota: Resources { cpu_millis: 1000, memory_mib: 512, disk_mib: 512 },
    }
}
