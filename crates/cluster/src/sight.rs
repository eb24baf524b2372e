//! Reading one launch from the API server.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams};

use crate::ask::{Cluster, ask, unless_gone};
use crate::error::ClusterError;
use crate::seen::Sighting;

impl Cluster {
    /// Reads a Job, its pods and, when it has none, the events about it. A namespace that is gone shows nothing.
    ///
    /// # Errors
    /// As every request; "not there" is no error.
    pub async fn sight(&self, namespace: &str, job_name: &str) -> Result<Sighting, ClusterError> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), namespace);
        let Some(job) = unless_gone(ask(&format!("Job {job_name}"), jobs.get(job_name)).await)? else {
            return Ok(Sighting::default());
        };
        let pods = self.pods_of(namespace, job.metadata.uid.as_deref().unwrap_or_default()).await?;
        let events = if pods.is_empty() { self.events_about(namespace, job_name).await? } else { Vec::new() };
        Ok(Sighting { job: Some(job), pods, events })
    }

    pub(crate) async fn pods_of(&self, namespace: &str, job_uid: &str) -> Result<Vec<Pod>, ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let params = ListParams::default().labels(&format!("batch.kubernetes.io/controller-uid={job_uid}"));
        let listed = unless_gone(ask("pods", api.list(&params)).await)?;
        Ok(listed.map(|list| list.items).unwrap_or_default())
    }

    async fn events_about(&self, namespace: &str, job_name: &str) -> Result<Vec<Event>, ClusterError> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let about = format!("involvedObject.kind=Job,involvedObject.name={job_name}");
        let listed = unless_gone(ask("events", api.list(&ListParams::default().fields(&about))).await)?;
        Ok(listed.map(|list| list.items).unwrap_or_default())
    }
}
