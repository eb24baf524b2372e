//! What can go wrong when a forge is asked, sorted by what the caller does about it.

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// How much of a forge's own words is kept, in characters.
const LONGEST_MESSAGE: usize = 400;

/// How long to hold off when the forge says "too much" without saying for how long.
const UNNAMED_PAUSE: TimeDelta = TimeDelta::seconds(60);

/// Which limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// The hourly budget of the token is used up.
    Primary,
    /// Too much at once; more calls make it worse.
    Secondary,
}

/// Why a call failed. `call` is the method and path, which never hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// It does not exist, or the token may not know that it does.
    #[error("{call}: not found")]
    NotFound {
        /// Method and path.
        call: String,
    },
    /// The token is invalid, expired or revoked.
    #[error("{call}: the token is not accepted")]
    Unauthorized {
        /// Method and path.
        call: String,
    },
    /// The token lacks a right.
    #[error("{call}: forbidden ({message})")]
    Forbidden {
        /// Method and path.
        call: String,
        /// What the forge says would have been enough, for example `contents=write`.
        missing_permission: Option<String>,
        /// The forge's words.
        message: String,
    },
    /// Nothing may be asked with this token before `until`.
    #[error("{call}: rate limited until {until}")]
    RateLimited {
        /// Method and path.
        call: String,
        /// When to try again.
        until: DateTime<Utc>,
        /// Which limit.
        kind: LimitKind,
    },
    /// The state of things does not allow it (409).
    #[error("{call}: conflict ({message})")]
    Conflict {
        /// Method and path.
        call: String,
        /// The forge's words.
        message: String,
    },
    /// The forge does not take what was sent (422).
    #[error("{call}: refused ({message})")]
    Validation {
        /// Method and path.
        call: String,
        /// The forge's words, with those about single fields.
        message: String,
    },
    /// No answer, or a server error. Whether a write took effect is unknown: look for its effect before repeating it.
    #[error("{call}: the forge is not available ({message})")]
    Unavailable {
        /// Method and path.
        call: String,
        /// What was seen of it.
        message: String,
    },
    /// An answer that this version does not understand.
    #[error("{call}: unexpected answer ({message})")]
    Other {
        /// Method and path.
        call: String,
        /// What was unexpected.
        message: String,
    },
}

impl ForgeError {
    /// Sorts an answer that is no success.
    pub(crate) fn of(call: String, status: StatusCode, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Self {
        let message = words(status, body);
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::NotFound { call },
            StatusCode::UNAUTHORIZED => Self::Unauthorized { call },
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => match limit(status, headers, &message, now) {
                Some((kind, until)) => Self::RateLimited { call, until, kind },
                None => {
                    let missing_permission = text(headers, "x-accepted-github-permissions").map(str::to_owned);
                    Self::Forbidden { call, missing_permission, message }
                }
            },
            StatusCode::CONFLICT => Self::Conflict { call, message },
            StatusCode::UNPROCESSABLE_ENTITY => Self::Validation { call, message },
            _ if status.is_server_error() => Self::Unavailable { call, message },
            _ => Self::Other { call, message },
        }
    }

    /// Whether asking again can help without anybody changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }
}

/// GitHub's order: `Retry-After`, then an empty budget with its reset, then the words alone.
fn limit(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    now: DateTime<Utc>,
) -> Option<(LimitKind, DateTime<Utc>)> {
    let after = |seconds: i64| TimeDelta::try_seconds(seconds).and_then(|pause| now.checked_add_signed(pause));
    if let Some(pause) = text(headers, "retry-after") {
        let until = pause.parse().ok().and_then(after);
        return Some((LimitKind::Secondary, until.unwrap_or(now + UNNAMED_PAUSE)));
    }
    if text(headers, "x-ratelimit-remaining") == Some("0") {
        let reset = text(headers, "x-ratelimit-reset").and_then(|at| at.parse().ok());
        let until = reset.and_then(|at| DateTime::from_timestamp(at, 0));
        return Some((LimitKind::Primary, until.unwrap_or(now + UNNAMED_PAUSE)));
    }
    let words = message.to_ascii_lowercase();
    let limited = status == StatusCode::TOO_MANY_REQUESTS || words.contains("rate limit") || words.contains("abuse");
    limited.then_some((LimitKind::Secondary, now + UNNAMED_PAUSE))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn words(status: StatusCode, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Words {
        message: String,
        #[serde(default)]
        errors: Vec<serde_json::Value>,
    }
    let said = match serde_json::from_slice::<Words>(body) {
        Ok(Words { message, errors }) => {
            let detail = |error: &serde_json::Value| error["message"].as_str().map_or(error.to_string(), str::to_owned);
            [message].into_iter().chain(errors.iter().map(detail)).collect::<Vec<_>>().join("; ")
        }
        Err(_) => status.to_string(),
    };
    said.chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(status: u16, headers: &[(&'static str, &str)], message: &str) -> ForgeError {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let body = serde_json::json!({ "message": message, "errors": [{ "field": "head" }] }).to_string();
        ForgeError::of("GET /x".into(), StatusCode::from_u16(status).unwrap(), &headers.collect(), body.as_bytes(), now)
    }

    #[test]
    fn limits_are_told_from_missing_rights() {
        type Row = (u16, &'static [(&'static str, &'static str)], &'static str, &'static str);
        let table: [Row; 8] = [
            (403, &[("retry-after", "30")], "", "Secondary 1030"),
            (429, &[], "", "Secondary 1060"),
            (403, &[], "You have exceeded a secondary rate limit", "Secondary 1060"),
            (403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5000")], "", "Primary 5000"),
            (429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5000")], "", "Primary 5000"),
            (403, &[("retry-after", "soon")], "", "Secondary 1060"),
            (403, &[("x-accepted-github-permissions", "contents=write")], "no", "forbidden contents=write"),
            (403, &[("x-ratelimit-remaining", "12")], "no", "forbidden -"),
        ];
        for (status, headers, message, expected) in table {
            let seen = match sorted(status, headers, message) {
                ForgeError::RateLimited { until, kind, .. } => format!("{kind:?} {}", until.timestamp()),
                ForgeError::Forbidden { missing_permission, .. } => {
                    format!("forbidden {}", missing_permission.as_deref().unwrap_or("-"))
                }
                other => other.to_string(),
            };
            assert_eq!(seen, expected, "{status} {headers:?} {message}");
        }
    }

    #[test]
    fn other_answers_are_sorted_by_status_and_keep_the_words() {
        assert!(matches!(sorted(404, &[], "x"), ForgeError::NotFound { .. }));
        assert!(matches!(sorted(410, &[], "x"), ForgeError::NotFound { .. }));
        assert!(matches!(sorted(401, &[], "x"), ForgeError::Unauthorized { .. }));
        assert!(matches!(sorted(409, &[], "x"), ForgeError::Conflict { .. }));
        assert!(matches!(sorted(502, &[], "x"), ForgeError::Unavailable { .. }));
        assert!(matches!(sorted(418, &[], "x"), ForgeError::Other { .. }));
        let refused = sorted(422, &[], "Validation Failed").to_string();
        assert_eq!(refused, r#"GET /x: refused (Validation Failed; {"field":"head"})"#);
    }
}
