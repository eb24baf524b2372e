//! The namespaces of runs: which there are, and when each may go.

use chrono::{DateTime, Utc};
use domain::ids::RunId;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::ask::{Cluster, ask, unless_gone};
use crate::error::ClusterError;
use crate::labels;
use crate::spec::RunSpec;

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

/// What has become of a namespace that a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The next launch can go into it.
    Fit,
    /// It is not there, or another took its name.
    Gone,
    /// It is being removed.
    Terminating,
    /// It was made for an earlier run, under another policy.
    Changed,
}

impl Standing {
    /// In a word, for logs and the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Gone => "gone",
            Self::Terminating => "terminating",
            Self::Changed => "changed",
        }
    }
}

impl Cluster {
    /// What has become of the namespace that the run has.
    ///
    /// # Errors
    /// As every request.
    pub async fn standing(&self, spec: &RunSpec) -> Result<Standing, ClusterError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("Namespace {}", spec.namespace);
        let found = unless_gone(ask(&what, api.get(&spec.namespace)).await)?;
        Ok(standing(found.as_ref(), spec))
    }

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

/// Whether a namespace belongs to the run: it was made for it, or its row says that it took it over.
pub(crate) fn is_of(namespace: &Namespace, spec: &RunSpec) -> bool {
    is_made_for(namespace, spec) || (spec.namespace_uid.is_some() && namespace.uid() == spec.namespace_uid)
}

fn is_made_for(namespace: &Namespace, spec: &RunSpec) -> bool {
    labels::run_of(&namespace.metadata) == Some(spec.run_id)
}

/// One that was made for the run is brought up to date by each launch. Of another run's it has to be the same in all that
/// its labels tell, since nothing else says what that run left in it.
fn standing(found: Option<&Namespace>, spec: &RunSpec) -> Standing {
    let Some(namespace) = found.filter(|namespace| is_of(namespace, spec)) else { return Standing::Gone };
    if namespace.metadata.deletion_timestamp.is_some() {
        return Standing::Terminating;
    }
    let mut wanted = labels::of_run(&spec.marks());
    wanted.remove(labels::RUN_ID);
    let is_the_same = wanted.iter().all(|(key, value)| namespace.labels().get(key) == Some(value));
    if is_made_for(namespace, spec) || is_the_same { Standing::Fit } else { Standing::Changed }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests;
    use crate::spec::sample::spec;

    #[test]
    fn what_has_become_of_a_namespace() {
        let taken_over = RunSpec { namespace_uid: Some("uid-1".into()), ..spec() };
        let of = |run: &RunSpec, uid: &str| {
            let mut namespace = manifests::namespace(run);
            namespace.metadata.uid = Some(uid.into());
            namespace
        };
        let earlier = of(&RunSpec { run_id: RunId::new(), ..spec() }, "uid-1");
        let another_role = of(&RunSpec { run_id: RunId::new(), role: "qa".into(), ..spec() }, "uid-1");
        let mut going = earlier.clone();
        going.metadata.deletion_timestamp = serde_json::from_value("2026-03-01T10:00:00Z".into()).unwrap();
        let table = [
            ("none", None, Standing::Gone),
            ("its own", Some(of(&spec(), "uid-2")), Standing::Fit),
            ("taken over", Some(earlier), Standing::Fit),
            ("taken over from another role", Some(another_role), Standing::Changed),
            ("on its way out", Some(going), Standing::Terminating),
            ("another's", Some(of(&RunSpec { run_id: RunId::new(), ..spec() }, "uid-3")), Standing::Gone),
        ];
        for (what, found, expected) in table {
            assert_eq!(standing(found.as_ref(), &taken_over), expected, "{what}");
        }
        let nobodys = of(&RunSpec { run_id: RunId::new(), ..spec() }, "uid-1");
        assert!(!is_of(&nobodys, &spec()), "a run that has no namespace yet takes none");
    }
}
