//! GitHub as the loops use it: a repository opened with its own token, and a memory of when GitHub wants to be left
//! alone. That memory is a courtesy; losing it costs one refused call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::RepositoryId;
use forge::{ForgeError, GitHub, RepositoryName};
use store::repositories::token_aad;
use vault::Sealed;

use crate::Config;

/// How long a repository is left alone after a call that got no answer.
const PAUSE: TimeDelta = TimeDelta::seconds(5);

/// A repository and the means to talk about it.
pub(crate) struct Opened {
    pub(crate) github: GitHub,
    pub(crate) name: RepositoryName,
}

/// Repositories that GitHub does not want to be asked about before a moment.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<HashMap<RepositoryId, DateTime<Utc>>>);

impl Holds {
    /// Whether the repository is to be left alone at `now`.
    pub(crate) fn is_held(&self, repository: RepositoryId, now: DateTime<Utc>) -> bool {
        let mut holds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        holds.retain(|_, until| *until > now);
        holds.contains_key(&repository)
    }

    /// Remembers what a failed call asks for; answers how long that is.
    pub(crate) fn note(&self, repository: RepositoryId, error: &ForgeError, now: DateTime<Utc>) -> TimeDelta {
        let until = match error {
            ForgeError::RateLimited { until, .. } => (*until).max(now + PAUSE),
            _ => now + PAUSE,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(repository, until);
        until - now
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

    #[test]
    fn a_repository_is_left_alone_as_long_as_github_asks() {
        let (holds, id, now) = (Holds::default(), RepositoryId::new(), DateTime::from_timestamp(1000, 0).unwrap());
        let call = || "GET /x".to_owned();
        let limited = ForgeError::RateLimited {
            call: call(),
            until: now + TimeDelta::minutes(3),
            kind: forge::LimitKind::Primary,
        };
        assert!(!holds.is_held(id, now));
        assert_eq!(holds.note(id, &limited, now), TimeDelta::minutes(3));
        assert!(holds.is_held(id, now + TimeDelta::minutes(2)));
        assert!(!holds.is_held(RepositoryId::new(), now));
        assert!(!holds.is_held(id, now + TimeDelta::minutes(3)));
        let away = ForgeError::Unavailable { call: call(), message: "502".into() };
        assert_eq!(holds.note(id, &away, now), PAUSE);
    }
}
