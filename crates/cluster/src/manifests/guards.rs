//! What stands around the run's pod before the pod exists: who it may talk to, and how much it may use.

use std::collections::BTreeMap;

use domain::stages::Mode;
use k8s_openapi::api::core::v1::{
    LimitRange, LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{AGENT_ACCOUNT, account, meta, quantities};
use crate::spec::RunSpec;

/// Nothing comes in; out goes only what reaches the gateway's agents listener. The listener is selected by namespace,
/// pod label and container port: a policy is judged after the Service's address was translated. An environment's pods
/// also reach each other, within the namespace and on any port.
#[must_use]
pub fn network_policy(spec: &RunSpec) -> NetworkPolicy {
    let gateway_pods = NetworkPolicyPeer {
        namespace_selector: Some(matching("kubernetes.io/metadata.name", &spec.gateway.namespace)),
        pod_selector: Some(matching("app.kubernetes.io/name", &spec.gateway.app)),
        ip_block: None,
    };
    let listener = NetworkPolicyPort {
        port: Some(IntOrString::Int(spec.gateway.port.into())),
        protocol: Some("TCP".into()),
        end_port: None,
    };
    let gateway = NetworkPolicyEgressRule { to: Some(vec![gateway_pods]), ports: Some(vec![listener]) };
    let (ingress, egress) = match spec.surroundings.mode() {
        Mode::CodeOnly => (None, vec![gateway]),
        Mode::FullEnv => (
            Some(vec![NetworkPolicyIngressRule { from: Some(vec![own_pods()]), ports: None }]),
            vec![gateway, NetworkPolicyEgressRule { to: Some(vec![own_pods()]), ports: None }],
        ),
    };
    NetworkPolicy {
        metadata: meta(spec, "only-the-gateway"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress,
            egress: Some(egress),
        }),
    }
}

/// Every pod of the policy's own namespace, and of no other: a selector of namespaces beside it would widen it.
fn own_pods() -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), namespace_selector: None, ip_block: None }
}

/// Caps the namespace. Two pods, since a new launch may begin while the last one's pod is still ending; no volume
/// claims and no Services.
#[must_use]
pub fn resource_quota(spec: &RunSpec) -> ResourceQuota {
    let mut hard = quantities("limits.", spec.quota);
    let counts = [("pods", "2"), ("services", "0"), ("persistentvolumeclaims", "0")];
    hard.extend(counts.map(|(key, amount)| (key.to_owned(), Quantity(amount.to_owned()))));
    ResourceQuota {
        metadata: meta(spec, "run"),
        spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
        status: None,
    }
}

/// Gives limits to a container that names none; the quota would refuse it otherwise.
#[must_use]
pub fn limit_range(spec: &RunSpec) -> LimitRange {
    let limits = quantities("", spec.agent.limits);
    LimitRange {
        metadata: meta(spec, "run"),
        spec: Some(LimitRangeSpec {
            limits: vec![LimitRangeItem {
                type_: "Container".into(),
                default: Some(limits.clone()),
                default_request: Some(limits),
                ..LimitRangeItem::default()
            }],
        }),
    }
}

/// The run's account. No pod gets its token.
#[must_use]
pub fn service_account(spec: &RunSpec) -> ServiceAccount {
    account(&spec.marks(), AGENT_ACCOUNT)
}

fn matching(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Some(BTreeMap::from([(key.into(), value.into())])), match_expressions: None }
}
