//! The templates that the platform brings along, each in every language.

use domain::locale::Locale;

/// A template of ours.
pub(crate) struct Seed {
    /// What it is for.
    pub(crate) name: &'static str,
    /// Its language.
    pub(crate) locale: Locale,
    /// Its text.
    pub(crate) source: &'static str,
}

macro_rules! seeds {
    ($($name:literal,)+) => {
        &[$(
            Seed {
                name: $name,
                locale: Locale::En,
                source: include_str!(concat!("../templates/en/", $name, ".md.j2")),
            },
            Seed {
                name: $name,
                locale: Locale::Ru,
                source: include_str!(concat!("../templates/ru/", $name, ".md.j2")),
            },
        )+]
    };
}

/// All of them; a test compares the list with the folder.
pub(crate) const SEEDS: &[Seed] = seeds![
    "policy",
    "context",
    "issue",
    "pull-request",
    "task-pm-work",
    "task-pm-review",
    "task-sa-work",
    "task-sa-review",
    "task-em-work",
    "task-em-review",
    "task-dev-work",
    "task-dev-review",
    "task-reviewer-work",
    "task-reviewer-review",
    "task-qa-work",
    "task-qa-review",
    "task-sre-work",
    "task-sre-review",
    "task-km-work",
    "task-km-review",
    "stage-intake",
    "stage-vision",
    "stage-prd",
    "stage-arch",
    "stage-design",
    "stage-plan",
    "stage-dev",
    "stage-doc-audit",
    "stage-qa",
    "stage-release",
    "stage-postdeploy",
    "stage-ops",
    "stage-self-improve",
    "stage-rethink",
    "tools",
    "revise",
    "remark",
    "replaced",
    "answered",
    "task-discussion",
    "discussion-so-far",
    "discussion-new",
    "output",
    "output-review",
    "output-discussion",
    "service-comment",
    "review-comment",
    "answer-comment",
    "agent-comment",
    "refusal",
];

/// The seed of a name that was put together from a role or a stage, which may be a project's own and have none.
pub(crate) fn find(name: &str, locale: Locale) -> Option<&'static Seed> {
    SEEDS.iter().find(|seed| seed.name == name && seed.locale == locale)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_template_in_the_folder_is_a_seed() {
        for &locale in Locale::ALL {
            let folder = Path::new("templates").join(locale.as_str());
            let files: BTreeSet<_> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .map(|file| file.strip_suffix(".md.j2").unwrap().to_owned())
                .collect();
            let seeds = SEEDS.iter().filter(|seed| seed.locale == locale).map(|seed| seed.name.to_owned());
            assert_eq!(files, seeds.collect(), "{locale}");
        }
    }

    #[test]
    fn seeds_are_calm_name_no_address_and_close_no_issue() {
        for Seed { name, locale, source } in SEEDS {
            let at = format!("{name} ({locale})");
            assert!(!source.contains('!'), "{at}: an exclamation mark");
            let address = source
                .split('@')
                .zip(source.split('@').skip(1))
                .find(|(before, _)| before.ends_with(|c: char| c.is_alphanumeric() || "._-+}".contains(c)));
            assert!(address.is_none(), "{at}: an e-mail address");
            let numbered = source.replace("#{{ ", "#7 {{ ");
            assert!(!domain::closing::closes_an_issue(&numbered), "{at}: a closing keyword");
        }
    }
}
