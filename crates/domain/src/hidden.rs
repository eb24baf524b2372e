//! Characters that nobody sees, or that make others see something else than what stands there.

use serde_json::Value;

/// Whether people do not see a character: control characters but line ends and tabs; zero-width and joining characters;
/// direction overrides; tags; soft hyphens; variation selectors beyond the emoji's; line ends that only some programs know.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => false,
        _ if c.is_control() => true,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' => true,
        '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => true,
        '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0D}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' => true,
        '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => true,
        _ => false,
    }
}

/// Where a value holds such a character, as a path; empty for the value itself, and the place of a name is what it is in.
#[must_use]
pub fn place(value: &Value) -> Option<String> {
    let within = |name: String, value: &Value| {
        place(value)
            .map(|rest| if rest.is_empty() || rest.starts_with('[') { name + &rest } else { format!("{name}.{rest}") })
    };
    match value {
        Value::String(text) => text.contains(is_hidden).then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(number, item)| within(format!("[{number}]"), item)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            if name.contains(is_hidden) { Some(String::new()) } else { within(name.clone(), value) }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hidden_character_is_found_wherever_it_stands() {
        for text in ["plain", "tab\tand\r\nends", "é東京🦀", "a heart \u{2764}\u{FE0F}"] {
            assert_eq!(place(&json!({ text: [text] })), None, "{text:?}");
        }
        for c in "\u{202A}\u{202E}\u{2066}\u{2069}\u{200B}\u{200F}\u{AD}\u{FEFF}\u{0}\u{1B}\u{85}\u{E0041}".chars() {
            let text = format!("a{c}b");
            assert_eq!(place(&json!(text)), Some(String::new()), "{c:?}");
            assert_eq!(place(&json!({ "data": { "b": 1, "a": text } })).as_deref(), Some("data.a"), "{c:?}");
            assert_eq!(place(&json!({ "spec": [1, { "a": [text] }] })).as_deref(), Some("spec[1].a[0]"), "{c:?}");
            assert_eq!(place(&json!({ "data": { text.as_str(): "b" } })).as_deref(), Some("data"), "{c:?}");
        }
    }
}
