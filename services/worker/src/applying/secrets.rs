//! Secrets that people let an agent have put into an environment. The value is decided and sealed before anything is
//! touched, together with what each step comes to; so whoever goes on after a worker that died puts the same value in the
//! same places and tells the same of it.

use anyhow::Context;
use chrono::TimeDelta;
use cluster::{EnvironmentSpec, FoundSecret, SyncedSecret};
use domain::approvals::secrets::{Became, SecretPolicy, SecretSeen, SecretSync};
use domain::limits;
use domain::project_environments::is_guarded;
use forge::{Environment, ForgeError, RepositoryProvider};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::approvals::apply::ToApply;
use store::approvals::secrets::{self, Decided, value_aad};
use store::clock;
use store::outbound::{self, LabelChange};
use store::project_environments;
use store::repositories::RepositoryRow;
use vault::{Sealed, random_value};

use super::environments::{self, refused};
use super::{Made, Tried, Untried};
use crate::Deps;
use crate::github::Opened;

/// Calls that count as writes on GitHub.
const WRITES: i32 = 2;

/// Until a value that somebody else replaced meanwhile is put again.
const PAUSE: TimeDelta = TimeDelta::seconds(2);

/// What each step comes to, as it was found before the first touch.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Plan {
    github: Became,
    kubernetes: Became,
}

/// One secret and its two places.
struct Places<'a> {
    sync: &'a SecretSync,
    environment: EnvironmentSpec,
    secret: SyncedSecret,
}

pub(super) async fn attempt(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    opened: &Opened,
    sync: &SecretSync,
    seen: &SecretSeen,
) -> Result<Tried, Untried> {
    let leave = outbound::spend(&deps.db, repository.bot_github_id, WRITES, limits::WORDS).await;
    if let Some(until) = leave.context("ask for leave to write")? {
        return Ok(Tried::Later(until));
    }
    let places = Places::of(deps, action, repository, sync);
    let decided = secrets::decided(&deps.db, action).await.context("read what was decided")?;
    if decided.is_none() && !still(deps, repository, opened, sync, seen).await? {
        return Ok(Tried::Stale);
    }
    deps.cluster.prepare_environment(&places.environment).await.map_err(refused)?;
    let found = deps.cluster.synced_secret(&places.environment, &places.secret).await.map_err(refused)?;
    let environment = Environment { name: &sync.environment, guarded: is_guarded(&sync.environment, sync.kind) };
    let (value, plan) = match decided {
        Some(decided) => (open(deps, action, decided.value_sealed)?, plan_of(decided.plan)?),
        None => {
            opened.github.ensure_environment(&opened.name, environment).await.map_err(unmade)?;
            let (value, plan) = decide(deps, action, repository, &places, found.as_ref(), seen).await?;
            if !keep(deps, action, &value, plan).await? {
                return Ok(Tried::Lost);
            }
            (value, plan)
        }
    };
    if !found.as_ref().is_some_and(|found| found.holds(&value, sync.policy)) {
        let put = deps.cluster.put_synced_secret(&places.environment, &places.secret, &value, found);
        put.await.map_err(refused)?;
    }
    let name = &sync.github_secret;
    let put = opened.github.put_environment_secret(&opened.name, environment, name, &value).await;
    put.map_err(|error| half(unmade(error)))?;
    // Whoever was last in the cluster is last on GitHub too.
    let now =
        deps.cluster.synced_secret(&places.environment, &places.secret).await.map_err(|error| half(refused(error)))?;
    if !now.is_some_and(|now| now.holds(&value, sync.policy)) {
        return Ok(Tried::Later(clock::now(&deps.db).await.context("read the clock")? + PAUSE));
    }
    Ok(Tried::Done(Made { labels: LabelChange::default(), result: Some(told(sync, plan)) }))
}

impl<'a> Places<'a> {
    fn of(deps: &Deps, action: &ToApply, repository: &RepositoryRow, sync: &'a SecretSync) -> Self {
        let environment = environments::of(deps, repository, &sync.environment, &sync.namespace);
        let secret = SyncedSecret {
            name: sync.kubernetes_secret.clone(),
            key: sync.kubernetes_key.clone(),
            policy: sync.policy,
            github_secret: sync.github_secret.clone(),
            request: action.id,
        };
        Self { sync, environment, secret }
    }
}

