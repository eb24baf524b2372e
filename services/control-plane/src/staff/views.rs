//! Rows as the contract shows them, and what lists have in common.

use contract::gateway;
use contract::problem::Problem;
use domain::rights::{self, Permission, PlatformRole, ProjectRole};
use domain::run::RunStatus;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use store::deliveries::DeliveryRow;
use store::events::EventRow;
use store::flow::FlowRow;
use store::projects::ProjectRow;
use store::runs::view::RunView;
use store::users::UserRow;
use store::{Cursor, egress_grants};
use utoipa::IntoParams;

use super::modes;
use super::permit::Staff;
use crate::error::ApiError;

/// How many rows a page has when nothing is asked.
const PAGE: i64 = 50;

/// Where a page begins and how long it is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    cursor: Option<String>,
    limit: Option<i32>,
}

impl Paging {
    /// The cursor, read.
    pub(super) fn after(&self) -> Result<Option<Cursor>, ApiError> {
        let read = self.cursor.as_deref().map(str::parse).transpose();
        read.map_err(|_| {
            let title = "The cursor is not one of this list";
            Problem::unprocessable("invalid_request", title).with_field("query.cursor", "start without it").into()
        })
    }

    /// One row more than asked, to see whether there is a next page.
    pub(super) fn limit_and_one(&self) -> i64 {
        self.limit() + 1
    }

    fn limit(&self) -> i64 {
        self.limit.map_or(PAGE, i64::from)
    }

    /// The page's rows and the cursor of the next page.
    pub(super) fn cut<R>(&self, mut rows: Vec<R>, cursor: impl Fn(&R) -> Cursor) -> (Vec<R>, Option<String>) {
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return (rows, None);
        }
        rows.truncate(limit);
        let next = rows.last().map(|row| cursor(row).to_string());
        (rows, next)
    }
}

/// The contract has checked that it is a number in quotes.
pub(super) fn version(headers: &HeaderMap) -> i64 {
    let quoted = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    quoted.trim_matches('"').parse().unwrap_or_default()
}

/// Somebody else was quicker.
pub(super) fn version_changed(what: &str) -> ApiError {
    let title = format!("Somebody else has changed the {what} meanwhile; load it again");
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_changed", title).into()
}

pub(super) fn platform_role(role: PlatformRole) -> gateway::PlatformRole {
    match role {
        PlatformRole::Owner => gateway::PlatformRole::Owner,
        PlatformRole::Admin => gateway::PlatformRole::Admin,
        PlatformRole::Member => gateway::PlatformRole::Member,
    }
}

pub(super) fn project_role(role: ProjectRole) -> gateway::ProjectRole {
    match role {
        ProjectRole::Admin => gateway::ProjectRole::Admin,
        ProjectRole::ReadWrite => gateway::ProjectRole::ReadWrite,
        ProjectRole::Read => gateway::ProjectRole::Read,
    }
}

pub(super) fn user(row: UserRow) -> gateway::User {
    gateway::User {
        id: row.id.into(),
        email: row.email,
        login: row.login,
        name: row.name,
        platform_role: platform_role(row.platform_role.0),
        last_seen_at: row.last_seen_at,
        created_at: row.created_at,
    }
}

pub(super) fn project(row: ProjectRow, viewer: &Staff) -> gateway::Project {
    gateway::Project {
        id: row.id.into(),
        slug: row.slug,
        name: row.name,
        locale: if row.locale == "ru" { gateway::Locale::Ru } else { gateway::Locale::En },
        pre_review: row.pre_review,
        stage_order: row.stage_order,
        agent_labels: row.agent_labels,
        tool_modes: modes::shown(&row.tool_modes),
        model: row.model,
        version: row.version,
        repositories: row.repositories,
        active_runs: row.active_runs,
        my_role: project_role(viewer.role_from(row.member_role.map(|role| role.0))),
        created_at: row.created_at,
    }
}

pub(super) fn grant(row: egress_grants::GrantRow) -> gateway::EgressGrant {
    gateway::EgressGrant {
        id: row.id,
        host: row.host,
        note: row.note,
        refuses: row.refuses,
        role: row.role,
        run_id: row.run_id,
        expires_at: row.expires_at,
        created_at: row.created_at,
        created_by: row.created_by,
        tunnels: row.tunnels,
        bytes_sent: row.bytes_sent,
        bytes_received: row.bytes_received,
        used_at: row.used_at,
    }
}

