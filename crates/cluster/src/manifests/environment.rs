//! The namespace of a project's environment, and what the platform puts into it. An application's own objects are not the
//! platform's: it never touches what does not carry its labels.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicySpec};
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{cluster_role_ref, namespace::grantee};
use crate::labels;
use crate::spec::{EnvironmentSpec, SyncedSecret};

fn meta(spec: &EnvironmentSpec, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(spec.namespace.clone()),
        labels: Some(labels::of_environment(spec)),
        ..ObjectMeta::default()
    }
}

/// The namespace, with Pod Security `restricted` enforced from its first second.
#[must_use]
pub fn environment_namespace(spec: &EnvironmentSpec) -> Namespace {
    let mut all = labels::of_environment(spec);
    all.insert("pod-security.kubernetes.io/enforce".into(), "restricted".into());
    all.insert("pod-security.kubernetes.io/enforce-version".into(), "latest".into());
    Namespace {
        metadata: ObjectMeta { name: Some(spec.namespace.clone()), labels: Some(all), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}

/// Grants the worker's account what it needs in this namespace, which is little: see `deploy/base/worker-rights.yaml`.
#[must_use]
pub fn environment_binding(spec: &EnvironmentSpec) -> RoleBinding {
    RoleBinding {
        metadata: meta(spec, &spec.grantee.cluster_role),
        role_ref: cluster_role_ref(&spec.grantee.cluster_role),
        subjects: Some(vec![grantee(&spec.grantee)]),
    }
}

/// Nothing comes in and nothing goes out, until an application's own policies say otherwise: they add to this one.
#[must_use]
pub fn environment_policy(spec: &EnvironmentSpec) -> NetworkPolicy {
    NetworkPolicy {
        metadata: meta(spec, "default-deny"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: None,
            egress: None,
        }),
    }
}

/// The Secret with this value under its key; what else is in `there` stays, and so does its version, which the API server
/// compares.
#[must_use]
pub fn synced_secret(
    spec: &EnvironmentSpec,
    synced: &SyncedSecret,
    value: &SecretString,
    there: Option<Secret>,
) -> Secret {
    let mut secret = there.unwrap_or_else(|| Secret {
        metadata: meta(spec, &synced.name),
        type_: Some("Opaque".into()),
        ..Secret::default()
    });
    let made = json!({ "policy": synced.policy, "github": synced.github_secret, "request": synced.request });
    let mut all = labels::synced(&secret.metadata);
    all.insert(synced.key.clone(), made);
    secret.metadata.labels.get_or_insert_with(BTreeMap::new).insert(labels::CONTENT.into(), labels::SYNCED.into());
    secret
        .metadata
        .annotations
        .get_or_insert_with(BTreeMap::new)
        .insert(labels::SYNCED_KEYS.into(), json!(all).to_string());
    let bytes = ByteString(value.expose_secret().as_bytes().to_vec());
    secret.data.get_or_insert_with(BTreeMap::new).insert(synced.key.clone(), bytes);
    secret
}

/// The Secret with the connection to a database: these values and no others. Its version is that of what is `there`.
#[must_use]
pub fn connection_secret(
    spec: &EnvironmentSpec,
    name: &str,
    values: &[(&str, SecretString)],
    there: Option<&Secret>,
) -> Secret {
    let mut metadata = meta(spec, name);
    metadata.labels.get_or_insert_with(BTreeMap::new).insert(labels::CONTENT.into(), labels::DATABASE.into());
    metadata.resource_version = there.and_then(|there| there.metadata.resource_version.clone());
    let bytes = |value: &SecretString| ByteString(value.expose_secret().as_bytes().to_vec());
    let data = values.iter().map(|(key, value)| ((*key).to_owned(), bytes(value))).collect();
    Secret { metadata, type_: Some("Opaque".into()), data: Some(data), ..Secret::default() }
}
