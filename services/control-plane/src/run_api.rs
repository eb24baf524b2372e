//! What a run's own pod says and asks, under its token. All of it is the agent's claim.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

mod answers;
mod asked;
mod mcp;
mod prompt;
mod redact;
mod snapshots;

use axum::Json;
use axum::extract::State;
use contract::agent::{Beat, EventBatch, EventsStored, Orders, RunContext, RunContextWork, RunResult};
use contract::problem::Problem;
use domain::canary::Place;
use domain::flow::FlowKind;
use http::StatusCode;
use prompts::run::Work;
use serde_json::json;
use store::events::{self, NewEvent, StreamEnd};
use store::flow;
use store::runs::prompt::KeptPrompt;
use store::runs::report::{self, ContextRow, LaunchResult};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault::Decoy;

use self::answers::Answers;
use crate::decoy::{self, Seen};
use crate::error::{ApiError, no_such};
use crate::internal::ForRun;
use crate::prompt::work;
use crate::state::App;

/// The run API.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_run_context))
        .routes(routes!(add_run_events))
        .routes(routes!(beat))
        .routes(routes!(snapshots::put_session, snapshots::get_session))
        .routes(routes!(snapshots::put_worktree, snapshots::get_worktree))
        .routes(routes!(report_result))
        .routes(routes!(mcp::call_mcp))
}

/// Everything the runner needs to begin
#[utoipa::path(get, path = "/api/v1/run/context", responses((status = 200, body = RunContext),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn get_run_context(State(app): State<App>, of: ForRun) -> Result<Json<RunContext>, ApiError> {
    let row = report::context(&app.pool, of.run).await?.ok_or_else(|| no_such("run"))?;
    let prompt = prompt::of(&app, of.run, &row).await?;
    let answers = Answers::of(&app, of.run).await?;
    let resume = snapshots::resume(&app, of, &row, &prompt, &answers).await?;
    let afresh = answers.message(&row, None)?;
    let decoy = decoy::of(&app, of.run, row.decoy_sealed.clone()).await?;
    let started = flow::Entry {
        id: Uuid::new_v5(&of.run.0, format!("agent.started.{}", of.launch).as_bytes()),
        ..flow::Entry::new(FlowKind::AgentStarted, "agent", json!({ "launch": of.launch, "prompt": prompt.sha256 }))
    };
    flow::append(&app.pool, of.run, &started).await?;
    answers.told(&app, of).await?;
    app.waker.run(of.run.into());
    Ok(Json(RunContext { resume, answers: afresh, ..context(of, row, prompt, &decoy) }))
}

fn context(of: ForRun, row: ContextRow, prompt: KeptPrompt, decoy: &Decoy) -> RunContext {
    let work = work(&row);
    let schema = match work {
        Work::Work => prompts::run::output_schema(),
        Work::Review => prompts::run::review_output_schema(),
        Work::Discussion => prompts::run::discussion_output_schema(),
    };
    let output_schema = match schema {
        serde_json::Value::Object(schema) => schema,
        _ => serde_json::Map::new(),
    };
    RunContext {
        run_id: of.run.into(),
        launch: of.launch,
        work: match work {
            Work::Work => RunContextWork::Work,
            Work::Review => RunContextWork::Review,
            Work::Discussion => RunContextWork::Discussion,
        },
        repository: row.repository,
        branch: row.branch,
        base_branch: row.base_branch,
        prompt: prompt.text,
        prompt_sha256: prompt.sha256,
        output_schema,
        model: row.model,
        effort: row.effort,
        // GitHub's own form of an address that reaches nobody and still links commits to the account.
        commit_author_email: format!("{}+{}@users.noreply.github.com", row.bot_github_id, row.bot_login),
        commit_author_name: row.bot_login,
        last_position: row.last_position,
        decoy: decoy.text().into(),
        resume: None,
        answers: None,
    }
}

