//! Looking at the cluster as its administrator.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Secret};
use kube::api::{AttachParams, DeleteParams, EvictParams, ListParams, LogParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::io::AsyncReadExt;

use crate::stage::variable;

/// The platform's namespace.
pub const PLATFORM: &str = "codex-k8s";

/// The administrator's view.
#[derive(Clone)]
pub struct Cluster {
    /// For whatever has no verb here.
    pub client: Client,
}

impl Cluster {
    pub(crate) async fn connect() -> Result<Self> {
        Ok(Self { client: Client::try_from(administration().await?)? })
    }

    /// What a service account would see and could do.
    ///
    /// # Errors
    /// When the file of the administrator cannot be read.
    pub async fn acting_as(namespace: &str, account: &str) -> Result<Self> {
        let mut config = administration().await?;
        config.auth_info.impersonate = Some(format!("system:serviceaccount:{namespace}:{account}"));
        config.auth_info.impersonate_groups = Some(groups(namespace).to_vec());
        Ok(Self { client: Client::try_from(config)? })
    }

    /// What somebody without an account would see and could do.
    ///
    /// # Errors
    /// When the file of the administrator cannot be read.
    pub async fn as_nobody() -> Result<Self> {
        let mut config = administration().await?;
        config.auth_info = kube::config::AuthInfo::default();
        Ok(Self { client: Client::try_from(config)? })
    }

    /// A kind's objects in a namespace.
    #[must_use]
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A Secret's values.
    ///
    /// # Errors
    /// When it is not there, or holds what is not text.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<BTreeMap<String, String>> {
        let secret = self.api::<Secret>(namespace).get(name).await.with_context(|| format!("Secret {name}"))?;
        let values = secret.data.unwrap_or_default();
        values.into_iter().map(|(key, value)| Ok((key, String::from_utf8(value.0)?))).collect()
    }

    /// The image that the node has for agents.
    ///
    /// # Errors
    /// When the platform names none.
    pub async fn agent_image(&self) -> Result<String> {
        let settings = self.api::<ConfigMap>(PLATFORM).list(&ListParams::default()).await?.items;
        let mut images = settings.into_iter().filter_map(|one| one.data?.remove("CODEXK8S_AGENT_IMAGE"));
        images.next_back().context("no ConfigMap names the agents' image")
    }

    /// The pods of a namespace, also those that are on their way out.
    ///
    /// # Errors
    /// The API server's.
    pub async fn pods(&self, namespace: &str) -> Result<Vec<Pod>> {
        Ok(self.api::<Pod>(namespace).list(&ListParams::default()).await?.items)
    }

    /// The pods of one of the platform's Deployments that have not ended, and are not on their way out.
    ///
    /// # Errors
    /// The API server's.
    pub async fn serving(&self, deployment: &str) -> Result<Vec<Pod>> {
        let mut pods = self.alive(deployment).await?;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok(pods)
    }

    /// The same with those that are on their way out, whose connections are not closed yet.
    pub(crate) async fn alive(&self, deployment: &str) -> Result<Vec<Pod>> {
        let labelled = ListParams::default().labels(&format!("app.kubernetes.io/name={deployment}"));
        let mut pods = self.api::<Pod>(PLATFORM).list(&labelled).await?.items;
        pods.retain(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            !matches!(phase, Some("Succeeded" | "Failed"))
        });
        Ok(pods)
    }

    /// Runs a shell script in a pod's first container and answers what it prints.
    ///
    /// # Errors
    /// When it cannot be started; how it ended is not looked at.
    pub async fn shell(&self, namespace: &str, pod: &str, script: &str) -> Result<String> {
        let how = AttachParams::default().stdout(true).stderr(false);
        let mut process = self.api::<Pod>(namespace).exec(pod, ["sh", "-c", script], &how).await?;
        let mut stdout = process.stdout().context("no output")?;
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed).await?;
        process.join().await?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    /// What a pod's containers have logged.
    ///
    /// # Errors
    /// The API server's.
    pub async fn log(&self, namespace: &str, pod: &str) -> Result<String> {
        Ok(self.api::<Pod>(namespace).logs(pod, &LogParams::default()).await?)
    }

    /// Deletes a pod at once.
    ///
    /// # Errors
    /// The API server's.
    pub async fn delete_pod(&self, namespace: &str, pod: &str) -> Result<()> {
        self.api::<Pod>(namespace).delete(pod, &DeleteParams::default().grace_period(0)).await?;
        Ok(())
    }

    /// Evicts a pod, as a drained node does.
    ///
    /// # Errors
    /// The API server's.
    pub async fn evict(&self, namespace: &str, pod: &str) -> Result<()> {
        self.api::<Pod>(namespace).evict(pod, &EvictParams::default()).await?;
        Ok(())
    }

    /// What a namespace looks like, for the reader of a failure: its pods' states, recent events, last words.
    pub async fn told(&self, namespace: &str) -> String {
        let mut text = format!("namespace {namespace}\n");
        for pod in self.pods(namespace).await.unwrap_or_default() {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let status = serde_json::to_string(&pod.status).unwrap_or_default();
            let lines = LogParams { tail_lines: Some(15), ..LogParams::default() };
            let log = self.api::<Pod>(namespace).logs(&name, &lines).await.unwrap_or_default();
            text += &format!("pod {name}: {status}\n{log}\n");
        }
        let events = self.api::<Event>(namespace).list(&ListParams::default()).await;
        for event in events.map(|list| list.items).unwrap_or_default() {
            text += &format!("event {}: {}\n", event.reason.unwrap_or_default(), event.message.unwrap_or_default());
        }
        text
    }
}

/// The groups of every service account of a namespace, which the API server would add to its token's user.
pub(crate) fn groups(namespace: &str) -> [String; 3] {
    ["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}"), "system:authenticated".into()]
}

async fn administration() -> Result<Config> {
    let file = Kubeconfig::read_from(variable("KUBECONFIG")?)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    Ok(config)
}
