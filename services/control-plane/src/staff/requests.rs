//! Requests of agents: which are wanted, and how the contract shows them. In their words nothing stays hidden from whoever
//! decides; what is answered or done is what stands in the row.

use contract::gateway::{self, ActionAskedBecauseItem, Approval, LabelsMoved, ObjectChanged, ObjectChangedAct};
use domain::approvals::databases::{DatabaseAction, DatabaseChange, connection_secret};
use domain::approvals::policy::{Because, Ruling};
use domain::approvals::secrets::{SecretPolicy, SecretSeen, SecretSync};
use domain::approvals::{Action, ApprovalKind, ApprovalMode, ApprovalState, Asked, Effect, Question, Risk};
use domain::environment::changes::{Act, Change};
use domain::ids::{ProjectId, RunId};
use prompts::untrusted::visible;
use serde::Deserialize;
use store::approvals::view::{ApprovalRow, Filter};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{approvals, channels, environments};

/// Which requests, or questions about hosts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RequestQuery {
    state: Option<String>,
    project_id: Option<Uuid>,
    run_id: Option<Uuid>,
}

impl RequestQuery {
    pub(super) fn filter(self) -> Filter {
        Filter {
            open: self.state.map(|state| state == "open"),
            project: self.project_id.map(ProjectId),
            run: self.run_id.map(RunId),
            ..Filter::default()
        }
    }
}

/// A request, with whether the reader may decide about it.
pub(super) fn shown(row: ApprovalRow, may_decide: bool) -> Approval {
    let mode = row.mode.as_ref().map(|mode| mode.0);
    let action = action(&row.asked.0, mode, row.digest.as_deref(), row.outcome.clone());
    let ruling = row.ruling.map(|ruling| ruling.0);
    let action = action.map(|action| gateway::ActionAsked { because: because(ruling.as_ref()), ..action });
    let kind = match row.asked.0.kind() {
        ApprovalKind::Question => gateway::ApprovalKind::Question,
        ApprovalKind::Action => gateway::ApprovalKind::Action,
    };
    let question = match row.asked.0 {
        Asked::Question(question) => Some(question),
        Asked::Action(_) => None,
    };
    let allow_custom = question.as_ref().is_some_and(|question| question.allow_custom);
    let (question, context, options) = match question {
        Some(Question { question, context, options, .. }) => {
            let options = options.iter().map(|option| visible(option)).collect();
            (Some(visible(&question)), context.as_deref().map(visible), options)
        }
        None => (None, None, Vec::new()),
    };
    Approval {
        id: row.id,
        kind,
        tool: row.tool,
        state: state(row.state.0),
        run_id: row.run_id.into(),
        project_id: row.project_id.into(),
        project_name: row.project_name,
        repository_full_name: row.repository_full_name,
        subject_number: row.subject_number,
        subject_title: row.subject_title,
        subject_url: row.subject_url,
        stage: row.stage.0.to_string(),
        role: row.role,
        started_by: row.started_by_login,
        question,
        context,
        options,
        allow_custom,
        action,
        answer: row.answer.map(|answer| approvals::shown_answer(answer.0)),
        decided_by: row.decided_by,
        decided_through: row.decided_through,
        channels: row.channels.0.into_iter().map(channels::asked_through).collect(),
        decided_at: row.decided_at,
        settled_at: row.settled_at,
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        may_decide,
    }
}

/// Leave to act, as it is asked; `None` for a question.
pub(super) fn action(
    asked: &Asked,
    by: Option<ApprovalMode>,
    digest: Option<&str>,
    trouble: Option<String>,
) -> Option<gateway::ActionAsked> {
    let Asked::Action(Action { effect, why }) = asked else { return None };
    let mut shown = gateway::ActionAsked {
        does: gateway::ActionAskedDoes::Labels,
        digest: digest?.parse().ok()?,
        mode: mode(by?),
        risk: risk(effect.risk()),
        why: why.as_deref().map(visible),
        because: Vec::new(),
        labels: None,
        object: None,
        secret: None,
        database: None,
        trouble,
    };
    match effect {
        Effect::Labels { change, .. } => {
            let (adds, removes) = (change.on.clone(), change.off.clone());
            shown.labels = Some(LabelsMoved { number: change.number, adds, removes });
        }
        Effect::Object(change) => {
            shown.does = gateway::ActionAskedDoes::Object;
            shown.object = Some(changed(change));
        }
        Effect::Secret { sync, seen } => {
            shown.does = gateway::ActionAskedDoes::Secret;
            shown.secret = Some(secret(sync, seen));
        }
        Effect::Database { change, .. } => {
            shown.does = gateway::ActionAskedDoes::Database;
            shown.database = Some(database(change));
        }
    }
    Some(shown)
}

