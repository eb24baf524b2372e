//! Container images: built from `deploy/images/*.Dockerfile` without a registry, named by a hash of what is in them, kept
//! as archives in the cache, and imported into the node.

mod base;
mod services;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::output;
use crate::hashing;
use crate::paths::Paths;
use crate::prune;
use crate::steps::{Step, step};
use crate::wheels::remove;

pub(crate) use base::Base;
pub(crate) use services::{PROGRAMS, services};

/// The folder of the cache that buildah keeps its layers in.
pub(crate) const STORE: &str = "buildah";

/// A file that a Dockerfile copies.
pub(crate) struct Content {
    /// Where it is.
    pub(crate) source: PathBuf,
    /// What the Dockerfile calls it.
    pub(crate) name: String,
    /// Debug information is left out of the image.
    pub(crate) strip: bool,
}

/// How an image is made.
pub(crate) struct Recipe<'a> {
    /// Last part of its reference.
    pub(crate) name: &'a str,
    /// File in `deploy/images`.
    pub(crate) dockerfile: &'a str,
    /// The image that `ARG BASE` means.
    pub(crate) base: Option<&'a Image>,
    /// What it copies.
    pub(crate) files: Vec<Content>,
}

/// A built image.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// What manifests call it; the tag is a hash of its contents.
    pub(crate) reference: String,
    archive: PathBuf,
}

impl Content {
    /// A file as it is.
    pub(crate) fn plain(source: PathBuf, name: &str) -> Self {
        Self { source, name: name.to_owned(), strip: false }
    }
}

/// The image of this recipe, built unless its archive is in the cache.
pub(crate) fn built(paths: &Paths, recipe: &Recipe<'_>) -> Result<Image> {
    let folder = paths.cache.join("images");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let dockerfile = paths.checkout.join("deploy/images").join(recipe.dockerfile);
    let hash = hash(recipe, &dockerfile)?;
    let image = Image {
        reference: format!("localhost/codex-k8s/{}:{hash}", recipe.name),
        archive: folder.join(format!("{}-{hash}.tar", recipe.name)),
    };
    if image.archive.is_file() {
        prune::mark_used(&image.archive);
        return Ok(image);
    }
    step(paths, &format!("image-{}", recipe.name), &format!("build the image {}", recipe.name), |step| {
        let context = folder.join(format!("{}.context", recipe.name));
        remove(&context)?;
        fs::create_dir_all(&context)?;
        for content in &recipe.files {
            fill(step, &context, content)?;
        }
        if let Some(base) = recipe.base {
            ensure_stored(step, paths, base)?;
        }
        build(step, paths, recipe, &dockerfile, &context, &image)?;
        remove(&context)?;
        // Programs change often, and not every build ends in a rollout that prunes.
        prune::drop_older(&folder).map(drop)
    })?;
    Ok(image)
}

/// Makes these images known to the node's container runtime, in this order. One that knew them may have lost them: a
/// kubelet that is short of disk removes whatever no container uses, the pods' sandbox included.
pub(crate) fn import<'a>(paths: &Paths, wanted: impl IntoIterator<Item = &'a Image>) -> Result<()> {
    let known = output(ctr(paths).args(["images", "list", "--quiet"]))?;
    for image in missing(&known, wanted) {
        let name = image.reference.split(['/', ':']).nth(2).unwrap_or_default();
        step(paths, &format!("import-{name}"), &format!("give the node the image {name}"), |step| {
            step.run(ctr(paths).args(["images", "import"]).arg(&image.archive))
        })?;
    }
    Ok(())
}

/// Those images that the runtime's list of references does not have.
fn missing<'a>(known: &str, wanted: impl IntoIterator<Item = &'a Image>) -> Vec<&'a Image> {
    let known: BTreeSet<&str> = known.split_whitespace().collect();
    wanted.into_iter().filter(|image| !known.contains(image.reference.as_str())).collect()
}

/// The container runtime's own client, in the namespace that Kubernetes uses.
pub(crate) fn ctr(paths: &Paths) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(paths.state.join("run/containerd.sock")).args(["--namespace", "k8s.io"]);
    command
}

