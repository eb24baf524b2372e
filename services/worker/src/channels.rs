//! Asks people through channels: requests that are queued for one and due, each leased for one try, several at once, so
//! that a channel which does not answer holds up no other. A try has an id and a secret of its own; the other side answers
//! at once that it has taken the request, and calls the gateway back. Requests whose time in their channel is over are
//! closed there; they stay open for everybody else. A test of a channel, which nobody asked, goes the same way.

mod call;
mod words;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::channels::replies::Reply;
use domain::channels::{self, ChannelKind};
use runtime::Pace;
use serde_json::Value;
use store::channel_requests::trial::{self, ToTry};
use store::channel_requests::{self, Leased, ToAsk};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use vault::CallbackSecret;

use crate::Deps;
use crate::outside::tries::{self, Tries};
use crate::outside::{self, Client};
use crate::wake;

/// How much longer than the other side's own time its call is waited for.
const LATE: Duration = Duration::from_secs(60);

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    let client = Client::new(&deps.config).context("no client for channels")?;
    let mut tries = Tries::default();
    while pace.turn(&stop).await {
        if let Err(error) = turn(&deps, &client, &mut tries).await {
            tracing::warn!(error = format!("{error:#}"), "asking through channels failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn turn(deps: &Arc<Deps>, client: &Client, tries: &mut Tries) -> anyhow::Result<()> {
    tries.reap()?;
    channel_requests::expire(&deps.db).await.context("close what nobody answered in its channel")?;
    let ttl = tries::lease(&deps.config);
    while tries.have_room() {
        let (correlation, secret) = (Uuid::new_v4(), CallbackSecret::generate());
        let Some(ask) = claimed(deps, ttl, correlation, &secret).await? else { return Ok(()) };
        let one = Try { deps: deps.clone(), client: client.clone(), ask, correlation, secret };
        tries.begin(one.settled());
    }
    Ok(())
}

/// What is to be asked next; tests come after what agents wait for.
async fn claimed(
    deps: &Deps,
    ttl: Duration,
    correlation: Uuid,
    secret: &CallbackSecret,
) -> anyhow::Result<Option<Ask>> {
    let hash = secret.hash();
    let request = channel_requests::claim(&deps.db, ttl, correlation, &hash).await;
    if let Some(request) = request.context("claim a request for a channel")? {
        return Ok(Some(Ask::Request(Box::new(request))));
    }
    let test = trial::claim(&deps.db, ttl, correlation, &hash).await.context("claim a test of a channel")?;
    Ok(test.map(Ask::Test))
}

/// What a channel is asked.
enum Ask {
    /// What an agent asks.
    Request(Box<ToAsk>),
    /// Whether the channel works. Somebody waits for that, so it is tried once.
    Test(ToTry),
}

impl Ask {
    fn leased(&self) -> Leased {
        match self {
            Self::Request(ask) => ask.leased(),
            Self::Test(ask) => ask.leased(),
        }
    }

    fn to(&self) -> (ChannelKind, &str) {
        match self {
            Self::Request(ask) => (ask.kind.0, &ask.url),
            Self::Test(ask) => (ask.kind.0, &ask.url),
        }
    }

    fn body(&self, console: &Url, correlation: Uuid, callback: &Url) -> Option<Value> {
        match self {
            Self::Request(ask) => words::body(ask, console, correlation, callback),
            Self::Test(ask) => Some(words::test(ask, console, correlation, callback)),
        }
    }

    /// How long people have there.
    fn patience(&self) -> Duration {
        let seconds = match self {
            Self::Request(ask) => ask.timeout_seconds,
            Self::Test(ask) => ask.timeout_seconds,
        };
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default()) + LATE
    }

    /// How long to wait before the next try after one that failed; `None` to give up.
    fn wait(&self) -> Option<Duration> {
        match self {
            Self::Request(ask) => channels::wait(ask.attempts + 1),
            Self::Test(_) => None,
        }
    }
}

/// One try to ask.
struct Try {
    deps: Arc<Deps>,
    client: Client,
    ask: Ask,
    correlation: Uuid,
    secret: CallbackSecret,
}

impl Try {
    /// Asks, and notes what came of it. The loop looks for the next try as soon as this one is over.
    async fn settled(self) {
        let (config, ask) = (&self.deps.config, &self.ask);
        let body = |callback: &Url| ask.body(&config.public_url, self.correlation, callback);
        let reply = call::ask(&self.client, config, ask.to(), &self.secret, body).await;
        if let Err(error) = self.note(reply).await {
            let row = ask.leased().id;
            tracing::warn!(error = format!("{error:#}"), %row, "a try is not noted; it is repeated");
        }
        self.deps.asks.notify_one();
    }

    async fn note(&self, reply: Reply) -> anyhow::Result<()> {
        let (ask, db) = (&self.ask, &self.deps.db);
        let (leased, wait) = (ask.leased(), ask.wait());
        let noted = match reply {
            Reply::Pending => channel_requests::asked(db, leased, ask.patience()).await,
            Reply::Taken => channel_requests::failed(db, leased, "it knows this id already", wait).await,
            Reply::Trouble(why) => channel_requests::failed(db, leased, &outside::clean(&why), wait).await,
            Reply::Refused(why) => channel_requests::failed(db, leased, &outside::clean(&why), None).await,
        };
        if !noted.context("note a try")? {
            return Ok(());
        }
        let (_, channel) = ask.to();
        tracing::info!(row = %leased.id, channel, "asked through a channel");
        let Ask::Request(request) = ask else { return Ok(()) };
        wake::tell(&self.deps, false, request.run_id.0).await;
        Ok(())
    }
}
