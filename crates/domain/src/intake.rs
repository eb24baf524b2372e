//! What a webhook delivery does: start a run, end one, or nothing, with its reason. One pure function over facts.

mod answers;
mod issues;
mod pulls;
mod talk;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};

use uuid::Uuid;

use crate::approvals::Answer;
use crate::choice::Choice;
use crate::event::{AccountKind, Delivered, Event};
use crate::ids::{ProjectId, RepositoryId, RunId, UserId};
use crate::labels::{self, Label};
use crate::reasons::{IntakeReason, Reason};
use crate::revision::Earlier;
use crate::rights::{self, Permission, PlatformRole, ProjectRole};
use crate::settlement::{Settlement, Superseded};
use crate::stages::Stage;

pub use answers::Questions;
pub use issues::{Ground, obstacle};
pub use talk::{TalkEnd, ends_talk};

/// How old an event's object may be. Body hashes are remembered for longer, so an older body cannot be replayed.
pub const STALE_AFTER: TimeDelta = TimeDelta::hours(72);

/// A repository that a project has connected.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The row.
    pub repository_id: RepositoryId,
    /// Its project.
    pub project_id: ProjectId,
    /// Numeric id of the platform's own account there.
    pub bot_github_id: i64,
    /// Its project wants stages in their order.
    pub stage_order: bool,
}

/// The sender as the platform knows them.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The row.
    pub user_id: UserId,
    /// Role on the platform.
    pub platform_role: PlatformRole,
    /// Role in the repository's project.
    pub project_role: Option<ProjectRole>,
}

/// The issue's active run.
#[derive(Debug, Clone)]
pub struct ActiveRun {
    /// The run.
    pub id: RunId,
    /// The label that started it, if one did.
    pub trigger: Option<String>,
    /// A worker has taken it up.
    pub claimed: bool,
}

/// What the platform has done before on the issue, or on the issue that a pull request belongs to. Only read for events
/// that [`asks_for_history`].
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Runs of stages, the newest first, the active one aside.
    pub earlier: Vec<Earlier>,
    /// Labels of the issue as its last event told them; those of the event's own issue are in the event.
    pub issue_labels: Vec<String>,
}

/// Everything the decision rests on, read from the database in one go.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The delivery.
    pub delivered: &'a Delivered,
    /// Its repository, if connected.
    pub binding: Option<Binding>,
    /// Its sender, if a user of the platform.
    pub person: Option<Person>,
    /// The active run of the issue, if there is one.
    pub active: Option<&'a ActiveRun>,
    /// What the active run waits to be told. Only read for comments; of one on a pull request, its own run is the active one.
    pub questions: &'a Questions,
    /// A discussion is going on on the issue.
    pub talks: bool,
    /// What came before.
    pub history: &'a History,
    /// The run that the sender wants tried again, where they said so; a label alone cannot.
    pub retries: Option<RunId>,
    /// Models that a label may choose.
    pub models: &'a [String],
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// What to do. The statement that stores it may still turn a start into [`IntakeReason::RunAlreadyActive`] when another
/// delivery was first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Start a run for the sender.
    Start(Start),
    /// End the active run.
    End {
        /// The run.
        run: RunId,
        /// For the ledger.
        because: IntakeReason,
        /// For the run.
        reason: Reason,
        /// Only as long as no worker has claimed it.
        only_unclaimed: bool,
    },
    /// A person has decided about the work in a pull request.
    Settle {
        /// How.
        how: Settlement,
        /// The newest run of it.
        run: RunId,
        /// Older work that gives way to it.
        supersedes: Vec<Superseded>,
    },
    /// The issue is over and has no active run: what its runs have left in the cluster goes.
    Clear {
        /// The newest run of it.
        run: RunId,
    },
    /// The namespaces of the issue or pull request are kept from now on, or live by their time again.
    Keep {
        /// They are kept.
        keep: bool,
        /// The newest run of it.
        run: RunId,
    },
    /// A person has answered what the issue's run asked.
    Answer {
        /// The run.
        run: RunId,
        /// The requests with their answers.
        answers: Vec<(Uuid, Answer)>,
    },
    /// The comment goes to the agent of the issue's discussion, which begins with it where none is going on.
    Hear,
    /// The issue's discussion ends, and nothing else happens.
    EndTalk(TalkEnd),
    /// Nothing.
    Ignore(IntakeReason),
}

/// A run to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What it does.
    pub task: Task,
    /// Its stage.
    pub stage: Stage,
    /// The model and effort that the labels choose.
    pub choice: Choice,
}

/// What a run does with its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The work, from the beginning.
    Work,
    /// The work of this run once more: same session, branch and pull request.
    Revise(RunId),
    /// The same, after that run ended badly.
    Retry(RunId),
    /// A look at the event's pull request, which this run made if one did.
    Review(Option<RunId>),
}

