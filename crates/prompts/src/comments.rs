//! Comments that the platform writes on issues.

use std::borrow::Cow;

use domain::locale::Locale;
use domain::precondition::Lost;
use domain::reasons::Reason;
use domain::run::RunStatus;
use serde::Serialize;

use crate::engine::{self, TemplateError};
use crate::untrusted;

/// A hidden line by which a comment of ours is found again when GitHub did not answer. Only comments of our own account
/// are looked at, so nobody can plant one.
#[must_use]
pub fn marker(kind: &str, id: impl std::fmt::Display) -> String {
    format!("<!-- codex-k8s:{kind}:{id} -->")
}

/// A run as its service comment tells it.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// Where it stands.
    #[serde(serialize_with = "as_code")]
    pub status: RunStatus,
    /// Why it ended.
    pub reason: Option<&'a str>,
    /// What was seen.
    pub reason_detail: Option<&'a str>,
    /// Stage.
    pub stage: &'a str,
    /// Role.
    pub role: &'a str,
    /// Model.
    pub model: &'a str,
    /// Eight digits of the run's id.
    pub run_short: String,
    /// The run in the console.
    pub run_url: String,
    /// Its branch.
    pub branch: &'a str,
    /// The pull request.
    pub pr_number: Option<i64>,
    /// What came out, in the agent's words.
    pub summary: Option<&'a str>,
    /// Tokens used, formatted; `None` before the first call.
    pub tokens: Option<String>,
    /// Model calls.
    pub calls: i64,
    /// The namespace while it exists.
    pub namespace: Option<&'a str>,
    /// When it ends, formatted.
    pub namespace_expires: Option<String>,
    /// Launches that failed.
    pub attempts: i32,
    /// What the agent last said it was doing.
    pub last_words: Option<&'a str>,
    /// Labels of the stages that can follow.
    pub next: Vec<String>,
    /// What it waits to be told.
    pub questions: Vec<OpenQuestion<'a>>,
    /// How many actions it asks leave for.
    pub actions: usize,
}

/// A question that waits for an answer, in the agent's words.
#[derive(Debug, Clone, Serialize)]
pub struct OpenQuestion<'a> {
    /// Its number among what the run has asked.
    pub number: i32,
    /// What is asked.
    pub question: Cow<'a, str>,
    /// What people need to know.
    pub context: Option<Cow<'a, str>>,
    /// The answers to choose from.
    pub options: Vec<Cow<'a, str>>,
    /// People may answer in their own words.
    pub allow_custom: bool,
}

impl OpenQuestion<'_> {
    /// The same with words that mention nobody, hide nothing and stay in their line.
    fn safe(&self) -> OpenQuestion<'static> {
        OpenQuestion {
            number: self.number,
            question: quiet(&self.question, 2000).into(),
            context: self.context.as_ref().map(|context| quiet(context, 4000).into()),
            options: self.options.iter().map(|option| quiet(option, 500).into()).collect(),
            allow_custom: self.allow_custom,
        }
    }
}

fn as_code<S: serde::Serializer>(status: &RunStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

/// Renders a run's service comment. The agent's own words cannot mention people or hide anything.
///
/// # Errors
/// When a template lacks a variable.
pub fn service(locale: Locale, comment: &ServiceComment<'_>) -> Result<String, TemplateError> {
    let quoted = |text: Option<&str>| text.map(|text| quiet(text, 2000));
    let (summary, last_words, detail) =
        (quoted(comment.summary), quoted(comment.last_words), quoted(comment.reason_detail));
    let safe = ServiceComment {
        summary: summary.as_deref(),
        last_words: last_words.as_deref(),
        reason_detail: detail.as_deref(),
        questions: comment.questions.iter().map(OpenQuestion::safe).collect(),
        ..comment.clone()
    };
    let reason_words = comment.reason.and_then(|code| code.parse().ok()).map(|reason| words(locale, reason));
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(flatten)]
        comment: ServiceComment<'a>,
        reason_words: Option<&'static str>,
    }
    let text = engine::render("service-comment", locale, &Facts { comment: safe, reason_words })?;
    Ok(text.trim_end().to_owned() + "\n")
}

/// Text of an agent on GitHub in one line.
fn quiet(text: &str, limit: usize) -> String {
    quiet_lines(text, limit).replace('\n', " ")
}

