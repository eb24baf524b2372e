//! Services of others through which a project's people are asked.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{
    self, AskedThrough, Channel, ChannelAskState, ChannelChange, ChannelLast, ChannelList, ChannelTrial, NewChannel,
};
use contract::problem::Problem;
use domain::channels::trial::TrialVerdict;
use domain::channels::{AskState, ChannelKind, SpeaksFor, places};
use domain::flow::FlowKind;
use domain::ids::ProjectId;
use domain::locale::Locale;
use domain::rights::Permission;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use store::channel_requests::{self, trial};
use store::channels::{self, ChannelRow};
use store::flow;
use url::Url;
use uuid::Uuid;

use super::permit::Staff;
use super::views;
use crate::error::{ApiError, no_such, taken};
use crate::state::App;

/// How long people have when nothing else is said.
const AN_HOUR: i32 = 3600;

/// Services of others through which the project's people are asked
#[utoipa::path(get, path = "/api/v1/staff/projects/{project_id}/channels", params(("project_id" = Uuid, Path)),
    responses((status = 200, body = ChannelList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_channels(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
) -> Result<Json<ChannelList>, ApiError> {
    staff.may(&app.pool, Permission::Look, ProjectId(project)).await?;
    let rows = channels::list(&app.pool, ProjectId(project)).await?;
    Ok(Json(ChannelList { items: rows.into_iter().map(shown).collect() }))
}

/// Have the project's people asked through a service of others
#[utoipa::path(post, path = "/api/v1/staff/projects/{project_id}/channels", request_body = NewChannel,
    params(("project_id" = Uuid, Path)), responses((status = 201, body = Channel),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add_channel(
    State(app): State<App>,
    staff: Staff,
    Path(project): Path<Uuid>,
    Json(new): Json<NewChannel>,
) -> Result<(StatusCode, Json<Channel>), ApiError> {
    staff.may(&app.pool, Permission::Manage, ProjectId(project)).await?;
    let url = placed(&app, &new.url)?;
    let row = channels::NewChannel {
        id: Uuid::now_v7(),
        project: ProjectId(project),
        kind: kind(new.kind),
        name: &new.name,
        url: &url,
        locale: new.locale.map_or(Locale::En, locale),
        timeout_seconds: new.timeout_seconds.unwrap_or(AN_HOUR),
        speaks_for: new.speaks_for.map_or(SpeaksFor::Owner, speaks_for),
        by: staff.id,
    };
    spoken_for(row.kind, Some(row.speaks_for))?;
    let facts = json!({
        "channel": row.id, "project": project, "name": row.name, "what": row.kind, "url": row.url, "speaks_for": row.speaks_for,
    });
    let entry = flow::Entry::new(FlowKind::ChannelAdded, staff.actor(), facts);
    channels::add(&app.pool, &row, &entry).await.map_err(name_taken)?;
    let row = channels::get(&app.pool, row.id).await?.ok_or_else(|| no_such("channel"))?;
    Ok((StatusCode::CREATED, Json(shown(row))))
}

/// Change a channel
#[utoipa::path(patch, path = "/api/v1/staff/channels/{channel_id}", request_body = ChannelChange,
    params(("channel_id" = Uuid, Path), ("If-Match" = String, Header)), responses((status = 200, body = Channel),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_channel(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(to): Json<ChannelChange>,
) -> Result<Json<Channel>, ApiError> {
    let row = managed(&app, &staff, id).await?;
    let url = to.url.as_deref().map(|url| placed(&app, url)).transpose()?;
    let change = channels::ChannelChange {
        name: to.name.as_deref(),
        url: url.as_deref(),
        locale: to.locale.map(locale),
        timeout_seconds: to.timeout_seconds,
        speaks_for: to.speaks_for.map(speaks_for),
        enabled: to.enabled,
    };
    spoken_for(row.kind.0, change.speaks_for)?;
    let version = views::version(&headers);
    let mut facts = json!({ "channel": id, "project": row.project_id, "name": change.name.unwrap_or(&row.name) });
    if let Some(url) = change.url {
        facts["url"] = json!(url);
    }
    if let Some(speaks_for) = change.speaks_for {
        facts["speaks_for"] = json!(speaks_for);
    }
    if let Some(enabled) = change.enabled {
        facts["enabled"] = json!(enabled.to_string());
    }
    let entry = flow::Entry::new(FlowKind::ChannelChanged, staff.actor(), facts);
    if !channels::change(&app.pool, (id, version), &change, staff.id, &entry).await.map_err(name_taken)? {
        return Err(views::version_changed("channel"));
    }
    Ok(Json(shown(channels::get(&app.pool, id).await?.ok_or_else(|| no_such("channel"))?)))
}

/// Take a channel away
#[utoipa::path(delete, path = "/api/v1/staff/channels/{channel_id}", params(("channel_id" = Uuid, Path)),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_channel(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let row = managed(&app, &staff, id).await?;
    let facts = json!({ "channel": id, "project": row.project_id, "name": row.name });
    let entry = flow::Entry::new(FlowKind::ChannelRemoved, staff.actor(), facts);
    if channels::remove(&app.pool, id, &entry).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(no_such("channel"))
}

/// Send a test request through a channel
#[utoipa::path(post, path = "/api/v1/staff/channels/{channel_id}/try", params(("channel_id" = Uuid, Path)),
    responses((status = 202, body = Channel),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn try_channel(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<Channel>), ApiError> {
    let row = managed(&app, &staff, id).await?;
    let facts = json!({ "channel": id, "project": row.project_id, "name": row.name, "url": row.url });
    let entry = flow::Entry::new(FlowKind::ChannelTried, staff.actor(), facts);
    if !trial::begin(&app.pool, id, staff.id, &entry).await? {
        let title = "The channel is being tried; wait for what comes of it";
        return Err(Problem::conflict("channel_being_tried", title).into());
    }
    app.waker.work();
    let row = channels::get(&app.pool, id).await?.ok_or_else(|| no_such("channel"))?;
    Ok((StatusCode::ACCEPTED, Json(shown(row))))
}

/// The channel, if they manage its project.
async fn managed(app: &App, staff: &Staff, id: Uuid) -> Result<ChannelRow, ApiError> {
    let row = channels::get(&app.pool, id).await?.ok_or_else(|| no_such("channel"))?;
    staff.may_with(&app.pool, Permission::Manage, ("channel", row.project_id)).await?;
    Ok(row)
}

/// The address as it is stored, if a channel may stand there.
fn placed(app: &App, given: &str) -> Result<String, ApiError> {
    let refused = |why: String| {
        let problem = Problem::unprocessable("no_place_for_a_channel", "No channel can stand at this address");
        ApiError::from(problem.with_coded_field("/url", "no_place_for_a_channel", why))
    };
    let url = Url::parse(given).map_err(|error| refused(error.to_string()))?;
    let host = url.host_str().unwrap_or_default();
    places::judge(url.scheme(), host, &app.gateway_namespace).map_err(|why| refused(why.to_string()))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Answers to questions are the owner's, or of whoever started the run, whom no channel knows.
fn spoken_for(kind: ChannelKind, speaks_for: Option<SpeaksFor>) -> Result<(), ApiError> {
    if kind == ChannelKind::Executor && speaks_for == Some(SpeaksFor::Delegated) {
        let title = "Questions are answered by whoever manages the project; an executor speaks for the owner";
        let problem = Problem::unprocessable("executor_speaks_for_owner", title);
        return Err(problem.with_coded_field("/speaks_for", "executor_speaks_for_owner", title).into());
    }
    Ok(())
}

fn name_taken(error: store::Error) -> ApiError {
    taken("channel_exists", "/name", "The project has a channel of this name; choose another")(error)
}

fn shown(row: ChannelRow) -> Channel {
    let trial = trial_of(&row);
    let (trouble, at) = (row.last_trouble, row.last_at);
    Channel {
        id: row.id,
        kind: kind_of(row.kind.0),
        name: row.name,
        url: row.url,
        locale: match row.locale.0 {
            Locale::En => gateway::Locale::En,
            Locale::Ru => gateway::Locale::Ru,
        },
        timeout_seconds: row.timeout_seconds,
        speaks_for: match row.speaks_for.0 {
            SpeaksFor::Owner => gateway::SpeaksFor::Owner,
            SpeaksFor::Delegated => gateway::SpeaksFor::Delegated,
        },
        enabled: row.enabled,
        version: row.version,
        created_by: row.created_by,
        created_at: row.created_at,
        changed_by: row.changed_by,
        changed_at: row.changed_at,
        open: row.open,
        last: row.last_state.zip(at).map(|(last, at)| ChannelLast { state: state(last.0), trouble, at }),
        trial,
    }
}

/// What came of its newest test.
fn trial_of(row: &ChannelRow) -> Option<ChannelTrial> {
    let answer = row.trial_answer.as_ref();
    Some(ChannelTrial {
        state: state(row.trial_state?.0),
        trouble: row.trial_trouble.clone(),
        verdict: answer.map(|answer| verdict(answer.verdict)),
        text: answer.and_then(|answer| answer.text.clone()),
        by: row.trial_by.clone().unwrap_or_default(),
        at: row.trial_at?,
    })
}

const fn verdict(verdict: TrialVerdict) -> gateway::TrialVerdict {
    match verdict {
        TrialVerdict::Approved => gateway::TrialVerdict::Approved,
        TrialVerdict::Denied => gateway::TrialVerdict::Denied,
        TrialVerdict::Chosen => gateway::TrialVerdict::Chosen,
        TrialVerdict::Written => gateway::TrialVerdict::Written,
    }
}

/// How one channel is asked about a request.
pub(super) fn asked_through(asked: channel_requests::AskedThrough) -> AskedThrough {
    AskedThrough {
        name: asked.name,
        kind: kind_of(asked.kind),
        state: state(asked.state),
        trouble: asked.trouble,
        at: asked.at,
    }
}

const fn kind(kind: gateway::ChannelKind) -> ChannelKind {
    match kind {
        gateway::ChannelKind::Approver => ChannelKind::Approver,
        gateway::ChannelKind::Executor => ChannelKind::Executor,
    }
}

const fn kind_of(kind: ChannelKind) -> gateway::ChannelKind {
    match kind {
        ChannelKind::Approver => gateway::ChannelKind::Approver,
        ChannelKind::Executor => gateway::ChannelKind::Executor,
    }
}

const fn locale(locale: gateway::Locale) -> Locale {
    match locale {
        gateway::Locale::En => Locale::En,
        gateway::Locale::Ru => Locale::Ru,
    }
}

const fn speaks_for(speaks_for: gateway::SpeaksFor) -> SpeaksFor {
    match speaks_for {
        gateway::SpeaksFor::Owner => SpeaksFor::Owner,
        gateway::SpeaksFor::Delegated => SpeaksFor::Delegated,
    }
}

const fn state(state: AskState) -> ChannelAskState {
    match state {
        AskState::Queued => ChannelAskState::Queued,
        AskState::Asked => ChannelAskState::Asked,
        AskState::Answered => ChannelAskState::Answered,
        AskState::Expired => ChannelAskState::Expired,
        AskState::Failed => ChannelAskState::Failed,
        AskState::Withdrawn => ChannelAskState::Withdrawn,
    }
}
