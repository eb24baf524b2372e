//! Base images, made from Debian packages: the services run on the distribution that compiled them, because they link
//! its C library.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Content, Image, Recipe, built};
use crate::hashing;
use crate::paths::Paths;
use crate::prune;
use crate::steps::step;

/// What every base image's name starts with.
pub(super) const PREFIX: &str = "base-";

/// The two kinds of base image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Base {
    /// For the platform's services.
    Platform,
    /// For agents, which work on other people's code.
    Agent,
}

impl Base {
    fn name(self) -> &'static str {
        match self {
            Self::Platform => "base-platform",
            Self::Agent => "base-agent",
        }
    }

    fn packages(self) -> &'static str {
        match self {
            Self::Platform => "ca-certificates,git,tzdata",
            Self::Agent => "ca-certificates,curl,git,jq,less,make,patch,procps,python3,python3-pip,tzdata",
        }
    }

    /// The image, from the cache where its packages have not changed.
    pub(crate) fn image(self, paths: &Paths) -> Result<Image> {
        let suite = suite()?;
        let packages = self.packages();
        let digest = hashing::short([suite.as_str(), packages]);
        let tar = paths.cache.join("images").join(format!("{}-{suite}-{digest}.rootfs", self.name()));
        if tar.is_file() {
            prune::mark_used(&tar);
        } else {
            step(paths, self.name(), &format!("make {} from Debian packages", self.name()), |step| {
                fs::create_dir_all(paths.cache.join("images"))?;
                let partial = tar.with_extension("partial");
                step.run(
                    Command::new("mmdebstrap")
                        .args(["--variant=minbase", "--format=tar"])
                        .arg(format!("--include={packages}"))
                        // Documentation is dead weight in a container.
                        .args(["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"])
                        .arg(&suite)
                        .arg(&partial),
                )?;
                fs::rename(&partial, &tar).context("cannot move the packages into place")
            })?;
        }
        let files = vec![Content::plain(tar, "base.tar")];
        built(paths, &Recipe { name: self.name(), dockerfile: "base.Dockerfile", base: None, files })
    }
}

/// Code name of this machine's own release.
fn suite() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name.context("/etc/os-release names no VERSION_CODENAME")?.trim_matches('"').to_owned())
}
