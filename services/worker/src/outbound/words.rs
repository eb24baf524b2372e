//! What the comments say, from the rows as they are at this moment.

use anyhow::Context;
use domain::approvals::replies::Open;
use domain::catalogue::Catalogue;
use domain::ids::{DeliveryId, UserId};
use domain::labels::{self, Label};
use domain::locale::Locale;
use domain::run::RunStatus;
use prompts::comments::{self, OpenQuestion, ServiceComment};
use serde::Deserialize;
use serde_json::Value;
use store::Viewer;
use store::approvals::{self, OpenRow};
use store::deliveries;
use store::outbound::ActionRow;
use store::projects;
use store::repositories::RepositoryRow;
use store::runs::view::{self, RunView};
use url::Url;
use uuid::Uuid;

use crate::public::clean;
use crate::{Deps, discussions};

/// The platform itself, which sees every run.
pub(super) const PLATFORM: Viewer = Viewer { user: UserId(Uuid::nil()), sees_all: true };

/// A comment, and the hidden line by which it is found again.
pub(super) struct Comment {
    pub(super) marker: String,
    pub(super) text: String,
}

/// The service comment of a run.
pub(super) async fn service(deps: &Deps, action: &ActionRow) -> anyhow::Result<Comment> {
    let id = action.run().context("a service comment without a run")?;
    let run = view::get(&deps.db, PLATFORM, id).await.context("read the run")?.context("the run is gone")?;
    let open = approvals::open(&deps.db, id).await.context("read what the run asks")?;
    render(&run, open, &deps.config.public_url)
}

fn render(run: &RunView, open: Vec<OpenRow>, console: &Url) -> anyhow::Result<Comment> {
    let asked = open.len();
    let questions: Vec<_> = open.into_iter().filter_map(OpenRow::question).map(question).collect();
    let marker = comments::marker("run", run.id);
    let stands = run.namespace_uid.is_some() && run.namespace_deleted_at.is_none();
    let tokens = run.input_tokens + run.output_tokens;
    let words = ServiceComment {
        marker: marker.clone(),
        status: run.status.0,
        reason: run.reason.as_deref(),
        reason_detail: run.reason_detail.as_deref(),
        stage: run.stage.0.as_str(),
        role: &run.role,
        model: &run.model,
        run_short: run.id.short(),
        run_url: page(console, "runs", &run.id.to_string()),
        branch: &run.branch,
        pr_number: run.pr_number,
        summary: summary(run),
        tokens: (run.calls > 0).then(|| grouped(tokens)),
        calls: run.calls,
        namespace: stands.then_some(run.namespace.as_str()),
        namespace_expires: run.namespace_expires_at.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
        attempts: run.attempts,
        last_words: run.last_words.as_deref().filter(|_| !run.status.0.is_over()),
        next: Catalogue::builtin().after(run.stage.0).into_iter().map(labels::run).collect(),
        actions: asked - questions.len(),
        questions,
    };
    let text = comments::service(Locale::or_english(&run.locale), &words)?;
    Ok(Comment { marker, text: clean(&text) })
}

fn question(Open { number, question, .. }: Open) -> OpenQuestion<'static> {
    OpenQuestion {
        number,
        question: question.question.into(),
        context: question.context.map(Into::into),
        options: question.options.into_iter().map(Into::into).collect(),
        allow_custom: question.allow_custom,
    }
}

fn summary(run: &RunView) -> Option<&str> {
    let there = matches!(run.status.0, RunStatus::Succeeded | RunStatus::WaitingOwnerReview);
    let word = run.last_word.as_ref().filter(|_| there)?;
    word.get("summary").and_then(Value::as_str)
}

/// What a review hands in; every part of it is the agent's claim, in the contract's shape.
#[derive(Debug, Deserialize)]
struct Reviewed {
    summary: String,
    verdict: String,
    #[serde(default)]
    findings: Vec<Found>,
}

#[derive(Debug, Deserialize)]
struct Found {
    path: String,
    line: Option<i64>,
    severity: String,
    text: String,
}

/// What a review found.
pub(super) async fn review(deps: &Deps, action: &ActionRow) -> anyhow::Result<Comment> {
    let id = action.run().context("a review's comment without a run")?;
    let run = view::get(&deps.db, PLATFORM, id).await.context("read the run")?.context("the run is gone")?;
    let word = run.last_word.clone().context("the review said nothing")?;
    let said: Reviewed = serde_json::from_value(word).context("read the review")?;
    let place = |found: &Found| match found.line {
        Some(line) => format!("{}:{line}", found.path),
        None => found.path.clone(),
    };
    let finding =
        |found| comments::Finding { place: place(found), severity: &found.severity, text: found.text.clone() };
    let marker = comments::marker("review", run.id);
    let words = comments::ReviewComment {
        marker: marker.clone(),
        verdict: &said.verdict,
        summary: &said.summary,
        findings: said.findings.iter().map(finding).collect(),
        stage: run.stage.0.as_str(),
        role: &run.role,
        model: &run.model,
        run_short: run.id.short(),
        run_url: page(&deps.config.public_url, "runs", &run.id.to_string()),
    };
    let text = comments::review(Locale::or_english(&run.locale), &words)?;
    Ok(Comment { marker, text: clean(&text) })
}

