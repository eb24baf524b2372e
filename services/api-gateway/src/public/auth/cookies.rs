//! The two cookies of sign-in: which flags they carry, and how they are set and cleared.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chrono::{DateTime, Utc};

/// The session cookie reaches these routes only.
const SESSION_PATH: &str = "/api/v1/auth";
/// The sign-in cookie lives only between going to GitHub and coming back.
const SIGN_IN_PATH: &str = "/api/v1/auth/github";
/// Minutes that a person has to sign in at GitHub.
pub(super) const SIGN_IN_MINUTES: i64 = 10;

/// Names and flags of the cookies; over HTTPS they are `Secure` and say so in their names.
pub(super) struct Cookies {
    secure: bool,
    session: &'static str,
    sign_in: &'static str,
}

impl Cookies {
    pub(super) fn new(secure: bool) -> Self {
        if secure {
            Self { secure, session: "__Secure-codexk8s_session", sign_in: "__Secure-codexk8s_sign_in" }
        } else {
            Self { secure, session: "codexk8s_session", sign_in: "codexk8s_sign_in" }
        }
    }

    /// The session's secret, when the browser sent one.
    pub(super) fn session(&self, jar: &CookieJar) -> Option<String> {
        jar.get(self.session).map(|cookie| cookie.value().to_owned())
    }

    /// The sealed state of a sign-in that began in this browser.
    pub(super) fn sign_in(&self, jar: &CookieJar) -> Option<String> {
        jar.get(self.sign_in).map(|cookie| cookie.value().to_owned())
    }

    pub(super) fn with_session(&self, jar: CookieJar, secret: &str, until: DateTime<Utc>, now: i64) -> CookieJar {
        let left = (until.timestamp() - now).max(0);
        jar.add(self.cookie(self.session, secret, SESSION_PATH, SameSite::Strict, left))
    }

    pub(super) fn without_session(&self, jar: CookieJar) -> CookieJar {
        jar.add(self.cookie(self.session, "", SESSION_PATH, SameSite::Strict, 0))
    }

    /// Lax, not Strict: GitHub sends the browser back here from its own site.
    pub(super) fn with_sign_in(&self, jar: CookieJar, state: &str) -> CookieJar {
        jar.add(self.cookie(self.sign_in, state, SIGN_IN_PATH, SameSite::Lax, SIGN_IN_MINUTES * 60))
    }

    pub(super) fn without_sign_in(&self, jar: CookieJar) -> CookieJar {
        jar.add(self.cookie(self.sign_in, "", SIGN_IN_PATH, SameSite::Lax, 0))
    }

    fn cookie(
        &self,
        name: &'static str,
        value: &str,
        path: &'static str,
        same_site: SameSite,
        seconds: i64,
    ) -> Cookie<'static> {
        Cookie::build((name, value.to_owned()))
            .path(path)
            .http_only(true)
            .secure(self.secure)
            .same_site(same_site)
            .max_age(time::Duration::seconds(seconds))
            .build()
    }
}
