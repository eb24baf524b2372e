//! What a person is told: their own notifications, and what they want to be told.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use contract::gateway::{self, Notification, NotificationChoices, NotificationPage, NotificationsRead, UnreadCount};
use contract::problem::Problem;
use domain::approvals::Asked;
use domain::notices::NoticeKind;
use domain::reasons::Reason;
use prompts::untrusted::visible;
use serde::Deserialize;
use store::Cursor;
use store::notices::{self, NotificationRow};
use utoipa::IntoParams;

use super::permit::Staff;
use super::requests;
use super::views::Paging;
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Which notifications.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NotificationQuery {
    unread: Option<bool>,
}

/// What I was told, newest first
#[utoipa::path(get, path = "/api/v1/staff/notifications", params(NotificationQuery, Paging),
    responses((status = 200, body = NotificationPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_notifications(
    State(app): State<App>,
    staff: Staff,
    Query(query): Query<NotificationQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<NotificationPage>, ApiError> {
    let unread = query.unread.unwrap_or_default();
    let rows = notices::list(&app.pool, staff.viewer(), unread, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.at, id: row.id });
    let UnreadCount { unread } = self::unread(&app, &staff).await?;
    Ok(Json(NotificationPage { items: rows.into_iter().map(notification).collect(), unread, next_cursor }))
}

/// Mark notifications as read
#[utoipa::path(post, path = "/api/v1/staff/notifications/read", request_body = NotificationsRead,
    responses((status = 200, body = UnreadCount),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_notifications(
    State(app): State<App>,
    staff: Staff,
    Json(read): Json<NotificationsRead>,
) -> Result<Json<UnreadCount>, ApiError> {
    match (read.ids.as_slice(), read.up_to) {
        ([], Some(last)) => {
            if !notices::read_up_to(&app.pool, staff.id, last).await? {
                return Err(no_such("notification"));
            }
        }
        ([_, ..], None) => notices::read(&app.pool, staff.id, &read.ids).await?,
        _ => {
            let problem = Problem::unprocessable("invalid_request", "It is not clear which notifications were read");
            return Err(problem.with_field("/up_to", "name `ids` or `up_to`, one of both").into());
        }
    }
    Ok(Json(unread(&app, &staff).await?))
}

async fn unread(app: &App, staff: &Staff) -> Result<UnreadCount, ApiError> {
    Ok(UnreadCount { unread: notices::news(&app.pool, staff.viewer()).await?.unread })
}

/// What I want to be told
#[utoipa::path(get, path = "/api/v1/staff/notifications/choices", responses((status = 200, body = NotificationChoices),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_notification_choices(
    State(app): State<App>,
    staff: Staff,
) -> Result<Json<NotificationChoices>, ApiError> {
    Ok(Json(choices(&app, &staff).await?))
}

/// Say what I want to be told
#[utoipa::path(put, path = "/api/v1/staff/notifications/choices", request_body = NotificationChoices,
    responses((status = 200, body = NotificationChoices),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn choose_notifications(
    State(app): State<App>,
    staff: Staff,
    Json(mut given): Json<NotificationChoices>,
) -> Result<Json<NotificationChoices>, ApiError> {
    let chosen = NoticeKind::ALL.iter().filter_map(|&kind| choice(&mut given, kind).map(|wanted| (kind, wanted)));
    let chosen: Vec<_> = chosen.collect();
    notices::choose(&app.pool, staff.id, &chosen).await?;
    Ok(Json(choices(&app, &staff).await?))
}

async fn choices(app: &App, staff: &Staff) -> Result<NotificationChoices, ApiError> {
    let chosen: BTreeMap<_, _> = notices::choices(&app.pool, staff.id).await?.into_iter().collect();
    let mut shown = NotificationChoices::default();
    for &kind in NoticeKind::ALL {
        *choice(&mut shown, kind) = Some(chosen.get(&kind).copied().unwrap_or(kind.wanted_by_default()));
    }
    Ok(shown)
}

/// The choice about a kind.
const fn choice(choices: &mut NotificationChoices, kind: NoticeKind) -> &mut Option<bool> {
    match kind {
        NoticeKind::Question => &mut choices.question,
        NoticeKind::Action => &mut choices.action,
        NoticeKind::Host => &mut choices.host,
        NoticeKind::Outside => &mut choices.outside,
        NoticeKind::WorkWaits => &mut choices.work_waits,
        NoticeKind::RunFailed => &mut choices.run_failed,
        NoticeKind::Canary => &mut choices.canary,
        NoticeKind::Completion => &mut choices.completion,
        NoticeKind::NextStep => &mut choices.next_step,
        NoticeKind::StatusUpdate => &mut choices.status_update,
        NoticeKind::Warning => &mut choices.warning,
    }
}

const fn kind(kind: NoticeKind) -> gateway::NotificationKind {
    match kind {
        NoticeKind::Question => gateway::NotificationKind::Question,
        NoticeKind::Action => gateway::NotificationKind::Action,
        NoticeKind::Host => gateway::NotificationKind::Host,
        NoticeKind::Outside => gateway::NotificationKind::Outside,
        NoticeKind::WorkWaits => gateway::NotificationKind::WorkWaits,
        NoticeKind::RunFailed => gateway::NotificationKind::RunFailed,
        NoticeKind::Canary => gateway::NotificationKind::Canary,
        NoticeKind::Completion => gateway::NotificationKind::Completion,
        NoticeKind::NextStep => gateway::NotificationKind::NextStep,
        NoticeKind::StatusUpdate => gateway::NotificationKind::StatusUpdate,
        NoticeKind::Warning => gateway::NotificationKind::Warning,
    }
}

/// Whether the end of the run, with its reason, is what the notification is about.
fn tells_why(kind: NoticeKind, reason: &str) -> bool {
    match kind {
        NoticeKind::RunFailed => true,
        NoticeKind::Canary => reason == Reason::Canary.as_str(),
        _ => false,
    }
}

fn notification(row: NotificationRow) -> Notification {
    let mode = row.mode.map(|mode| mode.0);
    let asked = row.asked.map(|asked| asked.0);
    let action = asked.as_ref().and_then(|asked| requests::action(asked, mode, row.digest.as_deref(), None));
    let question = match asked {
        Some(Asked::Question(question)) => Some(visible(&question.question)),
        Some(Asked::Action(_)) | None => None,
    };
    let outside = row.outside.map(|asked| visible(asked.0.in_short()));
    Notification {
        id: row.id,
        kind: kind(row.kind.0),
        at: row.at,
        read: row.read,
        run_id: row.run_id,
        project_id: row.project_id.into(),
        project_name: row.project_name,
        integration: row.integration,
        repository_full_name: row.repository_full_name,
        subject_number: row.subject_number,
        subject_title: row.subject_title,
        stage: row.stage.map(|stage| stage.0.to_string()),
        role: row.role,
        summary: row.summary.as_deref().map(visible).or(outside),
        details: row.details.as_deref().map(visible),
        request_id: row.request_id,
        question,
        action,
        host: row.host,
        reason: row.reason.filter(|reason| tells_why(row.kind.0, reason)),
        pr_number: row.pr_number,
    }
}
