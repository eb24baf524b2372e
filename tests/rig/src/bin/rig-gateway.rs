//! The gateway's process, for tests in which it must live on.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    api_gateway::run().await
}
