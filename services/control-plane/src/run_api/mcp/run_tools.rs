//! Tools about the run itself.

use contract::agent::ToolStatus;
use domain::catalogue::Catalogue;
use domain::stages::Mode;
use prompts::run::Work;
use serde_json::{Value, json};
use store::runs::report::{self, ContextRow};

use super::answer::{Refused, clean};
use super::{Call, Done};
use crate::prompt;

/// Where the agent is and what it is to do.
pub(super) fn context(row: &ContextRow) -> Value {
    let work = prompt::work(row);
    let may_write = match work {
        Work::Work => Catalogue::builtin().stage(row.stage.0).may_write.written(),
        Work::Review | Work::Discussion => &[],
    };
    let surroundings = row.surroundings();
    let environment = (surroundings.mode() == Mode::FullEnv)
        .then(|| json!({ "namespace": row.namespace, "may": surroundings.rights().collect::<Vec<_>>() }));
    json!({
        "repository": row.repository,
        "issue": { "number": row.subject_number, "url": row.subject_url },
        "pull_request": row.pr_number.map(|number| json!({ "number": number, "url": row.pr_url })),
        "branch": row.branch,
        "base_branch": row.base_branch,
        "stage": row.stage.0.as_str(),
        "role": row.role,
        "work": work,
        "may_write": may_write,
        "environment": environment,
        "locale": row.locale,
        "launch": row.launch,
    })
}

/// What the agent says that it is doing.
pub(super) async fn report(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolStatus { status } = call.input()?;
    let words = clean(json!(status.split_whitespace().collect::<Vec<_>>().join(" ")));
    let words = words.as_str().unwrap_or_default();
    let entry = call.entry("ok");
    let said = report::status(&call.app.pool, call.of.run, call.of.launch, words, &entry).await?;
    call.made(said, json!({}))
}
