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
        self.may_with(db, permission, ("project", project)).await
    }

    /// May do this with something of that project. Where the project is not theirs to see it is refused in the same words
    /// as a thing that there is not, or they would learn that there is one.
    pub(super) async fn may_with(
        &self,
        db: impl PgExecutor<'_>,
        permission: Permission,
        (what, project): (&str, ProjectId),
    ) -> Result<(), ApiError> {
        let role = self.role(db, project).await?.ok_or_else(|| no_such(what))?;
        if rights::allows(role, permission) { Ok(()) } else { Err(not_permitted()) }
    }

    /// The role that they have in a project that they may see.
    pub(super) async fn role_in(&self, db: impl PgExecutor<'_>, project: ProjectId) -> Result<ProjectRole, ApiError> {
        self.role(db, project).await?.ok_or_else(|| no_such("project"))
    }

    /// The same; `None`: the project does not exist for them.
    async fn role(&self, db: impl PgExecutor<'_>, project: ProjectId) -> Result<Option<ProjectRole>, ApiError> {
        let member = projects::role_in(db, project, self.id).await?;
        Ok(member.and_then(|member| rights::effective_role(self.role, member)))
    }

    /// Whether they may write `what`, which counts for a project or for every one; there is none when the project is not
    /// theirs to see.
    pub(super) async fn writes_for(
        &self,
        db: impl PgExecutor<'_>,
        (what, project): (&str, Option<ProjectId>),
    ) -> Result<bool, ApiError> {
        let Some(project) = project else { return Ok(self.role.manages_everything()) };
        let role = self.role(db, project).await?.ok_or_else(|| no_such(what))?;
        Ok(rights::allows(role, Permission::Manage))
    }
}

pub(super) fn not_permitted() -> ApiError {
    Problem::forbidden("not_permitted", "Your role does not allow this").into()
}
