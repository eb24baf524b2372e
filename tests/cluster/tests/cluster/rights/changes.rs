//! What the accounts that try and make changes may do: the kinds that agents may change, made of nothing that is secret,
//! leaves the namespace or is the platform's; and which pods the run's own account may enter.

use anyhow::{Result, ensure};
use cluster::manifests::{CHANGING_ACCOUNT, TRYING_ACCOUNT};
use cluster_tests::{Account, Cluster, PLATFORM, Question, beside, surrounded};
use domain::stages::Role;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service};
use kube::api::{AttachParams, DeleteParams, PostParams};
use serde_json::{Value, json};

use super::exactly;
use super::of_runs::{agent, expected, in_force, of};

const CHANGEABLE: [&str; 7] = [
    "configmaps",
    "services",
    "persistentvolumeclaims",
    "deployments.apps",
    "statefulsets.apps",
    "jobs.batch",
    "cronjobs.batch",
];

fn changes() -> Vec<String> {
    let verbs = ["get", "create", "patch", "delete"];
    CHANGEABLE.iter().flat_map(|kind| verbs.map(|verb| format!("{verb} {kind}"))).collect()
}

#[tokio::test]
async fn both_may_change_what_agents_may_ask_for_and_nothing_elsewhere() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Dev), async |run| {
            surrounded(cluster, of(Role::Sa), async |other| {
                for name in [TRYING_ACCOUNT, CHANGING_ACCOUNT] {
                    let account = Account { cluster, namespace: &run.namespace, name };
                    in_force(account, &changes()).await?;
                    exactly(account, &run.namespace, changes().iter().map(String::as_str)).await?;
                    for elsewhere in ["", PLATFORM, &other.namespace] {
                        exactly(account, elsewhere, std::iter::empty()).await?;
                    }
                    let without = Account { cluster, namespace: &other.namespace, name };
                    exactly(without, &other.namespace, std::iter::empty()).await?;
                }
                for (namespace, who, name, expected) in [
                    (PLATFORM, "worker", CHANGING_ACCOUNT, true),
                    (PLATFORM, "worker", TRYING_ACCOUNT, false),
                    (PLATFORM, "worker", "agent", false),
                    (PLATFORM, "control-plane", TRYING_ACCOUNT, true),
                    (PLATFORM, "control-plane", CHANGING_ACCOUNT, false),
                ] {
                    let account = Account { cluster, namespace, name: who };
                    let (verb, resource) = ("create", "serviceaccounts/token");
                    let token = Question { verb, resource, namespace: &run.namespace, name };
                    ensure!(account.may(token).await? == expected, "a token of {name} for {who}");
                }
                Ok(())
            })
            .await
        })
        .await
    })
    .await
}

fn deployment() -> Value {
    json!({
        "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": {
                    "automountServiceAccountToken": false,
                    "containers": [{ "name": "web", "image": "registry.example/web:1" }],
                    "volumes": [{ "name": "tmp", "emptyDir": {} }],
                },
            },
        },
    })
}

/// Where the Deployment is changed, to what, and a word of the refusal.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let volume = |source: Value| json!([source]);
    let token = json!({ "name": "s", "projected": { "sources": [{ "serviceAccountToken": { "path": "token" } }] } });
    let key = json!([{ "name": "T", "valueFrom": { "secretKeyRef": { "name": "run-token", "key": "token" } } }]);
    let all = json!([{ "secretRef": { "name": "run-token" } }]);
    vec![
        (
            "/spec/template/spec/volumes",
            volume(json!({ "name": "s", "secret": { "secretName": "run-token" } })),
            "no Secret",
        ),
        ("/spec/template/spec/volumes", volume(token), "no Secret"),
        ("/spec/template/spec/volumes", volume(json!({ "name": "s", "hostPath": { "path": "/" } })), "no Secret"),
        ("/spec/template/spec/containers/0/env", key, "names no Secret"),
        ("/spec/template/spec/containers/0/envFrom", all.clone(), "names no Secret"),
        (
            "/spec/template/spec/initContainers",
            json!([{ "name": "i", "image": "i", "envFrom": all }]),
            "names no Secret",
        ),
        ("/spec/template/spec/imagePullSecrets", json!([{ "name": "registry" }]), "names no Secret"),
        ("/spec/template/spec/automountServiceAccountToken", json!(true), "holds no token"),
        ("/spec/template/spec/nodeName", json!("node-1"), "is not chosen"),
        ("/spec/template/spec/priorityClassName", json!("system-node-critical"), "is not chosen"),
        ("/metadata/name", json!("run-456789ab-l1"), "\"run-\""),
        ("/metadata/finalizers", json!(["example.com/keep"]), "no finalizers"),
        ("/metadata/labels", json!({ "codex-k8s.dev/run-id": "another" }), "put none of them on"),
        ("/metadata/labels", json!({ "app.kubernetes.io/part-of": "codex-k8s" }), "put none of them on"),
        ("/spec/template/metadata/labels", json!({ "app": "web", "codex-k8s.dev/launch": "2" }), "put none of them on"),
    ]
}

