//! JSON schemas of codex's last message, as `--output-schema` wants them: every property required, none beside them.

use serde_json::{Value, json};

/// What an agent that worked hands in.
#[must_use]
pub fn output_schema() -> Value {
    let text = json!({ "type": "string" });
    let list = json!({ "type": "array", "items": text });
    object(&json!({
        "summary": text, "branch": text, "pr_title": text, "pr_body": text,
        "labels_suggested": list, "follow_ups": list, "tool_gaps": list,
    }))
}

/// What an agent that reviewed hands in.
#[must_use]
pub fn review_output_schema() -> Value {
    let text = json!({ "type": "string" });
    let finding = object(&json!({
        "path": text,
        "line": { "type": ["integer", "null"] },
        "severity": { "type": "string", "enum": ["blocker", "major", "minor"] },
        "text": text,
    }));
    object(&json!({
        "summary": text,
        "verdict": { "type": "string", "enum": ["approve", "request_changes"] },
        "findings": { "type": "array", "items": finding },
    }))
}

/// What an agent that talked hands in.
#[must_use]
pub fn discussion_output_schema() -> Value {
    let text = json!({ "type": "string" });
    object(&json!({ "answer": text, "summary": text }))
}

fn object(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().into_iter().flat_map(|fields| fields.keys()).collect();
    json!({ "type": "object", "additionalProperties": false, "required": names, "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codex refuses a schema that leaves a property optional.
    #[test]
    fn every_property_is_required_and_none_is_allowed_beside_them() {
        let review = review_output_schema();
        for schema in
            [&output_schema(), &discussion_output_schema(), &review, &review["properties"]["findings"]["items"]]
        {
            let properties: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(schema["required"], json!(properties));
            assert_eq!(schema["additionalProperties"], json!(false));
        }
    }

    #[test]
    fn the_contract_tells_every_property_of_its_schema() {
        let contracts = [
            ("output", output_schema()),
            ("output-discussion", discussion_output_schema()),
            ("output-review", review_output_schema()),
            ("output-review", review_output_schema()["properties"]["findings"]["items"].clone()),
        ];
        for &locale in domain::locale::Locale::ALL {
            for (name, schema) in &contracts {
                let told = crate::seeds::find(name, locale).unwrap().source;
                for property in schema["properties"].as_object().unwrap().keys() {
                    assert!(told.contains(&format!("`{property}`")), "{name} ({locale}): {property}");
                }
            }
        }
    }
}