/// Whether everything is as it was when it was asked: the environment, its settings, the repository, and what GitHub has.
async fn still(
    deps: &Deps,
    repository: &RepositoryRow,
    opened: &Opened,
    sync: &SecretSync,
    seen: &SecretSeen,
) -> Result<bool, Untried> {
    let environment = project_environments::get(&deps.db, seen.environment_id).await.context("read the environment")?;
    let is_so = environment.is_some_and(|row| {
        row.allows_secrets && row.version == seen.environment_version && row.project_id == repository.project_id
    });
    if !is_so || repository.full_name != sync.repository {
        return Ok(false);
    }
    let on_github = opened.github.has_environment_secret(&opened.name, &sync.environment, &sync.github_secret).await;
    Ok(on_github.map_err(unmade)? == seen.on_github)
}

/// The value, and what each step comes to with it.
async fn decide(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    places: &Places<'_>,
    found: Option<&FoundSecret>,
    seen: &SecretSeen,
) -> Result<(SecretString, Plan), Untried> {
    let sync = places.sync;
    let there = found.and_then(|found| found.value.as_ref());
    let value = match sync.policy {
        SecretPolicy::Deterministic => {
            let (project, repository) = (repository.project_id.to_string(), repository.id.to_string());
            let names = [&sync.environment, &sync.github_secret, &sync.kubernetes_secret, &sync.kubernetes_key];
            let all: Vec<_> = [&project, &repository].into_iter().chain(names).map(String::as_str).collect();
            deps.config.derivation_key.value(&all)
        }
        // What was made up before, and by this very way, is kept.
        SecretPolicy::Random => {
            let kept = there.filter(|_| found.is_some_and(|found| found.policy == Some(SecretPolicy::Random)));
            kept.cloned().unwrap_or_else(random_value)
        }
        SecretPolicy::Provided => {
            let sealed = secrets::typed(&deps.db, action).await.context("read the value that was typed")?;
            open(deps, action, sealed.context("a value that was typed is missing")?)?
        }
    };
    let kubernetes = match there {
        None => Became::Created,
        Some(there) if there.expose_secret() == value.expose_secret() => Became::Reused,
        Some(_) => Became::Updated,
    };
    let github = if seen.on_github { Became::Updated } else { Became::Created };
    Ok((value, Plan { github, kubernetes }))
}

async fn keep(deps: &Deps, action: &ToApply, value: &SecretString, plan: Plan) -> anyhow::Result<bool> {
    let sealed = deps.config.keyring.seal(value.expose_secret().as_bytes(), &value_aad(action.id));
    let decided = Decided {
        value_sealed: sealed.context("seal the value of a secret")?.as_bytes().to_vec(),
        plan: serde_json::to_value(plan)?,
    };
    secrets::decide(&deps.db, action, &decided).await.context("keep the value of a secret")
}

fn open(deps: &Deps, action: &ToApply, sealed: Vec<u8>) -> anyhow::Result<SecretString> {
    let sealed = Sealed::from_bytes(sealed);
    deps.config.keyring.open_text(&sealed, &value_aad(action.id)).context("open the value of a secret")
}

fn plan_of(plan: Value) -> anyhow::Result<Plan> {
    serde_json::from_value(plan).context("read what was found before the first touch")
}

fn told(sync: &SecretSync, Plan { github, kubernetes }: Plan) -> Value {
    json!({
        "environment": sync.environment,
        "policy": sync.policy,
        "github": { "secret": sync.github_secret, "became": github },
        "kubernetes": {
            "namespace": sync.namespace, "secret": sync.kubernetes_secret, "key": sync.kubernetes_key, "became": kubernetes,
        },
    })
}

/// The value is in the cluster, and what was to follow was not done.
fn half(error: Untried) -> Untried {
    Untried::Half { done: "the Secret in the cluster has the value", error: Box::new(error) }
}

fn unmade(error: ForgeError) -> Untried {
    match error {
        ForgeError::Forbidden { missing_permission: Some(right), .. } => Untried::Refused(format!(
            "GitHub wants {right} for this, which the repository's token lacks; where it is administration, somebody makes \
             the environment on GitHub instead"
        )),
        error => Untried::Forge(error),
    }
}
