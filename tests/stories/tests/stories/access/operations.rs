//! The operations of the staff API, and for whom they are. The table is held against the contract, so an operation that
//! nobody has put here fails it.

use std::collections::BTreeSet;

use anyhow::Result;
use contract::Document;

/// The least that somebody has to be. Whoever is more may do the same, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Least {
    /// Signed in, and of no project.
    SignedIn,
    /// Somebody who looks.
    Reads,
    /// Somebody who starts and stops runs.
    Writes,
    /// Somebody who manages the project.
    Manages,
    /// Somebody who manages the platform.
    Administers,
    /// The platform's owner.
    Owns,
}

use Least::{Administers, Manages, Owns, Reads, SignedIn, Writes};

pub(super) const POLICY: &str = r#"{"mode":"full_env","rights":["read"],"parallel_runs":1,"time_limit_seconds":600,"namespace_ttl_seconds":600,"tool_modes":{},"tools_off":[]}"#;

/// Operation, who may ask for it, and a body that is right in form. What is allowed comes to little, and what takes
/// something away comes last.
pub(super) const OPERATIONS: &[(&str, Least, &str)] = &[
    ("GET me", SignedIn, ""),
    ("GET tools", SignedIn, ""),
    ("GET deliveries", SignedIn, ""),
    ("GET runs", SignedIn, ""),
    ("GET runs/stream", SignedIn, ""),
    ("GET waits", SignedIn, ""),
    ("GET approvals", SignedIn, ""),
    ("GET egress-requests", SignedIn, ""),
    ("GET integration-requests", SignedIn, ""),
    ("GET notifications", SignedIn, ""),
    ("POST notifications/read", SignedIn, r#"{"ids":["{notice_id}"]}"#),
    ("GET notifications/choices", SignedIn, ""),
    ("PUT notifications/choices", SignedIn, r#"{"question":true}"#),
    ("GET projects", SignedIn, ""),
    ("GET prompt-templates", SignedIn, ""),
    ("GET prompt-templates/place?key=task-qa-review&locale=en", SignedIn, ""),
    ("POST prompt-templates/preview", SignedIn, r#"{"key":"task-qa-review","locale":"en","text":"Try it."}"#),
    ("GET agents/{role_id}", SignedIn, ""),
    ("GET projects/{project_id}", Reads, ""),
    ("GET projects/{project_id}/members", Reads, ""),
    ("GET projects/{project_id}/repositories", Reads, ""),
    ("GET projects/{project_id}/egress-grants", Reads, ""),
    ("GET projects/{project_id}/channels", Reads, ""),
    ("GET projects/{project_id}/integrations", Reads, ""),
    ("GET projects/{project_id}/environments", Reads, ""),
    ("GET projects/{project_id}/agents", Reads, ""),
    ("GET projects/{project_id}/let-ins", Reads, ""),
    ("GET repositories/{repository_id}", Reads, ""),
    ("GET agents/{agent_id}", Reads, ""),
    ("GET deliveries/{delivery_id}", Reads, ""),
    ("GET approvals/{approval_id}", Reads, ""),
    ("GET runs/{run_id}", Reads, ""),
    ("GET runs/{run_id}/timeline", Reads, ""),
    ("GET runs/{run_id}/events", Reads, ""),
    ("GET runs/{run_id}/log", Reads, ""),
    ("GET runs/{run_id}/prompt", Reads, ""),
    ("GET runs/{run_id}/conversation", Reads, ""),
    ("GET runs/{run_id}/next-steps", Reads, ""),
    ("GET runs/{run_id}/stream", Reads, ""),
    ("GET prompt-templates?project_id={project_id}", Reads, ""),
    ("GET prompt-templates/place?key=task-qa-review&locale=en&project_id={project_id}", Reads, ""),
    ("GET prompt-templates/{template_id}", Reads, ""),
    (
        "POST prompt-templates/preview",
        Reads,
        r#"{"project_id":"{project_id}","key":"task-qa-review","locale":"en","text":"Try it."}"#,
    ),
    ("POST runs/{run_id}/cancel", Writes, ""),
    ("POST runs/{ended_id}/next-steps/{step}", Writes, r#"{"labels_seen":[]}"#),
    ("PATCH projects/{project_id}", Manages, r#"{"name":"Other"}"#),
    ("PUT projects/{project_id}/members/{user_id}", Manages, r#"{"role":"read"}"#),
    ("DELETE projects/{project_id}/members/{user_id}", Manages, ""),
    ("POST projects/{project_id}/repositories", Manages, r#"{"full_name":"acme/none","token":"github_pat_none"}"#),
    ("POST repositories/{repository_id}/check", Manages, ""),
    ("POST projects/{project_id}/egress-grants", Manages, r#"{"host":"other.example.com"}"#),
    ("DELETE egress-grants/{grant_id}", Manages, ""),
    ("POST egress-requests/{request_id}/decision", Manages, r#"{"decision":"never"}"#),
    (
        "POST projects/{project_id}/channels",
        Manages,
        r#"{"kind":"approver","name":"On call","url":"http://approver.tools.svc"}"#,
    ),
    ("POST channels/{channel_id}/try", Manages, ""),
    ("PATCH channels/{channel_id}", Manages, r#"{"enabled":false}"#),
    ("DELETE channels/{channel_id}", Manages, ""),
    ("POST projects/{project_id}/integrations", Manages, r#"{"name":"Other bot","asks":["approval"]}"#),
    ("GET integration-requests/{outside_approval_id}", Manages, ""),
    ("POST integration-requests/{outside_approval_id}/decision", Manages, r#"{"decision":"approve"}"#),
    ("POST integration-requests/{outside_question_id}/answer", Manages, r#"{"option":0}"#),
    ("DELETE integrations/{integration_id}", Manages, ""),
    (
        "POST projects/{project_id}/environments",
        Manages,
        r#"{"name":"live","kind":"production","allows_secrets":false,"allows_databases":false}"#,
    ),
    (
        "PUT environments/{environment_id}",
        Manages,
        r#"{"kind":"production","allows_secrets":true,"allows_databases":true}"#,
    ),
    ("DELETE environments/{environment_id}", Manages, ""),
    ("POST projects/{project_id}/agents", Manages, r#"{"name":"other","policy":{policy},"reason":"We try it"}"#),
    ("PUT agents/{agent_id}/policy", Manages, r#"{"policy":{policy},"reason":"We try it"}"#),
    ("POST agents/{agent_id}/roll-back", Manages, r#"{"number":1,"reason":"We try it"}"#),
    ("DELETE agents/{agent_id}", Manages, ""),
    ("POST approvals/{question_id}/answer", Manages, r#"{"option":4}"#),
    ("POST approvals/{approval_id}/decision", Manages, r#"{"decision":"approve","digest":"{digest}"}"#),
    ("POST runs/{run_id}/prompt/let-in", Manages, r#"{"kind":"comment","github_id":1,"sha256":"{digest}"}"#),
    ("DELETE let-ins/{let_in_id}", Manages, ""),
    (
        "POST prompt-templates",
        Manages,
        r#"{"project_id":"{project_id}","key":"task-qa-work","locale":"en","text":"{{ brnch }}"}"#,
    ),
    ("PUT prompt-templates/{template_id}", Manages, r#"{"text":"Try it again."}"#),
    ("POST prompt-templates/{template_id}/activate", Manages, r#"{"reason":"We try it"}"#),
    ("POST prompt-templates/{template_id}/roll-back", Manages, r#"{"reason":"We try it"}"#),
    ("POST prompt-templates/{template_id}/archive", Manages, r#"{"reason":"We try it"}"#),
    ("DELETE repositories/{repository_id}", Manages, ""),
    ("POST prompt-templates", Administers, r#"{"key":"task-qa-work","locale":"en","text":"{{ brnch }}"}"#),
    ("PUT agents/{role_id}/policy", Administers, r#"{"policy":{policy},"reason":"We try it"}"#),
    ("POST agents/{role_id}/roll-back", Administers, r#"{"number":1,"reason":"We try it"}"#),
    ("DELETE agents/{role_id}", Administers, ""),
    ("GET users", Administers, ""),
    ("POST users", Administers, r#"{"email":"new@acme.test"}"#),
    ("POST projects", Administers, r#"{"slug":"other","name":"Other"}"#),
    ("DELETE users/{user_id}", Administers, ""),
    ("DELETE projects/{project_id}", Owns, ""),
];

/// Method and path, without what differs from object to object.
fn shape(operation: &str) -> String {
    let path = operation.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn the_table_has_every_operation_of_the_contract() -> Result<()> {
    let told: BTreeSet<_> = OPERATIONS.iter().map(|(operation, ..)| shape(operation)).collect();
    let routes = Document::gateway()?.routes("staff");
    let contract = routes.iter().flat_map(|(path, methods)| methods.iter().map(move |method| (path, method)));
    let contract: BTreeSet<_> = contract
        .map(|(path, method)| shape(&format!("{method} {}", path.trim_start_matches("/api/v1/staff/"))))
        .collect();
    assert_eq!(told, contract);
    Ok(())
}
