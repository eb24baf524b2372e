//! What can come after a run, and starting it: the label's work without knowing the label. It goes through the same intake
//! as a label on GitHub, so that one rule decides; the label itself follows.

use std::collections::BTreeSet;

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{LabelsSeen, NextStep as Shown, NextStepDoes, NextStepList, Run};
use contract::problem::Problem;
use domain::catalogue::Catalogue;
use domain::ids::CorrelationId;
use domain::intake::{self, Ground};
use domain::next_steps::{self, Finished, LabelChange, NextStep};
use domain::reasons::IntakeReason;
use domain::rights::{self, Permission};
use domain::stages::Stage;
use forge::{ForgeError, GitHub, Issue, RepositoryName, RepositoryProvider};
use http::StatusCode;
use runtime::correlation::Correlation;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::intake::{Arrival, Stored, Taken, Wish, accepted, take_in};
use store::repositories::{self, RepositoryRow};
use store::runs::view::{self, RunView};
use store::{clock, outbound, users};
use uuid::Uuid;

use super::permit::{Staff, not_permitted};
use super::{checks, runs, views};
use crate::error::{ApiError, no_such};
use crate::github;
use crate::state::App;

/// What can come after a run, each step with what it changes about the labels that are there now
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/next-steps", params(("run_id" = Uuid, Path)),
    responses((status = 200, body = NextStepList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_next_steps(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<NextStepList>, ApiError> {
    let run = runs::visible(&app, &staff, id).await?;
    let may_start = rights::allows(staff.role_from(run.member_role.map(|role| role.0)), Permission::Run);
    let steps = offered(&run);
    if steps.is_empty() {
        return Ok(Json(NextStepList { items: Vec::new(), may_start }));
    }
    let place = Place::look(&app, &run, &steps).await?;
    let items = steps.into_iter().filter_map(|step| place.preview(step)).map(shown).collect();
    Ok(Json(NextStepList { items, may_start }))
}

/// Start what a step starts
#[utoipa::path(post, path = "/api/v1/staff/runs/{run_id}/next-steps/{step}", request_body = LabelsSeen,
    params(("run_id" = Uuid, Path), ("step" = String, Path)),
    responses((status = 201, body = Run),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn take_next_step(
    State(app): State<App>,
    staff: Staff,
    Path((id, step)): Path<(Uuid, String)>,
    correlation: Correlation,
    Json(seen): Json<LabelsSeen>,
) -> Result<(StatusCode, Json<Run>), ApiError> {
    let run = runs::visible(&app, &staff, id).await?;
    staff.may(&app.pool, Permission::Run, run.project_id).await?;
    let wanted = step.parse::<NextStep>().ok().filter(|step| offered(&run).contains(step));
    let wanted = wanted.ok_or_else(|| no_such("next step"))?;
    let place = Place::look(&app, &run, &[wanted]).await?;
    let preview = place.preview(wanted).ok_or_else(|| no_such("next step"))?;
    let (then, now): (BTreeSet<_>, BTreeSet<_>) =
        (seen.labels_seen.iter().collect(), preview.on.labels.iter().collect());
    if then != now {
        return Err(Problem::conflict("labels_changed", "Other labels are there by now; look again").into());
    }
    let stored = start(&app, &staff, &place, &preview, correlation).await?;
    let Some(started) = stored.run_id.filter(|_| stored.decision == "accepted") else {
        let reason = stored.reason.and_then(|code| code.parse().ok()).map_or("start_refused", IntakeReason::as_str);
        return Err(Problem::conflict(reason, "This would start nothing").into());
    };
    app.waker.work();
    app.waker.run(started);
    Ok((StatusCode::CREATED, Json(views::run(runs::visible(&app, &staff, started).await?, &staff))))
}

fn offered(run: &RunView) -> Vec<NextStep> {
    let finished = Finished {
        is_stage: run.kind == "stage",
        stage: run.stage.0,
        status: run.status.0,
        has_pull: run.pr_number.is_some(),
    };
    next_steps::after(&finished, Catalogue::builtin())
}

/// A run's issue and pull request as they are on GitHub now.
struct Place<'a> {
    run: &'a RunView,
    repository: RepositoryRow,
    issue: Issue,
    /// The pull request with its labels, and as an event would carry it.
    pull: Option<(Issue, Value)>,
    is_active: bool,
    /// The stages accepted on the issue, where the project wants stages in their order.
    accepted: Option<Vec<Stage>>,
}

/// A step with what it changes.
struct Preview<'a> {
    step: NextStep,
    on: &'a Issue,
    change: LabelChange,
    obstacle: Option<IntakeReason>,
    run: &'a RunView,
}

impl<'a> Place<'a> {
    /// Looks at what these steps are about.
    async fn look(app: &App, run: &'a RunView, steps: &[NextStep]) -> Result<Self, ApiError> {
        let repository = repositories::get(&app.pool, run.repository_id).await?;
        let repository = repository.ok_or_else(|| no_such("repository"))?;
        let (github, name) = github::open(app, repository.id, &repository.full_name, &repository.token_sealed)?;
        let issue = issue(&github, &name, run.subject_number).await?;
        let pull = match run.pr_number.filter(|_| steps.iter().any(|step| step.is_on_pull())) {
            Some(number) => pull(&github, &name, &repository, run, number).await?,
            None => None,
        };
        let is_active = view::active_on(&app.pool, run.repository_id, run.subject_number).await?.is_some();
        let accepted = accepted(&app.pool, run.repository_id, run.subject_number).await?;
        Ok(Self { run, repository, issue, pull, is_active, accepted })
    }

    /// `None` when the step needs a pull request and there is none.
    fn preview(&'a self, step: NextStep) -> Option<Preview<'a>> {
        let on = if step.is_on_pull() { &self.pull.as_ref()?.0 } else { &self.issue };
        let change = next_steps::change(step, step.label(self.run.stage.0), &on.labels);
        let after = after(&on.labels, &change);
        let obstacle = if step.is_on_pull() {
            (!on.open).then_some(IntakeReason::IssueClosed)
        } else {
            let accepted = self.accepted.as_deref();
            let ground = Ground { open: on.open, is_active: self.is_active, labels: &after, accepted };
            intake::obstacle(&change.on, &ground)
        };
        Some(Preview { step, on, change, obstacle, run: self.run })
    }
}

async fn issue(github: &GitHub, name: &RepositoryName, number: i64) -> Result<Issue, ApiError> {
    match github.issue(name, number).await {
        Ok(issue) => Ok(issue),
        Err(ForgeError::NotFound { .. }) => {
            Err(Problem::conflict("issue_gone", "The issue is not on GitHub any more").into())
        }
        Err(error) => Err(checks::forge_refusal(error)),
    }
}

/// A pull request; `None` when it is not there any more.
async fn pull(
    github: &GitHub,
    name: &RepositoryName,
    repository: &RepositoryRow,
    run: &RunView,
    number: i64,
) -> Result<Option<(Issue, Value)>, ApiError> {
    let (about, pull) = match tokio::try_join!(github.issue(name, number), github.pull(name, number)) {
        Ok(both) => both,
        Err(ForgeError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(checks::forge_refusal(error)),
    };
    let here = json!({ "id": repository.github_id });
    let payload = json!({
        "number": number, "title": pull.title, "body": pull.body, "merged": pull.merged, "html_url": pull.html_url,
        "state": if pull.open { "open" } else { "closed" },
        "head": { "ref": run.branch, "repo": here }, "base": { "ref": pull.base, "repo": here },
    });
    Ok(Some((about, payload)))
}

fn after(there: &[String], change: &LabelChange) -> Vec<String> {
    let stay = there.iter().filter(|label| !change.off.contains(label) && **label != change.on);
    stay.cloned().chain([change.on.clone()]).collect()
}

fn shown(preview: Preview<'_>) -> Shown {
    let (does, stage) = match preview.step {
        NextStep::Revise => (NextStepDoes::Revise, preview.run.stage.0),
        NextStep::Review => (NextStepDoes::Review, preview.run.stage.0),
        NextStep::Retry => (NextStepDoes::Retry, preview.run.stage.0),
        NextStep::Stage(stage) => (NextStepDoes::Stage, stage),
    };
    Shown {
        step: preview.step.to_string(),
        does,
        stage: Some(stage.to_string()),
        on_number: preview.on.number,
        on_pull_request: preview.step.is_on_pull(),
        labels: preview.on.labels.clone(),
        adds: preview.change.on,
        removes: preview.change.off,
        obstacle: preview.obstacle.map(|reason| reason.to_string()),
    }
}

/// Takes the event in that the label would have caused.
async fn start(
    app: &App,
    staff: &Staff,
    place: &Place<'_>,
    preview: &Preview<'_>,
    correlation: Correlation,
) -> Result<Stored, ApiError> {
    let Some(github_id) = users::github_id(&app.pool, staff.id).await? else { return Err(not_permitted()) };
    let names = |labels: Vec<String>| labels.into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    let labels = names(after(&preview.on.labels, &preview.change));
    let now = clock::now(&app.pool).await?;
    let mut payload = json!({
        "action": "labeled",
        "label": { "name": preview.change.on },
        "repository": { "id": place.repository.github_id, "full_name": place.repository.full_name },
        "sender": { "id": github_id, "login": staff.login, "type": "User" },
    });
    let on = preview.on;
    let author = on.author.as_ref().map(|author| json!({ "id": author.id, "login": author.login }));
    let (event, mut about) = match &place.pull {
        Some((_, pull)) if preview.step.is_on_pull() => ("pull_request", pull.clone()),
        _ => {
            let state = if on.open { "open" } else { "closed" };
            let issue = json!({ "number": on.number, "title": on.title, "body": on.body, "state": state, "html_url": on.html_url });
            ("issues", issue)
        }
    };
    about["labels"] = json!(labels);
    about["user"] = json!(author);
    about["updated_at"] = json!(now);
    payload[if event == "issues" { "issue" } else { "pull_request" }] = about;
    let body = payload.to_string();
    let retries = (preview.step == NextStep::Retry).then_some(place.run.id);
    let change = outbound::LabelChange { off: preview.change.off.clone(), on: vec![preview.change.on.clone()] };
    let arrival = Arrival {
        guid: &guid(place.run, preview),
        event,
        body: body.as_bytes(),
        body_sha256: &Sha256::digest(&body),
        source: "console",
        correlation: CorrelationId(correlation.id()),
        wish: Some(&Wish { retries, labels: change }),
    };
    let taken = take_in(&app.intake, &arrival).await.context("take a next step in")?;
    Ok(match taken {
        Taken::New(stored) | Taken::Duplicate(stored) => stored,
    })
}

/// The same for a second click on what the same preview showed.
fn guid(run: &RunView, preview: &Preview<'_>) -> String {
    let seen = preview.on.labels.join("\n");
    let click = format!("{}\n{}\n{seen}", preview.step, preview.on.updated_at);
    Uuid::new_v5(&run.id.0, click.as_bytes()).to_string()
}
