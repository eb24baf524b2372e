//! What a webhook delivery does: start a run, end one, or nothing, with its reason. One pure function over facts.

use chrono::{DateTime, TimeDelta, Utc};

use crate::choice::{self, Choice};
use crate::event::{AccountKind, Delivered, Event, Issue};
use crate::ids::{ProjectId, RepositoryId, RunId, UserId};
use crate::labels::{self, Label};
use crate::reasons::{IntakeReason, Reason};
use crate::rights::{self, Permission, PlatformRole, ProjectRole};
use crate::stages::Stage;

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
#[derive(Debug, Clone, Copy)]
pub struct ActiveRun {
    /// The run.
    pub id: RunId,
    /// Its stage.
    pub stage: Stage,
    /// A worker has taken it up.
    pub claimed: bool,
}

/// Everything the decision rests on, read from the database in one go.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The delivery.
    pub delivered: &'a Delivered,
    /// Its repository, if connected.
    pub binding: Option<Binding>,
    /// Its sender, if a user of the platform.
    pub person: Option<Person>,
    /// The active run of the issue, if there is one.
    pub active: Option<ActiveRun>,
    /// Models that a label may choose.
    pub models: &'a [String],
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// What to do. The statement that stores it may still turn `Start` into [`IntakeReason::RunAlreadyActive`] when
/// another delivery was first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Start a run of this stage for the sender, with the model and effort that the labels choose.
    Start(Stage, Choice),
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
    /// Nothing.
    Ignore(IntakeReason),
}

/// Decides on one delivery.
#[must_use]
pub fn decide(facts: &Facts<'_>) -> Decision {
    let Facts { delivered, .. } = *facts;
    let Some(binding) = facts.binding else {
        return Decision::Ignore(IntakeReason::RepositoryNotBound);
    };
    if delivered.sender.as_ref().is_some_and(|sender| sender.github_id == binding.bot_github_id) {
        return Decision::Ignore(IntakeReason::OwnAction);
    }
    if delivered.object_time.is_some_and(|at| facts.now - at > STALE_AFTER) {
        return Decision::Ignore(IntakeReason::StaleEvent);
    }
    match &delivered.event {
        Event::Labeled { label, issue } => match labels::read(label) {
            Label::Run(stage) => match start(facts, stage, issue) {
                Ok(choice) => Decision::Start(stage, choice),
                Err(reason) => Decision::Ignore(reason),
            },
            _ => Decision::Ignore(IntakeReason::NotTriggerLabel),
        },
        Event::Unlabeled { label, .. } => unlabelled(facts.active, label),
        Event::IssueEnded { .. } => end(facts.active, IntakeReason::IssueEnded, Reason::Cancelled, false),
        Event::IssueEdited { .. } => end(facts.active, IntakeReason::IssueEdited, Reason::Stale, true),
        Event::Other => Decision::Ignore(IntakeReason::EventNotHandled),
    }
}

