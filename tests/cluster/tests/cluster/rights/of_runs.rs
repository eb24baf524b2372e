//! What the account of a run may do: in its own namespace what the table says, by role, and nowhere else anything.

use std::time::Duration;

use anyhow::{Result, ensure};
use cluster::RunSpec;
use cluster::manifests::AGENT_ACCOUNT;
use cluster_tests::{Account, Cluster, PLATFORM, Question, beside, surrounded, until};
use domain::catalogue::Catalogue;
use domain::stages::{Mode, Right, Role};
use domain::surroundings::Surroundings;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;

use super::{EVERYWHERE, IN_A_RUN, by_name, exactly, rights};

/// `read`: get, list and watch.
const READABLE: &[&str] = &[
    "pods",
    "services",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "configmaps",
    "events",
    "events.events.k8s.io",
    "persistentvolumeclaims",
    "resourcequotas",
    "limitranges",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "horizontalpodautoscalers.autoscaling",
];
const LOGS: &[&str] = &["get pods/log"];
const EXEC: &[&str] = &["create pods/exec", "get pods/exec"];
const TEST_JOBS: &[&str] = &["create jobs.batch", "delete jobs.batch"];

/// Who reads, and what they may do beyond that; whoever is missing here works without an environment.
const TABLE: [(Role, &[&[&str]]); 6] = [
    (Role::Sa, &[]),
    (Role::Em, &[]),
    (Role::Sre, &[]),
    (Role::Dev, &[LOGS, EXEC]),
    (Role::Reviewer, &[LOGS, EXEC]),
    (Role::Qa, &[LOGS, EXEC, TEST_JOBS]),
];

pub(super) fn expected(role: Role) -> Vec<String> {
    let Some((_, further)) = TABLE.iter().find(|(listed, _)| *listed == role) else { return Vec::new() };
    let read = READABLE.iter().flat_map(|kind| ["get", "list", "watch"].map(|verb| format!("{verb} {kind}")));
    read.chain(further.iter().flat_map(|rights| rights.iter().map(|&right| right.to_owned()))).collect()
}

#[tokio::test]
async fn each_role_may_do_in_its_namespace_what_the_table_says_and_nothing_elsewhere() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Qa), async |other| {
            for &role in Role::ALL {
                surrounded(cluster, of(role), async |run| only_what_is_listed(cluster, run, role, other).await).await?;
            }
            Ok(())
        })
        .await
    })
    .await
}

pub(super) fn of(role: Role) -> (&'static str, Surroundings) {
    (role.as_str(), Catalogue::builtin().role(role).surroundings())
}

async fn only_what_is_listed(cluster: &Cluster, run: &RunSpec, role: Role, other: &RunSpec) -> Result<()> {
    let (agent, expected) = (agent(cluster, run), expected(role));
    in_force(agent, &expected).await?;
    exactly(agent, &run.namespace, expected.iter().map(String::as_str)).await?;
    for elsewhere in ["", PLATFORM, &other.namespace] {
        exactly(agent, elsewhere, std::iter::empty()).await?;
    }
    Ok(())
}

pub(super) fn agent<'a>(cluster: &'a Cluster, run: &'a RunSpec) -> Account<'a> {
    Account { cluster, namespace: &run.namespace, name: AGENT_ACCOUNT }
}

/// The API server learns of a binding through a watch.
const LAG: Duration = Duration::from_secs(5);

pub(super) async fn in_force(agent: Account<'_>, expected: &[String]) -> Result<()> {
    let all = async || {
        for right in expected {
            let (verb, resource) = right.split_once(' ').unwrap_or_default();
            if !agent.may(Question { verb, resource, namespace: agent.namespace, name: "" }).await? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    };
    until("the rights of the account", LAG, all).await.map(drop)
}

#[tokio::test]
async fn a_changed_policy_counts_from_the_next_launch_on() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Dev), async |run| {
            in_force(agent(cluster, run), &expected(Role::Dev)).await?;
            let later = [
                (full(&[Right::Read, Right::Logs]), READABLE.len() * 3 + 1),
                (Surroundings::of(Mode::CodeOnly, []), 0),
                (full(&[Right::Exec, Right::TestJobs]), 4),
            ];
            for (launch, (surroundings, rights_in_all)) in (2..).zip(later) {
                let next = RunSpec { surroundings, launch, ..run.clone() };
                cluster::Cluster::new(cluster.client.clone(), cluster.client.clone()).prepare(&next).await?;
                until("the rights of the next launch", LAG, async || {
                    Ok((rights(agent(cluster, run), &run.namespace).await?.len() == rights_in_all).then_some(()))
                })
                .await?;
                is_open_as_its_mode_says(cluster, &next).await?;
            }
            Ok(())
        })
        .await
    })
    .await
}

fn full(rights: &[Right]) -> Surroundings {
    Surroundings::of(Mode::FullEnv, rights.iter().copied())
}

/// Whether the namespace's policy opens it to its own pods in a full environment, and to nobody otherwise.
async fn is_open_as_its_mode_says(cluster: &Cluster, run: &RunSpec) -> Result<()> {
    let neighbours = usize::from(run.surroundings.mode() == Mode::FullEnv);
    let policies = cluster.api::<NetworkPolicy>(&run.namespace).list(&ListParams::default()).await?.items;
    let [policy] = policies.as_slice() else { anyhow::bail!("{} policies", policies.len()) };
    let rules = policy.spec.clone().unwrap_or_default();
    let (ways_in, ways_out) = (rules.ingress.unwrap_or_default().len(), rules.egress.unwrap_or_default().len());
    ensure!((ways_in, ways_out) == (neighbours, 1 + neighbours), "launch {}: {ways_in} in, {ways_out} out", run.launch);
    Ok(())
}

#[tokio::test]
async fn the_worker_gives_rights_that_it_does_not_have() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Qa), async |run| {
            let worker = Account { cluster, namespace: PLATFORM, name: "worker" };
            in_force(agent(cluster, run), &expected(Role::Qa)).await?;
            exactly(worker, &run.namespace, EVERYWHERE.iter().chain(IN_A_RUN).copied()).await?;
            by_name(&worker).await?;
            let secret = Question { verb: "get", resource: "secrets", namespace: PLATFORM, name: "control-plane" };
            ensure!(!worker.may(secret).await?, "the worker reads the platform's Secrets");
            Ok(())
        })
        .await
    })
    .await
}
