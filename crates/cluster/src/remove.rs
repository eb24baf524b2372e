//! Taking Jobs and namespaces away. Each delete names the UID that was seen, so an object that took the name in the
//! meantime is safe.

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, ObjectList, Preconditions};

use crate::ask::{Cluster, ask, unless_gone};
use crate::error::ClusterError;
use crate::labels;

/// How far the removal of a Job's pods has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// No pod is there.
    Gone,
    /// A pod has been told to stop and has time left.
    Going,
    /// A pod's time is over and it is still listed: its node does not answer.
    Stuck,
}

/// A Job that carries our labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunJob {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its run.
    pub run_id: RunId,
    /// Its launch.
    pub launch: i32,
    /// It has completed or failed: no pod of it runs.
    pub ended: bool,
}

/// A kubelet that is alive has removed a pod this long after its grace period.
const OVERDUE_SECONDS: i64 = 15;

impl Cluster {
    /// Deletes a Job and tells its pods to stop now, with their own grace period; waiting for the garbage collector
    /// to do so would cost seconds. Repeat it until the answer is [`Removal::Gone`]; `now` is the database's time.
    ///
    /// # Errors
    /// As every request; "not there" is no error.
    pub async fn delete_job(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        now: DateTime<Utc>,
    ) -> Result<Removal, ClusterError> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("Job {name}");
        unless_gone(ask(&what, jobs.delete(name, &of_uid(DeleteParams::background(), uid))).await)?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = self.pods_of(namespace, uid).await?;
        for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let params = of_uid(DeleteParams::default(), &pod.uid().unwrap_or_default());
            unless_gone(ask("pod", api.delete(&pod.name_any(), &params)).await)?;
        }
        Ok(removal(&pods, now))
    }

    /// Takes every launch in a run's namespace away but `keep` of that run: those that failed, those a worker made after
    /// it had lost its lease, and those of the run that had the namespace before. The next launch waits for
    /// [`Removal::Gone`], so that two agents never work at once.
    ///
    /// # Errors
    /// As every request; "not there" is no error.
    pub async fn clear_other_launches(
        &self,
        namespace: &str,
        run: RunId,
        keep: i32,
        now: DateTime<Utc>,
    ) -> Result<Removal, ClusterError> {
        let launches = ListParams::default().labels(&format!("{},{}", labels::selector(), labels::LAUNCH));
        let is_kept = |meta: &ObjectMeta| {
            let launch = meta.labels.as_ref().and_then(|labels| labels.get(labels::LAUNCH));
            labels::run_of(meta) == Some(run) && launch.is_some_and(|launch| *launch == keep.to_string())
        };
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let listed = list(ask("Jobs", jobs.list(&launches)).await)?;
        for job in listed.iter().filter(|job| !is_kept(&job.metadata)) {
            self.delete_job(namespace, &job.name_any(), &job.uid().unwrap_or_default(), now).await?;
        }
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let mut alive = list(ask("pods", pods.list(&launches)).await)?;
        alive.retain(|pod| is_alive(pod) && !is_kept(&pod.metadata));
        Ok(removal(&alive, now))
    }

    /// Every Job of a run, of every namespace.
    ///
    /// # Errors
    /// As every request.
    pub async fn run_jobs(&self) -> Result<Vec<RunJob>, ClusterError> {
        let api: Api<Job> = Api::all(self.client.clone());
        let listed = ask("Jobs", api.list(&ListParams::default().labels(&labels::selector()))).await?;
        Ok(listed.items.iter().filter_map(read).collect())
    }

    /// Deletes a namespace that [`Cluster::run_namespaces`] listed, and everything in it.
    ///
    /// # Errors
    /// As every request; "not there" is no error.
    pub async fn delete_namespace(&self, name: &str, uid: &str) -> Result<(), ClusterError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("Namespace {name}");
        unless_gone(ask(&what, api.delete(name, &of_uid(DeleteParams::background(), uid))).await).map(drop)
    }
}

fn list<K: Clone>(listed: Result<ObjectList<K>, ClusterError>) -> Result<Vec<K>, ClusterError> {
    Ok(unless_gone(listed)?.map(|list| list.items).unwrap_or_default())
}

fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed"))
}

fn read(job: &Job) -> Option<RunJob> {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    Some(RunJob {
        namespace: job.namespace()?,
        name: job.name_any(),
        uid: job.uid()?,
        run_id: labels::run_of(&job.metadata)?,
        launch: job.labels().get(labels::LAUNCH)?.parse().ok()?,
        ended: conditions.iter().any(|c| c.status == "True" && (c.type_ == "Complete" || c.type_ == "Failed")),
    })
}

fn removal(pods: &[Pod], now: DateTime<Utc>) -> Removal {
    // The deletion time of a pod is when its grace period ends.
    let is_overdue = |pod: &Pod| {
        let until = pod.metadata.deletion_timestamp.as_ref();
        until.is_some_and(|until| now.timestamp().saturating_sub(until.0.as_second()) > OVERDUE_SECONDS)
    };
    match pods {
        [] => Removal::Gone,
        pods if pods.iter().all(is_overdue) => Removal::Stuck,
        _ => Removal::Going,
    }
}

fn of_uid(params: DeleteParams, uid: &str) -> DeleteParams {
    params.preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_stuck_when_it_outlives_its_grace_period_by_far() {
        let now = "2026-03-01T10:00:30Z".parse().unwrap();
        let pod = |until: Option<&str>| -> Pod {
            serde_json::from_value(serde_json::json!({"metadata": {"deletionTimestamp": until}})).unwrap()
        };
        let table = [
            (vec![], Removal::Gone),
            (vec![pod(None)], Removal::Going),
            (vec![pod(Some("2026-03-01T10:00:38Z"))], Removal::Going),
            (vec![pod(Some("2026-03-01T10:00:20Z"))], Removal::Going),
            (vec![pod(Some("2026-03-01T10:00:10Z"))], Removal::Stuck),
            (vec![pod(Some("2026-03-01T10:00:10Z")), pod(None)], Removal::Going),
        ];
        for (row, (pods, expected)) in table.into_iter().enumerate() {
            assert_eq!(removal(&pods, now), expected, "row {row}");
        }
    }
}
