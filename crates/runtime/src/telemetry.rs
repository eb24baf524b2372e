//! Logs, traces and metrics of a process. Logs are JSON lines unless a person watches on a terminal; traces leave only
//! when an OTLP endpoint is configured; metrics are collected always and shown by the ops listener.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};
use url::Url;

use crate::env::{ConfigProblems, Read, Reader};
use crate::redact::CleanWriter;
use crate::traces;

/// Bounds, in seconds, of every histogram: from a claimed run (under a millisecond) to a slow brokered call.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// What to log, and where traces go.
#[derive(Debug, Clone)]
pub struct Settings {
    filter: Filter,
    endpoint: Option<Url>,
}

#[derive(Debug, Clone)]
struct Filter(String);

impl std::str::FromStr for Filter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse::<EnvFilter>().map(|filter| Self(filter.to_string()))
    }
}

impl Settings {
    /// `CODEXK8S_LOG` (directives such as `info,worker=debug`) and `CODEXK8S_OTLP_ENDPOINT` (`http://host:4318`).
    ///
    /// # Errors
    /// One of them is malformed.
    pub fn read(env: &mut Reader) -> Read<Self> {
        let (filter, endpoint) = (env.parse_or("LOG", "info"), env.optional("OTLP_ENDPOINT"));
        Ok(Self { filter: filter?, endpoint: endpoint? })
    }
}

/// Telemetry that runs. Keep it until the process ends: [`Telemetry::finish`] sends the last spans.
#[derive(Debug)]
#[must_use = "the last spans are sent by `finish`"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts telemetry of the process `service` with what its environment says. A panic anywhere is logged afterwards,
/// through the same redaction as every other line.
///
/// # Errors
/// A malformed variable, or an endpoint that no client can be built for.
pub fn init(service: &'static str) -> Result<Telemetry, ConfigProblems> {
    let mut env = Reader::from_process();
    let settings = Settings::read(&mut env);
    env.finish()?;
    start(service, &settings?)
}

/// Starts telemetry with settings that were read together with the rest of a configuration.
///
/// # Errors
/// No client could be built for the endpoint.
pub fn start(service: &'static str, settings: &Settings) -> Result<Telemetry, ConfigProblems> {
    let provider = settings.endpoint.as_ref().map(|endpoint| traces::provider(service, endpoint)).transpose()?;
    let spans = provider.as_ref().map(|provider| traces::layer(provider, service));
    // A second start in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(log_layer(settings)).with(spans).try_init();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(at = panic.location().map(ToString::to_string), "panic: {}", payload(panic));
        } else {
            before(panic);
        }
    }));
    let _ = recorder();
    Ok(Telemetry { provider })
}

fn payload<'a>(panic: &'a std::panic::PanicHookInfo<'_>) -> &'a str {
    panic.payload_as_str().unwrap_or("a value that is no text")
}

fn log_layer(settings: &Settings) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::new(&settings.filter.0);
    let writer = CleanWriter(std::io::stdout);
    if std::io::stdout().is_terminal() {
        fmt::layer().compact().with_writer(writer).with_filter(filter).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer).with_filter(filter).boxed()
    }
}

/// The process's metrics. `None` when another recorder was there first.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    let install = || PrometheusBuilder::new().set_buckets(&SECONDS).ok()?.install_recorder().ok();
    METRICS.get_or_init(install).as_ref()
}

impl Telemetry {
    /// Sends what is still buffered. Call it when all tasks have ended.
    pub async fn finish(self) {
        let Some(provider) = self.provider else { return };
        // The exporter's client blocks, which a thread of the runtime may not.
        match tokio::task::spawn_blocking(move || provider.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_filter_and_endpoint_are_both_named() {
        let mut env = Reader::from_pairs([("CODEXK8S_LOG", "a=b=c"), ("CODEXK8S_OTLP_ENDPOINT", "collector")]);
        assert!(Settings::read(&mut env).is_err());
        assert_eq!(env.finish().unwrap_err().lines().len(), 2);
    }
}
