//! Measures what its argument names and prints what it found; `cargo xtask bench` builds and starts it.

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let stop = runtime::shutdown::token()?;
    let measured = async {
        match std::env::args().nth(1).as_deref() {
            Some("webhook") => rig::bench::webhook().await,
            Some("tools") => rig::bench::tools().await,
            other => anyhow::bail!("webhook or tools can be measured, not {other:?}"),
        }
    };
    tokio::select! {
        outcome = measured => outcome,
        // Dropping the measurement ends its server and processes.
        () = stop.cancelled() => anyhow::bail!("stopped before the end"),
    }
}
