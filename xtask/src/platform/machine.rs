//! What the gateway needs of the machine to reach registries, granted hosts and a real model: its name servers, since the
//! cluster's own DNS knows nothing outside, and its certificate authorities where the machine trusts more than Debian does.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Where name servers are listed; the second names those behind a local stub.
const RESOLVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// The cluster's DNS, asked first: it answers "failure" for what it does not know, and the next one is asked.
const CLUSTER_DNS: &str = "10.96.0.10";

/// The ConfigMap with the machine's certificate authorities, and the file in it.
const AUTHORITIES: (&str, &str) = ("machine-ca", "ca.crt");

/// What was found on this machine.
#[derive(Debug, Default)]
pub(super) struct Machine {
    nameservers: Vec<Ipv4Addr>,
    authorities: Option<PathBuf>,
}

impl Machine {
    /// Looks at this machine.
    pub(super) fn found() -> Self {
        let nameservers = RESOLVERS
            .iter()
            .map(|file| nameservers(&fs::read_to_string(file).unwrap_or_default()))
            .find(|all| !all.is_empty());
        let authorities = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from).filter(|file| file.is_file());
        Self { nameservers: nameservers.unwrap_or_default(), authorities }
    }

    /// The file whose contents the overlay's folder must hold, under the name of [`Self::generated`].
    pub(super) fn authorities(&self) -> Option<(&PathBuf, &'static str)> {
        self.authorities.as_ref().map(|file| (file, AUTHORITIES.1))
    }

    /// A further ConfigMap for kustomize to make.
    pub(super) fn generated(&self) -> Option<Value> {
        self.authorities.as_ref().map(|_| json!({"name": AUTHORITIES.0, "files": [AUTHORITIES.1]}))
    }

    /// The gateway may ask the machine's name servers; nobody else may.
    pub(super) fn policy(&self) -> Option<Value> {
        if self.nameservers.is_empty() {
            return None;
        }
        let servers: Vec<Value> =
            self.nameservers.iter().map(|address| json!({"ipBlock": {"cidr": format!("{address}/32")}})).collect();
        Some(json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "machine-names", "labels": {"app.kubernetes.io/part-of": "codex-k8s"}},
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "api-gateway"}},
                "policyTypes": ["Egress"],
                "egress": [{"to": servers, "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}],
            },
        }))
    }

    /// JSON patch operations on the gateway's Deployment.
    pub(super) fn patches(&self) -> Vec<Value> {
        let pod = "/spec/template/spec";
        let mut patches = Vec::new();
        if !self.nameservers.is_empty() {
            let servers =
                std::iter::once(CLUSTER_DNS.to_owned()).chain(self.nameservers.iter().map(Ipv4Addr::to_string));
            let config = json!({
                // The C library asks three at most.
                "nameservers": servers.take(3).collect::<Vec<_>>(),
                "searches": ["codex-k8s.svc.cluster.local", "svc.cluster.local", "cluster.local"],
                "options": [{"name": "ndots", "value": "2"}],
            });
            patches.push(json!({"op": "add", "path": format!("{pod}/dnsPolicy"), "value": "None"}));
            patches.push(json!({"op": "add", "path": format!("{pod}/dnsConfig"), "value": config}));
        }
        if self.authorities.is_some() {
            let (name, folder) = (AUTHORITIES.0, "/etc/codex-k8s/machine-ca");
            let mount = json!({"name": name, "mountPath": folder, "readOnly": true});
            let volume = json!({"name": name, "configMap": {"name": name}});
            let variable = json!([{"name": "SSL_CERT_FILE", "value": format!("{folder}/{}", AUTHORITIES.1)}]);
            patches.push(json!({"op": "add", "path": format!("{pod}/containers/0/volumeMounts/-"), "value": mount}));
            patches.push(json!({"op": "add", "path": format!("{pod}/volumes/-"), "value": volume}));
            patches.push(json!({"op": "add", "path": format!("{pod}/containers/0/env"), "value": variable}));
        }
        patches
    }
}

/// Name servers that a pod can reach: a stub on loopback is the machine's alone.
fn nameservers(resolv_conf: &str) -> Vec<Ipv4Addr> {
    let addresses = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok());
    addresses.filter(|address: &Ipv4Addr| !address.is_loopback()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_on_loopback_is_no_use_to_a_pod() {
        let text = "# made by something\nnameserver 127.0.0.53\nnameserver 192.0.2.7\nnameserver ::1\nsearch lan\n";
        assert_eq!(nameservers(text), [Ipv4Addr::new(192, 0, 2, 7)]);
        assert!(nameservers("nameserver 127.0.0.53\n").is_empty());
    }

    #[test]
    fn a_machine_without_either_changes_nothing() {
        let machine = Machine::default();
        assert!(machine.patches().is_empty() && machine.policy().is_none() && machine.generated().is_none());
    }
}
