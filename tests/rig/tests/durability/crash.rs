//! The control-plane dies with requests in every stage, around the commit too.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use tokio::sync::watch;

use crate::world::{LINES, World, acknowledged, listed};

const KILLS: usize = 10;
const PER_KILL: usize = 200;

/// F-02. The kill comes right after an acknowledgement, while fifteen other deliveries are somewhere between socket and
/// commit; how far each kill lets the load come differs.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_control_plane_loses_nothing_it_has_acknowledged() -> Result<()> {
    let mut t = World::begin().await?;
    let (mut answers, mut all) = (Vec::new(), Vec::new());
    for kill in 0..KILLS {
        let deliveries = t.deliveries(&format!("kill-{kill}"), PER_KILL);
        all.extend(deliveries.clone());
        let (acknowledged, mut seen) = watch::channel(0);
        let load = t.load(listed(deliveries), LINES);
        let sending = tokio::spawn(async move { load.run(&acknowledged).await });
        let enough = 10 + 7 * kill;
        seen.wait_for(|count| *count >= enough).await?;
        t.platform.control_plane.kill();
        answers.extend(sending.await?);
        t.platform.control_plane.start().await?;
    }
    let rows = t.rows(&answers).await?;
    let told: HashSet<_> = acknowledged(&answers).map(|answer| answer.guid.clone()).collect();
    let refused = answers.iter().filter(|answer| answer.is_refused()).count();
    let untold = rows.len() - told.len();
    println!(
        "F-02: {KILLS} kills, {} deliveries: {} acknowledged, {refused} answered 503, {} rows ({untold} committed, but \
         killed before the answer)",
        answers.len(),
        told.len(),
        rows.len()
    );
    ensure!(told.len() + refused == answers.len(), "each delivery is acknowledged or refused, nothing else");
    ensure!(refused >= KILLS, "the kills hit nothing");
    all.retain(|delivery| !told.contains(&delivery.guid));
    let again = t.send(all, LINES).await;
    let runs = t.count("SELECT count(*) FROM agent_runs").await?;
    let rows = t.rows(&again).await?.len();
    let repeats = t.count("SELECT count(*) FROM webhook_deliveries WHERE duplicates > 0").await?;
    println!("F-02: {} sent again: {rows} rows, {runs} runs, {repeats} known already", again.len());
    ensure!((rows, runs) == (KILLS * PER_KILL, i64::try_from(KILLS * PER_KILL)?), "one row and one run for each");
    ensure!(repeats == i64::try_from(untold)?, "what was committed is known when it comes again");
    t.still_runs()
}
