//! The worker: everything that is driven by time or by rows.

use runtime::env::Reader;
use runtime::{shutdown, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = worker::Config::read(Reader::from_process())?;
    runtime::redact::set(config.redactor());
    let telemetry = telemetry::start("worker", &config.telemetry)?;
    let outcome = worker::run(config, shutdown::token()?).await;
    telemetry.finish().await;
    outcome
}
