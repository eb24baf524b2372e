//! The events of the Responses API's stream.

use serde_json::{Value, json};

/// The stream's first event.
pub(super) fn created(id: &str) -> Value {
    json!({"type": "response.created", "response": {"id": id, "status": "in_progress"}})
}

/// A finished item, whole.
pub(super) fn item(index: usize, item: &Value) -> [Value; 2] {
    [
        json!({"type": "response.output_item.added", "output_index": index, "item": item}),
        json!({"type": "response.output_item.done", "output_index": index, "item": item}),
    ]
}

/// The item of a message.
pub(super) fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "role": "assistant", "status": "completed",
           "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// A message's beginning, before its first letter.
pub(super) fn message_begun(index: usize, id: &str) -> [Value; 2] {
    let item = json!({"type": "message", "id": id, "role": "assistant", "status": "in_progress", "content": []});
    let part = json!({"type": "output_text", "text": "", "annotations": []});
    [
        json!({"type": "response.output_item.added", "output_index": index, "item": item}),
        json!({"type": "response.content_part.added", "item_id": id, "output_index": index, "content_index": 0, "part": part}),
    ]
}

/// Some letters of a message.
pub(super) fn delta(index: usize, id: &str, text: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": id, "output_index": index, "content_index": 0, "delta": text})
}

/// A streamed message's end.
pub(super) fn message_done(index: usize, id: &str, text: &str) -> [Value; 2] {
    [
        json!({"type": "response.output_text.done", "item_id": id, "output_index": index, "content_index": 0, "text": text}),
        json!({"type": "response.output_item.done", "output_index": index, "item": message(id, text)}),
    ]
}

/// The stream's last event. Tokens are estimated from sizes, so they are the same each time.
pub(super) fn completed(id: &str, items: &[Value], sizes: (usize, usize)) -> Value {
    let (input, output) = (sizes.0 / 4 + 1, sizes.1 / 4 + 1);
    json!({"type": "response.completed", "response": {
        "id": id, "status": "completed", "output": items,
        "usage": {
            "input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + output,
        },
    }})
}
