//! The labels and annotations that say whose an object is. Everything that the platform makes for a run carries them,
//! and nothing without them is ever touched.

use std::collections::BTreeMap;

use domain::ids::RunId;
use domain::stages::Mode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use crate::spec::{EnvironmentSpec, RunMarks, RunSpec};

/// Marks what this platform made; its value is [`MANAGER`].
pub const MANAGED_BY: &str = "codex-k8s.dev/managed-by";
/// The value of [`MANAGED_BY`], also the field manager of server-side apply.
pub const MANAGER: &str = "codex-k8s";
/// What the object is for; `run` for all of a run, `environment` for what stands in an environment of a project.
pub const PURPOSE: &str = "codex-k8s.dev/purpose";
/// The run's id (UUID).
pub const RUN_ID: &str = "codex-k8s.dev/run-id";
/// The project's id (UUID).
pub const PROJECT_ID: &str = "codex-k8s.dev/project-id";
/// The name of a project's environment.
pub const ENVIRONMENT: &str = "codex-k8s.dev/environment";
/// What a Secret in an environment holds.
pub const CONTENT: &str = "codex-k8s.dev/content";
/// The value of [`CONTENT`]: values that are on GitHub as well.
pub const SYNCED: &str = "synced";
/// The value of [`CONTENT`]: the connection to a database.
pub const DATABASE: &str = "database";
/// Annotation of a Secret of synced values: for each key, how its value was come by and who asked for it (JSON).
pub const SYNCED_KEYS: &str = "codex-k8s.dev/synced-keys";
/// The issue's number.
pub const ISSUE: &str = "codex-k8s.dev/issue";
/// The role that acts.
pub const ROLE: &str = "codex-k8s.dev/role";
/// The runtime's kind: `code-only` or `full-env`. On a namespace it is that of the first launch; whatever a later
/// launch brings up to date says its own.
pub const MODE: &str = "codex-k8s.dev/mode";
/// The launch that a Job, its pod and its Secret belong to.
pub const LAUNCH: &str = "codex-k8s.dev/launch";
/// Annotation: what one webhook or click caused, from end to end.
pub const CORRELATION_ID: &str = "codex-k8s.dev/correlation-id";
/// Annotation of a namespace: when it may be removed, as far as was known when it was made (RFC 3339). The run's row says
/// when it is: that moves with the run, and the platform never changes a namespace.
pub const EXPIRES_AT: &str = "codex-k8s.dev/expires-at";

/// Selects everything that the platform made for runs.
#[must_use]
pub fn selector() -> String {
    format!("{MANAGED_BY}={MANAGER},{PURPOSE}=run")
}

/// The labels of everything in the run's namespace, and of the namespace.
#[must_use]
pub fn of_run(run: &RunMarks) -> BTreeMap<String, String> {
    [
        (MANAGED_BY, MANAGER.to_owned()),
        (PURPOSE, "run".to_owned()),
        (RUN_ID, run.run_id.to_string()),
        (PROJECT_ID, run.project_id.to_string()),
        (ISSUE, run.issue.to_string()),
        (ROLE, run.role.clone()),
        (MODE, mode_word(run.mode).to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The labels of everything that the platform puts into an environment of a project, and of its namespace.
#[must_use]
pub fn of_environment(spec: &EnvironmentSpec) -> BTreeMap<String, String> {
    [
        (MANAGED_BY, MANAGER.to_owned()),
        (PURPOSE, "environment".to_owned()),
        (PROJECT_ID, spec.project_id.to_string()),
        (ENVIRONMENT, spec.name.clone()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Whether an object carries all labels of this environment.
#[must_use]
pub fn is_of_environment(meta: &ObjectMeta, spec: &EnvironmentSpec) -> bool {
    let there = meta.labels.as_ref();
    of_environment(spec).iter().all(|(key, value)| there.and_then(|labels| labels.get(key)) == Some(value))
}

/// What the annotation [`SYNCED_KEYS`] tells, by key.
pub(crate) fn synced(meta: &ObjectMeta) -> Map<String, Value> {
    let text = meta.annotations.as_ref().and_then(|annotations| annotations.get(SYNCED_KEYS));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// A mode as labels have it.
const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::CodeOnly => "code-only",
        Mode::FullEnv => "full-env",
    }
}

/// The labels of what belongs to one launch of the run.
#[must_use]
pub fn of_launch(spec: &RunSpec) -> BTreeMap<String, String> {
    let mut labels = of_run(&spec.marks());
    labels.insert(LAUNCH.to_owned(), spec.launch.to_string());
    labels
}

/// The run that an object belongs to, or `None` when it is not one of ours.
#[must_use]
pub fn run_of(meta: &ObjectMeta) -> Option<RunId> {
    let labels = meta.labels.as_ref()?;
    if labels.get(MANAGED_BY).map(String::as_str) != Some(MANAGER) {
        return None;
    }
    labels.get(RUN_ID)?.parse::<uuid::Uuid>().ok().map(RunId)
}