#[tokio::test]
async fn what_they_make_holds_no_secret_stays_inside_and_is_not_taken_for_the_platforms() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Dev), async |run| {
            in_force(Account { cluster, namespace: &run.namespace, name: CHANGING_ACCOUNT }, &changes()).await?;
            let account = Cluster::acting_as(&run.namespace, CHANGING_ACCOUNT).await?;
            let tried = PostParams { dry_run: true, ..PostParams::default() };
            let made = account.api::<Deployment>(&run.namespace);
            made.create(&tried, &serde_json::from_value(deployment())?).await?;
            for (place, value, why) in refused() {
                let answer = made.create(&tried, &serde_json::from_value(with(place, &value))?).await;
                says(answer, why, place)?;
            }
            let services = account.api::<Service>(&run.namespace);
            for spec in [
                json!({ "type": "NodePort", "ports": [{ "port": 80 }] }),
                json!({ "type": "LoadBalancer", "ports": [{ "port": 80 }] }),
                json!({ "type": "ExternalName", "externalName": "evil.example" }),
                json!({ "externalIPs": ["192.0.2.7"], "ports": [{ "port": 80 }] }),
            ] {
                let service = json!({ "metadata": { "name": "web" }, "spec": spec });
                says(services.create(&tried, &serde_json::from_value(service)?).await, "stays inside", "a Service")?;
            }
            let claim = json!({ "metadata": { "name": "data" }, "spec": {
                "volumeName": "pv-1", "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } },
            } });
            let claims = account.api::<PersistentVolumeClaim>(&run.namespace);
            says(claims.create(&tried, &serde_json::from_value(claim)?).await, "a new volume", "a claim")?;
            let secret = json!({ "metadata": { "name": "s" } });
            let secrets = account.api::<Secret>(&run.namespace);
            says(secrets.create(&tried, &serde_json::from_value(secret)?).await, "cannot create", "a Secret")
        })
        .await
    })
    .await
}

fn with(place: &str, value: &Value) -> Value {
    let mut object = deployment();
    let (parent, key) = place.rsplit_once('/').unwrap_or_default();
    if let Some(parent) = object.pointer_mut(parent) {
        parent[key] = value.clone();
    }
    object
}

fn says<T>(answer: kube::Result<T>, why: &str, what: &str) -> Result<()> {
    let said = answer.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(said.contains(why), "{what}: {said:?}");
    Ok(())
}

#[tokio::test]
async fn one_of_them_only_tries_and_neither_touches_what_is_the_platforms() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Dev), async |run| {
            let namespace = run.namespace.as_str();
            for name in [TRYING_ACCOUNT, CHANGING_ACCOUNT] {
                in_force(Account { cluster, namespace, name }, &changes()).await?;
            }
            let trying = Cluster::acting_as(namespace, TRYING_ACCOUNT).await?.api::<ConfigMap>(namespace);
            let changing = Cluster::acting_as(namespace, CHANGING_ACCOUNT).await?;
            let (really, tried) = (PostParams::default(), PostParams { dry_run: true, ..PostParams::default() });
            let settings: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": "settings" } }))?;
            trying.create(&tried, &settings).await?;
            says(trying.create(&really, &settings).await, "only tries", "a create")?;
            let made = changing.api::<ConfigMap>(namespace);
            made.create(&really, &settings).await?;
            says(trying.delete("settings", &DeleteParams::default()).await, "only tries", "a delete")?;
            let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
            trying.delete("settings", &dry).await?;
            for (name, labels) in [
                ("core", json!({ "app.kubernetes.io/part-of": "codex-k8s" })),
                ("ours", json!({ "codex-k8s.dev/managed-by": "codex-k8s" })),
            ] {
                let platforms = json!({ "metadata": { "name": name, "labels": labels } });
                cluster.api::<ConfigMap>(namespace).create(&really, &serde_json::from_value(platforms)?).await?;
                says(made.delete(name, &DeleteParams::default()).await, "neither changed nor deleted", name)?;
            }
            made.delete("settings", &DeleteParams::default()).await?;
            let quota = changing.api::<ResourceQuota>(namespace).delete("run", &DeleteParams::default()).await;
            says(quota, "cannot delete", "the quota")
        })
        .await
    })
    .await
}

#[tokio::test]
async fn the_pods_of_runs_are_not_entered() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Dev), async |run| {
            in_force(agent(cluster, run), &expected(Role::Dev)).await?;
            let pods = Cluster::acting_as(&run.namespace, "agent").await?.api::<Pod>(&run.namespace);
            let how = AttachParams::default().stderr(false);
            // The policy is asked before the pod is looked for.
            for (name, code) in [("run-456789ab-l1-x7z2k", "422"), ("web", "404")] {
                let answer = pods.exec(name, ["true"], &how).await.map(drop);
                says(answer, code, name)?;
            }
            Ok(())
        })
        .await
    })
    .await
}
