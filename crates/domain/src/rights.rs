//! Who may do what: roles of people, and the rights that follow from them.

use crate::coded_enum;

coded_enum! {
    /// A person's role on the whole platform.
    PlatformRole {
        /// Exactly one person: runs the platform and pays for it.
        Owner = "owner",
        /// Manages users, projects and repositories.
        Admin = "admin",
        /// Sees the projects it is a member of.
        Member = "member",
    }
}

coded_enum! {
    /// A person's role in one project.
    ProjectRole {
        /// Manages the project.
        Admin = "admin",
        /// Starts and stops runs.
        ReadWrite = "read_write",
        /// Looks.
        Read = "read",
    }
}

/// Something a person may or may not do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See the project, its runs and deliveries.
    Look,
    /// Start runs by label and cancel them.
    Run,
    /// Members, repositories, egress grants, settings, and whose words agents read.
    Manage,
}

impl PlatformRole {
    /// Owner or admin: every project is theirs to manage.
    #[must_use]
    pub const fn manages_everything(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }
}

/// The role a person effectively has in a project, from both roles; `None`: the project does not exist for them.
#[must_use]
pub const fn effective_role(platform: PlatformRole, project: Option<ProjectRole>) -> Option<ProjectRole> {
    if platform.manages_everything() { Some(ProjectRole::Admin) } else { project }
}

/// Whether a role carries a permission.
#[must_use]
pub const fn allows(role: ProjectRole, permission: Permission) -> bool {
    match permission {
        Permission::Look => true,
        Permission::Run => matches!(role, ProjectRole::Admin | ProjectRole::ReadWrite),
        Permission::Manage => matches!(role, ProjectRole::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_by_role() {
        use {Permission as P, ProjectRole as R};
        let table =
            [(R::Admin, [true, true, true]), (R::ReadWrite, [true, true, false]), (R::Read, [true, false, false])];
        for (role, expected) in table {
            assert_eq!([P::Look, P::Run, P::Manage].map(|p| allows(role, p)), expected, "{role}");
        }
    }

    #[test]
    fn the_platform_role_stands_above_the_project_role() {
        assert_eq!(effective_role(PlatformRole::Owner, None), Some(ProjectRole::Admin));
        assert_eq!(effective_role(PlatformRole::Admin, Some(ProjectRole::Read)), Some(ProjectRole::Admin));
        assert_eq!(effective_role(PlatformRole::Member, Some(ProjectRole::Read)), Some(ProjectRole::Read));
        assert_eq!(effective_role(PlatformRole::Member, None), None);
    }
}