/// Whether a stage may start, and with what, or the first reason why not: first who asks, then what stands in the way.
fn start(facts: &Facts<'_>, stage: Stage, issue: &Issue) -> Result<Choice, IntakeReason> {
    permitted(facts)?;
    if !issue.open {
        return Err(IntakeReason::IssueClosed);
    }
    if facts.active.is_some() {
        return Err(IntakeReason::RunAlreadyActive);
    }
    if issue.labels.iter().any(|label| labels::is_stage_label(label) && *label != labels::run(stage)) {
        return Err(IntakeReason::LabelConflict);
    }
    if issue.labels.iter().any(|label| label == labels::BLOCKED || label == labels::NEED_INPUT) {
        return Err(IntakeReason::StageNotReady);
    }
    let labels = issue.labels.iter().map(String::as_str);
    choice::choose(labels, facts.models).map_err(|_| IntakeReason::ModelLabelConflict)
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

fn unlabelled(active: Option<ActiveRun>, label: &str) -> Decision {
    match active {
        Some(run) if labels::run(run.stage) == label && !run.claimed => {
            end(active, IntakeReason::Unlabelled, Reason::Cancelled, true)
        }
        _ if matches!(labels::read(label), Label::Run(_)) => Decision::Ignore(IntakeReason::EventNotHandled),
        _ => Decision::Ignore(IntakeReason::NotTriggerLabel),
    }
}

fn end(active: Option<ActiveRun>, because: IntakeReason, reason: Reason, only_unclaimed: bool) -> Decision {
    match active {
        Some(run) if !only_unclaimed || !run.claimed => Decision::End { run: run.id, because, reason, only_unclaimed },
        _ => Decision::Ignore(IntakeReason::EventNotHandled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventRepository, Sender};

    const OLGA: i64 = 1;
    const BOT: i64 = 99;

    /// The facts under which `run:dev` starts a run; each test changes one of them.
    struct Case {
        delivered: Delivered,
        binding: Option<Binding>,
        person: Option<Person>,
        active: Option<ActiveRun>,
    }

    fn case() -> Case {
        let issue = Issue {
            number: 7,
            title: "t".into(),
            body: String::new(),
            open: true,
            labels: vec!["run:dev".into(), "bug".into()],
            url: "u".into(),
        };
        Case {
            delivered: Delivered {
                event: Event::Labeled { label: "run:dev".into(), issue },
                action: Some("labeled".into()),
                repository: Some(EventRepository { github_id: 42, full_name: "acme/app".into() }),
                sender: Some(Sender { github_id: OLGA, login: "olga".into(), kind: AccountKind::User }),
                object_time: Some(now() - TimeDelta::minutes(1)),
                key: None,
            },
            binding: Some(Binding {
                repository_id: RepositoryId::new(),
                project_id: ProjectId::new(),
                bot_github_id: BOT,
            }),
            person: Some(person(PlatformRole::Member, Some(ProjectRole::ReadWrite))),
            active: None,
        }
    }

    fn person(platform_role: PlatformRole, project_role: Option<ProjectRole>) -> Person {
        Person { user_id: UserId::new(), platform_role, project_role }
    }

    fn active(claimed: bool) -> ActiveRun {
        ActiveRun { id: RunId::new(), stage: Stage::Dev, claimed }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    impl Case {
        fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
            change(&mut self);
            self
        }

        fn issue(&mut self) -> &mut Issue {
            match &mut self.delivered.event {
                Event::Labeled { issue, .. }
                | Event::Unlabeled { issue, .. }
                | Event::IssueEnded { issue }
                | Event::IssueEdited { issue } => issue,
                Event::Other => unreachable!("the case carries an issue"),
            }
        }

        fn event(self, make: impl FnOnce(Issue) -> Event) -> Self {
            self.with(|case| {
                let issue = case.issue().clone();
                case.delivered.event = make(issue);
            })
        }

        fn decide(&self) -> Decision {
            decide(&Facts {
                delivered: &self.delivered,
                binding: self.binding,
                person: self.person,
                active: self.active,
                models: &["gpt-5.5".to_owned()],
                now: now(),
            })
        }
    }

    #[test]
    fn a_run_label_by_someone_who_may_starts_a_run() {
        assert_eq!(case().decide(), Decision::Start(Stage::Dev, Choice::default()));
        let admin = case().with(|c| c.person = Some(person(PlatformRole::Admin, None)));
        assert_eq!(admin.decide(), Decision::Start(Stage::Dev, Choice::default()));
    }

    #[test]
    fn every_stage_is_started_by_its_label() {
        for &stage in Stage::ALL {
            let labelled = case().event(|issue| Event::Labeled {
                label: labels::run(stage),
                issue: Issue { labels: vec![labels::run(stage), "[ai-reasoning-low]".into()], ..issue },
            });
            let choice = Choice { model: None, effort: Some(choice::Effort::Low) };
            assert_eq!(labelled.decide(), Decision::Start(stage, choice));
        }
    }

    #[test]
    fn every_reason_to_start_nothing() {
        use IntakeReason as R;
        let label = |name: &'static str| move |issue| Event::Labeled { label: name.into(), issue };
        let table = [
            (R::RepositoryNotBound, case().with(|c| c.binding = None)),
            (R::OwnAction, case().with(|c| c.delivered.sender.as_mut().unwrap().github_id = BOT)),
            (R::StaleEvent, case().with(|c| c.delivered.object_time = Some(now() - TimeDelta::hours(73)))),
            (R::EventNotHandled, case().event(|_| Event::Other)),
            (R::NotTriggerLabel, case().event(label("bug"))),
            (R::NotTriggerLabel, case().event(label("run:debug"))),
            (R::SenderTypeNotPermitted, case().with(|c| c.delivered.sender = None)),
            (
                R::SenderTypeNotPermitted,
                case().with(|c| c.delivered.sender.as_mut().unwrap().kind = AccountKind::Other),
            ),
            (R::SenderNotAllowed, case().with(|c| c.person = None)),
            (R::SenderNotMember, case().with(|c| c.person = Some(person(PlatformRole::Member, None)))),
            (
                R::SenderRoleNotPermitted,
                case().with(|c| c.person = Some(person(PlatformRole::Member, Some(ProjectRole::Read)))),
            ),
            (R::IssueClosed, case().with(|c| c.issue().open = false)),
            (R::RunAlreadyActive, case().with(|c| c.active = Some(active(true)))),
            (R::LabelConflict, case().with(|c| c.issue().labels.push("run:plan".into()))),
            (R::StageNotReady, case().with(|c| c.issue().labels.push(labels::BLOCKED.into()))),
            (R::StageNotReady, case().with(|c| c.issue().labels.push(labels::NEED_INPUT.into()))),
            (R::ModelLabelConflict, case().with(|c| c.issue().labels.push("[ai-model-unheard-of]".into()))),
        ];
        for (reason, case) in table {
            assert_eq!(case.decide(), Decision::Ignore(reason), "{reason}");
        }
    }

    #[test]
    fn an_active_run_is_told_before_its_own_label_counts_as_a_conflict() {
        let second = case().with(|c| {
            c.active = Some(active(true));
            c.issue().labels.push("run:plan".into());
        });
        assert_eq!(second.decide(), Decision::Ignore(IntakeReason::RunAlreadyActive));
    }

    #[test]
    fn the_label_taken_off_in_time_ends_the_run() {
        let off = |name: &'static str| case().event(move |issue| Event::Unlabeled { label: name.into(), issue });
        let waiting = off("run:dev").with(|c| c.active = Some(active(false)));
        assert!(matches!(
            waiting.decide(),
            Decision::End { because: IntakeReason::Unlabelled, reason: Reason::Cancelled, only_unclaimed: true, .. }
        ));
        let claimed = off("run:dev").with(|c| c.active = Some(active(true)));
        assert_eq!(claimed.decide(), Decision::Ignore(IntakeReason::EventNotHandled));
        let other = off("bug").with(|c| c.active = Some(active(false)));
        assert_eq!(other.decide(), Decision::Ignore(IntakeReason::NotTriggerLabel));
    }

    #[test]
    fn the_end_of_an_issue_ends_its_run_and_an_edit_only_an_unclaimed_one() {
        let closed = |claimed| {
            case().event(|issue| Event::IssueEnded { issue }).with(|c| c.active = Some(active(claimed))).decide()
        };
        assert!(matches!(closed(true), Decision::End { reason: Reason::Cancelled, only_unclaimed: false, .. }));
        assert!(matches!(closed(false), Decision::End { .. }));
        let edited = |claimed| {
            case().event(|issue| Event::IssueEdited { issue }).with(|c| c.active = Some(active(claimed))).decide()
        };
        assert!(matches!(edited(false), Decision::End { reason: Reason::Stale, only_unclaimed: true, .. }));
        assert_eq!(edited(true), Decision::Ignore(IntakeReason::EventNotHandled));
    }
}
