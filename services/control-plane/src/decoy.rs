//! The decoy of a run: made when its pod first shows a token, kept sealed, and the end of the run where it turns up.

use anyhow::Context;
use contract::problem::Problem;
use domain::canary::Place;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::reasons::Reason;
use domain::run::RunStatus;
use secrecy::ExposeSecret;
use serde_json::json;
use store::flow::Entry;
use store::runs::trip::{self, Trip};
use vault::{Decoy, Sealed};

use crate::error::{ApiError, no_such};
use crate::internal::ForRun;
use crate::state::App;

/// The decoy that a run has; it gets one when it has none.
pub(crate) async fn of(app: &App, run: RunId, kept: Option<Vec<u8>>) -> Result<Decoy, ApiError> {
    let aad = trip::decoy_aad(run);
    let kept = match kept {
        Some(kept) => kept,
        None => {
            let text = Decoy::generate().text();
            let fresh = app.keyring.seal(text.expose_secret().as_bytes(), &aad).context("sealing a decoy")?;
            // Somebody else may have been faster, and then theirs counts.
            trip::keep_decoy(&app.pool, run, fresh.as_bytes()).await?.ok_or_else(|| no_such("run"))?
        }
    };
    let text = app.keyring.open_text(&Sealed::from_bytes(kept), &aad).context("opening a decoy")?;
    Ok(Decoy::parse(text.expose_secret()).context("a decoy has another form")?)
}

/// Evidence of a sighting.
pub(crate) struct Seen<'a> {
    /// Where it was seen.
    pub(crate) place: Place,
    /// How it was written.
    pub(crate) look: &'a str,
    /// The tool, file or address.
    pub(crate) subject: &'a str,
    /// What stood around it, without it.
    pub(crate) excerpt: &'a str,
    /// Who saw it.
    pub(crate) by: &'a str,
}

/// Ends the run, for its decoy was seen. Later sightings change nothing.
pub(crate) async fn trip(app: &App, of: ForRun, seen: &Seen<'_>) -> Result<(), ApiError> {
    let Seen { place, look, subject, excerpt, by } = *seen;
    let said = place.said();
    let mut evidence = json!({ "place": place, "look": look, "launch": of.launch });
    for (name, text) in [("subject", subject), ("excerpt", excerpt)] {
        if !text.is_empty() {
            evidence[name] = text.replace('\0', "").into();
        }
    }
    let end = json!({ "status": RunStatus::Failed, "reason": Reason::Canary, "detail": said.en, "launch": of.launch });
    let tripped = Trip {
        said: &json!(said),
        seen: Entry::new(FlowKind::CanaryTripped, by, evidence),
        finished: Entry::new(FlowKind::RunFinished, by, end),
    };
    let ended = trip::trip(&app.pool, of.run, &tripped).await?;
    if ended.is_some() {
        tracing::warn!(run = %of.run, launch = of.launch, %place, look, "a decoy turned up");
    }
    // Its worker takes the pod away, others find its place free.
    app.waker.work();
    app.waker.run(of.run.into());
    Ok(())
}

/// What a pod is told whose run has ended this way: the same as after every other end.
pub(crate) fn over() -> Problem {
    Problem::unauthorized("token_refused", "The run token is not, or no longer, valid")
}
