//! Environments of projects in the cluster: their namespaces, made on first use, and the Secrets that the platform keeps
//! in them. Whoever has the name of a project's namespace is told apart by the labels on it.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams, PostParams};
use secrecy::{ExposeSecret, SecretString};

use domain::approvals::secrets::SecretPolicy;

use crate::ask::{Cluster, ask, ask_granted, unless_gone};
use crate::error::ClusterError;
use crate::labels;
use crate::launch::{create_or_get, swallow_existing};
use crate::manifests;
use crate::spec::{EnvironmentSpec, SyncedSecret};

/// A Secret of the platform's as it lies in an environment.
pub struct FoundSecret {
    object: Secret,
    /// The value under the key in question.
    pub value: Option<SecretString>,
    /// How that value was come by.
    pub policy: Option<SecretPolicy>,
}

impl FoundSecret {
    fn of(object: Secret, key: &str) -> Self {
        let bytes = object.data.as_ref().and_then(|data| data.get(key));
        let value = bytes.and_then(|bytes| std::str::from_utf8(&bytes.0).ok()).map(SecretString::from);
        let made = labels::synced(&object.metadata).remove(key);
        let policy = made.and_then(|made| made["policy"].as_str()?.parse().ok());
        Self { object, value, policy }
    }

    /// Whether the key has this value, come by this way.
    #[must_use]
    pub fn holds(&self, value: &SecretString, policy: SecretPolicy) -> bool {
        let is_same = |there: &SecretString| there.expose_secret() == value.expose_secret();
        self.policy == Some(policy) && self.value.as_ref().is_some_and(is_same)
    }
}

impl Cluster {
    /// Sees to it that the environment's namespace is there, and what must stand in it before anything else may.
    ///
    /// # Errors
    /// [`ClusterError::Foreign`] when a namespace of that name belongs to something else;
    /// [`ClusterError::Terminating`] when it is being removed; otherwise as every request.
    pub async fn prepare_environment(&self, spec: &EnvironmentSpec) -> Result<(), ClusterError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("Namespace {}", spec.namespace);
        let wanted = manifests::environment_namespace(spec);
        let namespace = create_or_get(&namespaces, &wanted, &spec.namespace, &what).await?;
        if !is_of(&namespace, spec) {
            return Err(ClusterError::Foreign { what });
        }
        if namespace.metadata.deletion_timestamp.is_some() {
            return Err(ClusterError::Terminating { what });
        }
        let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), &spec.namespace);
        let binding = manifests::environment_binding(spec);
        ask("RoleBinding", swallow_existing(bindings.create(&PostParams::default(), &binding))).await?;
        let policies: Api<NetworkPolicy> = Api::namespaced(self.client.clone(), &spec.namespace);
        let policy = manifests::environment_policy(spec);
        let (name, params) = (policy.name_any(), PatchParams::apply(labels::MANAGER).force());
        let patch = Patch::Apply(&policy);
        ask_granted("NetworkPolicy", || policies.patch(&name, &params, &patch)).await.map(drop)
    }

    /// The Secret that a value goes to, if it is there.
    ///
    /// # Errors
    /// [`ClusterError::Foreign`] when it is not one of the platform's; otherwise as every request.
    pub async fn synced_secret(
        &self,
        spec: &EnvironmentSpec,
        synced: &SyncedSecret,
    ) -> Result<Option<FoundSecret>, ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &spec.namespace);
        let what = format!("Secret {}", synced.name);
        let found = unless_gone(ask_granted(&what, || api.get(&synced.name)).await)?;
        let Some(object) = found else { return Ok(None) };
        let is_ours = holds(&object, spec, labels::SYNCED);
        if is_ours { Ok(Some(FoundSecret::of(object, &synced.key))) } else { Err(ClusterError::Foreign { what }) }
    }

    /// Gives the Secret of a database these values and no others; none of them when the database is gone.
    ///
    /// # Errors
    /// [`ClusterError::Foreign`] when a Secret of that name is not one of a database; [`ClusterError::Unavailable`] when
    /// somebody was quicker; otherwise as every request.
    pub async fn put_connection(
        &self,
        spec: &EnvironmentSpec,
        name: &str,
        values: &[(&str, SecretString)],
    ) -> Result<(), ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &spec.namespace);
        let what = format!("Secret {name}");
        let there = unless_gone(ask_granted(&what, || api.get(name)).await)?;
        if there.as_ref().is_some_and(|there| !holds(there, spec, labels::DATABASE)) {
            return Err(ClusterError::Foreign { what });
        }
        let params = PostParams { field_manager: Some(labels::MANAGER.into()), ..PostParams::default() };
        let secret = manifests::connection_secret(spec, name, values, there.as_ref());
        match there {
            None if values.is_empty() => Ok(()),
            None => ask(&what, api.create(&params, &secret)).await.map(drop),
            Some(_) => ask(&what, api.replace(name, &params, &secret)).await.map(drop),
        }
    }

    /// Gives a Secret this value under its key. What was `found` is written over as it was found and not otherwise.
    ///
    /// # Errors
    /// [`ClusterError::Unavailable`] when somebody was quicker; otherwise as every request.
    pub async fn put_synced_secret(
        &self,
        spec: &EnvironmentSpec,
        synced: &SyncedSecret,
        value: &SecretString,
        found: Option<FoundSecret>,
    ) -> Result<(), ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &spec.namespace);
        let what = format!("Secret {}", synced.name);
        let params = PostParams { field_manager: Some(labels::MANAGER.into()), ..PostParams::default() };
        let is_new = found.is_none();
        let secret = manifests::synced_secret(spec, synced, value, found.map(|found| found.object));
        if is_new {
            ask(&what, api.create(&params, &secret)).await.map(drop)
        } else {
            ask(&what, api.replace(&synced.name, &params, &secret)).await.map(drop)
        }
    }
}

fn is_of(namespace: &Namespace, spec: &EnvironmentSpec) -> bool {
    labels::is_of_environment(&namespace.metadata, spec)
}

/// Whether a Secret is the platform's, in this environment and of this content.
fn holds(secret: &Secret, spec: &EnvironmentSpec, content: &str) -> bool {
    labels::is_of_environment(&secret.metadata, spec)
        && secret.labels().get(labels::CONTENT).map(String::as_str) == Some(content)
}
