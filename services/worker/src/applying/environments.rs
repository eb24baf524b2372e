//! Environments of a project, as approved actions meet them.

use cluster::spec::Grantee;
use cluster::{ClusterError, EnvironmentSpec};
use store::repositories::RepositoryRow;

use super::Untried;
use crate::Deps;

/// The environment of this name, of the repository's project.
pub(super) fn of(deps: &Deps, repository: &RepositoryRow, name: &str, namespace: &str) -> EnvironmentSpec {
    let pods = &deps.config.pods;
    EnvironmentSpec {
        project_id: repository.project_id,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        grantee: Grantee { cluster_role: pods.environment_role.clone(), ..pods.grantee.clone() },
    }
}

/// What nobody can do anything about but people is said in words, at once.
pub(super) fn refused(error: ClusterError) -> Untried {
    match error {
        ClusterError::Foreign { what } => {
            Untried::Refused(format!("{what} is there already and was not made for this; choose another name"))
        }
        error => Untried::Cluster(error),
    }
}
