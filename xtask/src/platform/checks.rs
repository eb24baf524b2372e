//! What the API server says of the manifests, asked on a running stack: it takes all of them, and it holds the accounts of
//! the worker and the control-plane to the namespaces of runs.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{MANAGER, NAMESPACE};
use crate::cluster::Cluster;
use crate::command::{feed, output};
use crate::paths::Paths;
use crate::steps::Step;

/// Has a run's labels, but names no run, so no worker touches it.
const RUN_NAMESPACE: &str = "rights-check";
/// Has the labels of a project's environment.
const ENVIRONMENT: &str = "rights-check-env";
/// Has none of our labels.
const OTHER_NAMESPACE: &str = "rights-check-other";

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

/// Tries, as the worker and as the control-plane, what they must be able to do and what they must not; as dry runs, which
/// pass the same authorisation and admission, in a namespace labelled as a run's that no worker takes for one.
pub(crate) fn confined(step: &mut Step, cluster: &Cluster) -> Result<()> {
    let labels = json!({"codex-k8s.dev/managed-by": "codex-k8s", "codex-k8s.dev/purpose": "run"});
    let scene = [
        namespace(RUN_NAMESPACE, &labels),
        namespace(ENVIRONMENT, &environment()),
        namespace(OTHER_NAMESPACE, &json!({})),
        account(RUN_NAMESPACE, "agent"),
        account(RUN_NAMESPACE, "another"),
        account(OTHER_NAMESPACE, "agent"),
    ];
    let scene = json!({"apiVersion": "v1", "kind": "List", "items": scene}).to_string();
    feed(cluster.kubectl().arg("apply").args(MANAGER).args(["-f", "-"]), &scene)?;
    let judged = writes(step, cluster).and_then(|()| others(step, cluster)).and_then(|()| control_plane(step, cluster));
    let removed = output(cluster.kubectl().args([
        "delete",
        "namespace",
        RUN_NAMESPACE,
        ENVIRONMENT,
        OTHER_NAMESPACE,
        "--wait=false",
    ]));
    judged.and(removed.map(drop))
}

fn writes(step: &mut Step, cluster: &Cluster) -> Result<()> {
    let run = json!({
        "codex-k8s.dev/managed-by": "codex-k8s",
        "codex-k8s.dev/purpose": "run",
        "codex-k8s.dev/run-id": "0192f0c1-2222-7333-8444-0123456789ab",
        "pod-security.kubernetes.io/enforce": "restricted",
    });
    let mut open = run.clone();
    open["pod-security.kubernetes.io/enforce"] = json!("privileged");
    let mut nobodys = environment();
    nobodys["codex-k8s.dev/project-id"] = json!("");
    let (new, ours, exec) = ("rights-check-new", "codex-k8s-run-manager", "codex-k8s-run-exec");
    let keeper = "codex-k8s-environment-manager";
    let (worker, agent) = ((NAMESPACE, "worker"), (RUN_NAMESPACE, "agent"));
    let cases = [
        ("a run's namespace", namespace(new, &run), None),
        ("an environment's namespace", namespace(new, &environment()), None),
        ("an environment of no project", namespace(new, &nobodys), Some("carry the labels of a run")),
        ("the binding of an environment", binding(ENVIRONMENT, keeper, worker), None),
        ("it for a run", binding(RUN_NAMESPACE, keeper, worker), Some("in environments alone")),
        ("a run's role in an environment", binding(ENVIRONMENT, ours, worker), Some("in environments alone")),
        ("an environment for somebody else", binding(ENVIRONMENT, keeper, agent), Some("only to itself")),
        ("a namespace without our labels", namespace(new, &json!({})), Some("carry the labels of a run")),
        ("a namespace that is not restricted", namespace(new, &open), Some("Pod Security")),
        ("the binding of a run", binding(RUN_NAMESPACE, ours, worker), None),
        ("a binding in kube-system", binding("kube-system", ours, worker), Some("in the namespaces of runs")),
        ("a binding of cluster-admin", binding(RUN_NAMESPACE, "cluster-admin", worker), Some("forbidden")),
        (
            "a binding for somebody else",
            binding(RUN_NAMESPACE, ours, (NAMESPACE, "control-plane")),
            Some("only to itself"),
        ),
        ("a right of the run's account", binding(RUN_NAMESPACE, exec, agent), None),
        ("a run's right for itself", binding(RUN_NAMESPACE, exec, worker), Some("only to that run's own account")),
        (
            "a right for another run's account",
            binding(RUN_NAMESPACE, exec, ("another", "agent")),
            Some("only to that run's own account"),
        ),
        ("a pod", pod(), Some("forbidden")),
    ];
    for (what, object, refusal) in cases {
        step.note(what)?;
        let mut create = acting_as(cluster, "worker");
        create.args(["create", "--dry-run=server", "-f", "-"]);
        judged(what, feed(&mut create, &object.to_string()), refusal)?;
    }
    Ok(())
}

