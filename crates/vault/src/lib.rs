//! Secrets: how they are kept, how they are made, how requests are proved with them, and how they are kept out of every
//! text that leaves.
//!
//! No type here prints what it holds.
#![deny(missing_docs)]

mod decoy;
mod forms;
mod keyring;
mod lookout;
mod redactor;
mod shapes;
mod signature;
mod stream;
mod token;
mod value;

pub use decoy::Decoy;
pub use keyring::{CanaryProblem, Keyring, KeyringProblem, OpenProblem, Sealed};
pub use lookout::{Look, Lookout, LookoutStream, Sighting};
pub use redactor::{MARK, Redactor};
pub use signature::{SignatureProblem, verify_github_signature};
pub use stream::StreamRedactor;
pub use token::{CallbackSecret, IntegrationToken, RunToken, SessionSecret, Token, TokenKind};
pub use value::{DerivationKey, DerivationKeyProblem, random_value};
