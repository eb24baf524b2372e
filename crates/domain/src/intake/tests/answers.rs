//! Who answers a run with a comment on its issue or pull request.

use uuid::Uuid;

use super::*;
use crate::approvals::replies::Open;
use crate::approvals::{Answer, Question};

const REQUEST: Uuid = Uuid::from_u128(7);

/// A comment by somebody who manages the project, while the run waits for one answer.
fn said(body: &str) -> Case {
    let comment = crate::event::Comment { id: 31, body: body.into(), url: "u".into() };
    let options = vec!["PostgreSQL".into(), "SQLite".into()];
    let question = Question { question: "Which database?".into(), context: None, options, allow_custom: false };
    case().event(|issue| Event::Commented { comment, issue }).with(|c| {
        c.person = Some(person(PlatformRole::Member, Some(ProjectRole::Admin)));
        c.active = Some(active(true));
        c.questions.open = vec![Open { id: REQUEST, number: 1, question }];
    })
}

/// The same on the run's pull request.
fn said_on_the_pull(body: &str) -> Case {
    said(body).with(|c| {
        let Event::Commented { comment, .. } = c.delivered.event.clone() else { unreachable!("a comment") };
        c.delivered.event = Event::PullCommented { comment, number: 8 };
    })
}

#[test]
fn who_answers_for_the_run_is_heard() {
    let answered = |case: &Case| {
        let answer = Answer { option: Some(1), text: "SQLite".into() };
        Decision::Answer { run: case.active.as_ref().unwrap().id, answers: vec![(REQUEST, answer)] }
    };
    let writer = said("2").with(|c| {
        let writer = person(PlatformRole::Member, Some(ProjectRole::ReadWrite));
        c.questions.started_by = Some(writer.user_id);
        c.person = Some(writer);
    });
    let in_a_talk = said("Q1 sqlite").with(|c| c.issue().labels.push(labels::DISCUSSION.into()));
    let owner = said("2").with(|c| c.person = Some(person(PlatformRole::Owner, None)));
    for case in [said("2"), said("Q1 sqlite"), said_on_the_pull("2"), writer, in_a_talk, owner] {
        assert_eq!(case.decide(), answered(&case));
    }
}

#[test]
fn every_reason_not_to_take_an_answer() {
    use IntakeReason as R;
    let of = |person: Option<Person>| said("2").with(|c| c.person = person);
    let table = [
        (R::OwnAction, said("2").with(|c| c.delivered.sender.as_mut().unwrap().github_id = BOT)),
        (R::SenderTypeNotPermitted, said("2").with(|c| c.delivered.sender.as_mut().unwrap().kind = AccountKind::Other)),
        (R::AnswerNotPermitted, of(None)),
        (R::AnswerNotPermitted, of(Some(person(PlatformRole::Member, None)))),
        (R::AnswerNotPermitted, of(Some(person(PlatformRole::Member, Some(ProjectRole::Read))))),
        (R::AnswerNotPermitted, of(Some(person(PlatformRole::Member, Some(ProjectRole::ReadWrite))))),
        (R::AnswerUnclear, said("Q1 3")),
        (R::AnswerUnclear, said("Q1: MySQL")),
        // Talk, and a number when nothing is asked.
        (R::EventNotHandled, said("I like both")),
        (R::EventNotHandled, said("2").with(|c| c.questions.open.clear())),
        (R::EventNotHandled, said("2").with(|c| c.active = None)),
        // The same on the pull request, where nobody talks with an agent.
        (R::OwnAction, said_on_the_pull("2").with(|c| c.delivered.sender.as_mut().unwrap().github_id = BOT)),
        (R::AnswerNotPermitted, said_on_the_pull("2").with(|c| c.person = None)),
        (R::AnswerUnclear, said_on_the_pull("Q1 3")),
        (R::EventNotHandled, said_on_the_pull("I like both")),
        (R::EventNotHandled, said_on_the_pull("2").with(|c| c.active = None)),
    ];
    for (row, (reason, case)) in table.into_iter().enumerate() {
        assert_eq!(case.decide(), Decision::Ignore(reason), "row {row}: {reason}");
    }
}
