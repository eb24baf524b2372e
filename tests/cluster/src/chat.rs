//! A service of others through which people are asked. It is played by this process, on an address of the node that pods
//! reach; what stands in the cluster is a pod that passes on what it is sent and calls back, in a namespace of the kind
//! that the platform's network lets channels have.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, Pod, Service as ClusterService};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use testkit::channel::{self, BELOW, Service};
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::patience::{answers, until};

/// The node, as pods reach it.
const NODE: Ipv4Addr = Ipv4Addr::new(172, 31, 255, 1);
/// The pod, and the Service in front of it.
const NAME: &str = "chat";
const PORT: u16 = 8080;
const UP_WITHIN: Duration = Duration::from_secs(60);

/// Passes everything on to where its arguments say.
const RELAY: &str = r"
import asyncio, sys
async def copy(source, sink):
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()
async def serve(reader, writer):
    far_reader, far_writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer), return_exceptions=True)
async def main():
    server = await asyncio.start_server(serve, '0.0.0.0', int(sys.argv[3]))
    await server.serve_forever()
asyncio.run(main())
";

/// The service, and where it stands.
pub struct Chat {
    /// What it was asked.
    pub service: Service,
    cluster: Cluster,
    namespace: String,
}

/// Runs `work` while such a service stands in the cluster, and takes it away again.
///
/// # Errors
/// Those of `work`, or when the service does not answer.
pub async fn chatting<T>(cluster: &Cluster, work: impl AsyncFnOnce(&Chat) -> Result<T>) -> Result<T> {
    let namespace = format!("chat-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let service = Service::start(NODE).await.context("no place on the node")?;
    let chat = Chat { service, cluster: cluster.clone(), namespace };
    let result = match chat.stand().await {
        Ok(()) => work(&chat).await,
        Err(error) => Err(error.context(cluster.told(&chat.namespace).await)),
    };
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let removed = namespaces.delete(&chat.namespace, &DeleteParams::default()).await;
    let value = result?;
    removed?;
    Ok(value)
}

impl Chat {
    async fn stand(&self) -> Result<()> {
        let labels = json!({ "codex-k8s.dev/integrations": "allowed" });
        let namespace = json!({ "metadata": { "name": self.namespace, "labels": labels } });
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        namespaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
        let pod = pod(&self.cluster.agent_image().await?, self.service.port());
        let pods = self.cluster.api::<Pod>(&self.namespace);
        pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        let front = json!({
            "metadata": { "name": NAME },
            "spec": { "selector": { "app": NAME }, "ports": [{ "port": 80, "targetPort": PORT }] },
        });
        let fronts = self.cluster.api::<ClusterService>(&self.namespace);
        let front = fronts.create(&PostParams::default(), &serde_json::from_value(front)?).await?;
        let address = front.spec.and_then(|spec| spec.cluster_ip).context("a Service without an address")?;
        let address = SocketAddr::new(address.parse::<IpAddr>()?, 80);
        until("the service of others", UP_WITHIN, async || Ok(answers(address).await.then_some(()))).await?;
        Ok(())
    }

    /// Its address, as a channel has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{NAME}.{}.svc{BELOW}", self.namespace)
    }

    /// Calls back from its pod about something that it was asked; `said` joins or replaces what every callback has. Answers
    /// what the platform answers.
    ///
    /// # Errors
    /// When the platform refuses it, or is not reached from there.
    pub async fn calls_back(&self, asked: &Value, said: &Value) -> Result<Value> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let (url, body) = (channel::way_back(asked)?, channel::callback(asked, said).to_string());
        let script = format!(
            "curl -sS -m 20 -w '\\n%{{http_code}}' -H 'content-type: application/json' -d {} {} 2>&1",
            quoted(&body),
            quoted(url)
        );
        let printed = self.cluster.shell(&self.namespace, NAME, &script).await?;
        let (answer, status) = printed.trim_end().rsplit_once('\n').with_context(|| printed.clone())?;
        ensure!(status == "200", "{printed}");
        serde_json::from_str(answer).with_context(|| printed.clone())
    }
}

fn pod(image: &str, port: u16) -> Value {
    json!({
        "metadata": { "name": NAME, "labels": { "app": NAME } },
        "spec": {
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 1000,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{
                "name": NAME,
                "image": image,
                "command": ["python3", "-c", RELAY, NODE.to_string(), port.to_string(), PORT.to_string()],
                "resources": { "requests": { "cpu": "10m", "memory": "32Mi" } },
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}
