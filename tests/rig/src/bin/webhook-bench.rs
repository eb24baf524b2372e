//! Measures the webhook path and prints what it found; `cargo xtask bench webhook` builds and starts it.

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let stop = runtime::shutdown::token()?;
    tokio::select! {
        outcome = rig::bench::run() => outcome,
        // Dropping the measurement ends its server and processes.
        () = stop.cancelled() => anyhow::bail!("stopped before the end"),
    }
}