fn build(
    step: &mut Step,
    paths: &Paths,
    recipe: &Recipe<'_>,
    dockerfile: &Path,
    context: &Path,
    image: &Image,
) -> Result<()> {
    let mut bud = buildah(paths);
    bud.args(["bud", "--isolation", "chroot", "--timestamp", "0", "--file"]).arg(dockerfile);
    if let Some(base) = recipe.base {
        bud.arg("--build-arg").arg(format!("BASE={}", base.reference));
    }
    step.run(bud.arg("--tag").arg(&image.reference).arg(context))?;
    let partial = image.archive.with_extension("partial");
    remove_file(&partial)?;
    step.run(buildah(paths).args(["push", &image.reference]).arg(format!(
        "docker-archive:{}:{}",
        partial.display(),
        image.reference
    )))?;
    fs::rename(&partial, &image.archive).context("cannot move the archive into place")?;
    // The archive is what is kept; only bases stay in the build store, for the images on top of them.
    if recipe.name.starts_with(base::PREFIX) {
        Ok(())
    } else {
        step.run(buildah(paths).args(["rmi", &image.reference]))
    }
}

fn fill(step: &mut Step, context: &Path, content: &Content) -> Result<()> {
    let target = context.join(&content.name);
    if content.strip {
        return step.run(Command::new("strip").arg("--strip-debug").arg("-o").arg(&target).arg(&content.source));
    }
    fs::copy(&content.source, &target).with_context(|| format!("cannot copy {}", content.source.display()))?;
    Ok(())
}

/// Puts a base back into the build store, which may have been emptied since its archive was made.
fn ensure_stored(step: &mut Step, paths: &Paths, base: &Image) -> Result<()> {
    if output(buildah(paths).args(["inspect", "--type", "image", &base.reference])).is_ok() {
        return Ok(());
    }
    step.run(buildah(paths).arg("pull").arg(format!("docker-archive:{}", base.archive.display())))
}

/// buildah at work in a store of our own.
pub(crate) fn buildah(paths: &Paths) -> Command {
    let store = paths.cache.join(STORE);
    let mut command = Command::new("buildah");
    command
        .arg("--root")
        .arg(store.join("root"))
        .arg("--runroot")
        .arg(store.join("run"))
        .args(["--storage-driver", "overlay"]);
    command
}

/// Hash of the Dockerfile, the base and the contents. The digests of large files come from a program that uses the
/// processor's own instructions: an unoptimised build of ours would take a minute.
fn hash(recipe: &Recipe<'_>, dockerfile: &Path) -> Result<String> {
    let mut sums = Command::new("sha256sum");
    sums.arg("--").arg(dockerfile).args(recipe.files.iter().map(|content| &content.source));
    let sums = output(&mut sums)?;
    let mut parts: Vec<&str> = sums.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for content in &recipe.files {
        parts.push(&content.name);
        parts.push(if content.strip { "stripped" } else { "whole" });
    }
    parts.extend(recipe.base.map(|base| base.reference.as_str()));
    Ok(hashing::short(parts))
}

fn remove_file(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_lost_is_given_back() {
        let images = ["pause:1", "coredns:2", "worker:2"]
            .map(|name| Image { reference: format!("localhost/codex-k8s/{name}"), archive: PathBuf::from(name) });
        let table = [
            ("", "pause:1 coredns:2 worker:2"),
            ("localhost/codex-k8s/coredns:2\nlocalhost/codex-k8s/worker:1\nsha256:1\n", "pause:1 worker:2"),
            ("localhost/codex-k8s/pause:1\nlocalhost/codex-k8s/coredns:2\nlocalhost/codex-k8s/worker:2\n", ""),
        ];
        for (known, expected) in table {
            let lost: Vec<&str> = missing(known, &images).iter().filter_map(|image| image.archive.to_str()).collect();
            assert_eq!(lost.join(" "), expected, "{known}");
        }
    }
}
