//! GitHub as the loops use it: a repository opened with its own token, and a memory of when GitHub wants to be left
//! alone. That memory is a courtesy; losing it costs one refused call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::ids::RepositoryId;
use domain::limits::outage_pause;
use forge::{ForgeError, GitHub, RepositoryName, RepositoryProvider};
use store::repositories::{RepositoryRow, token_aad};
use vault::Sealed;

use crate::Config;

/// A repository and the means to talk about it.
pub(crate) struct Opened {
    pub(crate) github: GitHub,
    pub(crate) name: RepositoryName,
}

impl Opened {
    /// Takes labels off an issue or pull request and puts others on. What is so already stays so.
    pub(crate) async fn move_labels(&self, number: i64, off: &[String], on: &[String]) -> Result<(), ForgeError> {
        self.take_labels_off(number, off).await?;
        self.put_labels_on(number, on).await
    }

    pub(crate) async fn take_labels_off(&self, number: i64, off: &[String]) -> Result<(), ForgeError> {
        for label in off {
            self.github.remove_label(&self.name, number, label).await?;
        }
        Ok(())
    }

    pub(crate) async fn put_labels_on(&self, number: i64, on: &[String]) -> Result<(), ForgeError> {
        if on.is_empty() { Ok(()) } else { self.github.add_labels(&self.name, number, on).await }
    }
}

/// Whom a call is about: limits are counted by account, and an outage may be a repository's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whom {
    /// Numeric id of the account that calls.
    pub(crate) account: i64,
    pub(crate) repository: RepositoryId,
}

impl Whom {
    /// Whom calls to a repository are about.
    pub(crate) const fn of(repository: &RepositoryRow) -> Self {
        Self { account: repository.bot_github_id, repository: repository.id }
    }
}

/// When GitHub wants to be left alone.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    limited: HashMap<i64, DateTime<Utc>>,
    silent: HashMap<RepositoryId, Silence>,
}

/// Calls in a row that got no answer.
#[derive(Debug, Clone, Copy)]
struct Silence {
    calls: u32,
    until: DateTime<Utc>,
}

impl Holds {
    /// Until when not to call, if that is after `now`.
    pub(crate) fn until(&self, whom: Whom, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let silent = self.held().silent.get(&whom.repository).map(|silence| silence.until);
        self.limited_until(whom.account, now).max(silent).filter(|until| *until > now)
    }

    /// Until when GitHub refuses the account's calls, as far as is known.
    pub(crate) fn limited_until(&self, account: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.held().limited.get(&account).copied().filter(|until| *until > now)
    }

    /// Remembers what a failed call asks for; answers until when not to call.
    pub(crate) fn note(&self, whom: Whom, error: &ForgeError, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut held = self.held();
        if let ForgeError::RateLimited { until, .. } = error {
            let limited = held.limited.entry(whom.account).or_insert(*until);
            *limited = (*limited).max(*until).max(now + outage_pause(1));
            return *limited;
        }
        let silence = held.silent.entry(whom.repository).or_insert(Silence { calls: 0, until: now });
        // One outage seen by several calls at once is one silence.
        if silence.until <= now {
            silence.calls += 1;
            silence.until = now + outage_pause(silence.calls);
        }
        silence.until
    }

    /// GitHub answered as it should.
    pub(crate) fn answered(&self, whom: Whom) {
        self.held().silent.remove(&whom.repository);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a repository with its sealed token.
pub(crate) fn open(config: &Config, id: RepositoryId, full_name: &str, sealed: &[u8]) -> anyhow::Result<Opened> {
    let sealed = Sealed::from_bytes(sealed.to_vec());
    let token = config.keyring.open_text(&sealed, &token_aad(id)).context("open the repository's token")?;
    let github = GitHub::new(&config.github_api_url, &token).context("build a client of GitHub")?;
    Ok(Opened { github, name: full_name.parse()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1000 + seconds, 0).unwrap()
    }

    fn whom(account: i64) -> Whom {
        Whom { account, repository: RepositoryId::new() }
    }

    #[test]
    fn an_account_is_quiet_as_long_as_github_asks() {
        let (holds, ours) = (Holds::default(), whom(7));
        let limited = |until| ForgeError::RateLimited { call: String::new(), until, kind: forge::LimitKind::Primary };
        assert_eq!(holds.until(ours, at(0)), None);
        assert_eq!(holds.note(ours, &limited(at(180)), at(0)), at(180));
        assert_eq!(holds.note(ours, &limited(at(60)), at(1)), at(180));
        assert_eq!(holds.until(whom(7), at(120)), Some(at(180)), "another repository of the account");
        assert_eq!(holds.until(whom(8), at(120)), None);
        assert_eq!(holds.until(ours, at(180)), None);
        assert_eq!(holds.note(ours, &limited(at(180)), at(200)), at(205), "a limit that has passed already");
    }

    #[test]
    fn a_silent_repository_is_left_alone_longer_each_time_until_it_answers() {
        let (holds, ours) = (Holds::default(), whom(7));
        let away = ForgeError::Unavailable { call: "GET /x".into(), message: "502".into() };
        assert_eq!(holds.note(ours, &away, at(0)), at(5));
        assert_eq!(holds.note(ours, &away, at(1)), at(5), "the same outage");
        assert_eq!(holds.until(ours, at(1)), Some(at(5)));
        assert_eq!(holds.until(whom(7), at(1)), None);
        assert_eq!(holds.note(ours, &away, at(5)), at(15));
        holds.answered(ours);
        assert_eq!(holds.note(ours, &away, at(16)), at(21));
    }
}
