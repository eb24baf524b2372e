//! Tools that look at the run's environment, and into its pods: its own namespace, as its own account. The namespace is the run's row's and
//! nothing that a call could name. What stands there is the words of programs: it is redacted like everything, and bounded.

use cluster::{Entry, Listing, Look, LookError, Printed};
use contract::agent::{ToolEvents, ToolExec, ToolLogs, ToolResource, ToolResources};
use domain::environment::{self, Kind};
use serde_json::json;

use super::answer::{Refused, clean};
use super::{Call, Done};

/// Objects or events, where a call does not say how many.
const ITEMS: u32 = 50;
/// The same of a log's lines.
const LINES: u32 = 100;

impl From<environment::Refused> for Refused {
    fn from(why: environment::Refused) -> Self {
        Self::new("not_shown", why.to_string())
    }
}

impl From<LookError> for Refused {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Missing { .. } => Self::new("not_found", "There is no such object in your run's namespace."),
            LookError::NotAllowed { .. } => Self::new("not_allowed", "Your run's account may not see this."),
            LookError::Closed { .. } => {
                let words =
                    "This pod is the platform's own, and nobody enters it. Run commands in your checkout instead.";
                Self::new("not_entered", words)
            }
            LookError::Told(words) => Self::new("not_answered", clean(json!(words)).as_str().unwrap_or_default()),
            LookError::TooLarge { .. } => Self::new("too_large", "This object is too large to be shown."),
            LookError::Unavailable(source) => {
                let error = anyhow::Error::from(source);
                tracing::warn!(error = format!("{error:#}"), "a tool got no answer from the cluster");
                unavailable()
            }
        }
    }
}

pub(super) fn unavailable() -> Refused {
    Refused::new("cluster_unavailable", "The cluster does not answer right now. Try again in a minute.")
}

async fn look(call: &Call<'_>) -> Result<Look, Refused> {
    let looker = call.app.looker.as_ref().ok_or_else(unavailable)?;
    Ok(looker.at(&call.row.namespace).await?)
}

pub(super) async fn list(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolResources { kind, labels, limit, next } = call.input()?;
    let kind = Kind::named(&kind)?;
    let of = Listing { labels, limit: limit.map_or(ITEMS, i32::unsigned_abs), next };
    Ok(Done::Read(look(call).await?.list(kind, &of).await?))
}

pub(super) async fn get(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolResource { kind, name } = call.input()?;
    let (kind, name) = (Kind::named(&kind)?, environment::name(&name)?);
    Ok(Done::Read(look(call).await?.get(kind, name).await?))
}

pub(super) async fn logs(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolLogs { pod, container, lines, since_seconds, previous } = call.input()?;
    let pod = environment::name(&pod)?;
    let container = container.as_deref().map(environment::name).transpose()?.map(str::to_owned);
    let since_seconds = since_seconds.map(i32::unsigned_abs);
    let of = Printed { container, lines: lines.map_or(LINES, i32::unsigned_abs), since_seconds, previous };
    Ok(Done::Read(look(call).await?.logs(pod, &of).await?))
}

pub(super) async fn events(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolEvents { kind, name, limit } = call.input()?;
    let kind = kind.as_deref().map(Kind::named).transpose()?;
    let name = name.as_deref().map(environment::name).transpose()?;
    let limit = limit.map_or(ITEMS, i32::unsigned_abs);
    Ok(Done::Read(look(call).await?.events(kind, name, limit).await?))
}

pub(super) async fn enter(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolExec { pod, container, command } = call.input()?;
    let pod = environment::name(&pod)?;
    let container = container.as_deref().map(environment::name).transpose()?.map(str::to_owned);
    Ok(Done::Read(look(call).await?.enter(pod, &Entry { container, command }).await?))
}
