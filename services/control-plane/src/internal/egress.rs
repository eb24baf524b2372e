//! Hosts that a run tries and may not reach.

use std::time::Duration;

use anyhow::Context;
use axum::Json;
use axum::extract::State;
use contract::internal::{EgressAnswer, EgressAsk};
use contract::problem::Problem;
use domain::egress::{HostRefusal, MOST_ASKED, PATIENCE_HOURS, judge_host};
use domain::flow::FlowKind;
use serde_json::json;
use store::egress_requests::{self, Ask};
use store::flow::Entry;

use super::ForRun;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// (as run) The run tries a host that it may not reach
#[utoipa::path(post, path = "/internal/v1/run/egress-asks", request_body = EgressAsk,
    responses((status = 200, body = EgressAnswer),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ask_for_host(
    State(app): State<App>,
    of: ForRun,
    Json(wanted): Json<EgressAsk>,
) -> Result<Json<EgressAnswer>, ApiError> {
    // Nobody is asked about what no grant can cover.
    if judge_host(&wanted.host, &[]) != Err(HostRefusal::NotGranted) {
        return Err(Problem::unprocessable("no_host", "This is not a host name that can be granted").into());
    }
    let ask = Ask {
        run: of.run,
        launch: of.launch,
        host: &wanted.host,
        tries: wanted.tries,
        patience: Duration::from_secs(PATIENCE_HOURS * 3600),
        most: MOST_ASKED,
        flow: Entry::new(FlowKind::EgressAsked, super::brokers::GATEWAY, json!({ "host": wanted.host })),
    };
    let (verdict, tries) = egress_requests::ask(&app.pool, &ask).await?.ok_or_else(|| no_such("run"))?;
    if wanted.tries {
        app.waker.run(of.run.into());
    }
    let known = verdict.as_str().parse().context("a verdict that is not in the contract")?;
    Ok(Json(EgressAnswer { verdict: known, tries, reason: verdict.reason().to_owned() }))
}
