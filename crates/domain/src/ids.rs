//! Ids of rows. Made here, never by the database, so that a caller can name a row before it exists.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id; later ones sort after earlier ones (UUID version 7, RFC 9562).
            #[must_use]
            #[expect(clippy::new_without_default, reason = "an id is made on purpose, never by default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(/// One run of an agent.
    RunId);
id!(/// A project of the platform.
    ProjectId);
id!(/// A connected repository.
    RepositoryId);
id!(/// A person who may sign in.
    UserId);
id!(/// A row of the delivery ledger (GitHub's own id of a delivery is text, its GUID).
    DeliveryId);
id!(/// A signed-in browser.
    SessionId);
id!(/// Ties together everything that one webhook or click caused.
    CorrelationId);
id!(/// A row of `outbound_actions`.
    ActionId);
id!(/// One version of a template that people wrote.
    TemplateId);

impl RunId {
    /// Eight hex digits that name the run in Kubernetes and git. From the random end of the id: its beginning is the
    /// time, which two runs of the same minute share.
    #[must_use]
    pub fn short(self) -> String {
        let hex = self.0.simple().to_string();
        hex[hex.len() - 8..].to_owned()
    }
}