pub(super) fn delivery(row: DeliveryRow) -> Result<gateway::Delivery, ApiError> {
    Ok(gateway::Delivery {
        id: row.id.into(),
        delivery_guid: row.delivery_guid,
        event: row.event,
        action: row.action,
        repository_full_name: row.repository_full_name,
        subject_number: row.subject_number,
        label: row.label,
        sender_login: row.sender_login,
        decision: row.decision.parse().map_err(|_| anyhow::anyhow!("a decision that the contract does not know"))?,
        reason: row.reason,
        run_id: row.run_id,
        duplicates: row.duplicates,
        received_at: row.received_at,
    })
}

pub(super) fn run(row: RunView, viewer: &Staff) -> gateway::Run {
    let role = viewer.role_from(row.member_role.map(|role| role.0));
    let waits = waits(&row);
    let over = row.status.0.is_over();
    let lives = row.namespace_uid.is_some() && row.namespace_deleted_at.is_none();
    let summary = row.last_word.as_ref().and_then(|word| word.get("summary")).and_then(Value::as_str);
    gateway::Run {
        id: row.id.into(),
        project_id: row.project_id.into(),
        project_slug: row.project_slug,
        repository_id: row.repository_id.into(),
        repository_full_name: row.repository_full_name,
        subject_number: row.subject_number,
        subject_title: row.subject_title,
        subject_url: row.subject_url,
        kind: row.kind.parse().unwrap_or(gateway::RunKind::Stage),
        resumes: row.resumes,
        reviews: row.reviews,
        stage: row.stage.0.to_string(),
        role: row.role,
        status: run_status(row.status.0),
        reason: row.reason,
        reason_detail: row.reason_detail,
        waits,
        started_by: row.started_by_login,
        branch: row.branch,
        model: row.model,
        effort: row.effort,
        pr_number: row.pr_number,
        pr_url: row.pr_url,
        namespace: lives.then_some(row.namespace),
        namespace_expires_at: row.namespace_expires_at,
        last_words: row.last_words,
        summary: summary.map(str::to_owned),
        cancel_requested: row.cancel_requested,
        launch: row.launch,
        attempts: row.attempts,
        usage: gateway::TokenUsage {
            calls: row.calls,
            input_tokens: row.input_tokens,
            cached_input_tokens: row.cached_input_tokens,
            output_tokens: row.output_tokens,
        },
        may_cancel: !over && !row.cancel_requested && rights::allows(role, Permission::Run),
        created_at: row.queued_at,
        started_at: row.started_at,
        handed_in_at: row.handed_in_at,
        finished_at: row.finished_at,
        deadline_at: row.deadline_at,
        version: row.version,
    }
}

fn waits(row: &RunView) -> Option<gateway::Waits> {
    Some(gateway::Waits {
        for_: row.waits_for.as_deref()?.parse().ok()?,
        since: row.waits_since?,
        until: row.waits_until,
        place: row.waits_place,
        detail: row.waits_detail.clone(),
    })
}

pub(super) fn run_status(status: RunStatus) -> gateway::RunStatus {
    match status {
        RunStatus::Pending => gateway::RunStatus::Pending,
        RunStatus::Running => gateway::RunStatus::Running,
        RunStatus::WaitingMcp => gateway::RunStatus::WaitingMcp,
        RunStatus::WaitingOwnerReview => gateway::RunStatus::WaitingOwnerReview,
        RunStatus::WaitingBackpressure => gateway::RunStatus::WaitingBackpressure,
        RunStatus::Succeeded => gateway::RunStatus::Succeeded,
        RunStatus::Failed => gateway::RunStatus::Failed,
        RunStatus::TimedOut => gateway::RunStatus::TimedOut,
        RunStatus::Cancelled => gateway::RunStatus::Cancelled,
    }
}

pub(super) fn flow_event(row: FlowRow) -> gateway::FlowEvent {
    gateway::FlowEvent {
        seq: row.seq,
        kind: row.kind,
        actor: row.actor,
        at: row.at,
        data: row.data.as_object().cloned().unwrap_or_default(),
    }
}

pub(super) fn run_event(row: EventRow) -> Result<gateway::RunEvent, ApiError> {
    Ok(gateway::RunEvent {
        position: row.position,
        at: row.at,
        kind: row.kind.parse().map_err(|_| anyhow::anyhow!("an event that the contract does not know"))?,
        text: row.text,
        item: row.item,
        exit_code: row.exit_code,
    })
}
