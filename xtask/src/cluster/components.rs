//! The command lines of the node's components. All of them listen on loopback or on the node address, nowhere else.

use std::time::Duration;

use anyhow::{Context, Result};

use super::config::{Config, POD_CIDR};
use super::pki::NODE;
use super::programs::Programs;
use crate::daemon::{Daemon, Ending};
use crate::network::NODE_ADDRESS;
use crate::paths::Paths;

/// Where the API server is.
pub(super) const SERVER: &str = "https://172.31.255.1:6443";

/// All components in the order of their start; they stop in the opposite one.
pub(crate) const NAMES: [&str; 8] =
    ["containerd", "etcd", "apiserver", "controller-manager", "scheduler", "proxy", "netpol", "kubelet"];

/// Where each of them listens.
pub(super) const ADDRESSES: [&str; 8] = [
    "/var/lib/codex-k8s-dev/run/containerd.sock",
    "https://127.0.0.1:2379",
    SERVER,
    "https://127.0.0.1:10257",
    "https://127.0.0.1:10259",
    "http://127.0.0.1:10256",
    "network policies, as nftables rules",
    "https://172.31.255.1:10250",
];

/// How a component is stopped. The API server would wait for its watchers until their requests time out; it keeps
/// nothing of its own, so it may be killed.
pub(super) fn ending(name: &str) -> Ending {
    match name {
        "apiserver" => Ending { grace: Duration::from_secs(1), ..Ending::default() },
        _ => Ending::default(),
    }
}

/// The components as background processes.
pub(super) struct Components(Vec<Daemon>);

impl Components {
    /// Their command lines for this state folder.
    pub(super) fn new(paths: &Paths, programs: &Programs, config: &Config) -> Self {
        let state = paths.state.display().to_string();
        let node = programs.node.display().to_string();
        let daemon = |name: &'static str, argv: Vec<String>, reads: &str| Daemon {
            name,
            argv,
            env: Vec::new(),
            user: None,
            reads: reads.as_bytes().to_vec(),
            ending: ending(name),
        };
        let part = |name: &'static str, flags: &str, reads: &str| {
            let filled = flags.replace("{state}", &state).replace("{node}", NODE).replace("{address}", NODE_ADDRESS);
            let flags = filled.replace("{pods}", POD_CIDR);
            let words = [node.as_str(), name].into_iter().chain(flags.split_whitespace());
            daemon(name, words.map(str::to_owned).collect(), reads)
        };
        let containerd = vec!["containerd".to_owned(), "--config".to_owned(), config.containerd.display().to_string()];
        let kubelet = format!("{KUBELET} --config={}", config.kubelet.display());
        Self(vec![
            daemon("containerd", containerd, &config.containerd_text),
            part("etcd", ETCD, ""),
            part("apiserver", APISERVER, ""),
            part("controller-manager", CONTROLLER_MANAGER, ""),
            part("scheduler", SCHEDULER, ""),
            part("proxy", PROXY, ""),
            part("netpol", NETPOL, ""),
            part("kubelet", &kubelet, &config.kubelet_text),
        ])
    }

    /// All of them, in the order of their start.
    pub(super) fn all(&self) -> impl Iterator<Item = &Daemon> {
        self.0.iter()
    }

    /// Those whose absence or change means starting the whole node again.
    pub(super) fn core(&self) -> impl Iterator<Item = &Daemon> {
        self.all().filter(|part| ["containerd", "etcd", "apiserver", "kubelet"].contains(&part.name))
    }

    /// One of them by name.
    pub(super) fn get(&self, name: &str) -> Result<&Daemon> {
        self.all().find(|part| part.name == name).with_context(|| format!("no component is called {name}"))
    }
}

/// Its data survives a killed process without fsync; only a killed machine would lose some.
const ETCD: &str = "\
--data-dir={state}/etcd --unsafe-no-fsync --auto-compaction-retention=1h
--listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379
--cert-file={state}/pki/etcd.crt --key-file={state}/pki/etcd.key
--client-cert-auth --trusted-ca-file={state}/pki/ca.crt
--listen-peer-urls=https://127.0.0.1:2380 --initial-advertise-peer-urls=https://127.0.0.1:2380
--initial-cluster=default=https://127.0.0.1:2380
--peer-cert-file={state}/pki/etcd.crt --peer-key-file={state}/pki/etcd.key
--peer-client-cert-auth --peer-trusted-ca-file={state}/pki/ca.crt";

const APISERVER: &str = "\
--bind-address={address} --advertise-address={address} --secure-port=6443
--etcd-servers=https://127.0.0.1:2379 --etcd-cafile={state}/pki/ca.crt
--etcd-certfile={state}/pki/apiserver.crt --etcd-keyfile={state}/pki/apiserver.key
--tls-cert-file={state}/pki/apiserver.crt --tls-private-key-file={state}/pki/apiserver.key
--client-ca-file={state}/pki/ca.crt --cert-dir={state}/pki
--service-account-issuer=https://kubernetes.default.svc
--service-account-signing-key-file={state}/pki/service-accounts.key
--service-account-key-file={state}/pki/service-accounts.pub
--service-cluster-ip-range=10.96.0.0/16
--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true
--kubelet-preferred-address-types=InternalIP --kubelet-certificate-authority={state}/pki/ca.crt
--kubelet-client-certificate={state}/pki/kubelet-client.crt --kubelet-client-key={state}/pki/kubelet-client.key";

const CONTROLLER_MANAGER: &str = "\
--bind-address=127.0.0.1 --kubeconfig={state}/pki/controller-manager.kubeconfig --cert-dir={state}/pki/controller-manager
--service-account-private-key-file={state}/pki/service-accounts.key --root-ca-file={state}/pki/ca.crt
--cluster-signing-cert-file={state}/pki/ca.crt --cluster-signing-key-file={state}/pki/ca.key
--cluster-cidr=10.244.0.0/16 --allocate-node-cidrs=true --use-service-account-credentials=true --leader-elect=false";

const SCHEDULER: &str = "\
--bind-address=127.0.0.1 --kubeconfig={state}/pki/scheduler.kubeconfig --cert-dir={state}/pki/scheduler
--leader-elect=false";

const PROXY: &str = "\
--kubeconfig={state}/pki/proxy.kubeconfig --hostname-override={node} --cluster-cidr=10.244.0.0/16
--proxy-mode=iptables --conntrack-max-per-core=0 --nodeport-addresses=127.0.0.0/8,{address}/32
--healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249";

const NETPOL: &str = "--kubeconfig={state}/pki/admin.kubeconfig --pod-cidr={pods}";

const KUBELET: &str = "\
--kubeconfig={state}/pki/kubelet.kubeconfig --hostname-override={node} --node-ip={address}
--root-dir={state}/kubelet --cert-dir={state}/pki";
