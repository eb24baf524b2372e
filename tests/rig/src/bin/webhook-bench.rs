//! Measures the webhook path and prints what it found; `cargo xtask bench webhook` builds and starts it.

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    rig::bench::run().await
}
