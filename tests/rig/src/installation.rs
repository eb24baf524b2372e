//! A small installation: an owner, a member who may start runs, and one project with one repository.

use anyhow::Result;
use domain::ids::{ProjectId, RepositoryId, UserId};
use domain::rights::{PlatformRole, ProjectRole};
use sqlx::PgPool;
use store::{members, projects, repositories, users};

/// GitHub's numeric id of the repository.
pub const REPOSITORY: i64 = 42;
/// GitHub's numeric id of the member.
pub const MEMBER: i64 = 2;
/// GitHub's numeric id of the platform's own account.
const BOT: i64 = 99;
/// Becomes the owner when the migrations are run.
pub const OWNER_EMAIL: &str = "owner@rig.test";

/// Ids of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Installation {
    /// The project.
    pub project: ProjectId,
    /// The repository.
    pub repository: RepositoryId,
    /// The member.
    pub member: UserId,
}

/// Makes the installation in a database that has its schema.
///
/// # Errors
/// The database's.
pub async fn seed(db: &PgPool) -> Result<Installation> {
    let new = users::NewUser {
        id: UserId::new(),
        email: "member@rig.test",
        github_id: Some(MEMBER),
        role: PlatformRole::Member,
    };
    let member = users::create(db, &new).await?.id;
    let (project, repository) = (ProjectId::new(), RepositoryId::new());
    let new = projects::NewProject { slug: "rig", name: "Rig", locale: "en", creator: member };
    projects::create(db, project, &new).await?;
    members::set(db, project, member, ProjectRole::ReadWrite).await?;
    let row = repositories::NewRepository {
        id: repository,
        project_id: project,
        github_id: REPOSITORY,
        full_name: "rig/app",
        web_url: "http://github.test/rig/app",
        default_branch: "main",
        bot_github_id: BOT,
        bot_login: "bot",
        token_sealed: b"never opened",
    };
    repositories::connect(db, &row).await?;
    Ok(Installation { project, repository, member })
}
