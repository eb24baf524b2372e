//! Images of the node's container runtime. Kept are those that were rolled out last and the ones before, so that a
//! Deployment can go back, and those of every pod, Job and Deployment that exists, the agents' included.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use super::choice::{Listed, remembered, unused_images};
use super::shrunk;
use crate::cluster::Cluster;
use crate::command::output;
use crate::images::ctr;
use crate::paths::Paths;

/// Images of pods, and of what will make pods.
const WANTED: &str = "jsonpath={range .items[*]}\
    {.spec.containers[*].image} {.spec.initContainers[*].image} \
    {.spec.template.spec.containers[*].image} {.spec.template.spec.initContainers[*].image} {end}";

/// Removes what nothing uses and says how many bytes that were.
pub(super) fn pruned(paths: &Paths, cluster: &Cluster, current: &[String]) -> Result<u64> {
    let mut kept = rolled_out(paths, current)?;
    kept.extend(words(&output(cluster.kubectl().args(["get", "pods,jobs,deployments", "-A", "-o", WANTED]))?));
    let containers = output(ctr(paths).args(["containers", "list"]))?;
    kept.extend(column(&containers, 1));
    let unused = unused_images(&listed(&output(ctr(paths).args(["images", "list"]))?), &kept);
    if unused.is_empty() {
        return Ok(0);
    }
    shrunk(&paths.state.join("containerd/root"), || {
        output(ctr(paths).args(["images", "remove", "--sync"]).args(&unused)).map(drop)
    })
}

/// Notes the rollout, and returns what is remembered of it and of the one before.
fn rolled_out(paths: &Paths, current: &[String]) -> Result<BTreeSet<String>> {
    let file = paths.state.join("rolled-out");
    let before: Vec<String> = words(&fs::read_to_string(&file).unwrap_or_default()).collect();
    let all = remembered(&before, current);
    fs::write(&file, all.join("\n") + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    Ok(all.into_iter().collect())
}

/// Rows of `ctr images list`: reference, type, digest and more.
fn listed(table: &str) -> Vec<Listed> {
    let rows = column(table, 0).zip(column(table, 2));
    rows.map(|(reference, digest)| Listed { reference, digest }).collect()
}

/// One column of a table below its heading.
fn column(table: &str, number: usize) -> impl Iterator<Item = String> {
    table.lines().skip(1).filter_map(move |line| line.split_whitespace().nth(number).map(str::to_owned))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_s_table_is_read() {
        let table = "REF                   TYPE          DIGEST   SIZE      PLATFORMS   LABELS\n\
            localhost/x/agent:82c application/v sha256:1 652.7 MiB linux/amd64 a=b\n\
            sha256:3              application/v sha256:1 652.7 MiB linux/amd64 a=b\n";
        let row = |reference: &str| Listed { reference: reference.to_owned(), digest: "sha256:1".to_owned() };
        assert_eq!(listed(table), [row("localhost/x/agent:82c"), row("sha256:3")]);
    }
}
