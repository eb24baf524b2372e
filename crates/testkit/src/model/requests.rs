//! What the model was sent, for tests to look at.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

/// Requests remembered at most.
const KEPT: usize = 1_000;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Received {
    at: DateTime<Utc>,
    scenario: String,
    /// Which answer of the scenario it got, from 0.
    beat: usize,
    status: u16,
    /// Header names and values, the key's value left out.
    headers: HashMap<String, String>,
    body: Value,
}

/// The requests, and how often each place of each conversation was answered with an error.
#[derive(Debug, Default)]
pub(super) struct Requests {
    received: Mutex<VecDeque<Received>>,
    errors: Mutex<HashMap<(String, usize), u32>>,
}

impl Requests {
    pub(super) fn record(&self, scenario: &str, beat: usize, status: u16, headers: &HeaderMap, body: Value) {
        let headers = headers
            .iter()
            .filter(|(name, _)| *name != http::header::AUTHORIZATION)
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut received = lock(&self.received);
        if received.len() == KEPT {
            received.pop_front();
        }
        received.push_back(Received { at: Utc::now(), scenario: scenario.to_owned(), beat, status, headers, body });
    }

    /// Requests whose body contains a text, oldest first.
    pub(super) fn containing(&self, text: &str) -> Vec<Received> {
        lock(&self.received).iter().filter(|one| one.body.to_string().contains(text)).cloned().collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.received).clear();
        lock(&self.errors).clear();
    }

    /// Counts one more error at a place, unless `times` were given: then `false`.
    pub(super) fn may_fail(&self, conversation: &str, beat: usize, times: u32) -> bool {
        let mut errors = lock(&self.errors);
        let given = errors.entry((conversation.to_owned(), beat)).or_default();
        let may = *given < times;
        *given += u32::from(may);
        may
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