/// Text of an agent on GitHub: nobody is mentioned, no other issue is closed, nothing is hidden, and it is short.
fn quiet_lines(text: &str, limit: usize) -> String {
    let text = domain::closing::defuse(&untrusted::visible(text));
    let text = text.replace('@', "@\u{2060}").replace("<!--", "&lt;!--");
    let mut cut: String = text.chars().take(limit).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// What a review found, as its comment on the pull request tells it.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// `approve` or `request_changes`.
    pub verdict: &'a str,
    /// In the agent's words.
    pub summary: &'a str,
    /// The gravest first.
    pub findings: Vec<Finding<'a>>,
    /// Stage.
    pub stage: &'a str,
    /// Role.
    pub role: &'a str,
    /// Model.
    pub model: &'a str,
    /// Eight digits of the run's id.
    pub run_short: String,
    /// The run in the console.
    pub run_url: String,
}

/// One fault that a review found, in the agent's words.
#[derive(Debug, Clone, Serialize)]
pub struct Finding<'a> {
    /// File, with the line where there is one.
    pub place: String,
    /// `blocker`, `major` or `minor`.
    pub severity: &'a str,
    /// What is wrong.
    pub text: String,
}

/// Renders what a review found. The agent's own words cannot mention people, hide anything or leave their cell.
///
/// # Errors
/// When a template lacks a variable.
pub fn review(locale: Locale, comment: &ReviewComment<'_>) -> Result<String, TemplateError> {
    let cell = |text: &str| quiet(text, 1500).replace('|', "\\|").replace('`', "'");
    let findings = comment.findings.iter();
    let findings = findings.map(|one| Finding { place: cell(&one.place), text: cell(&one.text), ..one.clone() });
    let safe =
        ReviewComment { summary: &quiet(comment.summary, 4000), findings: findings.collect(), ..comment.clone() };
    Ok(engine::render("review-comment", locale, &safe)?.trim_end().to_owned() + "\n")
}

/// What marks the answers of a discussion.
pub const ANSWER: &str = "answer";
/// GitHub takes 65,536 characters.
const ANSWER_LIMIT: usize = 60_000;

/// What a turn of a discussion answers, as its comment on the issue tells it.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// In the agent's words; `None` when none came.
    pub answer: Option<&'a str>,
    /// Why none came.
    pub reason: Option<&'a str>,
    /// What was seen.
    pub reason_detail: Option<&'a str>,
    /// Role.
    pub role: &'a str,
    /// Model.
    pub model: &'a str,
    /// Eight digits of the run's id.
    pub run_short: String,
    /// The run in the console.
    pub run_url: String,
}

/// Renders an answer. The agent's own words cannot mention people or hide anything; they may have several lines.
///
/// # Errors
/// When a template lacks a variable.
pub fn answer(locale: Locale, comment: &AnswerComment<'_>) -> Result<String, TemplateError> {
    let said = comment.answer.map(|text| quiet_lines(text.trim(), ANSWER_LIMIT));
    let detail = comment.reason_detail.map(|text| quiet(text, 500));
    let reason_words = comment.reason.and_then(|code| code.parse().ok()).map(|reason| words(locale, reason));
    #[derive(Serialize)]
    struct Facts<'a> {
        #[serde(flatten)]
        comment: AnswerComment<'a>,
        reason_words: Option<&'static str>,
    }
    let comment = AnswerComment { answer: said.as_deref(), reason_detail: detail.as_deref(), ..comment.clone() };
    Ok(engine::render("answer-comment", locale, &Facts { comment, reason_words })?.trim_end().to_owned() + "\n")
}

/// What an answer said, without what the platform put around it; `None` when the comment is none.
#[must_use]
pub fn answered(comment: &str) -> Option<&str> {
    let body = comment.strip_prefix("<!-- codex-k8s:answer:")?.split_once("-->")?.1;
    Some(body.rsplit_once("\n---\n").map_or(body, |(said, _)| said).trim())
}

/// A comment that an agent makes by itself.
#[derive(Debug, Clone, Serialize)]
pub struct AgentComment<'a> {
    /// From [`marker`].
    pub marker: String,
    /// Markdown, in the agent's words.
    pub body: &'a str,
    /// Stage.
    pub stage: &'a str,
    /// Role.
    pub role: &'a str,
    /// Model.
    pub model: &'a str,
    /// Eight digits of the run's id.
    pub run_short: String,
    /// The run in the console.
    pub run_url: String,
}

