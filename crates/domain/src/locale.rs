//! The languages that the platform speaks.

use serde::{Deserialize, Serialize};

use crate::coded_enum;

coded_enum! {
    /// A language that the platform speaks.
    Locale {
        /// English.
        En = "en",
        /// Russian.
        Ru = "ru",
    }
}

impl Locale {
    /// The locale of a code; English when the platform does not speak it.
    #[must_use]
    pub fn or_english(code: &str) -> Self {
        code.parse().unwrap_or(Self::En)
    }

    /// The languages to look for a text in, the best one first: the project's, the platform's default, English.
    #[must_use]
    pub fn chain(project: Self, default: Self) -> Vec<Self> {
        let mut chain = vec![project];
        for next in [default, Self::En] {
            if !chain.contains(&next) {
                chain.push(next);
            }
        }
        chain
    }
}

/// The same text in every language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// In English.
    pub en: String,
    /// In Russian.
    pub ru: String,
}

impl Words {
    /// In one language.
    #[must_use]
    pub fn of(&self, locale: Locale) -> &str {
        match locale {
            Locale::En => &self.en,
            Locale::Ru => &self.ru,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_ends_with_english_and_repeats_nothing() {
        use Locale::{En, Ru};
        for (project, default, expected) in
            [(En, En, vec![En]), (En, Ru, vec![En, Ru]), (Ru, En, vec![Ru, En]), (Ru, Ru, vec![Ru, En])]
        {
            assert_eq!(Locale::chain(project, default), expected);
        }
    }
}
