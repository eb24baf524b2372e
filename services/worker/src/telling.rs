//! Tells systems of others what became of what they asked: requests that somebody decided about, and those whose time is
//! over or whose integration was withdrawn, which are closed here first. Each is leased for one try, several at once, so that
//! a system that does not answer holds up no other. Who was told may be told again; its own id says that it is the same.

use std::sync::Arc;

use anyhow::Context;
use domain::channels;
use domain::flow::FlowKind;
use domain::integrations::TellState;
use domain::integrations::telling::{self, Heard};
use runtime::Pace;
use secrecy::ExposeSecret;
use serde_json::json;
use store::flow::Entry;
use store::integration_requests::telling::{Next, ToTell, claim, failed, told};
use store::integration_requests::{callback_aad, expire};
use tokio_util::sync::CancellationToken;
use vault::Sealed;

use crate::Deps;
use crate::outside::tries::{self, Tries};
use crate::outside::{self, Client, Unanswered};
use crate::wake;

pub(crate) async fn run(deps: Arc<Deps>, mut pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
    let client = Client::new(&deps.config).context("no client for systems of others")?;
    let mut tries = Tries::default();
    while pace.turn(&stop).await {
        if let Err(error) = turn(&deps, &client, &mut tries).await {
            tracing::warn!(error = format!("{error:#}"), "telling systems of others failed; the next turn tries again");
        }
    }
    Ok(())
}

async fn turn(deps: &Arc<Deps>, client: &Client, tries: &mut Tries) -> anyhow::Result<()> {
    tries.reap()?;
    close_all(deps).await?;
    let ttl = tries::lease(&deps.config);
    while tries.have_room() {
        let claimed = claim(&deps.db, ttl).await.context("claim a request whose other side is to be told")?;
        let Some(tell) = claimed else { return Ok(()) };
        tries.begin(settled(deps.clone(), client.clone(), tell));
    }
    Ok(())
}

/// Closes what nobody decided about in time.
async fn close_all(deps: &Deps) -> anyhow::Result<()> {
    loop {
        let entry = Entry::new(FlowKind::OutsideExpired, deps.actor(), json!({}));
        let Some(request) = expire(&deps.db, &entry).await.context("close a request of others")? else { return Ok(()) };
        tracing::info!(%request, "nobody decided about a request of others in time");
        wake::tell(deps, false, request).await;
    }
}

/// Tells once, and notes what came of it. The loop looks for the next one as soon as this is over.
async fn settled(deps: Arc<Deps>, client: Client, tell: ToTell) {
    let heard = call(&deps, &client, &tell).await;
    if let Err(error) = note(&deps, &tell, heard).await {
        tracing::warn!(error = format!("{error:#}"), request = %tell.id, "a try is not noted; it is repeated");
    }
    deps.ends.notify_one();
}

async fn call(deps: &Deps, client: &Client, tell: &ToTell) -> Heard {
    let sealed = Sealed::from_bytes(tell.callback_sealed.clone());
    let Ok(address) = deps.config.keyring.open_text(&sealed, &callback_aad(tell.id)) else {
        return Heard::Trouble("its address cannot be opened".to_owned());
    };
    let url = match outside::judged(&deps.config, address.expose_secret()) {
        Ok(url) => url,
        Err(why) => return Heard::Refused(why),
    };
    let answer = tell.answer.as_ref().map(|answer| &answer.0);
    let Some(body) = telling::body(&tell.correlation_id, &tell.asked.0, tell.state.0, answer) else {
        return Heard::Refused("there is nothing to tell".to_owned());
    };
    match client.post(url, &body).await {
        Ok((status, _)) => telling::heard(status, tell.state.0, tell.answer_lost),
        Err(Unanswered { words, may_have_heard: true }) => Heard::Lost(words),
        Err(Unanswered { words, may_have_heard: false }) => Heard::Trouble(words),
    }
}

async fn note(deps: &Deps, tell: &ToTell, heard: Heard) -> anyhow::Result<()> {
    let again = |lost: bool| match channels::wait(tell.attempts + 1) {
        Some(wait) => Next::Again(wait, lost),
        None if lost || tell.answer_lost => Next::Over(TellState::Unclear),
        None => Next::Over(TellState::Failed),
    };
    let (why, next) = match heard {
        Heard::Told => (String::new(), None),
        Heard::Refused(why) => (why, Some(Next::Over(TellState::Failed))),
        Heard::Unclear(why) => (why, Some(Next::Over(TellState::Unclear))),
        Heard::Trouble(why) => (why, Some(again(false))),
        Heard::Lost(why) => (why, Some(again(true))),
    };
    let noted = match next {
        Some(next) => failed(&deps.db, tell, &outside::clean(&why), next).await,
        None => told(&deps.db, tell).await,
    };
    if noted.context("note a try")? {
        tracing::info!(request = %tell.id, tries = tell.attempts + 1, "called a system of others back");
        wake::tell(deps, false, tell.id).await;
    }
    Ok(())
}
