//! The control-plane's process, for tests that kill it.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    control_plane::main().await
}
