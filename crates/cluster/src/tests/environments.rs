//! Environments against a scripted API server: whose a namespace and a Secret are is read from their labels, and a Secret
//! is written over only as it was found.

use domain::approvals::secrets::SecretPolicy;
use insta::assert_yaml_snapshot;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::scripted::{answer, cluster, exists, refusal};
use crate::spec::sample::{environment, synced};
use crate::spec::{EnvironmentSpec, SyncedSecret};
use crate::{ClusterError, labels, manifests};

#[test]
fn environment_manifests() {
    assert_yaml_snapshot!("environment_namespace", manifests::environment_namespace(&environment()));
    assert_yaml_snapshot!("environment_binding", manifests::environment_binding(&environment()));
    assert_yaml_snapshot!("environment_policy", manifests::environment_policy(&environment()));
    let value = SecretString::from("planted");
    assert_yaml_snapshot!("synced_secret", manifests::synced_secret(&environment(), &synced(), &value, None));
}

/// The Secret as the API server would return it.
fn stored(value: &str) -> Value {
    let secret = manifests::synced_secret(&environment(), &synced(), &SecretString::from(value), None);
    let mut stored = serde_json::to_value(secret).unwrap();
    stored["metadata"]["resourceVersion"] = json!("41");
    stored
}

#[tokio::test]
async fn a_namespace_is_made_on_first_use_with_its_guards() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let namespace = manifests::environment_namespace(&environment());
        let mut asked = vec![answer(&mut api, 201, serde_json::to_value(namespace).unwrap()).await.line];
        asked.push(answer(&mut api, 409, exists()).await.line);
        let early = "networkpolicies \"default-deny\" is forbidden: User \"worker\" cannot patch resource \"x\"";
        answer(&mut api, 403, refusal(403, "Forbidden", early)).await;
        let policy = serde_json::to_value(manifests::environment_policy(&environment())).unwrap();
        asked.push(answer(&mut api, 200, policy).await.line);
        asked
    });
    cluster.prepare_environment(&environment()).await.unwrap();
    insta::assert_snapshot!(script.await.unwrap().join("\n"), @r"
    POST /api/v1/namespaces?
    POST /apis/rbac.authorization.k8s.io/v1/namespaces/acme-env-staging/rolebindings?
    PATCH /apis/networking.k8s.io/v1/namespaces/acme-env-staging/networkpolicies/default-deny?&force=true&fieldManager=codex-k8s
    ");
}

#[tokio::test]
async fn a_namespace_or_secret_of_somebody_else_is_left_alone() {
    let (cluster, mut api) = cluster();
    let other = EnvironmentSpec { project_id: domain::ids::ProjectId::new(), ..environment() };
    let theirs = serde_json::to_value(manifests::environment_namespace(&other)).unwrap();
    let script = tokio::spawn(async move {
        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, theirs).await;
        let unlabelled = json!({"metadata": {"name": "shop"}, "data": {"SESSION_KEY": "aHVudGVyMjI="}});
        answer(&mut api, 200, unlabelled).await;
        let mut another = stored("planted");
        another["metadata"]["labels"][labels::CONTENT] = json!("database");
        answer(&mut api, 200, another).await;
    });
    let foreign = |outcome: Result<(), ClusterError>| assert!(matches!(outcome, Err(ClusterError::Foreign { .. })));
    foreign(cluster.prepare_environment(&environment()).await);
    foreign(cluster.synced_secret(&environment(), &synced()).await.map(drop));
    foreign(cluster.synced_secret(&environment(), &synced()).await.map(drop));
    script.await.unwrap();
}

#[tokio::test]
async fn a_secret_is_made_and_found_again_with_how_its_value_was_come_by() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        answer(&mut api, 404, refusal(404, "NotFound", "not found")).await;
        let made = answer(&mut api, 201, stored("planted")).await;
        assert!(made.line.starts_with("POST /api/v1/namespaces/acme-env-staging/secrets?"), "{}", made.line);
        answer(&mut api, 200, made.body).await;
    });
    let value = SecretString::from("planted");
    let none = cluster.synced_secret(&environment(), &synced()).await.unwrap();
    assert!(none.is_none());
    cluster.put_synced_secret(&environment(), &synced(), &value, none).await.unwrap();
    let found = cluster.synced_secret(&environment(), &synced()).await.unwrap().unwrap();
    assert!(found.holds(&value, SecretPolicy::Random));
    assert!(!found.holds(&value, SecretPolicy::Provided) && !found.holds(&"other".into(), SecretPolicy::Random));
    script.await.unwrap();
}

#[tokio::test]
async fn a_secret_is_written_over_as_it_was_found_and_keeps_its_other_keys() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        answer(&mut api, 200, stored("planted")).await;
        let moved = "Operation cannot be fulfilled on secrets \"shop\": the object has been modified";
        answer(&mut api, 409, refusal(409, "Conflict", moved)).await
    });
    let other = SyncedSecret { key: "TOKEN".into(), policy: SecretPolicy::Provided, ..synced() };
    let found = cluster.synced_secret(&environment(), &other).await.unwrap();
    assert!(found.as_ref().is_some_and(|found| found.value.is_none() && found.policy.is_none()));
    let value = SecretString::from("typed");
    let late = cluster.put_synced_secret(&environment(), &other, &value, found).await.unwrap_err();
    assert!(late.is_transient() && !format!("{late:?}").contains(value.expose_secret()), "{late:?}");
    let asked = script.await.unwrap();
    assert!(asked.line.starts_with("PUT /api/v1/namespaces/acme-env-staging/secrets/shop?"), "{}", asked.line);
    assert_eq!(asked.body["metadata"]["resourceVersion"], "41");
    assert_eq!(asked.body["data"], json!({"SESSION_KEY": "cGxhbnRlZA==", "TOKEN": "dHlwZWQ="}));
    let keys = asked.body["metadata"]["annotations"][labels::SYNCED_KEYS].as_str().unwrap_or_default();
    assert!(keys.contains("\"random\"") && keys.contains("\"provided\""), "{keys}");
}
