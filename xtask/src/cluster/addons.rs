//! What the cluster itself runs in containers: every pod's sandbox, and the DNS server.

use anyhow::{Context, Result};

use super::programs::Programs;
use super::{Cluster, wait_for_rollout};
use crate::command::feed;
use crate::images::{self, Content, Image, Recipe};
use crate::paths::Paths;

const MANIFEST: &str = include_str!("../../../deploy/dev/cluster/coredns.yaml");

/// The sandbox image.
pub(super) fn pause(paths: &Paths, programs: &Programs) -> Result<Image> {
    let files = vec![Content::plain(programs.pause.clone(), "pause")];
    images::built(paths, &Recipe { name: "pause", dockerfile: "pause.Dockerfile", base: None, files })
}

/// The DNS server's image.
pub(super) fn coredns(paths: &Paths, programs: &Programs) -> Result<Image> {
    let files = vec![Content::plain(programs.coredns.clone(), "coredns")];
    images::built(paths, &Recipe { name: "coredns", dockerfile: "coredns.Dockerfile", base: None, files })
}

/// Runs the DNS server in the cluster and waits until it answers; an unchanged one costs one request.
pub(super) fn apply_coredns(cluster: &Cluster, image: &Image) -> Result<()> {
    let manifest = MANIFEST.replace("IMAGE", &image.reference);
    feed(
        cluster.kubectl().args(["apply", "--server-side", "--force-conflicts", "--field-manager=xtask", "-f", "-"]),
        &manifest,
    )
    .context("cannot apply deploy/dev/cluster/coredns.yaml")?;
    wait_for_rollout(cluster, "kube-system", "deployment/coredns")
}
