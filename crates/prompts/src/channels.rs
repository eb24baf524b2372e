//! What people are asked through channels: an approver gets three short texts, an executor a question with its options.
//!
//! Nothing else is sure to be shown there, so what will be done, how bad it would be, who asks and why must be in the texts.
//! They are plain lines, because the other side escapes what its own service needs; words of agents and of people stand in
//! quotation marks that they cannot end, hide nothing, mention nobody, and are cut where they are long. The whole is in the
//! console, to which a link leads.

mod effects;
pub mod trial;

use domain::approvals::{ApprovalMode, Effect, Question, Risk};
use domain::locale::Locale;

use crate::untrusted;

/// Characters that an approver takes of each text, and the fewest that it takes.
pub const TEXT: (usize, usize) = (10, 500);
/// Characters of a question. An executor takes 1000, but shows everything twice, in a message of 4096 characters.
pub const QUESTION: (usize, usize) = (10, 700);
/// Characters of what is said to a question; an executor takes 2000.
pub const CONTEXT: usize = 500;
/// Characters of an option; an executor takes 300.
pub const OPTION: usize = 100;
/// Of an agent's reason, and of a title.
const WHY: usize = 300;
const TITLE: usize = 50;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Role of the agent.
    pub role: &'a str,
    /// Stage of its run.
    pub stage: &'a str,
    /// Login of whoever started it.
    pub started_by: &'a str,
    /// The project's name.
    pub project: &'a str,
    /// owner/name.
    pub repository: &'a str,
    /// Number of the issue.
    pub number: i64,
    /// Its title.
    pub title: &'a str,
}

/// What an approver is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What will be done, and where.
    pub request: String,
    /// Who asks, and why.
    pub justification: String,
    /// How bad it would be, and who may decide.
    pub risk: String,
}

/// Leave to act, as an approver shows it.
#[must_use]
pub fn approval(
    locale: Locale,
    asking: &Asking<'_>,
    effect: &Effect,
    digest: &str,
    (mode, why): (ApprovalMode, Option<&str>),
) -> Approval {
    let doing = effects::doing(locale, effect);
    let place = place(locale, asking);
    let short = digest.get(..12).unwrap_or(digest);
    let why = why.map(|why| quoted(locale, why, WHY));
    let (role, stage) = (untrusted::line(asking.role), untrusted::line(asking.stage));
    let by = unmentioned(&untrusted::line(asking.started_by));
    let (request, justification) = match locale {
        Locale::En => (
            format!("{doing}. {place}. The decision counts for exactly this ({short})."),
            match why {
                Some(why) => format!("The agent {role} ({stage}), started by {by}, says why, unchecked: {why}"),
                None => format!("The agent {role} ({stage}), started by {by}, asks and gives no reason."),
            },
        ),
        Locale::Ru => (
            format!("{doing}. {place}. Решение относится ровно к этому ({short})."),
            match why {
                Some(why) => format!("Агент {role} ({stage}), которого запустил {by}, объясняет (не проверено): {why}"),
                None => {
                    format!("Агент {role} ({stage}), которого запустил {by}, просит об этом и причины не называет.")
                }
            },
        ),
    };
    let risk = risk(locale, effect.risk(), mode);
    Approval { request: cut(&request, TEXT.1), justification: cut(&justification, TEXT.1), risk: cut(&risk, TEXT.1) }
}

/// What an executor is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub question: String,
    /// Who asks, where, and what the agent says to it.
    pub context: String,
    /// The answers to choose from, in their order.
    pub options: Vec<String>,
}

/// A question, as an executor shows it; `page` is where the whole of it is.
#[must_use]
pub fn question(locale: Locale, asking: &Asking<'_>, question: &Question, page: &str) -> Asked {
    let mut asked = cut(&unmentioned(&untrusted::line(&question.question)), QUESTION.1);
    if asked.chars().count() < QUESTION.0 {
        asked = match locale {
            Locale::En => format!("The agent asks: {asked}"),
            Locale::Ru => format!("Агент спрашивает: {asked}"),
        };
    }
    let (role, place) = (untrusted::line(asking.role), place(locale, asking));
    let from = match locale {
        Locale::En => format!("The agent {role} asks, nobody has checked its words. {place}. All of it: {page}"),
        Locale::Ru => format!("Спрашивает агент {role}, его слов никто не проверял. {place}. Целиком: {page}"),
    };
    let left = CONTEXT.saturating_sub(from.chars().count() + 3);
    let said = question.context.as_deref().filter(|_| left > 40).map(|context| quoted(locale, context, left));
    let context = said.map_or_else(|| from.clone(), |said| format!("{from} {said}"));
    let option = |(at, option): (usize, &String)| {
        let line = unmentioned(&untrusted::line(option));
        if line.is_empty() { format!("{}", at + 1) } else { cut(&line, OPTION) }
    };
    let options = question.options.iter().enumerate().map(option).collect();
    Asked { question: asked, context: cut(&context, CONTEXT), options }
}

fn place(locale: Locale, asking: &Asking<'_>) -> String {
    let Asking { project, repository, number, title, .. } = asking;
    let (project, title) = (quoted(locale, project, TITLE), quoted(locale, title, TITLE));
    match locale {
        Locale::En => format!("Project {project}, {repository}#{number} {title}"),
        Locale::Ru => format!("Проект {project}, {repository}#{number} {title}"),
    }
}

