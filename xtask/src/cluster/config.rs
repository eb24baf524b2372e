//! The configuration files of the node's components.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::network::NODE_ADDRESS;
use crate::paths::Paths;

/// Name of the pod network.
const POD_NETWORK: &str = "codex-k8s-dev";

/// Addresses of the node's pods.
pub(super) const POD_CIDR: &str = "10.244.0.0/24";

/// The files, with the contents that a running component has read.
pub(super) struct Config {
    /// containerd's file.
    pub(super) containerd: PathBuf,
    /// Its contents, the pod network's included.
    pub(super) containerd_text: String,
    /// The kubelet's file.
    pub(super) kubelet: PathBuf,
    /// Its contents.
    pub(super) kubelet_text: String,
}

/// Writes all files; `pause` is the image of every pod's sandbox.
pub(super) fn written(paths: &Paths, pause: &str) -> Result<Config> {
    let folder = paths.make_state("config")?;
    let networks = paths.make_state("config/cni")?;
    paths.make_state("kubelet")?;
    let network = pod_network(&paths.state);
    write(&networks.join("10-pods.conflist"), &network)?;
    // Pods that ask for the node's own resolver get none: names are the cluster's DNS server's business.
    write(&folder.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
    let config = Config {
        containerd: folder.join("containerd.toml"),
        containerd_text: containerd(&paths.state, pause)
            + &network.lines().map(|line| format!("# {line}\n")).collect::<String>(),
        kubelet: folder.join("kubelet.yaml"),
        kubelet_text: kubelet(&paths.state),
    };
    write(&config.containerd, &config.containerd_text)?;
    write(&config.kubelet, &config.kubelet_text)?;
    Ok(config)
}

/// Everything that containerd makes lies under the state folder, so that a sweep finds it.
/// `restrict_oom_score_adj`: without CAP_SYS_RESOURCE runc may not lower the score and dies.
fn containerd(state: &Path, pause: &str) -> String {
    let state = state.display();
    format!(
        r#"version = 2
root = "{state}/containerd/root"
state = "{state}/containerd/state"
[grpc]
address = "{state}/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = "{state}/containerd/runc"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{state}/config/cni"
"#
    )
}

/// `ptp` gives every pod a route of its own instead of a shared bridge, so traffic between pods crosses the forward hook
/// where policies act. `firewall` lets it pass where another program made the host's forward policy DROP.
fn pod_network(state: &Path) -> String {
    let state = state.display();
    format!(
        r#"{{"cniVersion": "1.0.0", "name": "{POD_NETWORK}", "plugins": [
  {{"type": "ptp", "ipMasq": true, "ipam": {{"type": "host-local", "dataDir": "{state}/cni",
    "ranges": [[{{"subnet": "{POD_CIDR}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
  {{"type": "firewall", "backend": "iptables"}}
]}}
"#
    )
}

/// Images never leave by themselves: there is no registry to get them from again.
fn kubelet(state: &Path) -> String {
    let state = state.display();
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1\n\
         kind: KubeletConfiguration\n\
         address: {NODE_ADDRESS}\n\
         healthzBindAddress: 127.0.0.1\n\
         readOnlyPort: 0\n\
         failCgroupV1: false\n\
         cgroupDriver: cgroupfs\n\
         failSwapOn: false\n\
         containerRuntimeEndpoint: unix://{state}/run/containerd.sock\n\
         podLogsDir: {state}/kubelet/pod-logs\n\
         clusterDNS: [10.96.0.10]\n\
         clusterDomain: cluster.local\n\
         resolvConf: {state}/config/resolv.conf\n\
         authentication: {{x509: {{clientCAFile: {state}/pki/ca.crt}}, anonymous: {{enabled: false}}, webhook: {{enabled: true}}}}\n\
         authorization: {{mode: Webhook}}\n\
         tlsCertFile: {state}/pki/kubelet.crt\n\
         tlsPrivateKeyFile: {state}/pki/kubelet.key\n\
         evictionHard: {{memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}}\n\
         imageGCHighThresholdPercent: 100\n"
    )
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
