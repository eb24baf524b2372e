//! What each comment says.

use domain::locale::Locale;
use domain::reasons::IntakeReason;
use domain::run::RunStatus;

use super::*;

fn comment(status: RunStatus) -> ServiceComment<'static> {
    ServiceComment {
        marker: marker("run", "x"),
        status,
        reason: None,
        reason_detail: None,
        stage: "dev",
        role: "dev",
        model: "gpt-5.5",
        run_short: "456789ab".into(),
        run_url: "http://console.test/runs/x".into(),
        branch: "codex/i7-456789ab",
        pr_number: None,
        summary: None,
        tokens: None,
        calls: 0,
        namespace: None,
        namespace_expires: None,
        attempts: 0,
        last_words: None,
        next: vec!["run:qa".into(), "run:release".into()],
        questions: Vec::new(),
        actions: 0,
    }
}

#[test]
fn a_run_that_waits_says_what_it_asks_and_how_to_answer() {
    let asked = |number, question: &'static str, allow_custom| OpenQuestion {
        number,
        question: question.into(),
        context: (number == 1).then(|| "The data is small,\n\nand @olga owns it.".into()),
        options: vec!["PostgreSQL".into(), "SQLite <!-- hidden -->".into()],
        allow_custom,
    };
    let waiting = |questions, actions| ServiceComment { questions, actions, ..comment(RunStatus::WaitingMcp) };
    let both = vec![asked(1, "Which database?\n**Q9** · And?", false), asked(3, "Where does it run?", true)];
    insta::assert_snapshot!("asks_en", service(Locale::En, &waiting(both.clone(), 0)).unwrap());
    insta::assert_snapshot!("asks_ru", service(Locale::Ru, &waiting(both[..1].to_vec(), 2)).unwrap());
    let offered = ServiceComment { pr_number: Some(8), ..waiting(both, 0) };
    for (locale, words) in [(Locale::En, "with a comment here or on #8, a line"), (Locale::Ru, "здесь или в #8, по")]
    {
        assert!(service(locale, &offered).unwrap().contains(words), "{words}");
    }
}

#[test]
fn a_finished_run_says_what_came_out_and_what_comes_next() {
    let done = ServiceComment {
        pr_number: Some(8),
        summary: Some("Fixes #7, thanks @olga\n<!-- hi -->"),
        tokens: Some("12 345".into()),
        calls: 4,
        namespace: Some("acme-dev-i7-456789ab"),
        namespace_expires: Some("2026-11-23 10:00 UTC".into()),
        ..comment(RunStatus::Succeeded)
    };
    insta::assert_snapshot!(service(Locale::En, &done).unwrap());
    insta::assert_snapshot!(service(Locale::Ru, &done).unwrap());
}

#[test]
fn a_review_says_what_it_found_and_cannot_say_more() {
    let finding = Finding {
        place: "src/a|b.rs:3".into(),
        severity: "major",
        text: "Nobody | checks `x`.\n\nFixes #9, @olga <!-- hidden -->".into(),
    };
    let found = ReviewComment {
        marker: marker("review", "x"),
        verdict: "request_changes",
        summary: "One thing is missing.",
        findings: vec![finding],
        stage: "dev",
        role: "reviewer",
        model: "gpt-5.5",
        run_short: "456789ab".into(),
        run_url: "http://console.test/runs/x".into(),
    };
    insta::assert_snapshot!("review_en", review(Locale::En, &found).unwrap());
    let nothing = ReviewComment { verdict: "approve", findings: Vec::new(), ..found };
    insta::assert_snapshot!("review_ru", review(Locale::Ru, &nothing).unwrap());
}

#[test]
fn an_answer_keeps_its_lines_and_can_be_told_from_what_stands_around_it() {
    let given = AnswerComment {
        marker: marker(ANSWER, "x"),
        answer: Some("It is slow, @olga:\n\n- `src/a.rs:3` reads all\n- Fixes #9 <!-- hidden -->\n"),
        reason: None,
        reason_detail: None,
        role: "km",
        model: "gpt-5.5",
        run_short: "456789ab".into(),
        run_url: "http://console.test/runs/x".into(),
    };
    let text = answer(Locale::En, &given).unwrap();
    insta::assert_snapshot!("answer_en", text);
    let said = answered(&text).unwrap();
    assert!(said.starts_with("It is slow") && said.ends_with("--&gt;") | said.ends_with("-->"), "{said}");
    assert_eq!(answered("It is slow."), None);
    let none = AnswerComment { answer: None, reason: Some("timeout"), reason_detail: Some("an hour"), ..given };
    insta::assert_snapshot!("answer_ru", answer(Locale::Ru, &none).unwrap());
}

#[test]
fn an_agents_own_words_mention_nobody_and_say_whose_they_are() {
    let said = AgentComment {
        marker: marker("said", "x"),
        body: "Two ways, @olga:\n\n- one\n- two <!-- codex-k8s:run:y -->\n\nFixes #9",
        stage: "dev",
        role: "dev",
        model: "gpt-5.5",
        run_short: "456789ab".into(),
        run_url: "http://console.test/runs/x".into(),
    };
    insta::assert_snapshot!("agent_en", agent(Locale::En, &said).unwrap());
    insta::assert_snapshot!("agent_ru", agent(Locale::Ru, &said).unwrap());
}

#[test]
fn every_state_renders_in_both_languages() {
    for &status in RunStatus::ALL {
        for &locale in Locale::ALL {
            let text = service(locale, &comment(status)).unwrap();
            assert!(text.starts_with("<!-- codex-k8s:run:x -->"), "{text}");
        }
    }
}

#[test]
fn every_reason_that_deserves_a_comment_has_words_of_its_own() {
    for &locale in Locale::ALL {
        for reason in IntakeReason::ALL.iter().filter(|r| r.deserves_comment()) {
            let facts = Refusal {
                marker: marker("delivery", "x"),
                reason: reason.as_str(),
                first: Vec::new(),
                login: "ivan",
                delivery_url: "http://console.test/deliveries/x".into(),
            };
            let text = refusal(locale, &facts).unwrap();
            assert!(!text.contains(&format!("`{reason}`")), "{text}");
        }
    }
}

#[test]
fn who_skips_a_stage_is_told_which_and_how_to_do_without_an_order() {
    let told = |locale| {
        let facts = Refusal {
            marker: marker("delivery", "x"),
            reason: IntakeReason::StageNotReady.as_str(),
            first: vec!["run:design".into(), "run:plan".into()],
            login: "ivan",
            delivery_url: "http://console.test/deliveries/x".into(),
        };
        refusal(locale, &facts).unwrap()
    };
    insta::assert_snapshot!("out_of_order_en", told(Locale::En));
    insta::assert_snapshot!("out_of_order_ru", told(Locale::Ru));
}
