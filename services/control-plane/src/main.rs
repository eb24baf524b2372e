//! The control-plane's process.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    control_plane::main().await
}
