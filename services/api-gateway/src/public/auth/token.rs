//! Our own JWTs: the access token of a person, and the sealed state of a sign-in under way. Both are EdDSA, signed with
//! the same key, and told apart by their audience.

use contract::assertion::Clock;
use contract::keys::{PublicKeys, SignatureKey};
use domain::ids::{SessionId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cookies::SIGN_IN_MINUTES;

const ISSUER: &str = "codex-k8s";
const STAFF: &str = "codex-k8s-staff";
const SIGN_IN: &str = "codex-k8s-sign-in";

/// Seconds that an access token lives.
pub(super) const LIFETIME: i64 = 15 * 60;

/// A person with a session, as their access token says. Whether the session is still alive is for the control-plane.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Staff {
    /// Who.
    pub user_id: UserId,
    /// By which session.
    pub session_id: SessionId,
}

/// What must survive between going to GitHub and coming back.
#[derive(Deserialize, Serialize)]
pub(super) struct SignInState {
    pub(super) state: String,
    pub(super) verifier: String,
    pub(super) return_to: String,
}

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefused {
    /// Bad signature, key, algorithm, audience, issuer or form.
    #[error("the token is not valid")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its time is over.
    #[error("the token ended {0} s ago")]
    Over(i64),
}

#[derive(Deserialize, Serialize)]
struct Claims<T> {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    own: T,
}

#[derive(Deserialize, Serialize)]
struct StaffClaims {
    sub: UserId,
    sid: SessionId,
}

/// Makes and checks tokens.
pub(in crate::public) struct Tokens {
    key: SignatureKey,
    keys: PublicKeys,
    clock: Clock,
}

impl Tokens {
    pub(super) fn new(key: SignatureKey, clock: Clock) -> Self {
        Self { keys: key.public_keys(), key, clock }
    }

    pub(super) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// An access token for [`LIFETIME`] seconds.
    pub(super) fn issue(&self, staff: Staff) -> Result<String, jsonwebtoken::errors::Error> {
        self.seal(STAFF, LIFETIME, StaffClaims { sub: staff.user_id, sid: staff.session_id })
    }

    /// Whose access token this is.
    pub(in crate::public) fn staff(&self, token: &str) -> Result<Staff, TokenRefused> {
        let claims: StaffClaims = self.open(STAFF, token)?;
        Ok(Staff { user_id: claims.sub, session_id: claims.sid })
    }

    pub(super) fn seal_sign_in(&self, state: SignInState) -> Result<String, jsonwebtoken::errors::Error> {
        self.seal(SIGN_IN, SIGN_IN_MINUTES * 60, state)
    }

    pub(super) fn open_sign_in(&self, token: &str) -> Result<SignInState, TokenRefused> {
        self.open(SIGN_IN, token)
    }

    fn seal<T: Serialize>(&self, audience: &str, seconds: i64, own: T) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.now();
        self.key.sign(&Claims { iss: ISSUER.to_owned(), aud: audience.to_owned(), iat: now, exp: now + seconds, own })
    }

    fn open<T: DeserializeOwned>(&self, audience: &str, token: &str) -> Result<T, TokenRefused> {
        let claims: Claims<T> = self.keys.verify(token, audience, ISSUER)?;
        let ago = self.now().saturating_sub(claims.exp);
        if ago >= 0 { Err(TokenRefused::Over(ago)) } else { Ok(claims.own) }
    }
}
