//! How fast the platform is, beside the least that must be done for the same. Both alternate on one slowed disk, five
//! rounds each; medians of the rounds' ratios are printed beside their goals.

mod baseline;
mod claims;
mod quiet;
mod report;
mod rounds;
mod stage;
mod tools;

use anyhow::Result;

use report::Line;
use stage::Stage;

/// What one `fsync` takes where nothing else is said, and where it is meant to be slow.
const FSYNC_MS: u32 = 1;
const SLOW_FSYNC_MS: u32 = 4;

/// Measures the webhook path beside `pgbench` running the same statement, and prints it.
///
/// # Errors
/// When the stage cannot be set, or a load is not answered as it should be.
pub async fn webhook() -> Result<()> {
    println!("Webhook path, {} CPUs, data on tmpfs, five rounds, medians", std::thread::available_parallelism()?);
    let stage = Stage::set(FSYNC_MS).await?;
    let rates = rounds::rates(&stage).await?;
    println!("{}", Line::at_least("P1", "control-plane alone ÷ pgbench, webhooks per second", 0.80, &rates.alone));
    println!("{}", Line::at_least("P2", "gateway and control-plane ÷ pgbench", 0.65, &rates.through));
    let half = rates.through.median_ours() / 2.0;
    let waits = rounds::waits(&stage, half).await?;
    let what = format!("p99 of an ack at {half:.0}/s ÷ pgbench's, milliseconds");
    println!("{}", Line::at_most("P3", &what, 4.0, &waits));
    println!("{}", claims::measure(&stage).await?);
    drop(stage);
    let stage = Stage::set(SLOW_FSYNC_MS).await?;
    let listened = rounds::listened(&stage).await?;
    println!("{}", Line::at_least("P6", "4 workers listening ÷ none, webhooks per second", 0.95, &listened));
    Ok(())
}

/// Measures what a call of a tool costs beside its statement and one hop, and prints it.
///
/// # Errors
/// When the stage cannot be set, or a call is not answered as it should be.
pub async fn tools() -> Result<()> {
    println!("Tools, {} CPUs, data on tmpfs, five rounds, medians", std::thread::available_parallelism()?);
    let stage = Stage::set(FSYNC_MS).await?;
    println!(
        "{}",
        Line::at_most(
            "P15",
            "a call of a tool ÷ its statement and one hop, milliseconds",
            2.0,
            &tools::calls(&stage).await?
        )
    );
    Ok(())
}
