//! Whether a repository is set up right: the token's rights, its workflows, the webhook, the labels.

use contract::gateway::{Check, CheckName, CheckState};
use contract::problem::Problem;
use forge::{ForgeError, GitHub, HookSpec, RepositoryName, RepositoryProvider, RightCheck, RightState};

use super::workflows;
use crate::error::ApiError;
use crate::state::App;

/// Events that the platform acts on: labels, what is said in a discussion, what people decide about pull requests. Pushes
/// are recorded only.
const EVENTS: [&str; 5] = ["issues", "issue_comment", "pull_request", "pull_request_review", "push"];

/// Until a worker has made them.
const LABELS_COME: &str = "The labels are being made; that takes a minute or two.";

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

/// What was found without changing anything: the rights that were probed, as the contract names them, and the workflows.
pub(super) async fn looked_at(
    github: &GitHub,
    name: &RepositoryName,
    default_branch: &str,
    rights: &[RightCheck],
) -> Vec<Check> {
    let mut checks: Vec<_> = rights.iter().filter_map(|right| Some(check_of(name_of(right.name)?, right))).collect();
    checks.push(workflows::check(github, name, default_branch).await);
    checks
}

fn check_of(name: CheckName, right: &RightCheck) -> Check {
    let state = match right.state {
        RightState::Granted => CheckState::Ok,
        RightState::Missing | RightState::TooMuch if right.required => CheckState::Failed,
        RightState::Missing | RightState::TooMuch => CheckState::Warning,
        RightState::Unchecked => CheckState::Unchecked,
    };
    let remedy = (state != CheckState::Ok).then(|| right.remedy.to_owned());
    Check { name, state, needed_for: Some(right.needed_for.to_owned()), remedy, files: Vec::new(), unread: Vec::new() }
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

/// The contract's code of a permission as GitHub's refusals name it.
fn name_of_permission(permission: &str) -> Option<CheckName> {
    Some(match permission {
        "metadata=read" => CheckName::MetadataRead,
        "contents=read" => CheckName::ContentsRead,
        "contents=write" => CheckName::ContentsWrite,
        "issues=read" | "issues=write" => CheckName::IssuesWrite,
        "pull_requests=read" | "pull_requests=write" => CheckName::PullRequestsWrite,
        "repository_hooks=read" => CheckName::WebhooksRead,
        "repository_hooks=write" => CheckName::WebhooksWrite,
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
        let message = format!("{}, for {}: {}", right.name, right.needed_for, right.remedy);
        match name_of(right.name) {
            Some(name) => problem.with_coded_field("/token", name.to_string(), message),
            None => problem.with_field("/token", message),
        }
    });
    Err(problem.into())
}

/// Registers the webhook, and adds how that went to what is known already. The labels are made by a worker, which adds
/// how that went.
pub(super) async fn make_true(app: &App, github: &GitHub, name: &RepositoryName, mut checks: Vec<Check>) -> Findings {
    let hook = HookSpec {
        url: app.webhook_url.clone(),
        secret: app.webhook_secret.clone(),
        events: EVENTS.map(str::to_owned).to_vec(),
    };
    let registered = github.ensure_webhook(name, &hook).await;
    checks.push(outcome(CheckName::WebhookRegistered, "hearing of labels", registered.as_ref().err()));
    let labels = outcome(CheckName::LabelsMade, "steering by labels", None);
    checks.push(Check { state: CheckState::Unchecked, remedy: Some(LABELS_COME.to_owned()), ..labels });
    Findings { checks, hook_id: registered.ok() }
}

fn outcome(name: CheckName, needed_for: &str, error: Option<&ForgeError>) -> Check {
    Check {
        name,
        state: if error.is_none() { CheckState::Ok } else { CheckState::Failed },
        needed_for: Some(needed_for.to_owned()),
        remedy: error.map(|error| format!("GitHub said: {error}. Check again when it is mended.")),
        files: Vec::new(),
        unread: Vec::new(),
    }
}

/// What a person can do about GitHub's refusal.
pub(super) fn forge_refusal(error: ForgeError) -> ApiError {
    match error {
        ForgeError::Unauthorized { .. } => {
            Problem::unprocessable("token_refused", "GitHub does not accept this token; nothing was changed")
                .with_coded_field("/token", "token_refused", "make a new one for the bot account, and copy it whole")
                .into()
        }
        ForgeError::NotFound { .. } => {
            let code = "repository_not_visible";
            let remedy = "check owner and name, and that the token is made for this repository";
            Problem::unprocessable(code, "The token does not see this repository")
                .with_coded_field("/full_name", code, remedy)
                .into()
        }
        ForgeError::Forbidden { missing_permission, message, .. } => {
            let check = missing_permission.as_deref().and_then(name_of_permission);
            let code = check.map_or_else(|| "forge_refused".to_owned(), |check| check.to_string());
            let problem = Problem::unprocessable("token_rights", "GitHub refused the token; nothing was changed")
                .with_coded_field("/token", code, missing_permission.as_deref().unwrap_or(&message));
            // What is no right of the token's (single sign-on, a block), only GitHub's own words explain.
            if check.is_some() { problem.into() } else { problem.with_detail(message).into() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn right(name: &'static str, state: RightState) -> RightCheck {
        RightCheck { name, state, required: true, needed_for: "work", remedy: "grant it" }
    }

    /// `field code`, of everything that the refusal names.
    fn fields(error: ApiError) -> Vec<String> {
        let ApiError::Refused(problem) = error else { panic!("{error:?}") };
        let line = |field: &contract::gateway::FieldProblem| {
            format!("{} {}", field.field, field.code.as_deref().unwrap_or("-"))
        };
        problem.fields.iter().map(line).collect()
    }

    #[test]
    fn each_right_that_blocks_is_named_by_its_check() {
        let rights = [
            right("Contents: read and write", RightState::Missing),
            right("Issues: read and write", RightState::Granted),
            right("Workflows: none", RightState::TooMuch),
        ];
        let refusal = refuse_blocked(&rights).unwrap_err();
        assert_eq!(fields(refusal), ["/token contents_write", "/token no_workflow_right"]);
    }

    #[test]
    fn every_refusal_of_github_has_a_code() {
        let call = || "GET /repos/acme/shop".to_owned();
        let forbidden = |permission: Option<&str>| ForgeError::Forbidden {
            call: call(),
            missing_permission: permission.map(str::to_owned),
            message: "Resource protected by organization SAML enforcement".to_owned(),
        };
        let table = [
            (ForgeError::Unauthorized { call: call() }, "/token token_refused"),
            (ForgeError::NotFound { call: call() }, "/full_name repository_not_visible"),
            (forbidden(Some("contents=write")), "/token contents_write"),
            (forbidden(Some("administration=write")), "/token forge_refused"),
            (forbidden(None), "/token forge_refused"),
        ];
        for (error, expected) in table {
            assert_eq!(fields(forge_refusal(error)), [expected]);
        }
    }
}
