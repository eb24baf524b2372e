//! Who asks, and what they may. A project that is not theirs to see does not exist for them.

use axum::extract::FromRequestParts;
use contract::assertion::Caller;
use contract::problem::Problem;
use domain::ids::{ProjectId, UserId};
use domain::rights::{self, Permission, PlatformRole, ProjectRole};
use http::request::Parts;
use store::Viewer;
use store::{PgExecutor, projects, staff_sessions};

use crate::error::{ApiError, no_such};
use crate::state::App;

/// A person with a live session. Session and roles are read for every request, so losing them counts at once.
#[derive(Debug, Clone)]
pub(super) struct Staff {
    pub(super) id: UserId,
    pub(super) login: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: PlatformRole,
}

impl FromRequestParts<App> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Caller::Staff { user_id, session_id } = Caller::from_request_parts(parts, app).await? else {
            return Err(Problem::forbidden("wrong_caller", "This operation is for people").into());
        };
        let row = staff_sessions::staff(&app.pool, session_id, user_id).await?;
        let over = || Problem::unauthorized("session_over", "The session is over; sign in again");
        let row = row.ok_or_else(over)?;
        Ok(Self { id: row.user_id, login: row.login, name: row.name, email: row.email, role: row.platform_role.0 })
    }
}

impl Staff {
    /// For the audit.
    pub(super) fn actor(&self) -> String {
        format!("user:{}", self.login)
    }

    /// What lists may show.
    pub(super) fn viewer(&self) -> Viewer {
        Viewer { user: self.id, sees_all: self.role.manages_everything() }
    }

    /// The role that they have in a project in the end.
    pub(super) fn role_from(&self, member: Option<ProjectRole>) -> ProjectRole {
        rights::effective_role(self.role, member).unwrap_or(ProjectRole::Read)
    }

    /// Platform owner or admin.
    pub(super) fn manages_platform(&self) -> Result<(), ApiError> {
        if self.role.manages_everything() { Ok(()) } else { Err(not_permitted()) }
    }

    /// The platform's owner.
    pub(super) fn owns_platform(&self) -> Result<(), ApiError> {
        if self.role == PlatformRole::Owner { Ok(()) } else { Err(not_permitted()) }
    }

    /// May do this in that project.
    pub(super) async fn may(
        &self,
        db: impl PgExecutor<'_>,
        permission: Permission,
        project: ProjectId,
    ) -> Result<(), ApiError> {
        let role = self.role_in(db, project).await?;
        if rights::allows(role, permission) { Ok(()) } else { Err(not_permitted()) }
    }

    /// The role that they have in a project that they may see.
    pub(super) async fn role_in(&self, db: impl PgExecutor<'_>, project: ProjectId) -> Result<ProjectRole, ApiError> {
        let member = projects::role_in(db, project, self.id).await?.ok_or_else(|| no_such("project"))?;
        rights::effective_role(self.role, member).ok_or_else(|| no_such("project"))
    }

    /// Whether they may write what counts for a project, or for every one; refused when it is not theirs to see.
    pub(super) async fn writes_for(
        &self,
        db: impl PgExecutor<'_>,
        project: Option<ProjectId>,
    ) -> Result<bool, ApiError> {
        match project {
            None => Ok(self.role.manages_everything()),
            Some(project) => Ok(rights::allows(self.role_in(db, project).await?, Permission::Manage)),
        }
    }
}

pub(super) fn not_permitted() -> ApiError {
    Problem::forbidden("not_permitted", "Your role does not allow this").into()
}
