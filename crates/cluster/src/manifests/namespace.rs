//! The run's namespace, and the grant that lets the worker act inside it and nowhere else.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{cluster_role_ref, meta};
use crate::labels;
use crate::spec::{Grantee, RunSpec};

/// The namespace, with Pod Security `restricted` enforced from its first second.
#[must_use]
pub fn namespace(spec: &RunSpec) -> Namespace {
    let mut all = labels::of_run(&spec.marks());
    all.insert("pod-security.kubernetes.io/enforce".into(), "restricted".into());
    all.insert("pod-security.kubernetes.io/enforce-version".into(), "latest".into());
    let annotations = BTreeMap::from([
        (labels::CORRELATION_ID.into(), spec.correlation_id.to_string()),
        (labels::EXPIRES_AT.into(), spec.expires_at.to_rfc3339()),
    ]);
    Namespace {
        metadata: ObjectMeta {
            name: Some(spec.namespace.clone()),
            labels: Some(all),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// Grants the worker's account what it needs in this namespace. Without it the worker may not read a Secret or
/// delete a pod here; the only other roles that it may bind are those of the run's account.
#[must_use]
pub fn manager_binding(spec: &RunSpec) -> RoleBinding {
    RoleBinding {
        metadata: meta(spec, &spec.grantee.cluster_role),
        role_ref: cluster_role_ref(&spec.grantee.cluster_role),
        subjects: Some(vec![grantee(&spec.grantee)]),
    }
}

/// The account that gets the rights.
pub(super) fn grantee(grantee: &Grantee) -> Subject {
    Subject {
        kind: "ServiceAccount".into(),
        name: grantee.service_account.clone(),
        namespace: Some(grantee.namespace.clone()),
        api_group: None,
    }
}
