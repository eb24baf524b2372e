//! Every reason, and every event that does something.

mod answers;
mod talk;

use super::*;
use crate::choice;
use crate::event::{EventRepository, Issue, Pull, Sender, Verdict};

const OLGA: i64 = 1;
const BOT: i64 = 99;

/// The facts under which `run:dev` starts a run; each test changes one of them.
struct Case {
    delivered: Delivered,
    binding: Option<Binding>,
    person: Option<Person>,
    active: Option<ActiveRun>,
    questions: Questions,
    talks: bool,
    history: History,
    retries: Option<RunId>,
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
            stage_order: false,
        }),
        person: Some(person(PlatformRole::Member, Some(ProjectRole::ReadWrite))),
        active: None,
        questions: Questions::default(),
        talks: false,
        history: History::default(),
        retries: None,
    }
}

fn person(platform_role: PlatformRole, project_role: Option<ProjectRole>) -> Person {
    Person { user_id: UserId::new(), platform_role, project_role }
}

fn active(claimed: bool) -> ActiveRun {
    ActiveRun { id: RunId::new(), trigger: Some("run:dev".into()), claimed }
}

fn work(stage: Stage, choice: Choice) -> Decision {
    Decision::Start(Start { task: Task::Work, stage, choice })
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
            | Event::IssueEdited { issue }
            | Event::Commented { issue, .. } => issue,
            _ => unreachable!("the case carries an issue"),
        }
    }

    fn event(self, make: impl FnOnce(Issue) -> Event) -> Self {
        self.with(|case| {
            let issue = case.issue().clone();
            case.delivered.event = make(issue);
        })
    }

    fn on<T>(&self, decide: impl FnOnce(&Facts<'_>) -> T) -> T {
        decide(&Facts {
            delivered: &self.delivered,
            binding: self.binding,
            person: self.person,
            active: self.active.as_ref(),
            questions: &self.questions,
            talks: self.talks,
            history: &self.history,
            retries: self.retries,
            models: &["gpt-5.5".to_owned()],
            now: now(),
        })
    }

    fn decide(&self) -> Decision {
        self.on(decide)
    }
}

#[test]
fn a_run_label_by_someone_who_may_starts_a_run() {
    assert_eq!(case().decide(), work(Stage::Dev, Choice::default()));
    let admin = case().with(|c| c.person = Some(person(PlatformRole::Admin, None)));
    assert_eq!(admin.decide(), work(Stage::Dev, Choice::default()));
}

