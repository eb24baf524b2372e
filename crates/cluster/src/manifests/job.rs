//! The Job of one launch, and the Secret that hands its token over.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, HostAlias, PodDNSConfig, PodDNSConfigOption,
    PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile, Secret, SecretVolumeSource,
    SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use secrecy::{ExposeSecret, SecretString};

use super::{AGENT_ACCOUNT, meta, quantities};
use crate::labels;
use crate::spec::{AgentPod, Resources, RunSpec};

/// Where the token's file lies in the pod.
pub const TOKEN_DIR: &str = "/var/run/codex-k8s";
/// The key in the Secret, which is the file's name.
pub const SECRET_KEY: &str = "token";
/// A pod that is told to stop has this long to save the agent's session.
const GRACE_SECONDS: i64 = 8;
/// The Job ends this much after the run's own limit. Workers enforce the limit; this holds when there is none.
const BACKSTOP_SECONDS: i64 = 300;
/// The agent's user and group.
const AGENT_UID: i64 = 1000;

/// The Job, suspended: its pod may not start before the Secret is there.
#[must_use]
pub fn job(spec: &RunSpec) -> Job {
    let disrupted = PodFailurePolicyRule {
        action: "FailJob".into(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".into(),
            status: "True".into(),
        }]),
        on_exit_codes: None,
    };
    Job {
        metadata: ObjectMeta { labels: Some(labels::of_launch(spec)), ..meta(spec, &spec.job_name()) },
        spec: Some(JobSpec {
            suspend: Some(true),
            completions: Some(1),
            parallelism: Some(1),
            backoff_limit: Some(0),
            active_deadline_seconds: Some(spec.deadline_seconds.saturating_add(BACKSTOP_SECONDS)),
            // The mark of an eviction stays on the Job when the pod itself is gone.
            pod_failure_policy: Some(PodFailurePolicy { rules: vec![disrupted] }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels::of_launch(spec)),
                    annotations: Some(BTreeMap::from([(
                        labels::CORRELATION_ID.into(),
                        spec.correlation_id.to_string(),
                    )])),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(spec)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// The Secret with the launch's token. Owned by the Job with this UID, so it goes with it; immutable, so a worker
/// that lost its lease cannot change it under the pod.
#[must_use]
pub fn token_secret(spec: &RunSpec, job_uid: &str, token: &SecretString) -> Secret {
    let owner = OwnerReference {
        api_version: "batch/v1".into(),
        kind: "Job".into(),
        name: spec.job_name(),
        uid: job_uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    Secret {
        metadata: ObjectMeta {
            labels: Some(labels::of_launch(spec)),
            owner_references: Some(vec![owner]),
            ..meta(spec, &spec.token_secret_name())
        },
        type_: Some("Opaque".into()),
        immutable: Some(true),
        data: Some(BTreeMap::from([(SECRET_KEY.into(), ByteString(token.expose_secret().as_bytes().to_vec()))])),
        string_data: None,
    }
}

fn pod(spec: &RunSpec) -> PodSpec {
    PodSpec {
        restart_policy: Some("Never".into()),
        service_account_name: Some(AGENT_ACCOUNT.into()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        host_aliases: Some(vec![HostAlias {
            ip: spec.gateway.ip.to_string(),
            hostnames: Some(vec![spec.gateway.host.clone()]),
        }]),
        dns_policy: Some("None".into()),
        dns_config: Some(no_dns()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(AGENT_UID),
            run_as_group: Some(AGENT_UID),
            fs_group: Some(AGENT_UID),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(spec)],
        volumes: Some(volumes(spec)),
        ..PodSpec::default()
    }
}

/// A resolver that is not there: a lookup fails at once instead of after a timeout.
fn no_dns() -> PodDNSConfig {
    let option = |name: &str| PodDNSConfigOption { name: Some(name.into()), value: Some("1".into()) };
    PodDNSConfig {
        nameservers: Some(vec!["127.0.0.1".into()]),
        options: Some(vec![option("attempts"), option("timeout")]),
        searches: None,
    }
}

fn container(spec: &RunSpec) -> Container {
    let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only,
        ..VolumeMount::default()
    };
    Container {
        name: "agent".into(),
        image: Some(spec.agent.image.clone()),
        image_pull_policy: Some(spec.agent.pull_policy.clone()),
        env: Some(env(spec)),
        resources: Some(resources(&spec.agent)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![
            mount("workspace", "/workspace", None),
            mount("tmp", "/tmp", None),
            mount("run-token", TOKEN_DIR, Some(true)),
        ]),
        // The last of what the runner said stays readable on the pod's status.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        ..Container::default()
    }
}

fn env(spec: &RunSpec) -> Vec<EnvVar> {
    let own = [
        ("CODEXK8S_GATEWAY_URL", spec.gateway.url()),
        ("CODEXK8S_RUN_ID", spec.run_id.to_string()),
        ("CODEXK8S_RUN_TOKEN_FILE", format!("{TOKEN_DIR}/{SECRET_KEY}")),
        ("CODEXK8S_EGRESS_PROBES", spec.gateway.egress_probes.join(",")),
        ("CODEXK8S_CORRELATION_ID", spec.correlation_id.to_string()),
        ("CODEXK8S_WORKSPACE", "/workspace".to_owned()),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    own.chain(spec.agent.env.iter().cloned())
        .map(|(name, value)| EnvVar { name, value: Some(value), value_from: None })
        .collect()
}

fn resources(agent: &AgentPod) -> ResourceRequirements {
    let Resources { cpu_millis, memory_mib, disk_mib } = agent.limits;
    let quarter = Resources { cpu_millis: cpu_millis / 4, memory_mib: memory_mib / 4, disk_mib: disk_mib / 4 };
    ResourceRequirements {
        limits: Some(quantities("", agent.limits)),
        requests: Some(quantities("", quarter)),
        claims: None,
    }
}

fn volumes(spec: &RunSpec) -> Vec<Volume> {
    let tmp_mib = spec.agent.limits.disk_mib / 4;
    let scratch = |name: &str, mib: u32| Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource { size_limit: Some(Quantity(format!("{mib}Mi"))), medium: None }),
        ..Volume::default()
    };
    vec![
        scratch("workspace", spec.agent.limits.disk_mib - tmp_mib),
        scratch("tmp", tmp_mib),
        Volume {
            name: "run-token".into(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(spec.token_secret_name()),
                // The group is the agent's by fsGroup.
                default_mode: Some(0o440),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
    ]
}
