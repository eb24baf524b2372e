//! What the API server says of the manifests, asked on a running stack: it takes all of them, and it holds the worker's
//! account to the namespaces of runs.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{MANAGER, NAMESPACE};
use crate::cluster::Cluster;
use crate::command::{feed, output};
use crate::paths::Paths;
use crate::steps::Step;

/// A namespace that no run has; nothing here is ever made.
const RUN_NAMESPACE: &str = "rights-check";

/// Asks whether every object would be taken as it is, as base and as the stack's overlay.
pub(crate) fn accepted(paths: &Paths, cluster: &Cluster) -> Result<()> {
    for overlay in ["deploy/base", "deploy/dev"] {
        let mut apply = cluster.kubectl();
        apply.args(["apply", "--dry-run=server", "-k"]).arg(paths.checkout.join(overlay)).args(MANAGER);
        let answer = output(&mut apply).with_context(|| format!("{overlay} is refused"))?;
        let objects = answer.lines().filter(|line| line.contains("(server dry run)")).count();
        ensure!(objects > 30, "{overlay} holds only {objects} objects:\n{answer}");
    }
    Ok(())
}

/// Tries, as the worker, what it must be able to do and what it must not; all of it as dry runs, which pass the same
/// authorisation and admission.
pub(crate) fn confined(step: &mut Step, cluster: &Cluster) -> Result<()> {
    let run = json!({
        "codex-k8s.dev/managed-by": "codex-k8s",
        "codex-k8s.dev/purpose": "run",
        "codex-k8s.dev/run-id": "0192f0c1-2222-7333-8444-0123456789ab",
        "pod-security.kubernetes.io/enforce": "restricted",
    });
    let mut open = run.clone();
    open["pod-security.kubernetes.io/enforce"] = json!("privileged");
    let cases = [
        ("a run's namespace", namespace(&run), None),
        ("a namespace without our labels", namespace(&json!({})), Some("carry the labels of a run")),
        ("a namespace that is not restricted", namespace(&open), Some("Pod Security")),
        (
            "a binding in kube-system",
            binding("kube-system", "codex-k8s-run-manager"),
            Some("in the namespaces of runs"),
        ),
        ("a binding of cluster-admin", binding("default", "cluster-admin"), Some("forbidden")),
        ("a binding for somebody else", binding_for("default", "control-plane"), Some("only to itself")),
    ];
    for (what, object, refusal) in cases {
        step.note(what)?;
        let mut create = as_worker(cluster);
        create.args(["create", "--dry-run=server", "-f", "-"]);
        judged(what, feed(&mut create, &object.to_string()), refusal)?;
    }
    let reads = [
        ("the platform's Secrets", vec!["-n", NAMESPACE, "get", "secret", "control-plane"]),
        ("all Secrets", vec!["get", "secrets", "-A"]),
        ("nodes", vec!["get", "nodes"]),
        ("the removal of kube-system", vec!["delete", "namespace", "kube-system", "--dry-run=server"]),
        (
            "the removal of our own Deployment",
            vec!["-n", NAMESPACE, "delete", "deployment", "worker", "--dry-run=server"],
        ),
    ];
    for (what, arguments) in reads {
        step.note(what)?;
        let expected = if what.ends_with("kube-system") { "carry the labels of a run" } else { "forbidden" };
        judged(what, output(as_worker(cluster).args(arguments)), Some(expected))?;
    }
    judged(
        "the agents' Service",
        output(as_worker(cluster).args(["-n", NAMESPACE, "get", "service", "api-gateway-agents"])),
        None,
    )
}

/// Compares an answer with what is expected: success, or a refusal that says why.
fn judged(what: &str, answer: Result<String>, refusal: Option<&str>) -> Result<()> {
    match (answer, refusal) {
        (Ok(_), None) => Ok(()),
        (Ok(answer), Some(_)) => bail!("the worker is let through: {what}: {answer}"),
        (Err(error), Some(reason)) if format!("{error:#}").contains(reason) => Ok(()),
        (Err(error), _) => Err(error.context(format!("{what}: another answer than expected ({refusal:?})"))),
    }
}

fn as_worker(cluster: &Cluster) -> std::process::Command {
    let mut command = cluster.kubectl();
    command.arg(format!("--as=system:serviceaccount:{NAMESPACE}:worker"));
    for group in ["system:serviceaccounts", "system:authenticated"] {
        command.arg(format!("--as-group={group}"));
    }
    command
}

fn namespace(labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RUN_NAMESPACE, "labels": labels}})
}

fn binding(namespace: &str, role: &str) -> Value {
    bound(namespace, role, "worker")
}

fn binding_for(namespace: &str, account: &str) -> Value {
    bound(namespace, "codex-k8s-run-manager", account)
}

fn bound(namespace: &str, role: &str, account: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "rights-check", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    })
}
