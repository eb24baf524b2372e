//! What the platform's accounts may do: the worker's what its loops need, a run's what its policy says, and not one thing
//! more.

mod changes;
mod looking;
mod of_runs;
mod test_jobs;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use cluster_tests::{Account, PLATFORM, Question, beside};
use futures::{StreamExt, TryStreamExt, stream};

/// Everywhere, which covers each namespace.
const EVERYWHERE: &[&str] = &[
    "create namespaces",
    "get namespaces",
    "list namespaces",
    "delete namespaces",
    "list pods",
    "watch pods",
    "list jobs.batch",
    "watch jobs.batch",
    // An admission policy says where, and of which role.
    "create rolebindings.rbac.authorization.k8s.io",
];

/// In a run's namespace.
const IN_A_RUN: &[&str] = &[
    "create networkpolicies.networking.k8s.io",
    "patch networkpolicies.networking.k8s.io",
    "create resourcequotas",
    "patch resourcequotas",
    "create limitranges",
    "patch limitranges",
    "create serviceaccounts",
    "patch serviceaccounts",
    "create jobs.batch",
    "get jobs.batch",
    "patch jobs.batch",
    "delete jobs.batch",
    "create secrets",
    "get secrets",
    "get pods",
    "delete pods",
    "list events",
    "list rolebindings.rbac.authorization.k8s.io",
    "delete rolebindings.rbac.authorization.k8s.io",
];

/// Named ones only: which, where, and what of them.
const BY_NAME: &[(&str, &str, &str)] = &[
    ("", "codex-k8s-run-manager", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-environment-manager", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-diagnose-and-test", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-diagnose", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-read", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-logs", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-exec", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-test-jobs", "bind clusterroles.rbac.authorization.k8s.io"),
    ("", "codex-k8s-run-change", "bind clusterroles.rbac.authorization.k8s.io"),
    (PLATFORM, "api-gateway-agents", "get services"),
    (PLATFORM, "api-gateway-canary", "get services"),
];

const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "bind",
    "escalate",
    "impersonate",
    "approve",
    "*",
];

const RESOURCES: &[&str] = &[
    "*",
    "*.*",
    "namespaces",
    "namespaces/finalize",
    "nodes",
    "nodes/proxy",
    "persistentvolumes",
    "pods",
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/ephemeralcontainers",
    "pods/eviction",
    "pods/log",
    "pods/status",
    "secrets",
    "configmaps",
    "services",
    "services/proxy",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "persistentvolumeclaims",
    "serviceaccounts",
    "serviceaccounts/token",
    "resourcequotas",
    "limitranges",
    "events",
    "events.events.k8s.io",
    "users",
    "groups",
    "jobs.batch",
    "cronjobs.batch",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "horizontalpodautoscalers.autoscaling",
    "networkpolicies.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "certificatesigningrequests.certificates.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
];

/// Questions that the API server is asked side by side.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn the_worker_may_do_what_it_needs_and_nothing_else() -> Result<()> {
    beside(async |scene| {
        let run = scene.start_script("true").await?;
        run.ended().await?;
        let worker = Account { cluster: &scene.stage.cluster, namespace: PLATFORM, name: "worker" };
        for (namespace, further) in
            [("", &[] as &[&str]), (PLATFORM, &[]), ("kube-system", &[]), (&run.namespace, IN_A_RUN)]
        {
            exactly(worker, namespace, EVERYWHERE.iter().chain(further).copied()).await?;
        }
        by_name(&worker).await
    })
    .await
}

/// Holds what an account may do to all objects of a kind against what it should.
async fn exactly<'a>(account: Account<'_>, namespace: &str, expected: impl Iterator<Item = &'a str>) -> Result<()> {
    let expected: BTreeSet<String> = expected.map(str::to_owned).collect();
    let found = rights(account, namespace).await?;
    let more: Vec<_> = found.difference(&expected).collect();
    let fewer: Vec<_> = expected.difference(&found).collect();
    let who = format!("{}/{}", account.namespace, account.name);
    ensure!(more.is_empty() && fewer.is_empty(), "in {namespace:?} {who} may {more:?} and misses {fewer:?}");
    Ok(())
}

/// Everything of the table that an account may do to all objects of a kind.
async fn rights(account: Account<'_>, namespace: &str) -> Result<BTreeSet<String>> {
    let table = RESOURCES.iter().flat_map(|&resource| VERBS.iter().map(move |&verb| (verb, resource)));
    let answers = stream::iter(table).map(|(verb, resource)| async move {
        let may = account.may(Question { verb, resource, namespace, name: "" }).await?;
        anyhow::Ok(may.then(|| format!("{verb} {resource}")))
    });
    let found: Vec<_> = answers.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn by_name(worker: &Account<'_>) -> Result<()> {
    let strangers =
        [("", "cluster-admin"), ("", "codex-k8s-worker"), (PLATFORM, "api-gateway"), ("default", "kubernetes")];
    let named = BY_NAME.iter().map(|(namespace, name, _)| (*namespace, *name));
    for (namespace, name) in named.chain(strangers) {
        for (_, _, right) in BY_NAME {
            let (verb, resource) = right.split_once(' ').unwrap_or_default();
            let expected = BY_NAME.contains(&(namespace, name, right));
            let may = worker.may(Question { verb, resource, namespace, name }).await?;
            ensure!(may == expected, "{verb} {resource} {name} in {namespace:?}: {may}");
        }
    }
    Ok(())
}
