//! What the Jobs may be made of that a run's account starts, and which ones it may remove.

use anyhow::{Result, ensure};
use cluster_tests::{Cluster, beside, surrounded};
use domain::stages::Role;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::of_runs::{agent, expected, in_force, of};

/// A Job as the tools would make one: no token, no Secret, what Pod Security "restricted" asks for.
fn plain() -> Value {
    json!({
        "metadata": {"name": "integration"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "test", "image": "registry.example/test:1",
                "env": [{"name": "SEED", "valueFrom": {"configMapKeyRef": {"name": "seeds", "key": "first"}}}],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
            "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "seeds", "configMap": {"name": "seeds"}}],
        }}},
    })
}

/// Where the Job is changed, to what, and a word of the refusal.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let spec = "/spec/template/spec";
    let at = |rest: &str| -> &'static str { format!("{spec}{rest}").leak() };
    let secret = |source: &str| json!([{"name": "s", source: {"secretName": "run-token"}}]);
    let key = json!([{"name": "T", "valueFrom": {"secretKeyRef": {"name": "run-token", "key": "token"}}}]);
    let token = json!([{"name": "s", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]);
    let all = json!([{"secretRef": {"name": "run-token"}}]);
    vec![
        (at("/volumes"), secret("secret"), "no Secret"),
        (at("/volumes"), token, "no Secret"),
        (at("/containers/0/env"), key, "names no Secret"),
        (at("/containers/0/envFrom"), all.clone(), "names no Secret"),
        (at("/initContainers"), json!([{"name": "i", "image": "i", "envFrom": all}]), "names no Secret"),
        (at("/imagePullSecrets"), json!([{"name": "registry"}]), "names no Secret"),
        (at("/automountServiceAccountToken"), json!(true), "holds no token"),
        ("/metadata/name", json!("run-456789ab-l2"), "\"run-\""),
        ("/metadata/generateName", json!("run-"), "\"run-\""),
        ("/metadata/labels", json!({"codex-k8s.dev/run-id": "another"}), "label of the platform"),
        ("/spec/template/metadata", json!({"labels": {"codex-k8s.dev/launch": "2"}}), "label of the platform"),
    ]
}

#[tokio::test]
async fn a_test_job_holds_no_secret_and_is_not_taken_for_the_platforms() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Qa), async |run| {
            in_force(agent(cluster, run), &expected(Role::Qa)).await?;
            let account = Cluster::acting_as(&run.namespace, "agent").await?;
            let jobs = account.api::<Job>(&run.namespace);
            let asked = PostParams { dry_run: true, ..PostParams::default() };
            jobs.create(&asked, &serde_json::from_value(plain())?).await?;
            for (place, value, why) in refused() {
                let answer = jobs.create(&asked, &serde_json::from_value(with(place, &value))?).await;
                let said = answer.err().map(|error| error.to_string()).unwrap_or_default();
                ensure!(said.contains(why), "{place} {value}: {said:?}");
            }
            removes_its_own_only(cluster, &account, &run.namespace).await
        })
        .await
    })
    .await
}

fn with(place: &str, value: &Value) -> Value {
    let mut job = plain();
    let (parent, key) = place.rsplit_once('/').unwrap_or_default();
    if let Some(parent) = job.pointer_mut(parent) {
        parent[key] = value.clone();
    }
    job
}

async fn removes_its_own_only(administrator: &Cluster, account: &Cluster, namespace: &str) -> Result<()> {
    let suspended = with("/spec/suspend", &json!(true));
    let mut platforms = suspended.clone();
    platforms["metadata"] = json!({"name": "run-456789ab-l1", "labels": {"codex-k8s.dev/run-id": "this"}});
    for job in [&suspended, &platforms] {
        administrator
            .api::<Job>(namespace)
            .create(&PostParams::default(), &serde_json::from_value(job.clone())?)
            .await?;
    }
    let jobs = account.api::<Job>(namespace);
    jobs.delete("integration", &DeleteParams::background()).await?;
    let answer = jobs.delete("run-456789ab-l1", &DeleteParams::background()).await;
    let said = answer.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(said.contains("the platform's"), "{said:?}");
    Ok(())
}