/// What a turn of a discussion answers.
pub(super) async fn answer(deps: &Deps, action: &ActionRow) -> anyhow::Result<Comment> {
    let id = action.run().context("an answer without a run")?;
    let run = view::get(&deps.db, PLATFORM, id).await.context("read the run")?.context("the run is gone")?;
    let said = run.last_word.as_ref().filter(|_| run.status.0 == RunStatus::Succeeded);
    let marker = comments::marker(comments::ANSWER, run.id);
    let words = comments::AnswerComment {
        marker: marker.clone(),
        answer: said.and_then(discussions::answer),
        reason: run.reason.as_deref(),
        reason_detail: run.reason_detail.as_deref(),
        role: &run.role,
        model: &run.model,
        run_short: run.id.short(),
        run_url: page(&deps.config.public_url, "runs", &run.id.to_string()),
    };
    let text = comments::answer(Locale::or_english(&run.locale), &words)?;
    Ok(Comment { marker, text: clean(&text) })
}

/// What an agent said by itself.
#[derive(Debug, Deserialize)]
struct Said {
    body: String,
}

/// A comment in an agent's own words.
pub(super) async fn agent(deps: &Deps, action: &ActionRow) -> anyhow::Result<Comment> {
    let id = action.run().context("an agent's comment without a run")?;
    let run = view::get(&deps.db, PLATFORM, id).await.context("read the run")?.context("the run is gone")?;
    let said: Said = serde_json::from_value(action.payload.clone()).context("read what was said")?;
    let marker = comments::marker("said", action.id);
    let words = comments::AgentComment {
        marker: marker.clone(),
        body: &said.body,
        stage: run.stage.0.as_str(),
        role: &run.role,
        model: &run.model,
        run_short: run.id.short(),
        run_url: page(&deps.config.public_url, "runs", &run.id.to_string()),
    };
    let text = comments::agent(Locale::or_english(&run.locale), &words)?;
    Ok(Comment { marker, text: clean(&text) })
}

/// Why nothing was started.
#[derive(Debug, Deserialize)]
struct Refused {
    reason: String,
    login: Option<String>,
    delivery: Uuid,
}

/// The comment that says why a delivery started nothing.
pub(super) async fn refusal(deps: &Deps, action: &ActionRow, repository: &RepositoryRow) -> anyhow::Result<Comment> {
    let refused: Refused = serde_json::from_value(action.payload.clone()).context("read the refusal")?;
    let project = projects::get(&deps.db, repository.project_id, PLATFORM.user).await.context("read the project")?;
    let locale = Locale::or_english(project.as_ref().map_or("en", |project| &project.locale));
    let in_order = project.as_ref().is_some_and(|project| project.stage_order);
    let marker = comments::marker("delivery", refused.delivery);
    let words = comments::Refusal {
        marker: marker.clone(),
        reason: &refused.reason,
        first: if in_order { stages_before(deps, &refused).await? } else { Vec::new() },
        login: refused.login.as_deref().unwrap_or_default(),
        delivery_url: page(&deps.config.public_url, "deliveries", &refused.delivery.to_string()),
    };
    let text = comments::refusal(locale, &words)?;
    Ok(Comment { marker, text: clean(&text) })
}

/// Labels of the stages that lead to the one that the delivery wanted.
async fn stages_before(deps: &Deps, refused: &Refused) -> anyhow::Result<Vec<String>> {
    let label = deliveries::label(&deps.db, DeliveryId(refused.delivery)).await.context("read what was wanted")?;
    Ok(match label.as_deref().map(labels::read) {
        Some(Label::Run(stage)) => Catalogue::builtin().leading_to(stage).into_iter().map(labels::run).collect(),
        _ => Vec::new(),
    })
}

fn page(console: &Url, kind: &str, id: &str) -> String {
    format!("{}/{kind}/{id}", console.as_str().trim_end_matches('/'))
}

/// A number in groups of three, as both languages can read it.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_pages_have_one_slash() {
        for (number, text) in [(7, "7"), (123, "123"), (1234, "1\u{a0}234"), (1_234_567, "1\u{a0}234\u{a0}567")] {
            assert_eq!(grouped(number), text);
        }
        for console in ["http://console.test", "http://console.test/"] {
            assert_eq!(page(&console.parse().unwrap(), "runs", "x"), "http://console.test/runs/x");
        }
    }
}
