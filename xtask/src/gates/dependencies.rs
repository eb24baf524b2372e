//! The crate table of `docs/ARCHITECTURE.md` as data: which of our crates may use which, and which outside crates have
//! one home.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The part of `cargo metadata` that the table is about.
#[derive(Deserialize)]
pub(super) struct Metadata {
    /// The workspace's own packages.
    pub(super) packages: Vec<Package>,
}

/// One crate of the workspace.
#[derive(Deserialize)]
pub(super) struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

impl Package {
    /// `testkit`, or a crate of `tests/`.
    fn is_for_tests(&self) -> bool {
        let folder = self.manifest_path.parent().and_then(Path::parent).and_then(Path::file_name);
        self.name == "testkit" || folder.is_some_and(|folder| folder == "tests")
    }
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// Our crates that a crate may use. `testkit` and the crates under `tests/` are not listed, because they may use everything.
const INSIDE: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("contract", &["domain"]),
    ("store", &["domain"]),
    ("forge", &["domain"]),
    ("cluster", &["domain"]),
    ("prompts", &["domain"]),
    ("vault", &[]),
    ("runtime", &[]),
    ("xtask", &[]),
    ("api-gateway", &["domain", "contract", "vault", "runtime"]),
    ("control-plane", &["domain", "contract", "store", "forge", "cluster", "prompts", "vault", "runtime"]),
    ("worker", &["domain", "contract", "store", "forge", "cluster", "prompts", "vault", "runtime"]),
    ("agent-runner", &["domain", "contract", "vault", "runtime"]),
];

/// Outside crates that only some of ours may use.
const OUTSIDE: [(&str, &[&str]); 5] = [
    ("sqlx", &["store"]),
    ("octocrab", &["forge"]),
    ("kube", &["cluster"]),
    ("k8s-openapi", &["cluster"]),
    ("axum", &["runtime", "contract", "api-gateway", "control-plane", "worker", "agent-runner"]),
];

/// Crates that decide and never act: no runtime, no sockets.
const PURE: [&str; 2] = ["domain", "prompts"];

/// What a pure crate may not see.
const EFFECTS: [&str; 4] = ["tokio", "reqwest", "hyper", "tower-http"];

/// What the table has against one crate's dependencies; those of its tests are free.
pub(super) fn problems(package: &Package) -> Vec<String> {
    if package.is_for_tests() {
        return Vec::new();
    }
    let Some((_, allowed)) = INSIDE.iter().find(|(name, _)| *name == package.name) else {
        return vec![format!("{}: a new crate earns its place in the architecture's table first", package.name)];
    };
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
    normal
        .filter(|dependency| !may_use(&package.name, allowed, dependency))
        .map(|dependency| format!("{} may not depend on {}", package.name, dependency.name))
        .collect()
}

fn may_use(package: &str, inside: &[&str], dependency: &Dependency) -> bool {
    let name = dependency.name.as_str();
    if dependency.path.is_some() {
        return inside.contains(&name);
    }
    if PURE.contains(&package) && EFFECTS.contains(&name) {
        return false;
    }
    OUTSIDE.iter().find(|(outside, _)| *outside == name).is_none_or(|(_, homes)| homes.contains(&package))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str, inside: bool, kind: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: format!(
                "/checkout/{}/{name}/Cargo.toml",
                if name == "stories" { "tests" } else { "crates" }
            )
            .into(),
            dependencies: vec![Dependency {
                name: dependency.to_owned(),
                kind: kind.map(str::to_owned),
                path: inside.then(|| format!("/crates/{dependency}")),
            }],
        }
    }

    #[test]
    fn the_table_decides() {
        let table = [
            ("domain", "serde", false, None, true),
            ("domain", "tokio", false, None, false),
            ("domain", "store", true, None, false),
            ("store", "sqlx", false, None, true),
            ("control-plane", "sqlx", false, None, false),
            ("control-plane", "store", true, None, true),
            ("api-gateway", "store", true, None, false),
            ("worker", "control-plane", true, None, false),
            ("worker", "testkit", true, Some("dev"), true),
            ("worker", "kube", false, None, false),
            ("testkit", "sqlx", false, None, true),
            ("stories", "control-plane", true, None, true),
            ("newcomer", "serde", false, None, false),
        ];
        for (name, dependency, inside, kind, allowed) in table {
            let found = problems(&package(name, dependency, inside, kind));
            assert_eq!(found.is_empty(), allowed, "{name} -> {dependency}: {found:?}");
        }
    }
}
