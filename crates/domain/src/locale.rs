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
