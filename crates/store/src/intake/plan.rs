//! A run that a decision starts: what is read for it, and how it is stored.

use domain::catalogue::Catalogue;
use domain::choice::Effort;
use domain::event::Delivered;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::intake::{Start, Task};
use domain::names;
use domain::stages::Role;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::facts::Facts;
use super::history::{self, TakenUp};
use super::record::{NewRun, Subject};
use crate::flow;

/// A run that a decision starts, with what was read for it.
pub(super) struct Planned<'a> {
    start: &'a Start,
    /// Its id.
    pub run: RunId,
    role: Role,
    /// Its time limit and how long its namespace lives after it, in seconds.
    limits: (i32, i32),
    /// The run whose work it revises or looks at.
    pub earlier: Option<(RunId, TakenUp)>,
    branch: String,
    namespace: String,
}

/// Reads what a start needs beside the decision.
///
/// # Errors
/// The database's.
pub(super) async fn plan<'a>(
    db: &mut PgConnection,
    start: &'a Start,
    run: RunId,
    delivered: &Delivered,
    facts: &Facts,
) -> Result<Planned<'a>, sqlx::Error> {
    let spec = Catalogue::builtin().stage(start.stage);
    let (role, earlier) = match start.task {
        Task::Work => (spec.actor(), None),
        Task::Revise(earlier) | Task::Retry(earlier) => (spec.actor(), Some(earlier)),
        Task::Review(earlier) => (spec.reviewer(), earlier),
    };
    let earlier = match earlier {
        Some(id) => Some((id, history::taken_up(&mut *db, id).await?)),
        None => None,
    };
    let (Some(binding), Some(defaults)) = (facts.binding, facts.defaults.as_ref()) else {
        unreachable!("a run is only started in a connected repository");
    };
    let limits = if start.task == Task::Work {
        (defaults.time_limit_seconds, defaults.namespace_ttl_seconds)
    } else {
        history::limits(db, binding.repository_id, role).await?
    };
    let number = subject(delivered, earlier.as_ref()).number;
    let branch = match (&earlier, delivered.pull()) {
        (Some((_, earlier)), _) => earlier.branch.clone(),
        (None, Some(pull)) => pull.head.clone(),
        (None, None) => names::branch(number, run),
    };
    let namespace = names::namespace(&defaults.project_slug, start.stage.as_str(), number, run);
    Ok(Planned { start, run, role, limits, earlier, branch, namespace })
}

/// What a run is about: the event's issue; else that of the run which made the pull request; else the pull request.
fn subject<'a>(delivered: &'a Delivered, earlier: Option<&'a (RunId, TakenUp)>) -> Subject<'a> {
    match (delivered.issue(), earlier, delivered.pull()) {
        (Some(issue), ..) => Subject { number: issue.number, title: &issue.title, body: &issue.body, url: &issue.url },
        (None, Some((_, earlier)), _) => Subject {
            number: earlier.subject_number,
            title: &earlier.subject_title,
            body: &earlier.subject_body,
            url: &earlier.subject_url,
        },
        (None, None, Some(pull)) => {
            Subject { number: pull.number, title: &pull.title, body: &pull.body, url: &pull.url }
        }
        (None, None, None) => unreachable!("a run is only started for an issue or a pull request"),
    }
}

/// The run as the statement wants it; `actor` started it.
pub(super) fn new_run<'a>(
    planned: &'a Planned<'a>,
    delivered: &'a Delivered,
    facts: &'a Facts,
    actor: String,
) -> NewRun<'a> {
    let (Some(binding), Some(defaults), Some(person)) = (facts.binding, facts.defaults.as_ref(), facts.person) else {
        unreachable!("a run is only started in a connected repository, by a listed person");
    };
    let Planned { start, run, earlier, .. } = planned;
    let subject = subject(delivered, earlier.as_ref());
    let data = json!({ "issue": subject.number, "stage": start.stage.as_str(), "run": Uuid::from(*run).to_string() });
    let made = earlier.as_ref().and_then(|(_, earlier)| earlier.pr_number.zip(earlier.pr_url.as_deref()));
    let shown = delivered.pull();
    let (resumes, reviews) = match start.task {
        Task::Work => (None, None),
        Task::Revise(earlier) | Task::Retry(earlier) => (Some(earlier), None),
        Task::Review(earlier) => (None, earlier),
    };
    NewRun {
        id: *run,
        project: binding.project_id,
        kind: if matches!(start.task, Task::Review(_)) { "review" } else { "stage" },
        subject,
        stage: start.stage,
        role: planned.role,
        model: start.choice.model.as_deref().unwrap_or(&defaults.model),
        effort: start.choice.effort.map(Effort::for_codex),
        defaults,
        limits: planned.limits,
        branch: &planned.branch,
        base_branch: match (earlier, shown) {
            (Some((_, earlier)), _) => &earlier.base_branch,
            (None, Some(pull)) => &pull.base,
            (None, None) => &defaults.default_branch,
        },
        pull: made.or_else(|| shown.map(|pull| (pull.number, pull.url.as_str()))),
        resumes,
        revises: matches!(start.task, Task::Revise(_)),
        reviews,
        namespace: &planned.namespace,
        started_by: person.user_id,
        flow: flow::Entry::new(FlowKind::RunCreated, actor, data),
    }
}
