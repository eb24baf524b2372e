//! Changes of a run's environment that people let an agent make, as the account of the run's namespace for changes. Each
//! quotes the version that was looked at, so nothing that somebody else changes meanwhile is overwritten; a second try ends
//! in the same state as the first.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use cluster::{ChangeError, Hand};
use domain::environment::changes::{self, Act, Change, Seen};
use serde_json::{Value, json};
use store::approvals::apply::{self, ToApply};

use super::{Made, Tried, Untried};
use crate::Deps;

/// Looks at an object whose versions follow each other faster than they are quoted.
const LOOKS: usize = 5;
/// Until the next of them.
const PAUSE: TimeDelta = TimeDelta::seconds(2);

pub(super) async fn attempt(
    deps: &Deps,
    action: &ToApply,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<Tried, Untried> {
    let hand = deps.cluster.changing(&change.namespace).await?;
    let mut begun = action.begun;
    for _ in 0..LOOKS {
        let there = hand.object(change.kind, &change.name).await?;
        if !action.begun && there.as_ref().map(Seen::of) != change.seen {
            return Ok(Tried::Stale);
        }
        if !begun && !apply::begin(&deps.db, action).await.context("begin an approved change")? {
            return Ok(Tried::Lost);
        }
        begun = true;
        match made(&hand, action, change, there.as_ref()).await {
            // It went, or moved on, between the look and the touch: it is looked at again.
            Err(ChangeError::Moved { .. } | ChangeError::Gone { .. }) => {}
            outcome => return Ok(outcome?),
        }
    }
    Ok(Tried::Later(now + PAUSE))
}

/// One touch of the object that is there.
async fn made(hand: &Hand, action: &ToApply, change: &Change, there: Option<&Value>) -> Result<Tried, ChangeError> {
    let Change { kind, ref name, ref seen, .. } = *change;
    let is_another = match (there, seen) {
        (Some(there), Some(seen)) => Seen::of(there).uid != seen.uid,
        _ => false,
    };
    let after = match &change.act {
        // It is gone, by this or an earlier try.
        Act::Delete if there.is_none() || is_another => None,
        Act::Delete => {
            hand.delete(kind, name, seen.as_ref().map_or("", |seen| &seen.uid)).await?;
            None
        }
        Act::Apply { .. } | Act::Restart if is_another || (seen.is_some() && there.is_none()) => {
            return Ok(Tried::Stale);
        }
        Act::Apply { manifest } => Some(hand.apply(kind, name, manifest, there.map(changes::version)).await?),
        Act::Restart => {
            let read_in = there.map_or("", changes::version);
            Some(hand.restart(kind, name, read_in, &action.id.to_string()).await?)
        }
    };
    let version = after.as_ref().map(changes::version);
    let result = json!({ "kind": kind, "name": name, "resource_version": version });
    Ok(Tried::Done(Made { result: Some(result), ..Made::default() }))
}
