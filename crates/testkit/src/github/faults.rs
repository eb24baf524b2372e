//! Faults tests ask for, and the log of what was called.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State as Extracted},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, StatusCode};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{emulator::lock, server::Shared};

/// Calls remembered at most; older ones are forgotten.
const LOG_LENGTH: usize = 20_000;

/// A fault as tests describe it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultSpec {
    /// What it strikes.
    #[serde(default, rename = "match")]
    target: Target,
    /// How often it strikes before it is spent.
    #[serde(default = "once")]
    times: u32,
    /// What it does.
    answer: Effect,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    method: Option<String>,
    path_regex: Option<String>,
    /// Strikes outgoing webhook deliveries of this event (`*`: any) instead of calls; `path_regex` is then matched
    /// against `/{owner}/{repo}`.
    event: Option<String>,
}

/// What a fault does to a call or a delivery.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Effect {
    /// Waits before anything else.
    #[serde(default)]
    pub(super) delay_ms: u64,
    /// Answers with this status instead.
    pub(super) status: Option<u16>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    body: serde_json::Value,
    /// Does what was asked before it answers wrongly: the caller cannot know the outcome.
    #[serde(default)]
    perform: bool,
    /// Breaks the connection; a delivery is lost and recorded as failed.
    #[serde(default)]
    pub(super) drop: bool,
}

/// The faults that are not spent.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

#[derive(Debug)]
struct Fault {
    spec: FaultSpec,
    path: Option<Regex>,
}

impl Faults {
    /// Adds one.
    ///
    /// # Errors
    /// When its pattern is no regular expression.
    pub(super) fn add(&self, spec: FaultSpec) -> Result<(), regex::Error> {
        let path = spec.target.path_regex.as_deref().map(Regex::new).transpose()?;
        lock(&self.0).push(Fault { spec, path });
        Ok(())
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Spends the first fault that strikes a call.
    fn strike_call(&self, method: &str, path: &str) -> Option<Effect> {
        self.strike(|target| target.event.is_none() && target.method.as_deref().is_none_or(|one| one == method), path)
    }

    /// Spends the first fault that strikes a delivery.
    pub(super) fn strike_delivery(&self, event: &str, repository: &str) -> Option<Effect> {
        let hits = |target: &Target| target.event.as_deref().is_some_and(|one| one == "*" || one == event);
        self.strike(hits, &format!("/{repository}"))
    }

    fn strike(&self, hits: impl Fn(&Target) -> bool, path: &str) -> Option<Effect> {
        let mut faults = lock(&self.0);
        let place = faults.iter().position(|fault| {
            hits(&fault.spec.target) && fault.path.as_ref().is_none_or(|pattern| pattern.is_match(path))
        })?;
        let fault = &mut faults[place];
        let effect = fault.spec.answer.clone();
        fault.spec.times = fault.spec.times.saturating_sub(1);
        if fault.spec.times == 0 {
            faults.remove(place);
        }
        Some(effect)
    }
}

/// One call that reached the front.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    at: DateTime<Utc>,
    method: String,
    path: String,
    query: Option<String>,
    status: u16,
    /// Whether a fault struck it.
    faulty: bool,
}

/// What was called, oldest first.
#[derive(Debug, Default)]
pub(super) struct CallLog(Mutex<VecDeque<Call>>);

impl CallLog {
    /// The calls whose path and method fit.
    pub(super) fn matching(&self, path: Option<&Regex>, method: Option<&str>) -> Vec<Call> {
        let fits = |call: &&Call| {
            path.is_none_or(|pattern| pattern.is_match(&call.path)) && method.is_none_or(|one| one == call.method)
        };
        lock(&self.0).iter().filter(fits).cloned().collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    fn push(&self, call: Call) {
        let mut calls = lock(&self.0);
        if calls.len() == LOG_LENGTH {
            calls.pop_front();
        }
        calls.push_back(call);
    }
}

/// Strikes calls with the faults that wait for them and logs every one. The front's own routes are left alone.
pub(super) async fn layer(Extracted(state): Extracted<Shared>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/_front/") {
        return next.run(request).await;
    }
    let (method, uri, at) = (request.method().clone(), request.uri().clone(), Utc::now());
    let effect = state.faults.strike_call(method.as_str(), uri.path());
    let faulty = effect.is_some();
    let response = match effect {
        None => next.run(request).await,
        Some(effect) => strike(effect, request, next).await,
    };
    state.calls.push(Call {
        at,
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().map(str::to_owned),
        status: response.status().as_u16(),
        faulty,
    });
    response
}

async fn strike(effect: Effect, request: Request, next: Next) -> Response {
    tokio::time::sleep(Duration::from_millis(effect.delay_ms)).await;
    let replaced = effect.status.is_some() || effect.drop;
    if !replaced {
        return next.run(request).await;
    }
    if effect.perform {
        next.run(request).await;
    }
    if effect.drop {
        let broken: Result<Bytes, std::io::Error> = Err(std::io::ErrorKind::ConnectionReset.into());
        return Response::new(Body::from_stream(futures::stream::iter([broken])));
    }
    let status = effect.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, axum::Json(effect.body)).into_response();
    for (name, value) in effect.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(specs: &[serde_json::Value]) -> Faults {
        let faults = Faults::default();
        for spec in specs {
            faults.add(serde_json::from_value(spec.clone()).unwrap()).unwrap();
        }
        faults
    }

    #[test]
    fn a_fault_strikes_as_often_as_asked_and_only_its_target() {
        let faults = faults(&[
            json!({"match": {"method": "POST", "path_regex": "^/repos/o/r/"}, "times": 2, "answer": {"status": 500}}),
        ]);
        assert!(faults.strike_call("GET", "/repos/o/r/issues").is_none());
        assert!(faults.strike_call("POST", "/repos/x/r/issues").is_none());
        assert!(faults.strike_call("POST", "/repos/o/r/issues").is_some());
        assert!(faults.strike_delivery("issues", "o/r").is_none());
        assert!(faults.strike_call("POST", "/repos/o/r/pulls").is_some());
        assert!(faults.strike_call("POST", "/repos/o/r/pulls").is_none());
    }

    #[test]
    fn a_fault_on_deliveries_leaves_calls_alone() {
        let faults = faults(&[json!({"match": {"event": "issues", "path_regex": "^/o/r$"}, "answer": {"drop": true}})]);
        assert!(faults.strike_call("POST", "/o/r").is_none());
        assert!(faults.strike_delivery("push", "o/r").is_none());
        assert!(faults.strike_delivery("issues", "o/other").is_none());
        assert!(faults.strike_delivery("issues", "o/r").is_some());
    }
}