/// Append a numbered batch
#[utoipa::path(post, path = "/api/v1/run/events", request_body = EventBatch,
    responses((status = 200, body = EventsStored),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn add_run_events(
    State(app): State<App>,
    of: ForRun,
    Json(batch): Json<EventBatch>,
) -> Result<Json<EventsStored>, ApiError> {
    let end = events::stream_end(&app.pool, of.run, of.launch).await?.ok_or_else(|| no_such("run"))?;
    let stored = end.last_seq;
    let first = batch.events.first().map_or(1, |event| event.seq);
    let in_order = batch.events.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1);
    if first > stored + 1 || !in_order {
        let title = "Events must be numbered without gaps";
        let next = format!("the next number is {}", stored + 1);
        return Err(Problem::conflict("events_out_of_order", title).with_field("/events", next).into());
    }
    let new: Vec<NewEvent> = batch.events.into_iter().filter(|event| event.seq > stored).map(new_event).collect();
    // Looked through before anything is stored: what is stored is not sent again, and lacks what reads like a secret.
    let tripped = look_through(&app, of, end, &new).await?;
    let new: Vec<NewEvent> = new.into_iter().map(redacted).collect();
    if !new.is_empty() {
        events::append(&app.pool, of.run, of.launch, &new).await?;
        app.waker.run(of.run.into());
    }
    if tripped {
        return Err(decoy::over().into());
    }
    Ok(Json(EventsStored { last_seq: new.last().map_or(stored, |event| event.seq) }))
}

/// Whether the decoy is in what the agent printed. A long text comes as several events, so they are read as one, with the
/// end of what came before.
async fn look_through(app: &App, of: ForRun, end: StreamEnd, new: &[NewEvent]) -> Result<bool, ApiError> {
    let decoy = decoy::of(app, of.run, end.decoy_sealed).await?;
    let mut text = end.tail;
    let items = new.iter().filter_map(|event| event.item.as_deref());
    text.extend(new.iter().map(|event| event.text.as_str()).chain(items));
    let lookout = decoy.lookout();
    let Some(sighting) = lookout.find(text.as_bytes()) else { return Ok(false) };
    let excerpt = lookout.excerpt(text.as_bytes(), sighting);
    let look = sighting.look.as_str();
    let by = "system:control-plane";
    decoy::trip(app, of, &Seen { place: Place::Output, look, subject: "", excerpt: &excerpt, by }).await?;
    Ok(true)
}

fn new_event(event: contract::agent::AgentEvent) -> NewEvent {
    NewEvent {
        seq: event.seq,
        at: event.at,
        kind: event.kind.to_string(),
        text: event.text.replace('\0', "\u{fffd}"),
        item: event.item,
        exit_code: event.exit_code,
    }
}

fn redacted(event: NewEvent) -> NewEvent {
    NewEvent { text: redact::text(&event.text), item: event.item.as_deref().map(redact::text), ..event }
}

/// I am alive; tells whether to stop
#[utoipa::path(post, path = "/api/v1/run/beat", request_body = Beat, responses((status = 200, body = Orders),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn beat(State(app): State<App>, of: ForRun, Json(beat): Json<Beat>) -> Result<Json<Orders>, ApiError> {
    let words = beat.last_words.as_deref().map(redact::text);
    let orders = report::beat(&app.pool, of.run, of.launch, &beat.phase.to_string(), words.as_deref()).await?;
    app.waker.run(of.run.into());
    Ok(Json(Orders { stop: orders.stop, waits: orders.waits }))
}

/// The runner's last word; the first one counts
#[utoipa::path(post, path = "/api/v1/run/result", request_body = RunResult,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn report_result(
    State(app): State<App>,
    of: ForRun,
    Json(result): Json<RunResult>,
) -> Result<StatusCode, ApiError> {
    let outcome = result.outcome.to_string();
    let reason = result.reason.map(|reason| reason.to_string());
    let detail = result.detail.as_deref().map(redact::text);
    let last_word = result.last_word.map(|word| redact::value(json!(word)));
    let data = json!({ "launch": of.launch, "outcome": outcome, "reason": reason.as_deref().unwrap_or_default() });
    let result = LaunchResult {
        outcome: &outcome,
        reason: reason.as_deref(),
        detail: detail.as_deref(),
        last_word: last_word.as_ref(),
        flow: flow::Entry::new(FlowKind::AgentReported, "agent", data),
    };
    report::result(&app.pool, of.run, of.launch, &result).await?;
    app.waker.work();
    app.waker.run(of.run.into());
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use contract::{Document, drift};

    #[test]
    fn the_handlers_are_what_the_document_says() {
        let code = super::router().into_openapi();
        assert_eq!(drift::compare(&Document::agent().unwrap(), &code, &[]), Vec::<String>::new());
    }
}
