//! The tools that an agent is told it has: exactly those that its run is offered.

use domain::tools::{Asks, Category, Tool};
use serde_json::{Value, json};

use super::facts::RunFacts;

/// What the segment's template is made from: the tools by what they are about, and those of them that ask people.
pub(super) fn told(facts: &RunFacts<'_>) -> Value {
    let named = |fits: &dyn Fn(Tool) -> bool| -> Vec<Tool> {
        Tool::ALL.iter().copied().filter(|&tool| facts.holder.has(tool) && fits(tool)).collect()
    };
    let about = |&category: &Category| json!({ "code": category, "tools": named(&|tool| tool.category() == category) });
    let asking = |asks| named(&|tool| tool.asks() == asks);
    json!({
        "categories": Category::ALL.iter().map(about).collect::<Vec<_>>(),
        "sometimes": asking(Asks::Sometimes),
        "always": asking(Asks::Always),
    })
}

#[cfg(test)]
mod tests {
    use domain::locale::Locale;
    use domain::tools::RunKind;

    use super::*;
    use crate::run::tests::{discussed, facts, holder, patterns};
    use crate::run::{Segment, render};

    #[test]
    fn an_agent_is_told_the_tools_that_it_has_and_which_of_them_ask_people() {
        let anything = patterns(&["**"]);
        let told = |locale, facts: &RunFacts<'_>| -> Segment {
            let prompt = render(locale, facts).unwrap();
            prompt.segments.into_iter().find(|segment| segment.name == "tools").unwrap()
        };
        for &locale in Locale::ALL {
            let (acting, talking) = (told(locale, &facts("dev", "dev", &anything)), told(locale, &discussed(false)));
            for (kind, text) in [(RunKind::Stage, &acting.text), (RunKind::Discussion, &talking.text)] {
                let holder = holder(kind);
                for &tool in Tool::ALL {
                    assert_eq!(text.contains(&format!("`{tool}`")), holder.has(tool), "{tool} ({locale}): {text}");
                }
            }
            assert!(acting.text.contains("approval_required") && !talking.text.contains("approval_required"));
            assert_eq!(acting.version, talking.version, "it is of the seed, not of the tools");
        }
    }
}
