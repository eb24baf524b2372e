//! After an outage that was longer than GitHub's memory, events are lost for good. What still shows is compared: labels
//! that lie on issues with what the ledger and the runs know of them, and active runs with their issues. Labels are told
//! to people, who put them on again; a run whose issue has ended is stopped, as the event would have done.

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::flow::FlowKind;
use domain::missed::{triggers, was_missed};
use domain::reasons::IntakeReason;
use forge::{ForgeError, Issue, RepositoryProvider};
use serde_json::{Value, json};
use store::deliveries::{self, Lying};
use store::flow::Entry;
use store::repositories::{self, RepositoryRow};
use store::runs::view;

use crate::Deps;
use crate::github::Opened;
use crate::turn::changed;

/// Issues that are looked at: those that changed last.
const MOST_ISSUES: usize = 1000;
/// Labels that a finding lists.
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
    let finding = finding(&missed, cut);
    let noted = repositories::note_missed_labels(&deps.db, repository.id, finding.as_ref()).await;
    noted.context("note missed labels")?;
    let stopped = stop_ended(deps, repository, opened).await?;
    tracing::warn!(
        repository = repository.full_name,
        %lost_since,
        issues = issues.len(),
        labels = lying.len(),
        missed = missed.len(),
        cut,
        stopped,
        "GitHub has forgotten events that nobody has read; labels and runs were compared"
    );
    Ok(())
}

fn lying_on(issue: &Issue) -> impl Iterator<Item = Lying> {
    triggers(&issue.labels, issue.is_pull_request).map(|label| Lying { subject: issue.number, label: label.to_owned() })
}

/// The check that people see; `None` when nothing is to be done.
fn finding(missed: &[&Lying], cut: bool) -> Option<Value> {
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
        "name": repositories::MISSED_LABELS,
        "state": "warning",
        "needed_for": "noticing labels after a long outage",
        "remedy": remedy.join(" "),
        "files": files,
    }))
}

/// Stops the active runs whose issue is closed or gone; answers how many. A label that was taken off ends only a run that
/// was not launched yet, and that is looked at before every launch.
async fn stop_ended(deps: &Deps, repository: &RepositoryRow, opened: &Opened) -> anyhow::Result<usize> {
    let mut stopped = 0;
    for (run, issue) in view::active_in(&deps.db, repository.id).await.context("read active runs")? {
        let open = match opened.github.issue(&opened.name, issue).await {
            Err(ForgeError::NotFound { .. }) => false,
            issue => issue.context("look at an active run's issue")?.open,
        };
        if !open {
            let because = json!({ "because": IntakeReason::IssueEnded.as_str() });
            let entry = Entry::new(FlowKind::CancelRequested, deps.actor(), because);
            view::request_cancel(&deps.db, run, &deps.actor(), &entry).await.context("stop a run")?;
            changed(deps, run).await;
            stopped += 1;
        }
    }
    Ok(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lying(subject: i64) -> Lying {
        Lying { subject, label: "run:dev".to_owned() }
    }

    #[test]
    fn a_finding_names_the_labels_and_says_what_was_not_looked_at() {
        assert_eq!(finding(&[], false), None);
        let (one, two) = (lying(3), lying(9));
        let found = finding(&[&one, &two], false).unwrap();
        assert_eq!((&found["state"], &found["files"]), (&json!("warning"), &json!(["#3 run:dev", "#9 run:dev"])));
        let words = |missed: &[&Lying], cut| finding(missed, cut).unwrap()["remedy"].as_str().unwrap().to_owned();
        assert!(words(&[&one], false).starts_with("One label"), "{}", words(&[&one], false));
        assert!(words(&[&one, &two], true).contains("again. Only the 1000"), "{}", words(&[&one, &two], true));
        assert!(words(&[], true).starts_with("Only the 1000"));
        let many: Vec<_> = (0..200).map(lying).collect();
        let found = finding(&many.iter().collect::<Vec<_>>(), false).unwrap();
        assert_eq!(found["files"].as_array().map(Vec::len), Some(MOST_NAMED));
        assert!(found["remedy"].as_str().unwrap().starts_with("200 labels"));
    }
}