fn because(ruling: Option<&Ruling>) -> Vec<ActionAskedBecauseItem> {
    let said = ruling.map(|ruling| ruling.because.as_slice()).unwrap_or_default();
    let told = said.iter().map(|because| match because {
        Because::Call => ActionAskedBecauseItem::Call,
        Because::Tool => ActionAskedBecauseItem::Tool,
        Because::Agent => ActionAskedBecauseItem::Agent,
        Because::Issue => ActionAskedBecauseItem::Issue,
        Because::Project => ActionAskedBecauseItem::Project,
    });
    told.collect()
}

fn changed(change: &Change) -> ObjectChanged {
    ObjectChanged {
        act: match change.act {
            Act::Apply { .. } => ObjectChangedAct::Apply,
            Act::Delete => ObjectChangedAct::Delete,
            Act::Restart => ObjectChangedAct::Restart,
        },
        kind: change.kind.to_string(),
        name: change.name.clone(),
        namespace: change.namespace.clone(),
        is_new: change.seen.is_none(),
        uid: change.seen.as_ref().map(|seen| seen.uid.clone()),
        diff: visible(&change.diff),
    }
}

fn database(change: &DatabaseChange) -> gateway::DatabaseChanged {
    gateway::DatabaseChanged {
        action: match change.action {
            DatabaseAction::Create => gateway::DatabaseChangedAction::Create,
            DatabaseAction::Delete => gateway::DatabaseChangedAction::Delete,
            DatabaseAction::Describe => gateway::DatabaseChangedAction::Describe,
        },
        environment: change.environment.clone(),
        environment_kind: environments::kind(change.kind),
        namespace: change.namespace.clone(),
        database_name: change.database.clone(),
        secret_name: connection_secret(&change.database),
    }
}

fn secret(sync: &SecretSync, seen: &SecretSeen) -> gateway::SecretSynced {
    gateway::SecretSynced {
        environment: sync.environment.clone(),
        environment_kind: environments::kind(sync.kind),
        namespace: sync.namespace.clone(),
        github_secret_name: sync.github_secret.clone(),
        kubernetes_secret_name: sync.kubernetes_secret.clone(),
        kubernetes_secret_key: sync.kubernetes_key.clone(),
        policy: match sync.policy {
            SecretPolicy::Deterministic => gateway::SecretSyncedPolicy::Deterministic,
            SecretPolicy::Random => gateway::SecretSyncedPolicy::Random,
            SecretPolicy::Provided => gateway::SecretSyncedPolicy::Provided,
        },
        on_github: seen.on_github,
        synced_before: seen.synced_before,
    }
}

pub(super) const fn mode(mode: ApprovalMode) -> gateway::ApprovalMode {
    match mode {
        ApprovalMode::None => gateway::ApprovalMode::None,
        ApprovalMode::Delegated => gateway::ApprovalMode::Delegated,
        ApprovalMode::Owner => gateway::ApprovalMode::Owner,
    }
}

const fn risk(risk: Risk) -> gateway::ActionAskedRisk {
    match risk {
        Risk::Low => gateway::ActionAskedRisk::Low,
        Risk::Medium => gateway::ActionAskedRisk::Medium,
        Risk::High => gateway::ActionAskedRisk::High,
    }
}

const fn state(state: ApprovalState) -> gateway::ApprovalState {
    match state {
        ApprovalState::Requested => gateway::ApprovalState::Requested,
        ApprovalState::Answered => gateway::ApprovalState::Answered,
        ApprovalState::Approved => gateway::ApprovalState::Approved,
        ApprovalState::Applying => gateway::ApprovalState::Applying,
        ApprovalState::Applied => gateway::ApprovalState::Applied,
        ApprovalState::Failed => gateway::ApprovalState::Failed,
        ApprovalState::Unknown => gateway::ApprovalState::Unknown,
        ApprovalState::Denied => gateway::ApprovalState::Denied,
        ApprovalState::Stale => gateway::ApprovalState::Stale,
        ApprovalState::Expired => gateway::ApprovalState::Expired,
        ApprovalState::Withdrawn => gateway::ApprovalState::Withdrawn,
    }
}
