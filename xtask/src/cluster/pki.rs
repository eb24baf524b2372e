//! Certificates and kubeconfigs of the node: one authority, one certificate per component, made once per state folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::components::SERVER;
use crate::network::NODE_ADDRESS;
use crate::paths::Paths;
use crate::steps::{Step, step};

/// The node's name in Kubernetes.
pub(super) const NODE: &str = "dev";

/// A certificate: file name, subject, and the names it answers to beside its file name.
const CERTIFICATES: [(&str, &str, &str); 8] = [
    (
        "apiserver",
        "/CN=kube-apiserver",
        "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,\
         DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:172.31.255.1",
    ),
    ("etcd", "/CN=etcd", "IP:127.0.0.1"),
    ("kubelet", "/O=system:nodes/CN=system:node:dev", "DNS:dev,IP:172.31.255.1,IP:127.0.0.1"),
    ("admin", "/O=system:masters/CN=admin", "DNS:admin"),
    ("controller-manager", "/CN=system:kube-controller-manager", "DNS:controller-manager"),
    ("scheduler", "/CN=system:kube-scheduler", "DNS:scheduler"),
    ("proxy", "/CN=system:kube-proxy", "DNS:proxy"),
    ("kubelet-client", "/O=system:masters/CN=kubelet-client", "DNS:kubelet-client"),
];

/// Who reaches the API server with a kubeconfig.
const CLIENTS: [&str; 5] = ["admin", "controller-manager", "scheduler", "proxy", "kubelet"];

/// Makes what is missing.
pub(super) fn ensure(paths: &Paths) -> Result<()> {
    let folder = paths.make_state("pki")?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    if folder.join("complete").is_file() {
        return Ok(());
    }
    step(paths, "pki", "make the node's certificates", |step| {
        authority(step, &folder)?;
        for (name, subject, names) in CERTIFICATES {
            certificate(step, &folder, name, subject, names)?;
        }
        step.run(openssl(&folder).args(["genrsa", "-out", "service-accounts.key", "2048"]))?;
        step.run(openssl(&folder).args([
            "rsa",
            "-in",
            "service-accounts.key",
            "-pubout",
            "-out",
            "service-accounts.pub",
        ]))?;
        for name in CLIENTS {
            write(&folder.join(format!("{name}.kubeconfig")), &kubeconfig(&folder, name)?)?;
        }
        write(&folder.join("complete"), NODE_ADDRESS)
    })
}

/// The administrator's kubeconfig; it carries its keys, so that it can be copied.
pub(super) fn admin_kubeconfig(paths: &Paths) -> PathBuf {
    paths.state.join("pki/admin.kubeconfig")
}

fn authority(step: &mut Step, folder: &Path) -> Result<()> {
    step.run(openssl(folder).args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "3650",
        "-subj",
        "/CN=codex-k8s-dev",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
    ]))
}

fn certificate(step: &mut Step, folder: &Path, name: &str, subject: &str, names: &str) -> Result<()> {
    let [key, request, certificate, extensions] = ["key", "csr", "crt", "ext"].map(|kind| format!("{name}.{kind}"));
    write(&folder.join(&extensions), &format!("subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n"))?;
    step.run(openssl(folder).args([
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        subject,
        "-keyout",
        &key,
        "-out",
        &request,
    ]))?;
    step.run(openssl(folder).args([
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "3650",
        "-extfile",
        &extensions,
        "-out",
        &certificate,
    ]))
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder);
    command
}

fn kubeconfig(folder: &Path, name: &str) -> Result<String> {
    let [authority, certificate, key] = [
        encoded(&folder.join("ca.crt"))?,
        encoded(&folder.join(format!("{name}.crt")))?,
        encoded(&folder.join(format!("{name}.key")))?,
    ];
    Ok(format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters: [{{name: dev, cluster: {{server: \"{SERVER}\", certificate-authority-data: {authority}}}}}]\n\
         users: [{{name: {name}, user: {{client-certificate-data: {certificate}, client-key-data: {key}}}}}]\n\
         contexts: [{{name: dev, context: {{cluster: dev, user: {name}}}}}]\n\
         current-context: dev\n"
    ))
}

fn encoded(file: &Path) -> Result<String> {
    crate::command::output(Command::new("base64").arg("--wrap=0").arg(file))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
