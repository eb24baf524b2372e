//! Cursors of lists that are ordered by time and id, newest first.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The last row of a page; the next one begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The row's time, to the microsecond.
    pub at: DateTime<Utc>,
    /// The row's id.
    pub id: Uuid,
}

/// The text is not a cursor that [`Cursor`] wrote.
#[derive(Debug, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct BadCursor;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id.simple())
    }
}

impl std::str::FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (micros, id) = text.split_once('.').ok_or(BadCursor)?;
        let micros = micros.parse().map_err(|_| BadCursor)?;
        let at = DateTime::from_timestamp_micros(micros).ok_or(BadCursor)?;
        Ok(Self { at, id: id.parse().map_err(|_| BadCursor)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { at: "2026-11-22T10:00:00.123456Z".parse().unwrap(), id: Uuid::now_v7() };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for bad in ["", "x", "1.2", "99999999999999999999.0192f0c1222273338444"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
