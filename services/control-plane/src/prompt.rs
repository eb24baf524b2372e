//! What a run's prompt is made from: its facts, and the templates that count in its project.

use domain::catalogue::Catalogue;
use domain::ids::ProjectId;
use domain::locale::Locale;
use domain::tools::Holder;
use prompts::run::{RunFacts, Work};
use prompts::templates::{Override, Source, Templates};
use store::prompt_templates::{self, TemplateRow};
use store::runs::report::ContextRow;
use store::settings;

use crate::state::App;

/// The facts of a run, apart from what GitHub has to be asked.
pub(crate) fn facts(row: &ContextRow) -> RunFacts<'_> {
    RunFacts {
        role: &row.role,
        stage: row.stage.0.as_str(),
        work: work(row),
        repository: &row.repository,
        base_branch: &row.base_branch,
        branch: &row.branch,
        may_write: Catalogue::builtin().stage(row.stage.0).may_write.written(),
        issue_number: row.subject_number,
        issue_url: &row.subject_url,
        issue_title: &row.subject_title,
        issue_body: &row.subject_body,
        issue_author: None,
        pull: None,
        started_by: &row.started_by_login,
        holder: holder(row),
        revision: None,
        talk: None,
    }
}

/// What decides which tools the run's agent has.
pub(crate) fn holder(row: &ContextRow) -> Holder {
    let works_on = matches!(work(row), Work::Work).then_some(row.stage.0);
    Holder { in_discussion: row.is_discussion, works_on, surroundings: row.surroundings() }
}

/// What the run is to do.
pub(crate) const fn work(row: &ContextRow) -> Work {
    match (row.is_review, row.is_discussion) {
        (true, _) => Work::Review,
        (_, true) => Work::Discussion,
        _ => Work::Work,
    }
}

/// The templates that count for a prompt in a project, or in every one; `tried` stands before all of them.
pub(crate) async fn templates(
    app: &App,
    project: Option<ProjectId>,
    locale: Locale,
    facts: &RunFacts<'_>,
    tried: Option<Override>,
) -> store::Result<Templates> {
    let default = settings::locale(&app.pool).await?;
    let keys = [format!("task-{}-{}", facts.role, facts.work), format!("stage-{}", facts.stage)];
    let rows = prompt_templates::in_use(&app.pool, project, &keys, &Locale::chain(locale, default)).await?;
    Ok(Templates::new(locale, default, rows.into_iter().map(written).chain(tried).collect()))
}

fn written(row: TemplateRow) -> Override {
    Override {
        id: Some(row.id),
        key: row.key,
        locale: row.locale.0,
        source: scope(row.project_id),
        version: row.version,
        text: row.text,
    }
}

/// Where a stored template comes from.
pub(crate) fn scope(project: Option<uuid::Uuid>) -> Source {
    if project.is_some() { Source::Project } else { Source::Global }
}