#[test]
fn every_stage_is_started_by_its_label() {
    for &stage in Stage::ALL {
        let labelled = case().event(|issue| Event::Labeled {
            label: labels::run(stage),
            issue: Issue { labels: vec![labels::run(stage), "[ai-reasoning-low]".into()], ..issue },
        });
        let choice = Choice { model: None, effort: Some(choice::Effort::Low) };
        assert_eq!(labelled.decide(), work(stage, choice));
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
        (R::NotTriggerLabel, case().event(label("run:debug:revise"))),
        (R::EventNotHandled, case().event(label("run:debug"))),
        (R::SenderTypeNotPermitted, case().with(|c| c.delivered.sender = None)),
        (R::SenderTypeNotPermitted, case().with(|c| c.delivered.sender.as_mut().unwrap().kind = AccountKind::Other)),
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
fn the_debug_label_keeps_and_releases_the_namespaces_of_an_issue_and_of_its_pull_request() {
    let (on, off) = (
        |issue| Event::Labeled { label: "run:debug".into(), issue },
        |issue| Event::Unlabeled { label: "run:debug".into(), issue },
    );
    let (newest, older) = (earlier(Stage::Dev, true), earlier(Stage::Plan, false));
    let known = |case: Case| case.with(|c| c.history.earlier = vec![newest, older]);
    let kept = |keep| Decision::Keep { keep, run: newest.id };
    assert_eq!(known(case().event(on)).decide(), kept(true));
    assert_eq!(known(case().event(off)).decide(), kept(false));
    let closed = |issue| on(Issue { open: false, ..issue });
    assert_eq!(known(case().event(closed)).decide(), kept(true), "that is when somebody looks");
    let reads = |case: Case| case.with(|c| c.person = Some(person(PlatformRole::Member, Some(ProjectRole::Read))));
    let refused = Decision::Ignore(IntakeReason::SenderRoleNotPermitted);
    assert_eq!(known(reads(case().event(on))).decide(), refused);
    assert_eq!(known(reads(case().event(off))).decide(), kept(false), "it does not lie there any more");
    let (begun, run) = (active(false), known(case().event(on)));
    let expected = Decision::Keep { keep: true, run: begun.id };
    assert_eq!(run.with(|c| c.active = Some(begun)).decide(), expected);

    let on_pull = |pull| Event::PullLabeled { label: "run:debug".into(), pull };
    let off_pull = |pull| Event::PullUnlabeled { label: "run:debug".into(), pull };
    assert_eq!(known(pull_case(on_pull)).decide(), kept(true));
    assert_eq!(known(pull_case(off_pull)).decide(), kept(false));
    let other = pull_case(|pull| Event::PullUnlabeled { label: "bug".into(), pull });
    assert_eq!(other.decide(), Decision::Ignore(IntakeReason::NotTriggerLabel));
    let nobodys = pull_case(on_pull).with(|c| c.history.earlier.clear());
    assert_eq!(nobodys.decide(), Decision::Ignore(IntakeReason::EventNotHandled));
}

#[test]
fn a_stage_starts_beside_the_debug_label() {
    let beside = case().with(|c| c.issue().labels.push("run:debug".into()));
    assert_eq!(beside.decide(), work(Stage::Dev, Choice::default()));
}

#[test]
fn the_end_of_an_issue_ends_its_run_and_an_edit_only_an_unclaimed_one() {
    let closed =
        |claimed| case().event(|issue| Event::IssueEnded { issue }).with(|c| c.active = Some(active(claimed))).decide();
    assert!(matches!(closed(true), Decision::End { reason: Reason::Cancelled, only_unclaimed: false, .. }));
    assert!(matches!(closed(false), Decision::End { .. }));
    let over = case().event(|issue| Event::IssueEnded { issue });
    assert_eq!(over.decide(), Decision::Ignore(IntakeReason::EventNotHandled), "nothing ever ran on it");
    let over = over.with(|c| c.history.earlier = vec![earlier(Stage::Dev, true), earlier(Stage::Plan, false)]);
    assert_eq!(over.decide(), Decision::Clear { run: over.history.earlier[0].id });
    let edited = |claimed| {
        case().event(|issue| Event::IssueEdited { issue }).with(|c| c.active = Some(active(claimed))).decide()
    };
    assert!(matches!(edited(false), Decision::End { reason: Reason::Stale, only_unclaimed: true, .. }));
    assert_eq!(edited(true), Decision::Ignore(IntakeReason::EventNotHandled));
}

const PULL: i64 = 8;

fn earlier(stage: Stage, waits: bool) -> Earlier {
    Earlier { id: RunId::new(), stage, pull: Some(PULL), handed_in: true, waits }
}

fn pull() -> Pull {
    Pull {
        number: PULL,
        title: "t".into(),
        body: String::new(),
        open: true,
        labels: Vec::new(),
        url: "u".into(),
        head: "codex/i7-x".into(),
        head_is_here: true,
        base: "main".into(),
    }
}

/// The facts under which an event of a pull request that a run made does what it should.
fn pull_case(make: impl FnOnce(Pull) -> Event) -> Case {
    case().with(|c| {
        c.delivered.event = make(pull());
        c.history.earlier = vec![earlier(Stage::Dev, true)];
    })
}

fn asked_for_changes(pull: Pull) -> Event {
    Event::Reviewed { verdict: Verdict::ChangesRequested, pull }
}

fn need_reviewer(pull: Pull) -> Event {
    Event::PullLabeled { label: labels::NEED_REVIEWER.into(), pull }
}

#[test]
fn a_revise_label_takes_up_the_newest_work_of_its_stage() {
    let revise = |stage| {
        case().event(move |issue| Event::Labeled {
            label: labels::revise(stage),
            issue: Issue { labels: vec![labels::revise(stage)], ..issue },
        })
    };
    let (dev, older) = (earlier(Stage::Dev, true), earlier(Stage::Dev, false));
    let again = revise(Stage::Dev).with(|c| c.history.earlier = vec![earlier(Stage::Plan, true), dev, older]);
    let expected = Start { task: Task::Revise(dev.id), stage: Stage::Dev, choice: Choice::default() };
    assert_eq!(again.decide(), Decision::Start(expected));
    let nothing = revise(Stage::Qa).with(|c| c.history.earlier = vec![dev]);
    assert_eq!(nothing.decide(), Decision::Ignore(IntakeReason::StageNotReady));
    let beside = revise(Stage::Dev).with(|c| {
        c.history.earlier = vec![dev];
        c.issue().labels.push("run:dev".into());
    });
    assert_eq!(beside.decide(), Decision::Ignore(IntakeReason::LabelConflict));
}

#[test]
fn a_retry_goes_on_with_a_run_of_this_stage_that_ended_badly() {
    let failed = Earlier { handed_in: false, pull: None, ..earlier(Stage::Dev, false) };
    let again = |run: Earlier| {
        case().with(|c| {
            c.history.earlier = vec![run];
            c.retries = Some(failed.id);
        })
    };
    let expected = Start { task: Task::Retry(failed.id), stage: Stage::Dev, choice: Choice::default() };
    assert_eq!(again(failed).decide(), Decision::Start(expected));
    let not_so = [
        Earlier { stage: Stage::Qa, ..failed },
        Earlier { handed_in: true, ..failed },
        Earlier { id: RunId::new(), ..failed },
    ];
    for run in not_so {
        assert_eq!(again(run).decide(), Decision::Ignore(IntakeReason::StageNotReady));
    }
}

#[test]
fn a_review_that_asks_for_changes_revises_the_stage_that_it_means() {
    let case = pull_case(asked_for_changes);
    let run = case.history.earlier[0].id;
    let expected = |choice| Decision::Start(Start { task: Task::Revise(run), stage: Stage::Dev, choice });
    assert_eq!(case.decide(), expected(Choice::default()));
    let low = pull_case(|pull| asked_for_changes(Pull { labels: vec!["[ai-reasoning-low]".into()], ..pull }))
        .with(|c| c.history.earlier = case.history.earlier.clone());
    assert_eq!(low.decide(), expected(Choice { model: None, effort: Some(choice::Effort::Low) }));
}

#[test]
fn every_reason_to_do_nothing_about_a_pull_request() {
    use IntakeReason as R;
    let reader = || Some(person(PlatformRole::Member, Some(ProjectRole::Read)));
    let with_label = |make: fn(Pull) -> Event, label: &'static str| {
        pull_case(move |pull| make(Pull { labels: vec![label.into()], ..pull }))
    };
    let approved = |pull| Event::Reviewed { verdict: Verdict::Approved, pull };
    let table = [
        (R::OwnAction, pull_case(approved).with(|c| c.delivered.sender.as_mut().unwrap().github_id = BOT)),
        (R::SenderNotAllowed, pull_case(asked_for_changes).with(|c| c.person = None)),
        (R::SenderRoleNotPermitted, pull_case(approved).with(|c| c.person = reader())),
        (R::SenderRoleNotPermitted, pull_case(need_reviewer).with(|c| c.person = reader())),
        (R::EventNotHandled, pull_case(asked_for_changes).with(|c| c.history.earlier.clear())),
        (R::EventNotHandled, pull_case(approved).with(|c| c.history.earlier[0].waits = false)),
        (R::EventNotHandled, {
            pull_case(|pull| Event::PullClosed { merged: true, pull }).with(|c| c.history.earlier.clear())
        }),
        (R::EventNotHandled, {
            pull_case(|pull| need_reviewer(Pull { head_is_here: false, ..pull })).with(|c| c.history.earlier.clear())
        }),
        (R::NotTriggerLabel, pull_case(|pull| Event::PullLabeled { label: "run:dev".into(), pull })),
        (R::IssueClosed, pull_case(|pull| asked_for_changes(Pull { open: false, ..pull }))),
        (R::IssueClosed, pull_case(|pull| need_reviewer(Pull { open: false, ..pull }))),
        (R::RunAlreadyActive, pull_case(asked_for_changes).with(|c| c.active = Some(active(true)))),
        (R::StageNotReady, with_label(asked_for_changes, labels::BLOCKED)),
        (R::StageNotReady, {
            pull_case(asked_for_changes).with(|c| c.history.issue_labels = vec![labels::NEED_INPUT.into()])
        }),
        (R::StageAmbiguous, {
            pull_case(asked_for_changes).with(|c| c.history.earlier.push(earlier(Stage::Plan, false)))
        }),
        (R::ModelLabelConflict, with_label(asked_for_changes, "[ai-model-unheard-of]")),
        (R::ModelLabelConflict, with_label(need_reviewer, "[ai-model-unheard-of]")),
    ];
    for (reason, case) in table {
        assert_eq!(case.decide(), Decision::Ignore(reason), "{reason}");
    }
}

#[test]
fn the_reviewer_looks_at_what_a_run_made_and_at_what_a_person_made() {
    let ours = pull_case(need_reviewer).with(|c| c.history.earlier[0].stage = Stage::Plan);
    let task = Task::Review(Some(ours.history.earlier[0].id));
    assert_eq!(ours.decide(), Decision::Start(Start { task, stage: Stage::Plan, choice: Choice::default() }));
    let theirs = pull_case(need_reviewer).with(|c| c.history.earlier.clear());
    let task = Task::Review(None);
    assert_eq!(theirs.decide(), Decision::Start(Start { task, stage: Stage::Dev, choice: Choice::default() }));
}

#[test]
fn what_becomes_of_a_pull_request_settles_the_work_whoever_did_it_on_github() {
    let settled = |case: &Case, how| Decision::Settle { how, run: case.history.earlier[0].id, supersedes: Vec::new() };
    for (merged, how) in [(true, Settlement::Merged), (false, Settlement::Closed)] {
        let case = pull_case(move |pull| Event::PullClosed { merged, pull }).with(|c| c.person = None);
        assert_eq!(case.decide(), settled(&case, how));
    }
    let approved = pull_case(|pull| Event::Reviewed { verdict: Verdict::Approved, pull });
    assert_eq!(approved.decide(), settled(&approved, Settlement::Approved));
}

#[test]
fn a_rethink_takes_the_place_of_older_plans_when_it_is_merged_and_not_before() {
    let (rethink, plan) = (earlier(Stage::Rethink, true), Earlier { pull: Some(3), ..earlier(Stage::Plan, false) });
    let told = |make: fn(Pull) -> Event| pull_case(make).with(|c| c.history.earlier = vec![rethink, plan]).decide();
    let settled = |how, supersedes| Decision::Settle { how, run: rethink.id, supersedes };
    let merged = told(|pull| Event::PullClosed { merged: true, pull });
    assert_eq!(merged, settled(Settlement::Merged, vec![Superseded { pull: 3, run: plan.id }]));
    let closed = told(|pull| Event::PullClosed { merged: false, pull });
    assert_eq!(closed, settled(Settlement::Closed, Vec::new()));
    let approved = told(|pull| Event::Reviewed { verdict: Verdict::Approved, pull });
    assert_eq!(approved, settled(Settlement::Approved, Vec::new()));
}

/// A stage's label, where stages have an order and this was handed in on the issue.
fn in_order(label: &str, handed_in: &[Earlier]) -> Case {
    let case = case()
        .event(|issue| Event::Labeled { label: label.into(), issue: Issue { labels: vec![label.into()], ..issue } });
    case.with(|c| {
        c.binding = c.binding.map(|binding| Binding { stage_order: true, ..binding });
        c.history.earlier = handed_in.to_vec();
    })
}

#[test]
fn where_stages_have_an_order_one_that_leads_to_it_must_have_been_accepted() {
    let (design, plan) = (earlier(Stage::Design, false), earlier(Stage::Plan, false));
    let (intake, waiting) = (earlier(Stage::Intake, false), earlier(Stage::Plan, true));
    let table: [(&str, &[Earlier], bool); 11] = [
        ("run:dev", &[], false),
        ("run:dev", &[plan], true),
        ("run:dev", &[design], true),
        ("run:dev", &[waiting], false),
        ("run:dev", &[intake], false),
        ("run:plan", &[intake], true),
        ("run:qa", &[plan], false),
        ("run:intake", &[], true),
        ("run:doc-audit", &[], true),
        ("run:self-improve", &[], true),
        ("run:rethink", &[], true),
    ];
    for (label, handed_in, starts) in table {
        let decision = in_order(label, handed_in).decide();
        let as_told = match &decision {
            Decision::Start(_) => starts,
            other => !starts && *other == Decision::Ignore(IntakeReason::StageNotReady),
        };
        assert!(as_told, "{label} {handed_in:?}: {decision:?}");
        let anyhow = in_order(label, handed_in).with(|c| c.binding.as_mut().unwrap().stage_order = false);
        assert!(matches!(anyhow.decide(), Decision::Start(_)), "{label}, without an order");
    }
    let revised = in_order("run:dev:revise", &[earlier(Stage::Dev, true)]);
    assert!(matches!(revised.decide(), Decision::Start(Start { task: Task::Revise(_), .. })));
    let conflict = in_order("run:dev", &[]).with(|c| c.issue().labels.push("run:plan".into()));
    assert_eq!(conflict.decide(), Decision::Ignore(IntakeReason::LabelConflict));
}

#[test]
fn history_is_read_for_the_events_that_need_it() {
    let issue = || case().issue().clone();
    let labelled =
        |label: &str, in_order| asks_for_history(&Event::Labeled { label: label.into(), issue: issue() }, in_order);
    let asks = |event: &Event| asks_for_history(event, false);
    assert!(!labelled("run:dev", false) && labelled("run:dev:revise", false));
    assert!(labelled("run:dev", true) && !labelled("bug", true));
    assert!(asks(&asked_for_changes(pull())) && asks(&need_reviewer(pull())));
    assert!(!asks(&Event::PullLabeled { label: "bug".into(), pull: pull() }));
    assert!(labelled("run:debug", false) && asks(&Event::Unlabeled { label: "run:debug".into(), issue: issue() }));
    assert!(!asks(&Event::Unlabeled { label: "run:dev".into(), issue: issue() }));
    assert!(asks(&Event::PullUnlabeled { label: "run:debug".into(), pull: pull() }));
    assert!(asks(&Event::PullClosed { merged: true, pull: pull() }) && asks(&Event::IssueEnded { issue: issue() }));
}
