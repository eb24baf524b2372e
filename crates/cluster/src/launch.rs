//! Putting one launch into the cluster: namespace, grant, guards and rights, Job (suspended), token, start. In this
//! order, so that no pod ever exists without its guards, or without its token; nine writes, and one more for the rights that
//! a role starts out with. The accounts of changes are made when the first one is tried.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::ask::{Cluster, ask, ask_granted};
use crate::error::ClusterError;
use crate::labels;
use crate::manifests::{self, SECRET_KEY};
use crate::namespaces::is_of;
use crate::spec::RunSpec;

/// The Job of a launch, made now or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeJob {
    /// Its UID: what the run's row records, and what deletes quote.
    pub uid: String,
    /// Its pod has not been allowed to start. `false` means that an earlier worker finished this launch.
    pub suspended: bool,
}

impl Cluster {
    /// Makes the namespace and everything that must stand in it before a pod may; answers the namespace's UID.
    ///
    /// # Errors
    /// [`ClusterError::Foreign`] when a namespace of that name belongs to something else;
    /// [`ClusterError::Terminating`] when it is being removed; otherwise as every request.
    pub async fn prepare(&self, spec: &RunSpec) -> Result<String, ClusterError> {
        let uid = self.own_namespace(spec).await?;
        self.grant(spec).await?;
        tokio::try_join!(
            self.apply(&spec.namespace, manifests::network_policy(spec)),
            self.apply(&spec.namespace, manifests::resource_quota(spec)),
            self.apply(&spec.namespace, manifests::limit_range(spec)),
            self.apply(&spec.namespace, manifests::service_account(spec)),
            self.settle_rights(spec),
        )?;
        Ok(uid)
    }

    /// Makes the launch's Job, suspended, or adopts the one that an earlier worker made.
    ///
    /// # Errors
    /// [`ClusterError::Foreign`] when a Job of that name is not this launch's; [`ClusterError::Refused`] when quota or
    /// admission says no; otherwise as every request.
    pub async fn make_job(&self, spec: &RunSpec) -> Result<MadeJob, ClusterError> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), &spec.namespace);
        let (job, name) = (manifests::job(spec), spec.job_name());
        let what = format!("Job {name}");
        let made = create_or_get(&api, &job, &name, &what).await?;
        if labels::run_of(&made.metadata) != Some(spec.run_id)
            || made.labels().get(labels::LAUNCH) != job.labels().get(labels::LAUNCH)
        {
            return Err(ClusterError::Foreign { what });
        }
        if made.metadata.deletion_timestamp.is_some() {
            return Err(ClusterError::Terminating { what });
        }
        let suspended = made.spec.as_ref().and_then(|spec| spec.suspend) == Some(true);
        Ok(MadeJob { uid: made.uid().unwrap_or_default(), suspended })
    }

    /// Hands `token` to the pod of the Job with this UID, unless a token was handed over before: then that one is
    /// returned and stays. The caller records what it gets back, quoting its lease, before it calls
    /// [`Cluster::resume`]; so row and Secret agree whichever worker made which of the two.
    ///
    /// # Errors
    /// [`ClusterError::Terminating`] when the Secret of an earlier Job of this name is still there; otherwise as every
    /// request.
    pub async fn hand_over(
        &self,
        spec: &RunSpec,
        job_uid: &str,
        token: &SecretString,
    ) -> Result<SecretString, ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &spec.namespace);
        let name = spec.token_secret_name();
        let what = format!("Secret {name}");
        let secret = create_or_get(&api, &manifests::token_secret(spec, job_uid, token), &name, &what).await?;
        if !secret.owner_references().iter().any(|owner| owner.uid == job_uid) {
            return Err(ClusterError::Terminating { what });
        }
        secret
            .data
            .as_ref()
            .and_then(|data| std::str::from_utf8(&data.get(SECRET_KEY)?.0).ok())
            .map(SecretString::from)
            .ok_or(ClusterError::Foreign { what })
    }

    /// Lets the Job's pod start. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`ClusterError::Gone`] when the Job with this UID is not there any more; otherwise as every request.
    pub async fn resume(&self, spec: &RunSpec, job_uid: &str) -> Result<(), ClusterError> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), &spec.namespace);
        let name = spec.job_name();
        // The UID in the patch is a precondition: another Job of the same name is left alone.
        let patch = json!({"metadata": {"uid": job_uid}, "spec": {"suspend": false}});
        let params = PatchParams { field_manager: Some(labels::MANAGER.into()), ..PatchParams::default() };
        ask(&format!("Job {name}"), api.patch(&name, &params, &Patch::Merge(&patch))).await.map(drop)
    }

    /// The cluster address of a Service, such as the gateway's, for the pods' `/etc/hosts`.
    ///
    /// # Errors
    /// [`ClusterError::Gone`] when there is no such Service, or when it has no address of its own.
    pub async fn service_ip(&self, namespace: &str, name: &str) -> Result<std::net::IpAddr, ClusterError> {
        let api: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("Service {namespace}/{name}");
        let service = ask(&what, api.get(name)).await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).and_then(|ip| ip.parse().ok());
        address.ok_or(ClusterError::Gone { what })
    }

    async fn own_namespace(&self, spec: &RunSpec) -> Result<String, ClusterError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("Namespace {}", spec.namespace);
        let namespace = create_or_get(&api, &manifests::namespace(spec), &spec.namespace, &what).await?;
        if !is_of(&namespace, spec) {
            return Err(ClusterError::Foreign { what });
        }
        if namespace.metadata.deletion_timestamp.is_some() {
            return Err(ClusterError::Terminating { what });
        }
        Ok(namespace.uid().unwrap_or_default())
    }

    /// Created, never changed: no binding of the worker's own is ever altered.
    async fn grant(&self, spec: &RunSpec) -> Result<(), ClusterError> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &spec.namespace);
        let binding = manifests::manager_binding(spec);
        ask("RoleBinding", swallow_existing(api.create(&PostParams::default(), &binding))).await.map(drop)
    }

    pub(crate) async fn apply<K>(&self, namespace: &str, object: K) -> Result<(), ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Serialize + DeserializeOwned + Clone + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let name = object.name_any();
        let params = PatchParams::apply(labels::MANAGER).force();
        let what = format!("{} {name}", K::kind(&()));
        let patch = Patch::Apply(&object);
        ask_granted(&what, || api.patch(&name, &params, &patch)).await.map(drop)
    }
}

/// Creates the object, or returns the one of that name that is there already. An answer that was lost after the
/// object was made is told from a foreign object by the labels, which every caller checks.
pub(crate) async fn create_or_get<K>(api: &Api<K>, object: &K, name: &str, what: &str) -> Result<K, ClusterError>
where
    K: Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let params = PostParams::default();
    let created = ask_granted(what, || swallow_existing(api.create(&params, object))).await?;
    match created {
        Some(created) => Ok(created),
        None => ask(what, api.get(name)).await,
    }
}

pub(crate) async fn swallow_existing<K>(create: impl Future<Output = kube::Result<K>>) -> kube::Result<Option<K>> {
    match create.await {
        Ok(created) => Ok(Some(created)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
        Err(error) => Err(error),
    }
}
