//! After an outage that was longer than GitHub's memory, events are lost for good. What still shows is compared: labels
//! that lie on issues with what the ledger and the runs know of them, active runs with their issues, work that waits with
//! its pull requests. Labels and reviews are told to people, who put them on or hand them in again; ends are taken in as
//! the events that nobody heard.

mod found;
mod pulls;

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::ids::RunId;
use domain::missed::{triggers, was_missed};
use forge::{ForgeError, Issue, RepositoryProvider};
use serde_json::{Value, json};
use store::deliveries::{self, Lying};
use store::repositories::{self, RepositoryRow};
use store::runs::view;

use crate::Deps;
use crate::github::Opened;
use found::Found;

/// Issues that are looked at: those that changed last.
const MOST_ISSUES: usize = 1000;
/// Labels or reviews that a finding lists.
const MOST_NAMED: usize = 100;

/// Compares a repository whose events since then may be lost.
pub(crate) async fn compare(
    deps: &Deps,
    repository: &RepositoryRow,
    opened: &Opened,
    lost_since: DateTime<Utc>,
) -> anyhow::Result<()> {
    // A label changes its issue, so what did not change since then was heard of.
    let issues = opened.github.open_issues(&opened.name, lost_since, MOST_ISSUES).await.context("list open issues")?;
    let lying: Vec<_> = issues.iter().flat_map(lying_on).collect();
    let known = deliveries::known_labels(&deps.db, repository.id, &lying).await.context("look labels up")?;
    let missed: Vec<_> =
        lying.iter().zip(known).filter(|(_, known)| was_missed(*known)).map(|(lying, _)| lying).collect();
    let cut = issues.len() >= MOST_ISSUES;
    note(deps, repository, repositories::MISSED_LABELS, labels_finding(&missed, cut)).await?;
    let stopped = stop_ended(deps, repository, opened).await?;
    let seen = pulls::look(deps, repository, opened, lost_since).await?;
    note(deps, repository, repositories::MISSED_REVIEWS, reviews_finding(&seen.unheard)).await?;
    tracing::warn!(
        repository = repository.full_name,
        %lost_since,
        issues = issues.len(),
        labels = lying.len(),
        missed = missed.len(),
        cut,
        stopped,
        settled = seen.settled,
        reviews = seen.unheard.len(),
        "GitHub has forgotten events that nobody has read; labels and runs were compared"
    );
    Ok(())
}

/// Says where people look what was found, or that there is nothing any more.
async fn note(deps: &Deps, repository: &RepositoryRow, check: &str, finding: Option<Value>) -> anyhow::Result<()> {
    let noted = repositories::found(&deps.db, repository.id, check, finding.as_ref()).await;
    noted.with_context(|| format!("note {check}"))
}

fn lying_on(issue: &Issue) -> impl Iterator<Item = Lying> {
    triggers(&issue.labels, issue.is_pull_request).map(|label| Lying { subject: issue.number, label: label.to_owned() })
}

/// The check of labels that people see; `None` when nothing is to be done.
fn labels_finding(missed: &[&Lying], cut: bool) -> Option<Value> {
    if missed.is_empty() && !cut {
        return None;
    }
    let remedy = match missed.len() {
        0 => String::new(),
        1 => "One label was put on while nobody listened: take it off and put it on again.".to_owned(),
        many => format!("{many} labels were put on while nobody listened: take each off and put it on again."),
    };
    let more = format!("Only the {MOST_ISSUES} issues that changed last were looked at; look through the others.");
    let remedy: Vec<_> =
        [Some(remedy), cut.then_some(more)].into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let files: Vec<_> =
        missed.iter().take(MOST_NAMED).map(|lying| format!("#{} {}", lying.subject, lying.label)).collect();
    Some(json!({
        "state": "warning",
        "needed_for": "noticing labels after a long outage",
        "remedy": remedy.join(" "),
        "files": files,
    }))
}

