//! An API server that refuses some objects in the namespaces of one project.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::patience::until;

/// The label of a run's namespace that names its project.
const PROJECT: &str = "codex-k8s.dev/project-id";
/// What the refusal says.
const WORDS: &str = "this test refuses it";

/// Runs `work` while the API server takes no new object of this kind in the project's namespaces. It begins when the
/// API server refuses one with this `spec`, in a namespace that looks like the project's and is no run's.
///
/// # Errors
/// Those of `work`, or when the policy has no effect.
pub async fn refusing<T>(
    cluster: &Cluster,
    project: &str,
    (kind, spec): (&ApiResource, Value),
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    let name = format!("refusal-{}-{project}", kind.plural);
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client.clone());
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let refused = async {
        let namespace = json!({ "metadata": { "name": name, "labels": { PROJECT: project } } });
        namespaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
        policies.create(&PostParams::default(), &serde_json::from_value(policy(&name, kind, project))?).await?;
        let binding =
            json!({ "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": ["Deny"] } });
        bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
        takes_effect(&Api::namespaced_with(cluster.client.clone(), &name, kind), kind, spec).await?;
        work().await
    };
    let result = refused.await;
    let binding = bindings.delete(&name, &DeleteParams::default()).await;
    let policy = policies.delete(&name, &DeleteParams::default()).await;
    let namespace = namespaces.delete(&name, &DeleteParams::default()).await;
    let value = result?;
    binding?;
    policy?;
    namespace?;
    Ok(value)
}

fn policy(name: &str, kind: &ApiResource, project: &str) -> Value {
    let rule = json!({
        "apiGroups": [kind.group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [kind.plural],
    });
    json!({
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": {
                "namespaceSelector": { "matchLabels": { PROJECT: project } },
                "resourceRules": [rule],
            },
            "validations": [{ "expression": "false", "message": WORDS }],
        },
    })
}

async fn takes_effect(api: &Api<DynamicObject>, kind: &ApiResource, spec: Value) -> Result<()> {
    let probe = DynamicObject::new("probe", kind).data(json!({ "spec": spec }));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    until("the refusal by the API server", Duration::from_secs(30), async || {
        let answer = api.create(&dry, &probe).await;
        Ok(answer.is_err_and(|error| error.to_string().contains(WORDS)).then_some(()))
    })
    .await?;
    Ok(())
}
