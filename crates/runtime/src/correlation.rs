//! One id that ties together everything one event caused, from the webhook to the pod. Requests carry it in a header,
//! tasks carry it in a task-local, log lines carry it as the field `correlation_id` of their span.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentelemetry::propagation::{Extractor, Injector};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// The header that carries the id between our own processes.
pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

tokio::task_local! {
    static CURRENT: Correlation;
}

/// The id of what is being done now. A handler takes it as an argument; it is there in every router that passed
/// [`crate::http::observed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correlation(Uuid);

impl Correlation {
    /// A new id, for something that nobody of ours caused.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// An id that was stored with a row.
    #[must_use]
    pub fn of(id: Uuid) -> Self {
        Self(id)
    }

    /// The id itself.
    #[must_use]
    pub fn id(self) -> Uuid {
        self.0
    }

    /// The id of the task that asks, when it works inside [`Correlation::scope`] or answers a request. A spawned task
    /// starts without one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }

    /// Runs `work` under this id, in a span of its own.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        let span = tracing::info_span!("work", correlation_id = %self.0);
        self.carried(work.instrument(span)).await
    }

    pub(crate) async fn carried<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    pub(crate) fn name_in(self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.0.to_string()) {
            headers.insert(HEADER, value);
        }
    }

    /// The id that a request of our own brought, if it is one.
    pub(crate) fn brought(headers: &HeaderMap) -> Option<Self> {
        headers.get(HEADER)?.to_str().ok()?.parse().ok().map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Correlation {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().copied().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Puts the current id, and the trace it belongs to, on a request to another process of ours. Never use it on requests
/// that leave the platform.
pub fn stamp(headers: &mut HeaderMap) {
    if let Some(correlation) = Correlation::current() {
        correlation.name_in(headers);
    }
    let context = tracing::Span::current().context();
    opentelemetry::global::get_text_map_propagator(|carrier| carrier.inject_context(&context, &mut Outgoing(headers)));
}

/// Makes `span` a child of the trace that a request of our own brought.
pub(crate) fn adopt_trace(span: &tracing::Span, headers: &HeaderMap) {
    let parent = opentelemetry::global::get_text_map_propagator(|carrier| carrier.extract(&Incoming(headers)));
    // Without a configured endpoint there is no layer to tell, and nothing is lost.
    let _ = span.set_parent(parent);
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_made_in_a_scope_carry_its_id() {
        let id = Correlation::fresh();
        let mut headers = HeaderMap::new();
        stamp(&mut headers);
        assert!(headers.is_empty());
        id.scope(async { stamp(&mut headers) }).await;
        assert_eq!(Correlation::brought(&headers), Some(id));
    }

    #[test]
    fn what_is_no_id_is_not_taken_over() {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_static("x\" injected=\"1"))]);
        assert_eq!(Correlation::brought(&headers), None);
    }
}
