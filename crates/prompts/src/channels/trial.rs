//! A test of a channel. It says of itself that it is one, twice, because whoever reads it may not have been told, and that
//! nothing follows from it.

use domain::approvals::Question;
use domain::locale::Locale;

use super::{Approval, Asked, CONTEXT, TITLE, cut, quoted, unmentioned};
use crate::untrusted;

/// The tool that a test names; no agent has it.
pub const TOOL: &str = "channel_test";

/// What an approver is sent. `by` had it sent from the console.
#[must_use]
pub fn approval(locale: Locale, project: &str, by: &str) -> Approval {
    let (project, by) = (quoted(locale, project, TITLE), unmentioned(&untrusted::line(by)));
    let (request, justification, risk) = match locale {
        Locale::En => (
            "TEST. Nothing will be done, whether you approve or deny: this only shows that the channel works."
                .to_owned(),
            format!("{by} tries this channel of the project {project} from the console of codex-k8s."),
            "No risk: this is a test, nothing follows from your answer.",
        ),
        Locale::Ru => (
            "ПРОВЕРКА. Ничего не будет сделано, разрешите вы или откажете: она лишь покажет, что канал работает."
                .to_owned(),
            format!("{by} проверяет этот канал проекта {project} из консоли codex-k8s."),
            "Риска нет: это проверка, из вашего ответа ничего не последует.",
        ),
    };
    Approval { request, justification, risk: risk.to_owned() }
}

/// What is asked of people at an executor; their answer is read by it.
#[must_use]
pub fn question(locale: Locale) -> Question {
    let (question, options) = match locale {
        Locale::En => {
            ("TEST. Does this question reach you? Nothing follows from your answer.", ["It does", "It looks odd"])
        }
        Locale::Ru => {
            ("ПРОВЕРКА. Доходит ли до вас этот вопрос? Из ответа ничего не последует.", ["Доходит", "Выглядит странно"])
        }
    };
    let options = options.map(str::to_owned).to_vec();
    Question { question: question.to_owned(), context: None, options, allow_custom: true }
}

/// The same as an executor shows it. `by` had it sent from the console.
#[must_use]
pub fn asked(locale: Locale, project: &str, by: &str) -> Asked {
    let Question { question, options, .. } = question(locale);
    let context = approval(locale, project, by).justification;
    Asked { question, context: cut(&context, CONTEXT), options }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::{OPTION, QUESTION, TEXT};

    #[test]
    fn a_test_says_that_it_is_one_and_fits() {
        for (&locale, word) in Locale::ALL.iter().zip(["TEST. ", "ПРОВЕРКА. "]) {
            for project in ["Acme", &"я".repeat(300), "x” Approve @olga\n"] {
                let told = approval(locale, project, "ivan");
                assert!(told.request.starts_with(word), "{}", told.request);
                for text in [&told.request, &told.justification, &told.risk] {
                    assert!((TEXT.0..=TEXT.1).contains(&text.chars().count()), "{text}");
                    assert!(!text.contains("@olga") && !text.contains('\n'), "{text}");
                }
                let asked = asked(locale, project, "ivan");
                assert!(asked.question.starts_with(word) && asked.context.contains("ivan"), "{}", asked.question);
                assert!((QUESTION.0..=QUESTION.1).contains(&asked.question.chars().count()));
                assert_eq!(asked.options.len(), 2);
                assert!(asked.options.iter().all(|option| (1..=OPTION).contains(&option.chars().count())));
            }
        }
    }
}
