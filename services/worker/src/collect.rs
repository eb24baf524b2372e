//! The agent says that it is done. Whether that is so is read from GitHub: the branch is there, it has commits of its
//! own, and it changes nothing that a run may not change. Then the pull request is opened or brought up to date.

use anyhow::Context;
use domain::catalogue::Catalogue;
use domain::flow::FlowKind;
use domain::limits;
use domain::reasons::Reason;
use domain::run::RunStatus;
use domain::scope::{Ancestry, Change, Commit, Push, judge};
use forge::{Comparison, ForgeError, NewPull, Pull, RepositoryProvider};
use serde_json::{Value, json};
use store::outbound;
use store::runs::progress::Milestone;

use crate::github::Opened;
use crate::public::clean;
use crate::turn::Turn;
use crate::{discussions, ending, review_gate};

/// Collects what the agent left, and ends the run or hands its work in.
pub(crate) async fn collect(turn: &Turn<'_>) -> anyhow::Result<()> {
    if turn.row.is_review {
        return review_gate::collect(turn).await;
    }
    if turn.row.is_discussion {
        return discussions::collect(turn).await;
    }
    let Some(opened) = turn.repository().await? else { return Ok(()) };
    let leave = outbound::spend(&turn.deps.db, turn.row.bot_github_id, 1, limits::PULLS).await;
    if let Some(until) = leave.context("ask for leave to write")? {
        return ending::wait_for_github(turn, until, "").await;
    }
    let gathered = gather(turn, &opened).await;
    if gathered.is_ok() {
        turn.deps.holds.answered(turn.whom());
    }
    match gathered {
        Ok(Gathered::Pull(pull, kind, head)) => succeed(turn, &pull, kind, head).await,
        Ok(Gathered::Nothing(why)) => ending::launch_failed(turn, Reason::AgentError, why).await,
        Ok(Gathered::Refused(why)) => {
            ending::finish(turn, RunStatus::Failed, Some(Reason::WriteScope), &why, false).await
        }
        Err(error) => ending::forge_failed(turn, &error).await.context("collect the run's work"),
    }
}

enum Gathered {
    Pull(Box<Pull>, FlowKind, String),
    Nothing(&'static str),
    Refused(String),
}

async fn gather(turn: &Turn<'_>, Opened { github, name }: &Opened) -> Result<Gathered, ForgeError> {
    let row = &turn.row;
    let Some(head) = github.branch_head(name, &row.branch).await? else {
        return Ok(Gathered::Nothing("the branch was never pushed"));
    };
    let comparison = github.compare(name, &row.base_branch, &head).await?;
    if comparison.ahead_by == 0 {
        return Ok(Gathered::Nothing("the branch has no commit of its own"));
    }
    let refusals = judge(&push(&comparison), &row.base_branch, &Catalogue::builtin().stage(row.stage.0).may_write);
    if !refusals.is_empty() {
        let words: Vec<_> = refusals.iter().map(ToString::to_string).collect();
        return Ok(Gathered::Refused(words.join("; ")));
    }
    let (title, body) = words(row.subject_number, &row.subject_title, row.last_word.as_ref());
    let there = github.find_pull_by_head(name, &row.branch).await?.filter(|pull| pull.open);
    Ok(match there {
        // An answer that was lost, or an earlier run of the same branch.
        Some(pull) if pull.title == title && pull.body == body => {
            Gathered::Pull(Box::new(pull), FlowKind::PullOpened, head)
        }
        Some(pull) => {
            let pull = github.update_pull(name, pull.number, &title, &body).await?;
            Gathered::Pull(Box::new(pull), FlowKind::PullUpdated, head)
        }
        None => {
            let new = NewPull { title, body, head: row.branch.clone(), base: row.base_branch.clone(), draft: false };
            Gathered::Pull(Box::new(github.create_pull(name, &new).await?), FlowKind::PullOpened, head)
        }
    })
}

/// Title and text from the agent's claim.
fn words(issue: i64, issue_title: &str, last_word: Option<&Value>) -> (String, String) {
    // Cleaned as it was said: an address is none any more once nobody is mentioned in it.
    let claim = |field: &str| clean(last_word.and_then(|word| word.get(field)?.as_str()).unwrap_or_default());
    prompts::run::pull_request(issue, issue_title, &claim("pr_title"), &claim("pr_body"))
}

/// What GitHub says about the branch, as the rules want to know it. The broker has judged the push itself, sizes and
/// modes included; this finds what came to the branch by another way.
fn push(comparison: &Comparison) -> Push {
    let paths = comparison.files.iter().flat_map(|file| [Some(&file.path), file.previous_path.as_ref()]).flatten();
    Push {
        ancestry: Ancestry::Forward,
        changes: paths.map(|path| Change { path: path.clone(), mode: "100644".into(), ..Change::default() }).collect(),
        commits: comparison
            .commits
            .iter()
            .map(|commit| Commit { id: commit.sha.clone(), message: commit.message.clone() })
            .collect(),
    }
}

async fn succeed(turn: &Turn<'_>, pull: &Pull, kind: FlowKind, head: String) -> anyhow::Result<()> {
    // Recorded already when an earlier turn was cut between the pull request and the end.
    if turn.row.pr_number != Some(pull.number) {
        let seen = json!({ "branch": turn.row.branch, "head": head });
        let mut seen = Milestone::new(turn.entry(FlowKind::BranchSeen, seen));
        seen.head_sha = Some(head);
        let offered = json!({ "number": pull.number, "url": pull.html_url });
        let mut offered = Milestone::new(turn.entry(kind, offered));
        offered.pull = Some((pull.number, pull.html_url.clone()));
        if !(turn.reach(&seen).await? && turn.reach(&offered).await?) {
            return Ok(());
        }
    }
    review_gate::hand_in(turn, pull.number).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_shows_neither_a_secret_nor_an_address() {
        let key = format!("ghp_{}", "a1B2".repeat(9));
        let word =
            json!({ "pr_title": format!("Use {key}"), "pr_body": format!("{key}, by olga@acme.test for @olga") });
        let (title, body) = words(7, "Dark mode", Some(&word));
        assert_eq!(title, "Use [redacted]");
        assert_eq!(body, "[redacted], by [redacted] for @\u{2060}olga\n\nRefs #7");
        assert_eq!(words(7, "Dark mode", None), ("Dark mode".to_owned(), "Refs #7".to_owned()));
    }
}
