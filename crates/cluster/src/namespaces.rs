//! The namespaces of runs: which there are, and when each may go.

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::ask::{Cluster, ask};
use crate::error::ClusterError;
use crate::labels;

/// A namespace that carries our labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNamespace {
    /// Its name.
    pub name: String,
    /// Its UID, which a delete must quote.
    pub uid: String,
    /// The run it was made for.
    pub run_id: RunId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is being removed.
    pub terminating_since: Option<DateTime<Utc>>,
    /// What keeps it from going, in the API server's words, when it is being removed.
    pub stuck_on: Vec<String>,
}

impl Cluster {
    /// Every namespace that was made for a run.
    ///
    /// # Errors
    /// As every request.
    pub async fn run_namespaces(&self) -> Result<Vec<RunNamespace>, ClusterError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let listed = ask("namespaces", api.list(&ListParams::default().labels(&labels::selector()))).await?;
        Ok(listed.items.iter().filter_map(read).collect())
    }
}

fn read(namespace: &Namespace) -> Option<RunNamespace> {
    let conditions = namespace.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    Some(RunNamespace {
        name: namespace.name_any(),
        uid: namespace.uid()?,
        run_id: labels::run_of(&namespace.metadata)?,
        created_at: time(namespace.metadata.creation_timestamp.as_ref()?)?,
        terminating_since: namespace.metadata.deletion_timestamp.as_ref().and_then(time),
        stuck_on: conditions
            .iter()
            .filter(|condition| condition.status == "True")
            .map(|condition| format!("{}: {}", condition.type_, condition.message.as_deref().unwrap_or("-")))
            .collect(),
    })
}

fn time(time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.0.as_second(), 0)
}
