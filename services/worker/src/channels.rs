//! Asks people through channels: requests that are queued for one and due, each leased for one try, several at once, so
//! that a channel which does not answer holds up no other. A try has an id and a secret of its own; the other side answers
//! at once that it has taken the request, and calls the gateway back. Requests whose time in their channel is over are
//! closed there; they stay open for everybody else.

mod call;
mod words;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::channels;
use domain::channels::replies::Reply;
use runtime::Pace;
use store::channel_requests::{self, ToAsk};
use store::wake;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use vault::CallbackSecret;

use crate::Deps;
use crate::outside::{self, Client};

/// Tries at the same moment.
const AT_ONCE: usize = 8;
/// How long a try may take beside the other side's answer, before another worker repeats it.
const MARGIN: Duration = Duration::from_secs(10);
/// How much longer than the other side's own time its call is waited for.
const LATE: Duration = Duration::from_secs(60);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    let client = Client::new(&deps.config).context("no client for channels")?;
    let mut tries = JoinSet::new();
    while pace.turn(&stop).await {
        if let Err(error) = turn(&deps, &client, &mut tries).await {
            tracing::warn!(error = format!("{error:#}"), "asking through channels failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn turn(deps: &Arc<Deps>, client: &Client, tries: &mut JoinSet<()>) -> anyhow::Result<()> {
    while let Some(ended) = tries.try_join_next() {
        ended.context("a try panicked")?;
    }
    channel_requests::expire(&deps.db).await.context("close what nobody answered in its channel")?;
    let ttl = deps.config.channels.answer_within + MARGIN;
    while tries.len() < AT_ONCE {
        let (correlation, secret) = (Uuid::new_v4(), CallbackSecret::generate());
        let claimed = channel_requests::claim(&deps.db, ttl, correlation, &secret.hash()).await;
        let Some(ask) = claimed.context("claim a request for a channel")? else { return Ok(()) };
        let one = Try { deps: deps.clone(), client: client.clone(), ask, correlation, secret };
        tries.spawn(one.settled());
    }
    Ok(())
}

/// One try to ask.
struct Try {
    deps: Arc<Deps>,
    client: Client,
    ask: ToAsk,
    correlation: Uuid,
    secret: CallbackSecret,
}

impl Try {
    /// Asks, and notes what came of it. The loop looks for the next try as soon as this one is over.
    async fn settled(self) {
        let reply = call::ask(&self.client, &self.deps.config, &self.ask, self.correlation, &self.secret).await;
        if let Err(error) = self.note(reply).await {
            tracing::warn!(error = format!("{error:#}"), request = %self.ask.request_id, "a try is not noted; it is repeated");
        }
        self.deps.asks.notify_one();
    }

    async fn note(&self, reply: Reply) -> anyhow::Result<()> {
        let (ask, db) = (&self.ask, &self.deps.db);
        let wait = channels::wait(ask.attempts + 1);
        let noted = match reply {
            Reply::Pending => {
                let seconds = u64::try_from(ask.timeout_seconds).unwrap_or_default();
                channel_requests::asked(db, ask, Duration::from_secs(seconds) + LATE).await
            }
            Reply::Taken => channel_requests::failed(db, ask, "it knows this id already", wait).await,
            Reply::Trouble(why) => channel_requests::failed(db, ask, &outside::clean(&why), wait).await,
            Reply::Refused(why) => channel_requests::failed(db, ask, &outside::clean(&why), None).await,
        };
        if noted.context("note a try")? {
            tracing::info!(request = %ask.request_id, channel = ask.url, tries = ask.attempts + 1, "asked through a channel");
            if let Err(error) = wake::notify(db, false, &[ask.run_id.0]).await {
                tracing::debug!(%error, "a wake-up was not sent; the listeners poll");
            }
        }
        Ok(())
    }
}
