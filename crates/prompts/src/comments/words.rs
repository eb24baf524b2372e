//! Reasons in plain words, in both languages.

use domain::locale::Locale;
use domain::precondition::Lost;
use domain::reasons::Reason;

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
