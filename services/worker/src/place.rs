//! Puts a launch into the cluster: namespace and guards, Job, token, start. Each step adopts what an earlier attempt
//! left, and what must not be repeated is recorded under the lease before the pod may start.

use std::net::IpAddr;

use anyhow::Context;
use chrono::Duration;
use cluster::spec::{AgentPod, Gateway};
use cluster::{ClusterError, Removal, RunSpec, Standing};
use domain::flow::FlowKind;
use domain::names;
use domain::reasons::Reason;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::runs::ownership;
use store::runs::progress::{self, Milestone};
use store::tokens;
use vault::RunToken;

use crate::turn::{Turn, changed};
use crate::{ending, precheck};

/// Opens or adopts the launch and puts it in place.
pub(crate) async fn launch(turn: &Turn<'_>) -> anyhow::Result<()> {
    if !turn.row.launch_open && !precheck::passes(turn).await? {
        return Ok(());
    }
    let opened = progress::open_launch(&turn.deps.db, turn.lease).await.context("open a launch")?;
    let Some(launch) = opened else { return Ok(()) };
    match put(turn, launch).await {
        Ok(()) => Ok(()),
        Err(Unplaced::Cluster(ClusterError::Refused { what, reason, message })) => {
            ending::launch_failed(turn, reason, &format!("{what}: {message}")).await
        }
        Err(Unplaced::Cluster(error @ ClusterError::Foreign { .. })) => {
            ending::launch_failed(turn, Reason::InfraError, &error.to_string()).await
        }
        // The launch stays open: the next turn goes on where this one was stopped.
        Err(Unplaced::Cluster(error)) => Err(error).context("put the launch in place"),
        Err(Unplaced::Other(error)) => Err(error),
    }
}

#[derive(Debug, thiserror::Error)]
enum Unplaced {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

async fn put(turn: &Turn<'_>, launch: i32) -> Result<(), Unplaced> {
    let (cluster, row) = (&turn.deps.cluster, &turn.row);
    let spec = spec(turn, launch).await?;
    if row.namespace_uid.is_some() && !stands(turn, &spec).await? {
        return Ok(());
    }
    let namespace_uid = match cluster.prepare(&spec).await {
        Err(ClusterError::Terminating { .. }) => return replace(turn, Standing::Terminating).await,
        uid => uuid(&uid?)?,
    };
    if row.namespace_uid != Some(namespace_uid) {
        let mut ready = Milestone::new(turn.entry(FlowKind::NamespaceReady, json!({ "namespace": spec.namespace })));
        ready.namespace_uid = Some(namespace_uid);
        if !turn.reach(&ready).await? {
            return Ok(());
        }
    }
    let job = cluster.make_job(&spec).await?;
    if !hand_over(turn, &spec, &job.uid).await? {
        return Ok(());
    }
    if job.suspended {
        cluster.resume(&spec, &job.uid).await?;
    }
    Ok(())
}

/// Whether the namespace that the run has can take the launch: it stands, and nothing works in it. Otherwise the next turn
/// goes on.
async fn stands(turn: &Turn<'_>, spec: &RunSpec) -> Result<bool, Unplaced> {
    match turn.deps.cluster.standing(spec).await? {
        Standing::Fit => {}
        unfit => return replace(turn, unfit).await.map(|()| false),
    }
    let others = turn.deps.cluster.clear_other_launches(&spec.namespace, spec.run_id, spec.launch, turn.now).await?;
    Ok(others != Removal::Going)
}

/// Gives the run another namespace, which the next turn makes. One that hangs in its removal holds nobody up, and it costs
/// no launch, for none was made.
async fn replace(turn: &Turn<'_>, because: Standing) -> Result<(), Unplaced> {
    let row = &turn.row;
    let next = names::next_namespace(&row.project_slug, row.named_after(), row.subject_number, row.id, &row.namespace);
    let because = because.as_str();
    tracing::info!(run = %row.id, namespace = row.namespace, next, because, "the run gets another namespace");
    let what = json!({ "namespace": next, "instead_of": row.namespace, "because": because });
    let entry = turn.entry(FlowKind::NamespaceReplaced, what);
    let replaced = ownership::replace(&turn.deps.db, turn.lease, &next, &entry).await;
    if replaced.context("give the run another namespace")? {
        changed(turn.deps, row.id).await;
    }
    Ok(())
}

/// Gives the Job's pod its token and records both. `false`: the run is not ours any more, and the pod may not start.
async fn hand_over(turn: &Turn<'_>, spec: &RunSpec, job_uid: &str) -> Result<bool, Unplaced> {
    let token: SecretString = RunToken::generate().expose().into();
    let kept = turn.deps.cluster.hand_over(spec, job_uid, &token).await?;
    let kept = RunToken::parse(kept.expose_secret()).context("the Secret of the launch holds no run token")?;
    if !tokens::issue(&turn.deps.db, turn.lease, &kept.hash()).await.context("record the token")? {
        return Ok(false);
    }
    let uid = uuid(job_uid)?;
    if turn.row.job_uid == Some(uid) {
        return Ok(true);
    }
    let made = json!({ "job": spec.job_name(), "launch": spec.launch });
    let mut made = Milestone::new(turn.entry(FlowKind::JobCreated, made));
    made.job_uid = Some(uid);
    Ok(turn.reach(&made).await?)
}

async fn spec(turn: &Turn<'_>, launch: i32) -> Result<RunSpec, Unplaced> {
    let (pods, row) = (&turn.deps.config.pods, &turn.row);
    let address = async |service: &str| -> Result<IpAddr, ClusterError> {
        turn.deps.cluster.service_ip(&pods.gateway_namespace, service).await
    };
    let (ip, canary) = tokio::try_join!(address(&pods.agents_service), address(&pods.canary_service))?;
    let limit = i64::from(row.time_limit_seconds);
    Ok(RunSpec {
        run_id: row.id,
        project_id: row.project_id,
        issue: row.subject_number,
        role: row.role.clone(),
        surroundings: row.surroundings(),
        launch,
        namespace: row.namespace.clone(),
        namespace_uid: row.namespace_uid.map(|uid| uid.to_string()),
        correlation_id: row.correlation_id,
        expires_at: turn.now + Duration::seconds(limit + i64::from(row.namespace_ttl_seconds)),
        deadline_seconds: limit,
        agent: AgentPod {
            image: pods.image.clone(),
            pull_policy: pods.pull_policy.clone(),
            limits: pods.limits,
            env: vec![
                ("CODEXK8S_EGRESS_WAIT_SECONDS".into(), pods.egress_wait_seconds.to_string()),
                ("CODEXK8S_LOG".into(), pods.log.clone()),
            ],
        },
        gateway: Gateway {
            namespace: pods.gateway_namespace.clone(),
            app: pods.gateway_app.clone(),
            ip,
            host: pods.agents_host.clone(),
            port: pods.agents_port,
            egress_probes: vec![std::net::SocketAddr::new(canary, pods.canary_port).to_string()],
        },
        grantee: pods.grantee.clone(),
        quota: pods.quota,
    })
}

fn uuid(text: &str) -> Result<uuid::Uuid, Unplaced> {
    Ok(text.parse().with_context(|| format!("{text:?} is no UID"))?)
}
