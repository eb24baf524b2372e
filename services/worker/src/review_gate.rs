//! Between the work and the owner: finished work is looked at by a second role, and then waits for a person.

use anyhow::Context;
use domain::catalogue::Catalogue;
use domain::flow::FlowKind;
use domain::ids::RunId;
use domain::labels::IN_REVIEW;
use domain::names;
use domain::reasons::Reason;
use domain::run::RunStatus;
use serde_json::{Value, json};
use store::outbound::LabelChange;
use store::runs::progress::{self, HandIn, LabelMove, NewReview, RunRow};

use crate::ending;
use crate::turn::{Turn, changed};

/// Hands the work in that is in pull request `pull`.
pub(crate) async fn hand_in(turn: &Turn<'_>, pull: i64) -> anyhow::Result<()> {
    let row = &turn.row;
    let review = row.pre_review.then(|| review_of(turn));
    let mut labels = trigger_off(row);
    if review.is_none() {
        labels = joined(labels, in_review(row.subject_number, pull));
    }
    let data = json!({ "pull": pull, "launch": row.launch, "reviewer": review.as_ref().map(|review| review.role) });
    let work = HandIn { labels: &labels, flow: turn.entry(FlowKind::HandedIn, data), review };
    if progress::hand_in(&turn.deps.db, turn.lease, &work).await.context("hand the work in")? {
        tracing::info!(run = %row.id, pull, reviewer = work.review.as_ref().map(|r| r.role.as_str()), "handed in");
        metrics::counter!("worker_runs_handed_in_total").increment(1);
        changed(turn.deps, row.id).await;
        if let Some(review) = &work.review {
            changed(turn.deps, review.id).await;
        }
    }
    Ok(())
}

fn review_of(turn: &Turn<'_>) -> NewReview {
    let (row, id) = (&turn.row, RunId::new());
    let role = Catalogue::builtin().stage(row.stage.0).reviewer();
    let data = json!({ "issue": row.subject_number, "stage": row.stage.0, "reviews": row.id });
    NewReview {
        id,
        role,
        namespace: names::namespace(&row.project_slug, row.stage.0.as_str(), row.subject_number, id),
        flow: turn.entry(FlowKind::RunCreated, data),
    }
}

/// Takes what a review has to say: it needs a verdict.
pub(crate) async fn collect(turn: &Turn<'_>) -> anyhow::Result<()> {
    let verdict = turn.row.last_word.as_ref().and_then(|word| word.get("verdict")).and_then(Value::as_str);
    if verdict.is_none() {
        return ending::launch_failed(turn, Reason::AgentError, "the review came to no verdict").await;
    }
    ending::finish(turn, RunStatus::Succeeded, None, "", false).await
}

/// The label that started the run goes. A review that is over, however, lets the owner look, if the work still waits.
pub(crate) fn labels_at_the_end(row: &RunRow) -> Vec<LabelMove> {
    let labels = trigger_off(row);
    match row.pr_number {
        Some(pull) if row.is_review && row.reviewed_waits => joined(labels, in_review(row.subject_number, pull)),
        _ => labels,
    }
}

/// People go on talking after an answer, so that the label of a discussion stays.
fn trigger_off(row: &RunRow) -> Vec<LabelMove> {
    let label = row.trigger_label.clone().zip(row.trigger_subject).filter(|_| !row.is_discussion);
    let change = |label| LabelChange { off: vec![label], on: Vec::new() };
    label.map(|(label, number)| LabelMove { number, labels: change(label) }).into_iter().collect()
}

/// Issue and pull request say that a person is to look.
fn in_review(issue: i64, pull: i64) -> Vec<LabelMove> {
    let on = |number| LabelMove { number, labels: LabelChange::of(&[], &[IN_REVIEW]) };
    let mut numbers = vec![issue, pull];
    numbers.dedup();
    numbers.into_iter().map(on).collect()
}

/// One wish a place: wishes of a run are told apart by where they are to come true.
fn joined(mut labels: Vec<LabelMove>, more: Vec<LabelMove>) -> Vec<LabelMove> {
    for LabelMove { number, labels: change } in more {
        match labels.iter_mut().find(|known| known.number == number) {
            Some(known) => {
                known.labels.off.extend(change.off);
                known.labels.on.extend(change.on);
            }
            None => labels.push(LabelMove { number, labels: change }),
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off(number: i64) -> LabelMove {
        LabelMove { number, labels: LabelChange::of(&["run:dev"], &[]) }
    }

    #[test]
    fn labels_of_one_place_are_one_wish() {
        let both = LabelChange::of(&["run:dev"], &[IN_REVIEW]);
        let only = LabelChange::of(&[], &[IN_REVIEW]);
        assert_eq!(
            joined(vec![off(7)], in_review(7, 8)),
            [LabelMove { number: 7, labels: both }, LabelMove { number: 8, labels: only.clone() }]
        );
        // A pull request that no run made is its own subject.
        assert_eq!(in_review(8, 8), [LabelMove { number: 8, labels: only }]);
    }
}
