//! Names that the platform gives to things in Kubernetes and git: deterministic, so that whoever takes a run over
//! finds what its predecessor made.

use sha2::{Digest, Sha256};

use crate::ids::RunId;

/// A namespace's name may have 63 characters (RFC 1123 label).
const NAME_LIMIT: usize = 63;

/// The namespace of a run: `<project>-<stage>-i<issue>-<run8>`; a name that would be too long keeps its end and has
/// its project replaced by a hash.
#[must_use]
pub fn namespace(project_slug: &str, stage: &str, issue: i64, run: RunId) -> String {
    within_limit(project_slug, &format!("{stage}-i{issue}-{}", run.short()))
}

/// The namespace of a project's environment: `<project>-env-<environment>`. The labels on it say whose it is, since
/// another project's names may come to the same.
#[must_use]
pub fn environment_namespace(project_slug: &str, environment: &str) -> String {
    within_limit(project_slug, &format!("env-{environment}"))
}

fn within_limit(project_slug: &str, tail: &str) -> String {
    let name = format!("{project_slug}-{tail}");
    if name.len() <= NAME_LIMIT {
        return name;
    }
    let digest = hex::encode(Sha256::digest(project_slug.as_bytes()));
    format!("p{}-{tail}", &digest[..8])
}

/// The namespace that a run gets in the place of `current`: its own, where it had taken over another's; then its own
/// with a number, since the name may be taken until the old one is gone.
#[must_use]
pub fn next_namespace(project_slug: &str, stage: &str, issue: i64, run: RunId, current: &str) -> String {
    let own = run.short();
    let Some((_, number)) = current.rsplit_once(&format!("-{own}")) else {
        return namespace(project_slug, stage, issue, run);
    };
    let number = number.strip_prefix('-').and_then(|number| number.parse::<u32>().ok()).unwrap_or(1);
    within_limit(project_slug, &format!("{stage}-i{issue}-{own}-{}", number.saturating_add(1)))
}

/// The Job of one launch.
#[must_use]
pub fn job(run: RunId, launch: i32) -> String {
    format!("run-{}-l{launch}", run.short())
}

/// The Secret that hands the launch's token to its pod.
#[must_use]
pub fn token_secret(run: RunId, launch: i32) -> String {
    format!("{}-token", job(run, launch))
}

/// The only branch that the run may push.
#[must_use]
pub fn branch(issue: i64, run: RunId) -> String {
    format!("codex/i{issue}-{}", run.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId("0192f0c1-2222-7333-8444-0123456789ab".parse().unwrap())
    }

    #[test]
    fn names_follow_the_run() {
        assert_eq!(namespace("acme", "dev", 12, run()), "acme-dev-i12-456789ab");
        assert_eq!(environment_namespace("acme", "staging"), "acme-env-staging");
        assert_eq!(job(run(), 2), "run-456789ab-l2");
        assert_eq!(token_secret(run(), 2), "run-456789ab-l2-token");
        assert_eq!(branch(12, run()), "codex/i12-456789ab");
    }

    #[test]
    fn a_namespace_is_replaced_by_the_runs_own_and_then_by_numbers() {
        let next = |project: &str, current: &str| next_namespace(project, "dev", 12, run(), current);
        assert_eq!(next("acme", "acme-dev-i12-00000001"), "acme-dev-i12-456789ab");
        assert_eq!(next("acme", "acme-dev-i12-456789ab"), "acme-dev-i12-456789ab-2");
        assert_eq!(next("acme", "acme-dev-i12-456789ab-2"), "acme-dev-i12-456789ab-3");
        let long = "a".repeat(60);
        let first = next(&long, "acme-dev-i12-00000001");
        let third = next(&long, &next(&long, &first));
        assert!(third.ends_with("-456789ab-3") && third.len() <= NAME_LIMIT, "{third}");
    }

    #[test]
    fn a_long_name_is_hashed_and_still_fits() {
        let name = namespace(&"a".repeat(60), "dev", i64::MAX, run());
        assert!(name.len() <= NAME_LIMIT, "{name}");
        assert!(name.ends_with("-456789ab"));
        let environment = environment_namespace(&"a".repeat(30), &"e".repeat(32));
        assert!(environment.len() <= NAME_LIMIT && environment.ends_with(&"e".repeat(32)), "{environment}");
    }
}
