//! Spans on their way to an OTLP collector. They pass the same redaction as log lines: an attribute can quote an error,
//! and an error can quote a secret.

use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use crate::env::ConfigProblems;
use crate::redact::clean;

/// A provider that sends batches to `endpoint`; a bare origin means the standard path below it.
pub(crate) fn provider(service: &'static str, endpoint: &Url) -> Result<SdkTracerProvider, ConfigProblems> {
    let mut target = endpoint.clone();
    if matches!(target.path(), "" | "/") {
        target.set_path("/v1/traces");
    }
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_endpoint(target.as_str())
        .build()
        .map_err(|error| ConfigProblems::one("OTLP_ENDPOINT", &format!("cannot be used: {error}")))?;
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(Redacting(exporter)).build())
}

/// The layer that turns spans of `tracing` into spans of the provider.
pub(crate) fn layer<S>(provider: &SdkTracerProvider, service: &'static str) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(LevelFilter::INFO)
}

#[derive(Debug)]
struct Redacting<E>(E);

impl<E: SpanExporter> SpanExporter for Redacting<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(clean_span);
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: std::time::Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn clean_span(span: &mut SpanData) {
    span.name = clean(&span.name).into_owned().into();
    span.attributes.iter_mut().for_each(clean_attribute);
    for event in &mut span.events.events {
        event.name = clean(&event.name).into_owned().into();
        event.attributes.iter_mut().for_each(clean_attribute);
    }
    if let Status::Error { description } = &mut span.status {
        *description = clean(description).into_owned().into();
    }
}

fn clean_attribute(attribute: &mut KeyValue) {
    if matches!(attribute.value, Value::String(_) | Value::Array(_)) {
        attribute.value = clean(&attribute.value.as_str()).into_owned().into();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span, Tracer};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Memory(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Memory {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    #[test]
    fn spans_leave_without_addresses() {
        let memory = Memory::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(Redacting(memory.clone())).build();
        let mut span = provider.tracer("test").start("for jo@example.org");
        span.set_attribute(KeyValue::new("who", "jo@example.org"));
        span.add_event("asked by jo@example.org", vec![KeyValue::new("who", "jo@example.org")]);
        span.set_status(Status::error("no user jo@example.org"));
        span.end();
        let text = format!("{:?}", memory.0.lock().unwrap());
        assert!(text.contains("[email]"), "{text}");
        assert!(!text.contains("example.org"), "{text}");
    }
}
