//! What a run needs to be put into the cluster: plain data, filled from rows and configuration by the worker.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::approvals::secrets::SecretPolicy;
use domain::ids::{CorrelationId, ProjectId, RunId};
use domain::names;
use domain::stages::Mode;
use domain::surroundings::Surroundings;
use uuid::Uuid;

/// Everything the manifests of one launch of a run are built from.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// The run.
    pub run_id: RunId,
    /// Its project.
    pub project_id: ProjectId,
    /// The issue's number.
    pub issue: i64,
    /// The role that acts, such as `dev`.
    pub role: String,
    /// What else stands in the namespace, and what the run's account may do there.
    pub surroundings: Surroundings,
    /// Which launch of the run this is, from 1. Names the Job.
    pub launch: i32,
    /// The run's namespace ([`domain::names::namespace`]).
    pub namespace: String,
    /// Its UID, once it was made: also that of an earlier run which this one took over.
    pub namespace_uid: Option<String>,
    /// Ties together everything that one webhook caused.
    pub correlation_id: CorrelationId,
    /// When the namespace may be removed; written on it for people, the row decides.
    pub expires_at: DateTime<Utc>,
    /// The run's own time limit, seconds. The Job's is later: it is only there for the case that no worker is.
    pub deadline_seconds: i64,
    /// What the pod runs.
    pub agent: AgentPod,
    /// What the pod may reach.
    pub gateway: Gateway,
    /// Who gets rights in the namespace.
    pub grantee: Grantee,
    /// What the namespace may use in total.
    pub quota: Resources,
}

/// What every object of a run says of it, and where these objects stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMarks {
    /// The run.
    pub run_id: RunId,
    /// Its project.
    pub project_id: ProjectId,
    /// The issue's number.
    pub issue: i64,
    /// The role that acts.
    pub role: String,
    /// What stands in the namespace.
    pub mode: Mode,
    /// The run's namespace.
    pub namespace: String,
}

/// The agent's container.
#[derive(Debug, Clone)]
pub struct AgentPod {
    /// Image reference.
    pub image: String,
    /// `IfNotPresent`, `Always` or `Never`.
    pub pull_policy: String,
    /// What the container may use; requests are a quarter of it.
    pub limits: Resources,
    /// Further variables, such as `CODEXK8S_EGRESS_WAIT_SECONDS`. Never a secret.
    pub env: Vec<(String, String)>,
}

/// Amounts of compute and disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_millis: u32,
    /// MiB.
    pub memory_mib: u32,
    /// MiB of local disk: the checkout, the agent's home and `/tmp` together.
    pub disk_mib: u32,
}

/// The gateway's agents listener, the only thing outside its namespace that a pod may talk to.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The platform's namespace.
    pub namespace: String,
    /// Value of the gateway pods' label `app.kubernetes.io/name`.
    pub app: String,
    /// The address that [`Self::host`] stands for inside the pod (the Service's cluster address).
    pub ip: IpAddr,
    /// The name in the pod's `/etc/hosts`, since the pod has no DNS.
    pub host: String,
    /// The port of listener, container and Service alike.
    pub port: u16,
    /// `host:port` pairs that would answer if the pod's egress were open; the runner tries them before it begins.
    pub egress_probes: Vec<String>,
}

impl Gateway {
    /// The base URL that the runner is given.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }
}

/// The ServiceAccount that the worker runs as, and the ClusterRole it is granted in each run's namespace.
#[derive(Debug, Clone)]
pub struct Grantee {
    /// The account's namespace.
    pub namespace: String,
    /// The account's name.
    pub service_account: String,
    /// Name of the ClusterRole.
    pub cluster_role: String,
}

/// An environment of a project.
#[derive(Debug, Clone)]
pub struct EnvironmentSpec {
    /// The project.
    pub project_id: ProjectId,
    /// Its name in the project.
    pub name: String,
    /// Its namespace ([`domain::names::environment_namespace`]).
    pub namespace: String,
    /// Who gets rights in the namespace.
    pub grantee: Grantee,
}