/// Renders an agent's own comment: its words can mention nobody, hide nothing and close nothing, and the platform says
/// whose they are.
///
/// # Errors
/// When a template lacks a variable.
pub fn agent(locale: Locale, comment: &AgentComment<'_>) -> Result<String, TemplateError> {
    let safe = AgentComment { body: &quiet_lines(comment.body, ANSWER_LIMIT), ..comment.clone() };
    Ok(engine::render("agent-comment", locale, &safe)?.trim_end().to_owned() + "\n")
}

/// Why nothing was started.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal<'a> {
    /// From [`marker`].
    pub marker: String,
    /// Code of the reason.
    pub reason: &'a str,
    /// Labels of stages of which one must be accepted first, where the project wants stages in their order.
    pub first: Vec<String>,
    /// Whom to tell.
    pub login: &'a str,
    /// The delivery in the console.
    pub delivery_url: String,
}

/// Renders the comment that tells a person why nothing was started.
///
/// # Errors
/// When a template lacks a variable.
pub fn refusal(locale: Locale, refusal: &Refusal<'_>) -> Result<String, TemplateError> {
    Ok(engine::render("refusal", locale, refusal)?.trim_end().to_owned() + "\n")
}

/// A reason in plain words.
#[must_use]
pub const fn words(locale: Locale, reason: Reason) -> &'static str {
    let (en, ru) = match reason {
        Reason::ImagePull => ("the agent's image could not be pulled", "не удалось получить образ агента"),
        Reason::Unschedulable => ("no node had room for the pod", "ни на одном узле не нашлось места для пода"),
        Reason::Quota => ("the namespace's quota refused the pod", "квота пространства имён не пустила под"),
        Reason::AdmissionDenied => ("the cluster refused the pod", "кластер не принял под"),
        Reason::Oom => ("the agent ran out of memory", "агенту не хватило памяти"),
        Reason::Evicted => ("the pod was evicted", "под был вытеснен"),
        Reason::Vanished => ("the pod disappeared", "под исчез"),
        Reason::Timeout => ("the run's time limit", "истёк лимит времени запуска"),
        Reason::Cancelled => ("it was cancelled", "отменено"),
        Reason::Stale => ("the issue changed before the work began", "задача изменилась до начала работы"),
        Reason::Budget => ("the budget is used up", "бюджет исчерпан"),
        Reason::ApprovalDenied => ("a person refused what the run needed", "человек отказал в том, что было нужно"),
        Reason::WriteScope => ("files were changed that may not be changed", "изменены файлы, которые менять нельзя"),
        Reason::Canary => (
            "the agent showed the run's decoy credential; nothing real was lost, but see in the run's log what led it there \
             before you start again",
            "агент показал ложный ключ запуска; ничего настоящего не потеряно, но прежде чем начинать снова, посмотрите в \
             журнале запуска, что его к этому привело",
        ),
        Reason::EgressOpen => ("the pod's network was not closed", "сеть пода не была закрыта"),
        Reason::AgentError => ("the agent failed or produced nothing", "агент завершился ошибкой или ничего не сделал"),
        Reason::InfraError => ("the platform, the cluster or GitHub failed", "сбой платформы, кластера или GitHub"),
        Reason::FailedPrecondition => {
            ("a condition of the start no longer held", "условие запуска больше не выполнялось")
        }
    };
    match locale {
        Locale::En => en,
        Locale::Ru => ru,
    }
}

/// Why a run was not launched, in plain words.
#[must_use]
pub const fn lost(locale: Locale, lost: Lost) -> &'static str {
    let (en, ru) = match lost {
        Lost::IssueEnded => ("the issue was closed before the work began", "задачу закрыли до начала работы"),
        Lost::LabelGone => ("the label was taken off before the work began", "метку сняли до начала работы"),
        Lost::Rights => (
            "the person who started it may not start runs here any more",
            "у того, кто это начал, больше нет права на запуски здесь",
        ),
        Lost::Blocked => (
            "the issue carries state:blocked or need:input by now",
            "на задаче теперь метка state:blocked или need:input",
        ),
        Lost::ModelLabels => (
            "the labels choose two models or efforts by now, or a model that is not allowed",
            "метки теперь выбирают две модели или два усилия, или недопустимую модель",
        ),
    };
    match locale {
        Locale::En => en,
        Locale::Ru => ru,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::reasons::IntakeReason;

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
}
