//! What is shown of an answer of the API server: what tells something, and no more of it than one can read.

use chrono::{DateTime, Utc};
use domain::environment::Kind;
use k8s_openapi::api::core::v1::Event;
use serde_json::{Map, Value, json};

/// Characters of a log; the last ones.
const LOG_CHARS: usize = 15_000;
/// Characters of an event's message.
const MESSAGE_CHARS: usize = 1000;
/// The annotation in which clients repeat the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A table of the API server, one object a row; of its columns those that its own clients print unasked.
pub(super) fn table(kind: Kind, table: &Value) -> Value {
    let none = Vec::new();
    let columns = table["columnDefinitions"].as_array().unwrap_or(&none);
    let items: Vec<_> = table["rows"].as_array().unwrap_or(&none).iter().map(|row| item(columns, row)).collect();
    let mut shown = json!({ "kind": kind, "items": items });
    if let Some(next) = table["metadata"]["continue"].as_str().filter(|next| !next.is_empty()) {
        shown["next"] = json!(next);
    }
    shown
}

fn item(columns: &[Value], row: &Value) -> Value {
    let cells = row["cells"].as_array().into_iter().flatten();
    let told = columns.iter().zip(cells).filter(|(column, _)| column["priority"] == 0);
    let mut item: Map<_, _> =
        told.map(|(column, cell)| (column["name"].as_str().unwrap_or_default().to_owned(), cell.clone())).collect();
    if let labels @ Value::Object(_) = &row["object"]["metadata"]["labels"] {
        item.insert("labels".to_owned(), labels.clone());
    }
    Value::Object(item)
}

/// An object without its field managers and without the copy of itself that `kubectl apply` leaves.
pub(super) fn object(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    object
}

/// The end of what was printed, in whole lines.
pub(super) fn log(pod: &str, printed: &str) -> Value {
    let start = printed.char_indices().rev().nth(LOG_CHARS - 1).map_or(0, |(at, _)| at);
    let end = &printed[start..];
    let is_cut = start > 0;
    let whole = if is_cut { end.split_once('\n').map_or(end, |(_, rest)| rest) } else { end };
    json!({ "pod": pod, "log": whole, "cut": is_cut })
}

/// The newest events, oldest first.
pub(super) fn events(mut events: Vec<Event>, limit: u32) -> Value {
    events.sort_by_key(last_seen);
    let first = events.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    let items: Vec<_> = events[first..].iter().map(event).collect();
    json!({ "items": items, "older": first })
}

fn event(event: &Event) -> Value {
    let about = &event.involved_object;
    let message: String = event.message.iter().flat_map(|text| text.chars()).take(MESSAGE_CHARS).collect();
    json!({
        "at": last_seen(event),
        "type": event.type_,
        "reason": event.reason,
        "object": format!("{}/{}", about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default()),
        "message": message,
        "count": event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(1),
    })
}

/// Old and new clients note the time in different fields.
fn last_seen(event: &Event) -> Option<DateTime<Utc>> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = || event.last_timestamp.as_ref().map(|time| time.0);
    let once = || event.event_time.as_ref().map(|time| time.0);
    let made = || event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let time = series.or_else(last).or_else(once).or_else(made)?;
    DateTime::from_timestamp(time.as_second(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_objects_with_the_columns_that_are_printed_unasked() {
        let answer = json!({
            "columnDefinitions": [
                {"name": "Name", "priority": 0}, {"name": "Ready", "priority": 0}, {"name": "Node", "priority": 1},
            ],
            "metadata": {"continue": "more"},
            "rows": [
                {"cells": ["web", "1/1", "node-7"], "object": {"metadata": {"name": "web", "labels": {"app": "web"}}}},
                {"cells": ["old", "0/1", "node-7"], "object": {"metadata": {"name": "old"}}},
            ],
        });
        let expected = json!({
            "kind": "Pod",
            "items": [{"Name": "web", "Ready": "1/1", "labels": {"app": "web"}}, {"Name": "old", "Ready": "0/1"}],
            "next": "more",
        });
        assert_eq!(table(Kind::Pod, &answer), expected);
        assert_eq!(table(Kind::Job, &json!({"metadata": {}})), json!({"kind": "Job", "items": []}));
    }

    #[test]
    fn an_object_loses_what_only_machines_read() {
        let whole = json!({
            "kind": "ConfigMap",
            "metadata": {
                "name": "web", "managedFields": [{"manager": "kubectl"}],
                "annotations": {LAST_APPLIED: "{}", "note": "kept"},
            },
            "data": {"a": "b"},
        });
        let expected = json!({
            "kind": "ConfigMap", "metadata": {"name": "web", "annotations": {"note": "kept"}}, "data": {"a": "b"},
        });
        assert_eq!(object(whole), expected);
    }

    #[test]
    fn a_log_is_shown_from_its_end_in_whole_lines() {
        let short = "one\ntwo\n";
        assert_eq!(log("web", short), json!({"pod": "web", "log": short, "cut": false}));
        let exact = "я".repeat(LOG_CHARS);
        assert_eq!(log("web", &exact)["cut"], false);
        let long = log("web", &"строка\n".repeat(LOG_CHARS));
        let text = long["log"].as_str().unwrap();
        assert!(long["cut"] == true && text.starts_with("строка\n") && text.ends_with("строка\n"));
        assert!(text.chars().count() <= LOG_CHARS);
        let one_line = log("web", &"x".repeat(LOG_CHARS + 1));
        assert_eq!(one_line["log"].as_str().unwrap().len(), LOG_CHARS);
        assert_eq!(log("web", ""), json!({"pod": "web", "log": "", "cut": false}));
    }

    #[test]
    fn the_newest_events_are_shown_by_the_time_that_each_client_notes() {
        let read = json!([
            {"metadata": {}, "involvedObject": {"kind": "Pod", "name": "web"}, "reason": "BackOff", "type": "Warning",
             "message": "x".repeat(MESSAGE_CHARS + 1), "count": 7, "lastTimestamp": "2026-03-01T10:00:03Z"},
            {"metadata": {}, "involvedObject": {"kind": "Job", "name": "first"}, "reason": "Created",
             "eventTime": "2026-03-01T10:00:01.000000Z"},
            {"metadata": {}, "involvedObject": {"kind": "Pod", "name": "web"}, "reason": "Scheduled",
             "eventTime": "2026-03-01T09:00:00.000000Z",
             "series": {"count": 3, "lastObservedTime": "2026-03-01T10:00:02.000000Z"}},
        ]);
        let shown = events(serde_json::from_value(read).unwrap(), 2);
        assert_eq!(shown["older"], 1);
        let told = |at: usize| {
            let one = &shown["items"][at];
            (one["reason"].as_str().unwrap(), one["object"].as_str().unwrap(), one["count"].as_i64().unwrap())
        };
        assert_eq!((told(0), told(1)), (("Scheduled", "Pod/web", 3), ("BackOff", "Pod/web", 7)));
        assert_eq!(shown["items"][1]["message"].as_str().unwrap().len(), MESSAGE_CHARS);
        assert_eq!(shown["items"][1]["at"], "2026-03-01T10:00:03Z");
    }
}
