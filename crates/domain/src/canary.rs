//! Where a run's decoy can turn up, and what people are told when it does.

use crate::coded_enum;
use crate::locale::Words;

coded_enum! {
    /// Where the decoy was seen.
    Place {
        /// In what the agent printed or said.
        Output = "output",
        /// In a push.
        Diff = "diff",
        /// In a call of a tool.
        Tool = "tool",
        /// In a model call.
        Model = "model",
        /// In the address or the headers of any other request.
        Request = "request",
        /// In the last word.
        Result = "result",
    }
}

impl Place {
    /// What is said about the end of the run, beside the reason itself.
    #[must_use]
    pub fn said(self) -> Words {
        let (en, ru) = match self {
            Self::Output => ("in the agent's output", "в выводе агента"),
            Self::Diff => ("in a push", "в отправленных коммитах"),
            Self::Tool => ("in a call of a tool", "в вызове инструмента"),
            Self::Model => ("in a model call", "в запросе к модели"),
            Self::Request => ("in a request to the outside", "в запросе наружу"),
            Self::Result => ("in the agent's last word", "в итоговом ответе агента"),
        };
        Words { en: format!("The decoy was seen {en}."), ru: format!("Ложный ключ обнаружен {ru}.") }
    }
}