/// The same of reviews.
fn reviews_finding(unheard: &[String]) -> Option<Value> {
    let remedy = match unheard.len() {
        0 => return None,
        1 => {
            "One review was handed in while nobody listened, and nothing followed from it: hand it in again.".to_owned()
        }
        many => format!(
            "{many} reviews were handed in while nobody listened, and nothing followed from them: hand in again what still \
             counts."
        ),
    };
    Some(json!({
        "state": "warning",
        "needed_for": "noticing reviews after a long outage",
        "remedy": remedy,
        "files": unheard.iter().take(MOST_NAMED).collect::<Vec<_>>(),
    }))
}

/// Stops the active runs whose issue is closed or gone; answers how many. A label that was taken off ends only a run that
/// was not launched yet, and that is looked at before every launch.
async fn stop_ended(deps: &Deps, repository: &RepositoryRow, opened: &Opened) -> anyhow::Result<usize> {
    let mut stopped = 0;
    for (run, number) in view::active_in(&deps.db, repository.id).await.context("read active runs")? {
        let issue = match opened.github.issue(&opened.name, number).await {
            Err(ForgeError::NotFound { .. }) => None,
            issue => Some(issue.context("look at an active run's issue")?),
        };
        if issue.as_ref().is_none_or(|issue| !issue.open)
            && found::take(deps, repository, ended(run, number, issue.as_ref())).await?
        {
            stopped += 1;
        }
    }
    Ok(stopped)
}

/// The end of an active run's issue; `None`: it is not there any more.
fn ended(run: RunId, number: i64, issue: Option<&Issue>) -> Found<'_> {
    let (title, url) = issue.map_or(("", ""), |issue| (&issue.title, &issue.html_url));
    Found {
        event: "issues",
        action: if issue.is_some() { "closed" } else { "deleted" },
        number,
        about: json!({ "title": title, "html_url": url }),
        at: issue.and_then(|issue| issue.closed_at),
        by: issue.and_then(|issue| issue.closed_by.as_ref()),
        which: run.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lying(subject: i64) -> Lying {
        Lying { subject, label: "run:dev".to_owned() }
    }

    #[test]
    fn a_finding_names_the_labels_and_says_what_was_not_looked_at() {
        assert_eq!(labels_finding(&[], false), None);
        let (one, two) = (lying(3), lying(9));
        let found = labels_finding(&[&one, &two], false).unwrap();
        assert_eq!((&found["state"], &found["files"]), (&json!("warning"), &json!(["#3 run:dev", "#9 run:dev"])));
        let words =
            |missed: &[&Lying], cut| labels_finding(missed, cut).unwrap()["remedy"].as_str().unwrap().to_owned();
        assert!(words(&[&one], false).starts_with("One label"), "{}", words(&[&one], false));
        assert!(words(&[&one, &two], true).contains("again. Only the 1000"), "{}", words(&[&one, &two], true));
        assert!(words(&[], true).starts_with("Only the 1000"));
        let many: Vec<_> = (0..200).map(lying).collect();
        let found = labels_finding(&many.iter().collect::<Vec<_>>(), false).unwrap();
        assert_eq!(found["files"].as_array().map(Vec::len), Some(MOST_NAMED));
        assert!(found["remedy"].as_str().unwrap().starts_with("200 labels"));
    }

    #[test]
    fn reviews_are_told_one_and_many() {
        assert_eq!(reviews_finding(&[]), None);
        let told = |count: usize| reviews_finding(&vec!["#8 APPROVED @olga".to_owned(); count]).unwrap();
        let remedy = |count| told(count)["remedy"].as_str().unwrap().to_owned();
        assert!(remedy(1).starts_with("One review") && remedy(3).starts_with("3 reviews"), "{}", remedy(3));
        assert_eq!(told(200)["files"].as_array().map(Vec::len), Some(MOST_NAMED));
    }
}