/// Whether the decision needs the [`History`]; a stage by its label does only where stages have an order.
#[must_use]
pub fn asks_for_history(event: &Event, stage_order: bool) -> bool {
    match event {
        Event::Labeled { label, .. } => match labels::read(label) {
            Label::Revise(_) | Label::Keep => true,
            Label::Run(_) => stage_order,
            _ => false,
        },
        Event::PullLabeled { label, .. } => label == labels::NEED_REVIEWER || labels::read(label) == Label::Keep,
        Event::Unlabeled { label, .. } | Event::PullUnlabeled { label, .. } => labels::read(label) == Label::Keep,
        Event::IssueEnded { .. } | Event::PullClosed { .. } | Event::Reviewed { .. } => true,
        Event::IssueEdited { .. } | Event::Commented { .. } | Event::PullCommented { .. } | Event::Other => false,
    }
}

/// Decides on one delivery.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> Decision {
    if let Err(reason) = concerns_us(facts) {
        return Decision::Ignore(reason);
    }
    match &facts.delivered.event {
        Event::Labeled { label, issue } => issues::labelled(facts, label, issue).unwrap_or_else(Decision::Ignore),
        Event::Unlabeled { label, .. } => issues::unlabelled(facts, label).unwrap_or_else(Decision::Ignore),
        Event::IssueEnded { .. } => issues::ended(facts),
        Event::IssueEdited { .. } => end(facts.active, IntakeReason::IssueEdited, Reason::Stale, true),
        Event::Commented { comment, issue } => answers::given(facts, comment)
            .unwrap_or_else(|| talk::commented(facts, issue))
            .unwrap_or_else(Decision::Ignore),
        Event::PullCommented { comment, .. } => answers::given(facts, comment)
            .unwrap_or(Err(IntakeReason::EventNotHandled))
            .unwrap_or_else(Decision::Ignore),
        Event::PullLabeled { label, pull } => pulls::labelled(facts, label, pull).unwrap_or_else(Decision::Ignore),
        Event::PullUnlabeled { label, .. } => pulls::unlabelled(facts, label).unwrap_or_else(Decision::Ignore),
        Event::PullClosed { merged, pull } => pulls::closed(facts, *merged, pull),
        Event::Reviewed { verdict, pull } => pulls::reviewed(facts, *verdict, pull).unwrap_or_else(Decision::Ignore),
        Event::Other => Decision::Ignore(IntakeReason::EventNotHandled),
    }
}

/// Whether the event is one of a connected repository, somebody else's, and not too old.
fn concerns_us(facts: &Facts<'_>) -> Result<(), IntakeReason> {
    let (delivered, binding) = (facts.delivered, facts.binding.ok_or(IntakeReason::RepositoryNotBound)?);
    if delivered.sender.as_ref().is_some_and(|sender| sender.github_id == binding.bot_github_id) {
        return Err(IntakeReason::OwnAction);
    }
    if delivered.object_time.is_some_and(|at| facts.now - at > STALE_AFTER) {
        return Err(IntakeReason::StaleEvent);
    }
    Ok(())
}

/// Whether the sender may start runs here.
fn permitted(facts: &Facts<'_>) -> Result<(), IntakeReason> {
    let sender = facts.delivered.sender.as_ref().ok_or(IntakeReason::SenderTypeNotPermitted)?;
    if sender.kind != AccountKind::User {
        return Err(IntakeReason::SenderTypeNotPermitted);
    }
    let person = facts.person.ok_or(IntakeReason::SenderNotAllowed)?;
    let role =
        rights::effective_role(person.platform_role, person.project_role).ok_or(IntakeReason::SenderNotMember)?;
    if !rights::allows(role, Permission::Run) {
        return Err(IntakeReason::SenderRoleNotPermitted);
    }
    Ok(())
}

/// Who may start runs may have their namespaces kept, on what is closed too: that is when somebody looks. Without a run
/// there is nothing to keep yet; the next start's event tells that the label lies there.
fn keep(facts: &Facts<'_>) -> Result<Decision, IntakeReason> {
    permitted(facts)?;
    Ok(Decision::Keep { keep: true, run: newest(facts).ok_or(IntakeReason::EventNotHandled)? })
}

/// Whoever took the label off on GitHub decides: where it does not lie any more, nothing may be kept for it.
fn release(facts: &Facts<'_>) -> Result<Decision, IntakeReason> {
    Ok(Decision::Keep { keep: false, run: newest(facts).ok_or(IntakeReason::EventNotHandled)? })
}

/// The newest run of the issue.
fn newest(facts: &Facts<'_>) -> Option<RunId> {
    let active = facts.active.map(|run| run.id);
    active.or_else(|| facts.history.earlier.first().map(|run| run.id))
}

fn end(active: Option<&ActiveRun>, because: IntakeReason, reason: Reason, only_unclaimed: bool) -> Decision {
    match active {
        Some(run) if !only_unclaimed || !run.claimed => Decision::End { run: run.id, because, reason, only_unclaimed },
        _ => Decision::Ignore(IntakeReason::EventNotHandled),
    }
}
