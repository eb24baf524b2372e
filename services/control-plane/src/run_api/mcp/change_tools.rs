//! Tools that change the run's environment. What would become of an object is tried by the API server first, as an account
//! that changes nothing; what people are asked about is that difference and nothing else.

use cluster::{ChangeError, Hand};
use contract::agent::{ToolApply, ToolObject};
use domain::approvals::{ApprovalMode, Effect};
use domain::environment::changes::{self, Act, Change, Seen, Unchangeable};
use domain::environment::{Kind, Manifest};
use serde_json::{Value, json};

use super::answer::{Refused, clean};
use super::environment_tools::unavailable;
use super::{Call, Done, people};

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

/// Takes up what tries changes. A run that was launched before it had the right has no account for it yet.
async fn hand(call: &Call<'_>) -> Result<Hand, Refused> {
    let looker = call.app.looker.as_ref().ok_or_else(unavailable)?;
    match looker.trying(&call.row.namespace).await {
        Err(ChangeError::Gone { .. }) => {
            Err(Refused::new("not_allowed", "You may ask for changes from your run's next launch on."))
        }
        answer => Ok(answer?),
    }
}

/// The object as it is, unless it is none of the agent's.
async fn seen(hand: &Hand, kind: Kind, name: &str) -> Result<Option<Value>, Refused> {
    let object = hand.object(kind, name).await?;
    if object.as_ref().is_some_and(changes::is_platforms) {
        return Err(Unchangeable::Platforms.into());
    }
    Ok(object)
}

pub(super) async fn apply(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolApply { manifest, why } = call.input()?;
    let Manifest { kind, name, object: manifest } = Manifest::read(&manifest, &call.row.namespace)?;
    if clean(manifest.clone()) != manifest {
        let words = "Something in it looks like a credential or somebody's address; agents write neither down.";
        return Err(Refused::new("not_changeable", words));
    }
    let hand = hand(call).await?;
    let before = seen(&hand, kind, &name).await?;
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
    let hand = hand(call).await?;
    let before = there(seen(&hand, kind, &name).await?)?;
    hand.delete(kind, &name, uid(&before)).await?;
    let diff = changes::difference(Some(&before), None)?;
    asked(call, why, (kind, name), Act::Delete, (Some(before), diff)).await
}

pub(super) async fn restart(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolObject { kind, name, why } = call.input()?;
    let (kind, name) = (changes::restarted(&kind)?, changes::own_name(&name)?.to_owned());
    let hand = hand(call).await?;
    let before = there(seen(&hand, kind, &name).await?)?;
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
    let change = Change {
        namespace: call.row.namespace.clone(),
        kind,
        name,
        act,
        seen: before.as_ref().map(Seen::of),
        diff: clean(json!(diff)).as_str().unwrap_or_default().to_owned(),
    };
    people::leave(call, Effect::Object(change), why, ApprovalMode::None).await
}

fn there(object: Option<Value>) -> Result<Value, Refused> {
    object.ok_or_else(|| Refused::new("not_found", "There is no such object in your run's namespace."))
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
