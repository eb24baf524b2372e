//! What is heard in a discussion, and what ends one.

use super::*;

/// A comment by Olga where people talk.
fn said() -> Case {
    let comment = crate::event::Comment { id: 31, body: "Why is it slow?".into(), url: "u".into() };
    case().event(|issue| Event::Commented {
        comment,
        issue: Issue { labels: vec![labels::DISCUSSION.into(), "bug".into()], ..issue },
    })
}

#[test]
fn a_comment_is_heard_where_the_label_lies_and_its_author_may_start_runs() {
    assert_eq!(said().decide(), Decision::Hear);
    assert_eq!(said().with(|c| c.talks = true).decide(), Decision::Hear);
    for label in [labels::BLOCKED, labels::NEED_INPUT, "run:dev", "[ai-model-unheard-of]"] {
        let beside = said().with(|c| c.issue().labels.push(label.into()));
        assert_eq!(beside.decide(), Decision::Hear, "{label}: words may be what is needed");
    }
}

#[test]
fn every_reason_not_to_hear_a_comment() {
    use IntakeReason as R;
    let table = [
        (R::RepositoryNotBound, said().with(|c| c.binding = None)),
        (R::OwnAction, said().with(|c| c.delivered.sender.as_mut().unwrap().github_id = BOT)),
        (R::StaleEvent, said().with(|c| c.delivered.object_time = Some(now() - TimeDelta::hours(73)))),
        (R::EventNotHandled, said().with(|c| c.issue().labels.clear())),
        (R::SenderTypeNotPermitted, said().with(|c| c.delivered.sender.as_mut().unwrap().kind = AccountKind::Other)),
        (R::SenderNotAllowed, said().with(|c| c.person = None)),
        (R::SenderNotMember, said().with(|c| c.person = Some(person(PlatformRole::Member, None)))),
        (
            R::SenderRoleNotPermitted,
            said().with(|c| c.person = Some(person(PlatformRole::Member, Some(ProjectRole::Read)))),
        ),
        (R::IssueClosed, said().with(|c| c.issue().open = false)),
        (R::RunAlreadyActive, said().with(|c| c.active = Some(active(true)))),
    ];
    for (reason, case) in table {
        assert_eq!(case.decide(), Decision::Ignore(reason), "{reason}");
    }
    let stranger = said().with(|c| {
        c.issue().labels.clear();
        c.person = None;
    });
    let plain = Decision::Ignore(R::EventNotHandled);
    assert_eq!(stranger.decide(), plain, "a word on any other issue is none of the platform's business");
}

#[test]
fn what_ends_a_discussion() {
    let labelled = |name: &'static str| case().event(move |issue| Event::Labeled { label: name.into(), issue });
    let off = |name: &'static str| case().event(move |issue| Event::Unlabeled { label: name.into(), issue });
    let closed = || case().event(|issue| Event::IssueEnded { issue });
    let refused = labelled("run:dev").with(|c| c.person = None);
    let table = [
        (Some(TalkEnd::Stage), labelled("run:dev")),
        (Some(TalkEnd::Stage), labelled("run:plan:revise")),
        (Some(TalkEnd::Stage), refused),
        (None, labelled("run:debug")),
        (None, labelled(labels::DISCUSSION)),
        (None, labelled("bug")),
        (Some(TalkEnd::Unlabelled), off(labels::DISCUSSION)),
        (None, off("run:dev")),
        (Some(TalkEnd::IssueEnded), closed()),
        (None, closed().with(|c| c.delivered.sender.as_mut().unwrap().github_id = BOT)),
        (None, case().event(|issue| Event::IssueEdited { issue })),
        (None, said()),
    ];
    for (row, (end, case)) in table.into_iter().enumerate() {
        assert_eq!(case.on(ends_talk), None, "row {row}: nobody talks");
        assert_eq!(case.with(|c| c.talks = true).on(ends_talk), end, "row {row}");
    }
}

#[test]
fn an_event_that_only_ends_a_discussion_says_so() {
    let off = case().event(|issue| Event::Unlabeled { label: labels::DISCUSSION.into(), issue });
    assert_eq!(off.decide(), Decision::Ignore(IntakeReason::NotTriggerLabel));
    assert_eq!(off.with(|c| c.talks = true).decide(), Decision::EndTalk(TalkEnd::Unlabelled));
    let closed = case().event(|issue| Event::IssueEnded { issue }).with(|c| c.talks = true);
    assert_eq!(closed.decide(), Decision::EndTalk(TalkEnd::IssueEnded));
    let working = closed.with(|c| c.active = Some(active(true)));
    assert!(matches!(working.decide(), Decision::End { .. }));
    let label = case().event(|issue| Event::Labeled { label: labels::DISCUSSION.into(), issue });
    assert_eq!(label.decide(), Decision::Ignore(IntakeReason::NotTriggerLabel), "a comment begins it");
}
