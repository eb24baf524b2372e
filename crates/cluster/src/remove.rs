//! Taking Jobs and namespaces away. Each delete names the UID that was seen, so an object that took the name in the
//! meantime is safe.

use domain::ids::RunId;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Preconditions};

use crate::ask::{Cluster, ask, unless_gone};
use crate::error::ClusterError;
use crate::labels;

impl Cluster {
    /// Deletes a Job and tells its pods to stop now, with their own grace period; waiting for the garbage collector
    /// to do so would cost seconds. Returns whether a pod is still there.
    ///
    /// # Errors
    /// As every request; "not there" is no error.
    pub async fn delete_job(&self, namespace: &str, name: &str, uid: &str) -> Result<bool, ClusterError> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("Job {name}");
        unless_gone(ask(&what, jobs.delete(name, &of_uid(DeleteParams::background(), uid))).await)?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = self.pods_of(namespace, uid).await?;
        for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let params = of_uid(DeleteParams::default(), &pod.uid().unwrap_or_default());
            unless_gone(ask("pod", api.delete(&pod.name_any(), &params)).await)?;
        }
        Ok(!pods.is_empty())
    }

    /// Deletes the Jobs of all launches of the run but the one named `keep`: those a worker made after it had lost
    /// its lease, and the failed ones. Returns how many there were.
    ///
    /// # Errors
    /// As every request; "not there" is no error.
    pub async fn delete_other_jobs(&self, namespace: &str, run: RunId, keep: &str) -> Result<usize, ClusterError> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let params = ListParams::default().labels(&format!("{},{}={run}", labels::selector(), labels::RUN_ID));
        let Some(jobs) = unless_gone(ask("Jobs", api.list(&params)).await)? else { return Ok(0) };
        let others: Vec<_> = jobs.items.into_iter().filter(|job| job.name_any() != keep).collect();
        for job in &others {
            self.delete_job(namespace, &job.name_any(), &job.uid().unwrap_or_default()).await?;
        }
        Ok(others.len())
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

fn of_uid(params: DeleteParams, uid: &str) -> DeleteParams {
    params.preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None })
}
