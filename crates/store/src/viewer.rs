//! For whom something is read.

use domain::ids::UserId;

/// Who looks: what they may not see is left out.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    /// The person.
    pub user: UserId,
    /// Sees every project.
    pub sees_all: bool,
}
