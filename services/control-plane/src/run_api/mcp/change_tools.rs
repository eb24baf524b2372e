//! Tools that change the run's environment. What would become of an object is tried by the API server first, as an account
//! that changes nothing; what people are asked about is that difference and nothing else.

use std::time::Duration;

use cluster::{ChangeError, Hand, Looker};
use contract::agent::{ToolApply, ToolObject};
use domain::approvals::{ApprovalMode, Effect};
use domain::environment::changes::{self, Act, Change, Seen, Unchangeable};
use domain::environment::{Kind, Manifest};
use serde_json::{Value, json};
use store::runs::accounts;
use tokio::time::Instant;

use super::answer::{Refused, clean, hides, shown_difference};
use super::environment_tools::unavailable;
use super::{Call, Done, people};

/// How long a call waits for the accounts that changes are tried and made as, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(200);
/// What a restart is tried for: its cause has no id before people are asked.
const TRIED: &str = "tried";

impl From<Unchangeable> for Refused {
    fn from(why: Unchangeable) -> Self {
        Self::new("not_changeable", why.to_string())
    }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Gone { .. } => Self::new("not_found", "There is no such object in your run's namespace."),
            ChangeError::Moved { .. } => Self::new("changed_meanwhile", "It changes right now. Look, and try again."),
            ChangeError::NotAllowed { .. } => Self::new("not_allowed", "This is not yours to change."),
            ChangeError::Refused(words) => Self::new("not_taken", clean(json!(words)).as_str().unwrap_or_default()),
            ChangeError::Unavailable(source) => {
                let error = anyhow::Error::from(source);
                tracing::warn!(error = format!("{error:#}"), "a change could not be tried");
                unavailable()
            }
        }
    }
}

/// Takes up what tries changes, and looks at the object as it is, unless it is none of the agent's. Where nobody has tried a
/// change yet, a worker makes the accounts for it first; the look says when their rights count.
async fn seen(call: &Call<'_>, kind: Kind, name: &str) -> Result<(Hand, Option<Value>), Refused> {
    let looker = call.app.looker.as_ref().ok_or_else(unavailable)?;
    let (until, run) = (Instant::now() + PATIENCE, call.of.run);
    let mut news = call.app.hub.watch();
    let mut is_wanted = false;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match look(looker, &call.row.namespace, kind, name).await {
            Err(ChangeError::Gone { .. }) if left.is_zero() => return Err(unavailable()),
            Err(ChangeError::Gone { .. } | ChangeError::NotAllowed { .. }) if !left.is_zero() => {}
            Ok((_, Some(object))) if changes::is_platforms(&object) => return Err(Unchangeable::Platforms.into()),
            answer => return Ok(answer?),
        }
        if !is_wanted {
            accounts::want(&call.app.pool, run).await?;
            call.app.waker.work();
            is_wanted = true;
        }
        news.next(Some(run.into()), POLL.min(left)).await;
    }
}

async fn look(looker: &Looker, namespace: &str, kind: Kind, name: &str) -> Result<(Hand, Option<Value>), ChangeError> {
    let hand = looker.trying(namespace).await?;
    let object = hand.object(kind, name).await?;
    Ok((hand, object))
}

pub(super) async fn apply(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolApply { manifest, why } = call.input()?;
    let Manifest { kind, name, object: manifest } = Manifest::read(&manifest, &call.row.namespace)?;
    if hides(&manifest) {
        let words = "Something in it looks like a credential or somebody's address; agents write neither down.";
        return Err(Refused::new("not_changeable", words));
    }
    let (hand, before) = seen(call, kind, &name).await?;
    let after = hand.apply(kind, &name, &manifest, None).await?;
    let diff = changes::difference(before.as_ref(), Some(&after))?;
    if diff.is_empty() {
        return Ok(Done::Read(json!({ "kind": kind, "name": name, "note": "It is so already." })));
    }
    asked(call, why, (kind, name), Act::Apply { manifest }, (before, diff)).await
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolObject { kind, name, why } = call.input()?;
    let (kind, name) = (changes::kind(&kind)?, changes::own_name(&name)?.to_owned());
    let (hand, before) = seen(call, kind, &name).await?;
    let before = there(before)?;
    hand.delete(kind, &name, uid(&before)).await?;
    let diff = changes::difference(Some(&before), None)?;
    asked(call, why, (kind, name), Act::Delete, (Some(before), diff)).await
}

pub(super) async fn restart(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolObject { kind, name, why } = call.input()?;
    let (kind, name) = (changes::restarted(&kind)?, changes::own_name(&name)?.to_owned());
    let (hand, before) = seen(call, kind, &name).await?;
    let before = there(before)?;
    hand.restart(kind, &name, changes::version(&before), TRIED).await?;
    asked(call, why, (kind, name), Act::Restart, (Some(before), String::new())).await
}

async fn asked(
    call: &Call<'_>,
    why: Option<String>,
    (kind, name): (Kind, String),
    act: Act,
    (before, diff): (Option<Value>, String),
) -> Result<Done, Refused> {
    let diff = shown_difference(&diff).ok_or_else(|| {
        let words =
            "People would not be shown all that it adds: a part of it looks like a credential. Write it otherwise.";
        Refused::new("not_changeable", words)
    })?;
    let change =
        Change { namespace: call.row.namespace.clone(), kind, name, act, seen: before.as_ref().map(Seen::of), diff };
    people::leave(call, Effect::Object(change), why, ApprovalMode::None).await
}

fn there(object: Option<Value>) -> Result<Value, Refused> {
    object.ok_or_else(|| Refused::new("not_found", "There is no such object in your run's namespace."))
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
