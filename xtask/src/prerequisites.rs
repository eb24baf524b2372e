//! What the machine must have: everything that is missing is listed at once, with the command that installs it; as
//! root on Debian and Ubuntu the stack installs its own packages, after saying which.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::command::{exists, output};
use crate::paths::Paths;
use crate::steps::step;

/// The oldest Go that builds the one-node Kubernetes.
const GO: (u32, u32) = (1, 25);

/// Something the stack needs, and how a machine comes by it.
struct Need {
    /// A program in `PATH`, or an absolute path.
    program: &'static str,
    /// Debian package.
    package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// For the tests that need PostgreSQL and the stand-ins only.
const BASICS: [Need; 3] = [need("git", "git"), need("python3", "python3"), need("setsid", "util-linux")];

const STACK: [Need; 14] = [
    need("containerd", "containerd"),
    need("runc", "runc"),
    need("/usr/lib/cni/ptp", "containernetworking-plugins"),
    need("iptables", "iptables"),
    need("nft", "nftables"),
    need("conntrack", "conntrack"),
    need("ethtool", "ethtool"),
    need("socat", "socat"),
    need("buildah", "buildah"),
    need("mmdebstrap", "mmdebstrap"),
    need("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    need("ip", "iproute2"),
    need("openssl", "openssl"),
    need("strip", "binutils"),
];

const BROWSER: [Need; 1] = [need("chromium", "chromium")];

/// What a command is about to do, and so what it needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum For {
    /// PostgreSQL for tests.
    Tests,
    /// The whole stack.
    Stack,
    /// The console's tests in a real browser over the whole stack.
    Browser,
}

/// Makes sure that everything is there, installing packages where that is ours to do.
///
/// # Errors
/// The list of what is missing, each with its remedy.
pub(crate) fn ensure(paths: &Paths, purpose: For) -> Result<()> {
    let mut packages = missing_packages(purpose);
    if !packages.is_empty() && may_install() {
        println!("Installing with apt-get: {}", packages.join(" "));
        install(paths, &packages)?;
        packages = missing_packages(purpose);
    }
    let mut problems = Vec::new();
    if !packages.is_empty() {
        problems.push(format!("Debian packages: apt-get install {}", packages.join(" ")));
    }
    if purpose != For::Tests {
        if !geteuid().is_root() {
            problems
                .push("root: a Kubernetes node mounts, routes and starts containers; run it with sudo -E".to_owned());
        }
        problems.extend(go_problem());
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("this machine lacks\n  - {}", problems.join("\n  - "))
}

fn missing_packages(purpose: For) -> Vec<&'static str> {
    let (stack, browser): (&[Need], &[Need]) = match purpose {
        For::Tests => (&[], &[]),
        For::Stack => (&STACK, &[]),
        For::Browser => (&STACK, &BROWSER),
    };
    let mut packages: Vec<_> = BASICS
        .iter()
        .chain(stack)
        .chain(browser)
        .filter(|need| !present(need.program))
        .map(|need| need.package)
        .collect();
    if exists("python3") && output(Command::new("python3").args(["-m", "pip", "--version"])).is_err() {
        packages.push("python3-pip");
    }
    packages
}

fn present(program: &str) -> bool {
    // Debian keeps some of them where an ordinary user's PATH does not look.
    Path::new(program).is_absolute() && Path::new(program).exists()
        || exists(program)
        || ["/usr/sbin", "/sbin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

fn may_install() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    geteuid().is_root() && exists("apt-get") && release.lines().any(is_debian_family)
}

fn is_debian_family(line: &str) -> bool {
    line.strip_prefix("ID=")
        .or_else(|| line.strip_prefix("ID_LIKE="))
        .is_some_and(|ids| ids.trim_matches('"').split_whitespace().any(|id| id == "debian" || id == "ubuntu"))
}

fn install(paths: &Paths, packages: &[&str]) -> Result<()> {
    step(paths, "apt", "install Debian packages", |step| {
        let apt = || {
            let mut command = Command::new("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        step.run(apt().arg("update"))?;
        step.run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
    })
}

fn go_problem() -> Option<String> {
    let remedy = format!("Go {}.{} or newer: https://go.dev/dl (unpack it and put its bin folder in PATH)", GO.0, GO.1);
    let Ok(version) = output(Command::new("go").args(["env", "GOVERSION"])) else {
        return Some(remedy);
    };
    (go_version(version.trim()) < Some(GO)).then(|| format!("{remedy}; found {}", version.trim()))
}

/// Major and minor of a version such as `go1.26.8`.
fn go_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("go")?.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_compare_as_numbers() {
        assert_eq!(go_version("go1.26.8"), Some((1, 26)));
        assert_eq!(go_version("go1.27rc1"), Some((1, 27)));
        assert!(go_version("go1.9.2") < Some(GO));
        assert_eq!(go_version("devel"), None);
    }

    #[test]
    fn ubuntu_and_its_relatives_are_known() {
        assert!(is_debian_family("ID=ubuntu"));
        assert!(is_debian_family("ID_LIKE=\"ubuntu debian\""));
        assert!(!is_debian_family("ID=fedora"));
        assert!(!is_debian_family("VERSION_ID=debian"));
    }
}
