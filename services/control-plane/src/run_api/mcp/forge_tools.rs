//! Tools about issues and pull requests. What people wrote there passes the filter that prompts pass: what their page
//! does not show is marked, and words of people who may not write to the repository are left out.

use chrono::{DateTime, Utc};
use contract::agent::{ToolComment, ToolComments, ToolNumber};
use domain::let_in::{Words, letting_in};
use forge::{Account, Issue, Remark};
use prompts::run::Author;
use prompts::untrusted;
use serde_json::{Value, json};
use store::outbound::{self, Said};
use store::runs::report::ContextRow;

use super::answer::{Refused, clean};
use super::{Call, Done};
use crate::run_api::asked::Asked;
use crate::run_api::prompt;

pub(super) fn ask(call: &Call<'_>) -> Asked {
    let row = call.row;
    Asked::open(call.app, row.repository_id, &row.repository, &row.token_sealed)
}

/// GitHub did not say; the agent may try again, and the log knows more.
pub(super) fn unsaid(error: anyhow::Error) -> Refused {
    tracing::warn!(error = format!("{error:#}"), "a tool got no answer from GitHub");
    match error.downcast_ref::<forge::ForgeError>() {
        Some(forge::ForgeError::NotFound { .. }) => Refused::new("not_found", "There is nothing of this number here."),
        _ => Refused::new("github_unavailable", "GitHub does not answer this right now. Try again in a minute."),
    }
}

pub(super) async fn issue(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolNumber { number } = call.input()?;
    let number = number.unwrap_or(call.row.subject_number);
    let mut asked = ask(call);
    let issue = asked.issue(number).await.map_err(unsaid)?;
    let author = asked.author_of(issue.author.as_ref()).await;
    // Whoever put the label on let in exactly what the event carried.
    let let_in = number == call.row.subject_number
        && issue.body == call.row.subject_body
        && issue.title == call.row.subject_title;
    let mut answer = words(&author, &issue.title, &issue.body, let_in);
    facts(&mut answer, &issue);
    Ok(Done::Read(answer))
}

fn facts(answer: &mut Value, issue: &Issue) {
    answer["number"] = json!(issue.number);
    answer["url"] = json!(issue.html_url);
    answer["state"] = json!(if issue.open { "open" } else { "closed" });
    answer["is_pull_request"] = json!(issue.is_pull_request);
    answer["labels"] = json!(issue.labels);
}

pub(super) async fn pull(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolNumber { number } = call.input()?;
    let none = || Refused::new("no_pull_request", "Your run has no pull request yet; give a number.");
    let number = number.or(call.row.pr_number).ok_or_else(none)?;
    let mut asked = ask(call);
    let missing =
        || Refused::new("not_found", "There is no pull request of this number here, or GitHub does not answer.");
    let pull = asked.pull(number).await.ok_or_else(missing)?;
    let author = asked.author_of(pull.author.as_ref()).await;
    let said = Words::of_pull(number, pull.author.as_ref().map(|author| author.id), &pull.title, &pull.body);
    let is_let_in = letting_in(&prompt::let_in_on(call.app, call.row, number).await?, &said).is_some();
    let mut answer = words(&author, &pull.title, &pull.body, is_let_in);
    answer["number"] = json!(pull.number);
    answer["url"] = json!(pull.html_url);
    answer["state"] = json!(if pull.merged {
        "merged"
    } else if pull.open {
        "open"
    } else {
        "closed"
    });
    answer["head_sha"] = json!(pull.head_sha);
    answer["base_branch"] = json!(pull.base);
    Ok(Done::Read(answer))
}

pub(super) async fn comments(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolComments { number, since } = call.input()?;
    let number = number.unwrap_or(call.row.subject_number);
    let since = since.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
    let mut asked = ask(call);
    let is_own_pull = call.row.pr_number == Some(number);
    let said = if is_own_pull || asked.issue(number).await.map_err(unsaid)?.is_pull_request {
        asked.remarks(number, since).await
    } else {
        asked.issue_remarks(number, since).await
    };
    let let_in = prompt::let_in_on(call.app, call.row, number).await?;
    let mut comments = Vec::new();
    for remark in said.map_err(unsaid)? {
        let author = asked.author_of(remark.author.as_ref()).await;
        let counts =
            is_ours(remark.author.as_ref(), call.row) || letting_in(&let_in, &prompt::words(number, &remark)).is_some();
        comments.push(told(&author, &remark, counts));
    }
    Ok(Done::Read(json!({ "number": number, "comments": comments })))
}

/// The platform's account says what the platform wrote.
fn is_ours(author: Option<&Account>, row: &ContextRow) -> bool {
    author.is_some_and(|author| author.id == row.bot_github_id)
}

fn told(author: &Author, remark: &Remark, let_in: bool) -> Value {
    let mut told = words(author, "", &remark.body, let_in);
    told["url"] = json!(remark.html_url);
    told["at"] = json!(remark.at);
    told["place"] = json!(remark.place.as_deref().map(untrusted::line));
    told
}

/// Somebody's words with whose they are; left out when nobody who may write let them in.
fn words(author: &Author, title: &str, body: &str, let_in: bool) -> Value {
    let author_told = json!({ "login": author.login, "permission": author.permission });
    if !untrusted::reaches_agent(&author.permission, let_in) {
        let why = "The author may not write to this repository, and nobody who may has let these words in.";
        return json!({ "author": author_told, "left_out": why });
    }
    let mut told = json!({ "author": author_told, "body": untrusted::shown(body) });
    if !title.is_empty() {
        told["title"] = json!(untrusted::shown_plain(title));
    }
    told
}

pub(super) async fn labels(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolNumber { number } = call.input()?;
    let number = call.own().meant(number).ok_or_else(not_own)?;
    let issue = ask(call).issue(number).await.map_err(unsaid)?;
    Ok(Done::Read(json!({ "number": number, "labels": issue.labels })))
}

pub(super) async fn comment(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolComment { number, body } = call.input()?;
    let number = call.own().meant(number).ok_or_else(not_own)?;
    let body = clean(json!(body));
    let said = Said {
        run: call.of.run,
        launch: call.of.launch,
        subject: number,
        body: body.as_str().unwrap_or_default(),
        flow: call.entry("ok"),
    };
    let noted = outbound::say(&call.app.pool, &said).await?;
    call.app.waker.work();
    call.made(noted, json!({ "number": number, "note": "The comment appears within a minute." }))
}

pub(super) fn not_own() -> Refused {
    Refused::new("not_yours", "You may do this on your own issue and your own pull request only.")
}
