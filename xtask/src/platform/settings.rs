//! Variables on our Deployments that no manifest has. A test that was interrupted leaves its own there, and the API server
//! takes away only what the manifests' manager has set itself.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{MANAGER_NAME, NAMESPACE};
use crate::cluster::Cluster;
use crate::command::output;
use crate::steps::Step;

/// Variables of one container that its manifest does not have.
#[derive(Debug, Eq, PartialEq)]
struct Foreign {
    deployment: String,
    container: String,
    variables: Vec<String>,
}

/// Removes them; asked after the manifests were applied, because what the manifests have is read from what their
/// manager owns.
pub(super) fn remove_foreign(step: &mut Step, cluster: &Cluster) -> Result<()> {
    let mut get = cluster.kubectl();
    get.args(["-n", NAMESPACE, "get", "deployments", "-l", "app.kubernetes.io/part-of=codex-k8s"]);
    let told = output(get.args(["-o", "json", "--show-managed-fields"]))?;
    let deployments: Value = serde_json::from_str(&told).context("kubectl answered no JSON")?;
    for found in list(&deployments["items"]).flat_map(foreign) {
        step.note(&format!("{} has settings that no manifest has", found.deployment))?;
        let mut unset = cluster.kubectl();
        unset.args(["-n", NAMESPACE, "set", "env", &format!("deployment/{}", found.deployment)]);
        unset.args(["--containers", &found.container]).args(found.variables.iter().map(|name| format!("{name}-")));
        step.run(&mut unset)?;
    }
    Ok(())
}

/// What is foreign on one Deployment, by container.
fn foreign(deployment: &Value) -> Vec<Foreign> {
    let owned: Vec<&Value> = list(&deployment["metadata"]["managedFields"])
        .filter(|one| one["manager"] == MANAGER_NAME && one["operation"] == "Apply")
        .map(|one| &one["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"])
        .collect();
    let in_container = |container: &Value| {
        let is_owned = |name: &str| owned.iter().any(|all| !all[key(word(container))]["f:env"][key(name)].is_null());
        let variables: Vec<String> =
            list(&container["env"]).map(word).filter(|name| !is_owned(name)).map(str::to_owned).collect();
        (!variables.is_empty()).then(|| Foreign {
            deployment: word(&deployment["metadata"]).to_owned(),
            container: word(container).to_owned(),
            variables,
        })
    };
    list(&deployment["spec"]["template"]["spec"]["containers"]).filter_map(in_container).collect()
}

/// How managed fields call the element of a list that has this name.
fn key(name: &str) -> String {
    format!("k:{}", json!({ "name": name }))
}

fn word(named: &Value) -> &str {
    named["name"].as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(env: &[&str], managed: &Value) -> Value {
        let env: Vec<Value> = env.iter().map(|name| json!({ "name": name, "value": "1" })).collect();
        json!({
            "metadata": { "name": "worker", "managedFields": managed },
            "spec": { "template": { "spec": { "containers": [{ "name": "worker", "env": env }] } } },
        })
    }

    fn manager(name: &str, operation: &str, env: &Value) -> Value {
        let containers = json!({ "k:{\"name\":\"worker\"}": { ".": {}, "f:image": {}, "f:env": env } });
        let fields = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": containers } } } });
        json!({ "manager": name, "operation": operation, "fieldsV1": fields })
    }

    #[test]
    fn what_only_a_test_has_set_is_foreign() {
        let ours = manager("xtask", "Apply", &json!({ "k:{\"name\":\"SSL_CERT_FILE\"}": { ".": {}, "f:value": {} } }));
        let left = manager("unknown", "Update", &json!({ "k:{\"name\":\"CODEXK8S_LEASE\"}": { ".": {} } }));
        let status =
            json!({ "manager": "kube-controller-manager", "operation": "Update", "fieldsV1": { "f:status": {} } });
        let managed = json!([ours, left, status]);
        let found = foreign(&deployment(&["SSL_CERT_FILE", "CODEXK8S_LEASE"], &managed));
        let expected = Foreign {
            deployment: "worker".to_owned(),
            container: "worker".to_owned(),
            variables: vec!["CODEXK8S_LEASE".to_owned()],
        };
        assert_eq!(found, [expected]);
        assert!(foreign(&deployment(&["SSL_CERT_FILE"], &managed)).is_empty());
    }

    #[test]
    fn what_our_manager_has_set_otherwise_than_by_applying_is_foreign() {
        let once = manager("xtask", "Update", &json!({ "k:{\"name\":\"A\"}": { ".": {} } }));
        let found = foreign(&deployment(&["A"], &json!([once])));
        assert_eq!(found.first().map(|one| one.variables.join(" ")).as_deref(), Some("A"));
        assert!(foreign(&json!({ "metadata": { "name": "worker" } })).is_empty());
    }
}