/// A value that is in an environment's namespace as it is on GitHub.
#[derive(Debug, Clone)]
pub struct SyncedSecret {
    /// Name of the Secret.
    pub name: String,
    /// The key in it.
    pub key: String,
    /// How the value is come by.
    pub policy: SecretPolicy,
    /// Its name on GitHub.
    pub github_secret: String,
    /// The request that was approved.
    pub request: Uuid,
}

impl RunSpec {
    /// What its objects are marked with.
    #[must_use]
    pub fn marks(&self) -> RunMarks {
        RunMarks {
            run_id: self.run_id,
            project_id: self.project_id,
            issue: self.issue,
            role: self.role.clone(),
            mode: self.surroundings.mode(),
            namespace: self.namespace.clone(),
        }
    }

    /// Name of this launch's Job.
    #[must_use]
    pub fn job_name(&self) -> String {
        names::job(self.run_id, self.launch)
    }

    /// Name of the Secret with this launch's token.
    #[must_use]
    pub fn token_secret_name(&self) -> String {
        names::token_secret(self.run_id, self.launch)
    }
}

/// A spec as the tests use it.
#[cfg(test)]
pub(crate) mod sample {
    use domain::stages::{Mode, Right};

    use super::*;

    pub(crate) const RUN: &str = "0192f0c1-2222-7333-8444-0123456789ab";

    pub(crate) fn code_only() -> RunSpec {
        RunSpec { role: "km".into(), surroundings: Surroundings::of(Mode::CodeOnly, []), ..spec() }
    }

    pub(crate) fn environment() -> EnvironmentSpec {
        EnvironmentSpec {
            project_id: spec().project_id,
            name: "staging".into(),
            namespace: "acme-env-staging".into(),
            grantee: Grantee { cluster_role: "codex-k8s-environment-manager".into(), ..spec().grantee },
        }
    }

    pub(crate) fn synced() -> SyncedSecret {
        SyncedSecret {
            name: "shop".into(),
            key: "SESSION_KEY".into(),
            policy: SecretPolicy::Random,
            github_secret: "SESSION_KEY".into(),
            request: "0192f0c1-0000-7000-8000-00000000000d".parse().unwrap(),
        }
    }

    pub(crate) fn spec() -> RunSpec {
        RunSpec {
            run_id: RunId(RUN.parse().unwrap()),
            project_id: ProjectId("0192f0c1-0000-7000-8000-00000000000a".parse().unwrap()),
            issue: 12,
            role: "dev".into(),
            surroundings: Surroundings::of(Mode::FullEnv, [Right::Read, Right::Logs, Right::Exec]),
            launch: 1,
            namespace: "acme-dev-i12-456789ab".into(),
            namespace_uid: None,
            correlation_id: CorrelationId("0192f0c1-0000-7000-8000-00000000000c".parse().unwrap()),
            expires_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            deadline_seconds: 3600,
            agent: AgentPod {
                image: "registry.example/agent:1".into(),
                pull_policy: "IfNotPresent".into(),
                limits: Resources { cpu_millis: 2000, memory_mib: 2048, disk_mib: 5120 },
                env: vec![("CODEXK8S_EGRESS_WAIT_SECONDS".into(), "30".into())],
            },
            gateway: Gateway {
                namespace: "codex-k8s".into(),
                app: "api-gateway".into(),
                ip: "10.96.0.40".parse().unwrap(),
                host: "agents.codex-k8s.internal".into(),
                port: 8081,
                egress_probes: vec!["10.96.0.40:8082".into()],
            },
            grantee: Grantee {
                namespace: "codex-k8s".into(),
                service_account: "worker".into(),
                cluster_role: "codex-k8s-run-manager".into(),
            },
            quota: Resources { cpu_millis: 4000, memory_mib: 4096, disk_mib: 10240 },
        }
    }
}