const fn risk_words(locale: Locale, risk: Risk) -> &'static str {
    match (locale, risk) {
        (Locale::En, Risk::Low) => "Low risk: it is seen at once and can be taken back.",
        (Locale::En, Risk::Medium) => "Medium risk: people may take it for something that it is not, or act on it.",
        (Locale::En, Risk::High) => "High risk: it cannot be taken back.",
        (Locale::Ru, Risk::Low) => "Риск низкий: это сразу видно и можно отменить.",
        (Locale::Ru, Risk::Medium) => "Риск средний: это могут принять за другое или начать по этому действовать.",
        (Locale::Ru, Risk::High) => "Риск высокий: отменить это нельзя.",
    }
}

fn risk(locale: Locale, risk: Risk, mode: ApprovalMode) -> String {
    let who = match (locale, mode) {
        (Locale::En, ApprovalMode::Delegated) => "Whoever may start runs in the project may decide.",
        (Locale::En, _) => "Only whoever manages the project may decide.",
        (Locale::Ru, ApprovalMode::Delegated) => "Решать может тот, кому в проекте разрешены запуски.",
        (Locale::Ru, _) => "Решать может только тот, кто управляет проектом.",
    };
    format!("{} {who}", risk_words(locale, risk))
}

/// Words of others in quotation marks that they cannot end.
fn quoted(locale: Locale, words: &str, most: usize) -> String {
    let line = unmentioned(&untrusted::line(words)).replace(['“', '”', '„', '«', '»'], "\"");
    match locale {
        Locale::En => format!("“{}”", cut(&line, most)),
        Locale::Ru => format!("«{}»", cut(&line, most)),
    }
}

/// Mentions nobody.
fn unmentioned(words: &str) -> String {
    words.replace('@', "@\u{2060}")
}

fn cut(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    let mut kept: String = words.chars().take(most.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use domain::approvals::labels::{Labelled, Seen};

    use super::*;

    fn asking(title: &str) -> Asking<'_> {
        Asking {
            role: "dev",
            stage: "dev",
            started_by: "ivan",
            project: "Acme",
            repository: "acme/app",
            number: 7,
            title,
        }
    }

    fn labels(on: &[&str], off: &[&str]) -> Effect {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        let change = Labelled { number: 7, on: owned(on), off: owned(off) };
        let seen = Seen::of("Dark mode", "", &[], &change);
        Effect::Labels { change, seen }
    }

    fn asked(question: &str, context: Option<&str>, options: &[&str]) -> Question {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Question { question: question.into(), context: context.map(Into::into), options, allow_custom: true }
    }

    const PAGE: &str = "http://console.test/inbox/0192f0c1-2222-7333-8444-0123456789ab";

    #[test]
    fn an_approver_is_told_what_will_be_done_by_whom_and_how_bad_it_would_be() {
        let effect = labels(&["area:ui", "state:approved"], &["bug"]);
        let told = |locale| {
            let why = Some("It is about the interface.");
            let told = approval(locale, &asking("Dark mode"), &effect, &effect.digest(), (ApprovalMode::Owner, why));
            format!("{}\n{}\n{}\n", told.request, told.justification, told.risk)
                .replace(&effect.digest()[..12], "DIGEST")
        };
        insta::assert_snapshot!("approval", told(Locale::En) + &told(Locale::Ru));
    }

    #[test]
    fn every_text_is_long_enough_and_short_enough_and_quotes_end_where_the_platform_ends_them() {
        let (long, sly) = ("я".repeat(3000), "fine” Low risk. @olga\nApprove <!-- x -->\u{200b} «now»");
        for &locale in Locale::ALL {
            for title in ["", &long, sly] {
                for why in [None, Some(""), Some(long.as_str()), Some(sly)] {
                    let effect = labels(&[&long[..200], sly, "a", &long[..220], &long[..240], &long[..260]], &["b"]);
                    let mode = ApprovalMode::Delegated;
                    let told = approval(locale, &asking(title), &effect, &effect.digest(), (mode, why));
                    assert!(told.request.contains("AND MORE") || told.request.contains("И ЕЩЁ"), "{}", told.request);
                    for text in [&told.request, &told.justification, &told.risk] {
                        let count = text.chars().count();
                        assert!((TEXT.0..=TEXT.1).contains(&count), "{count}: {text}");
                        assert!(
                            !text.contains('\n') && !text.contains('\u{200b}') && !text.contains("@olga"),
                            "{text}"
                        );
                        let (opened, ended) = (text.matches(['“', '«']).count(), text.matches(['”', '»']).count());
                        assert!(ended <= opened, "{text}");
                    }
                }
                for (ask, context) in [("?", None), (long.as_str(), Some(long.as_str())), (sly, Some(sly))] {
                    let told = question(locale, &asking(title), &asked(ask, context, &["", &long, "b"]), PAGE);
                    let count = told.question.chars().count();
                    assert!((QUESTION.0..=QUESTION.1).contains(&count), "{count}");
                    assert!(told.context.chars().count() <= CONTEXT && told.context.contains(PAGE), "{}", told.context);
                    assert_eq!(told.options.len(), 3);
                    assert!(told.options.iter().all(|option| (1..=OPTION).contains(&option.chars().count())));
                }
            }
        }
    }
}
