//! Whether a repository is set up right: the token's rights, the webhook, the labels.

use contract::gateway::{Check, CheckName, CheckState};
use contract::problem::Problem;
use domain::catalogue::Catalogue;
use domain::ids::ProjectId;
use domain::labels::{self, LabelSpec};
use domain::locale::Locale;
use forge::{ForgeError, GitHub, HookSpec, RepositoryName, RepositoryProvider, RightCheck, RightState};
use store::{projects, settings};

use crate::error::{ApiError, no_such};
use crate::state::App;

/// Events that the platform acts on. Issues are enough for a label; the others are recorded, so that the ledger can say
/// that they are not acted on yet.
const EVENTS: [&str; 5] = ["issues", "issue_comment", "pull_request", "pull_request_review", "push"];

/// What a check found.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) checks: Vec<Check>,
    pub(super) hook_id: Option<i64>,
}

impl Findings {
    /// Nothing failed.
    pub(super) fn healthy(&self) -> bool {
        self.checks.iter().all(|check| check.state != CheckState::Failed)
    }
}

/// The rights that were probed, as the contract names them.
pub(super) fn from_rights(rights: &[RightCheck]) -> Vec<Check> {
    rights.iter().filter_map(|right| Some(check_of(name_of(right.name)?, right))).collect()
}

fn check_of(name: CheckName, right: &RightCheck) -> Check {
    let state = match right.state {
        RightState::Granted => CheckState::Ok,
        RightState::Missing | RightState::TooMuch if right.required => CheckState::Failed,
        RightState::Missing | RightState::TooMuch => CheckState::Warning,
        RightState::Unchecked => CheckState::Unchecked,
    };
    let remedy = (state != CheckState::Ok).then(|| right.remedy.to_owned());
    Check { name, state, needed_for: Some(right.needed_for.to_owned()), remedy }
}

/// The contract's code of a right that GitHub's token page calls so.
fn name_of(right: &str) -> Option<CheckName> {
    Some(match right {
        "Admin of the repository" => CheckName::AdminRole,
        "Metadata: read" => CheckName::MetadataRead,
        "Contents: read" => CheckName::ContentsRead,
        "Contents: read and write" => CheckName::ContentsWrite,
        "Issues: read and write" => CheckName::IssuesWrite,
        "Pull requests: read and write" => CheckName::PullRequestsWrite,
        "Webhooks: read" => CheckName::WebhooksRead,
        "Webhooks: read and write" => CheckName::WebhooksWrite,
        "Actions: read" => CheckName::ActionsRead,
        "Secrets: read" => CheckName::SecretsRead,
        "Secrets: read and write" => CheckName::SecretsWrite,
        "Variables: read" => CheckName::VariablesRead,
        "Variables: read and write" => CheckName::VariablesWrite,
        "Environments: read and write" => CheckName::EnvironmentsWrite,
        "Workflows: none" => CheckName::NoWorkflowRight,
        _ => return None,
    })
}

/// Refuses a token without which runs cannot work, naming each right and the feature that needs it.
pub(super) fn refuse_blocked(rights: &[RightCheck]) -> Result<(), ApiError> {
    let blocking: Vec<_> = rights.iter().filter(|right| right.blocks()).collect();
    if blocking.is_empty() {
        return Ok(());
    }
    let title = "The token's rights are not what the platform needs; nothing was stored";
    let problem = blocking.iter().fold(Problem::unprocessable("token_rights", title), |problem, right| {
        problem.with_field("/token", format!("{}, for {}: {}", right.name, right.needed_for, right.remedy))
    });
    Err(problem.into())
}

/// Registers the webhook and makes the labels, and adds how that went to what is known already.
pub(super) async fn make_true(
    app: &App,
    github: &GitHub,
    name: &RepositoryName,
    labels: &[LabelSpec],
    mut checks: Vec<Check>,
) -> Findings {
    let hook = HookSpec {
        url: app.webhook_url.clone(),
        secret: app.webhook_secret.clone(),
        events: EVENTS.map(str::to_owned).to_vec(),
    };
    let registered = github.ensure_webhook(name, &hook).await;
    checks.push(outcome(CheckName::WebhookRegistered, "hearing of labels", registered.as_ref().err()));
    let made = github.ensure_labels(name, labels).await;
    checks.push(outcome(CheckName::LabelsMade, "steering by labels", made.as_ref().err()));
    Findings { checks, hook_id: registered.ok() }
}

/// The labels that a repository of the project should have: in its language, with the models that may be chosen.
pub(super) async fn labels(app: &App, project: ProjectId) -> Result<Vec<LabelSpec>, ApiError> {
    let locale = projects::locale(&app.pool, project).await?.ok_or_else(|| no_such("project"))?;
    let models = settings::models(&app.pool).await?;
    Ok(labels::wanted(Catalogue::builtin(), Locale::or_english(&locale), &models.allowed))
}

fn outcome(name: CheckName, needed_for: &str, error: Option<&ForgeError>) -> Check {
    Check {
        name,
        state: if error.is_none() { CheckState::Ok } else { CheckState::Failed },
        needed_for: Some(needed_for.to_owned()),
        remedy: error.map(|error| format!("GitHub said: {error}. Check again when it is mended.")),
    }
}

/// What a person can do about GitHub's refusal.
pub(super) fn forge_refusal(error: ForgeError) -> ApiError {
    match error {
        ForgeError::Unauthorized { .. } => {
            Problem::unprocessable("token_refused", "GitHub does not accept this token; nothing was changed")
                .with_field("/token", "make a new one for the bot account, and copy it whole")
                .into()
        }
        ForgeError::NotFound { .. } => {
            Problem::unprocessable("repository_not_visible", "The token does not see this repository")
                .with_field("/full_name", "check owner and name, and that the token is made for this repository")
                .into()
        }
        ForgeError::Forbidden { missing_permission, message, .. } => {
            Problem::unprocessable("token_rights", "GitHub refused the token; nothing was changed")
                .with_field("/token", missing_permission.unwrap_or(message))
                .into()
        }
        ForgeError::RateLimited { until, .. } => {
            Problem::unavailable("forge_rate_limited", "GitHub's limit for this token is used up")
                .with_detail(format!("try again after {until}"))
                .into()
        }
        ForgeError::Unavailable { .. } => {
            Problem::unavailable("forge_unavailable", "GitHub does not answer; nothing was changed, try again").into()
        }
        other => ApiError::Internal(other.into()),
    }
}
