//! Puts a launch into the cluster: namespace and guards, Job, token, start. Each step adopts what an earlier attempt
//! left, and what must not be repeated is recorded under the lease before the pod may start.

use std::net::IpAddr;

use anyhow::Context;
use chrono::Duration;
use cluster::spec::{AgentPod, Gateway};
use cluster::{ClusterError, Removal, RunSpec};
use domain::flow::FlowKind;
use domain::reasons::Reason;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::runs::progress::{self, Milestone};
use store::tokens;
use vault::RunToken;

use crate::turn::Turn;
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
    if launch > 1 {
        let others = cluster.clear_other_launches(&row.namespace, row.id, launch, turn.now).await?;
        if others == Removal::Going {
            return Ok(());
        }
    }
    let spec = spec(turn, launch).await?;
    let namespace_uid = uuid(&cluster.prepare(&spec).await?)?;
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