fn others(step: &mut Step, cluster: &Cluster) -> Result<()> {
    let (foreign, forbidden) = (Some("carry the labels of a run"), Some("forbidden"));
    let cases = [
        ("the agents' Service", "-n codex-k8s get service api-gateway-agents", None),
        ("a Secret of the platform", "-n codex-k8s get secret control-plane", forbidden),
        ("all Secrets", "get secrets -A", forbidden),
        ("nodes", "get nodes", forbidden),
        ("the removal of our own namespace", "delete namespace codex-k8s --dry-run=server", foreign),
        ("the removal of an environment", "delete namespace rights-check-env --dry-run=server", foreign),
        ("the removal of a Deployment", "-n codex-k8s delete deployment worker --dry-run=server", forbidden),
        ("new labels for kube-system", "label namespace kube-system a=b --dry-run=server", forbidden),
    ];
    for (what, arguments, refusal) in cases {
        step.note(what)?;
        judged(what, output(acting_as(cluster, "worker").args(arguments.split_whitespace())), refusal)?;
    }
    Ok(())
}

/// Tokens of a run's account, in the namespaces of runs, for minutes; nothing else.
fn control_plane(step: &mut Step, cluster: &Cluster) -> Result<()> {
    let cases = [
        ("a token of a run's account", RUN_NAMESPACE, "agent", 600, None),
        ("a token for an hour", RUN_NAMESPACE, "agent", 3600, Some("ten minutes")),
        ("a token of another account", RUN_NAMESPACE, "another", 600, Some("forbidden")),
        ("a token in a namespace that is not ours", OTHER_NAMESPACE, "agent", 600, Some("the namespaces of runs")),
        ("a token of the worker", NAMESPACE, "worker", 600, Some("forbidden")),
    ];
    for (what, namespace, name, seconds, refusal) in cases {
        step.note(what)?;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token?dryRun=All");
        let wanted = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": seconds},
        });
        let mut create = acting_as(cluster, "control-plane");
        create.args(["create", "--raw", &path, "-f", "-"]);
        judged(what, feed(&mut create, &wanted.to_string()), refusal)?;
    }
    for arguments in
        ["-n rights-check get pods", "-n rights-check-env get secrets", "-n codex-k8s get secrets", "get namespaces"]
    {
        step.note(arguments)?;
        let answer = output(acting_as(cluster, "control-plane").args(arguments.split_whitespace()));
        judged(arguments, answer, Some("forbidden"))?;
    }
    Ok(())
}

/// Compares an answer with what is expected: success, or a refusal that says why.
fn judged(what: &str, answer: Result<String>, refusal: Option<&str>) -> Result<()> {
    match (answer, refusal) {
        (Ok(_), None) => Ok(()),
        (Ok(answer), Some(_)) => bail!("let through: {what}: {answer}"),
        (Err(error), Some(reason)) if format!("{error:#}").contains(reason) => Ok(()),
        (Err(error), _) => Err(error.context(format!("{what}: another answer than expected ({refusal:?})"))),
    }
}

/// As an account of the platform.
fn acting_as(cluster: &Cluster, account: &str) -> std::process::Command {
    let mut command = cluster.kubectl();
    command.arg(format!("--as=system:serviceaccount:{NAMESPACE}:{account}"));
    for group in ["system:serviceaccounts", "system:authenticated"] {
        command.arg(format!("--as-group={group}"));
    }
    command
}

fn namespace(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// The labels of an environment's namespace.
fn environment() -> Value {
    json!({
        "codex-k8s.dev/managed-by": "codex-k8s",
        "codex-k8s.dev/purpose": "environment",
        "codex-k8s.dev/project-id": "0192f0c1-0000-7000-8000-00000000000a",
        "codex-k8s.dev/environment": "rights-check",
        "pod-security.kubernetes.io/enforce": "restricted",
    })
}

fn account(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
}

fn binding(namespace: &str, role: &str, (home, account): (&str, &str)) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "rights-check", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}],
    })
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "rights-check", "namespace": RUN_NAMESPACE},
        "spec": {"containers": [{"name": "any", "image": "any"}]},
    })
}
