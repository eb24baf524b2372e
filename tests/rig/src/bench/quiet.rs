//! Whether the machine is ours: how much of its time goes to processes that this one did not start.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The share of the machine that others may take during a measurement that counts.
pub(super) const LIMIT: f64 = 0.05;
/// How long a measurement waits for a quiet moment to begin in.
const PATIENCE: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(300);

/// What the counters were at one moment, in clock ticks.
struct Counters {
    all: u64,
    busy: u64,
    ours: u64,
}

/// Does `work`, at a quiet moment if there is one; answers also with the share of the machine that went to others.
pub(super) async fn watched<T>(work: impl Future<Output = Result<T>>) -> Result<(T, f64)> {
    let asked = Instant::now();
    loop {
        let before = Counters::read()?;
        tokio::time::sleep(GLANCE).await;
        if before.foreign_until(&Counters::read()?) <= LIMIT || asked.elapsed() > PATIENCE {
            break;
        }
    }
    let before = Counters::read()?;
    let value = work.await?;
    Ok((value, before.foreign_until(&Counters::read()?)))
}

impl Counters {
    fn read() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("the system does not tell how busy it is")?;
        let (all, busy) = machine(&stat).context("/proc/stat has another shape than expected")?;
        Ok(Self { all, busy, ours: ours() })
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks of a few seconds")]
    fn foreign_until(&self, later: &Self) -> f64 {
        let (all, busy) = (later.all - self.all, later.busy.saturating_sub(self.busy));
        busy.saturating_sub(later.ours.saturating_sub(self.ours)) as f64 / all.max(1) as f64
    }
}

/// All ticks, and those in which a process ran or another machine held the CPU. Interrupts are left out: they are not
/// counted for any process.
fn machine(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _, _, _, _, steal] = *ticks.get(..8)? else { return None };
    Some((ticks[..8].iter().sum(), user + nice + system + steal))
}

/// The ticks of this process and of all its descendants, those that have ended included.
fn ours() -> u64 {
    let processes: HashMap<u32, (u32, u64)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, process(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect();
    let me = std::process::id();
    let is_ours = |pid: u32| {
        let mut parents = std::iter::successors(Some(pid), |pid| processes.get(pid).map(|(parent, _)| *parent));
        parents.any(|pid| pid == me)
    };
    processes.iter().filter(|(pid, _)| is_ours(**pid)).map(|(_, (_, ticks))| ticks).sum()
}

/// Parent and ticks of one process; children that it has waited for count with it.
fn process(stat: &str) -> Option<(u32, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((fields.get(1)?.parse().ok()?, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_read() {
        assert_eq!(machine("cpu  10 1 5 80 4 2 3 1 0 0\ncpu0 1"), Some((106, 17)));
        assert_eq!(process("42 (a) b) S 7 42 42 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1"), Some((7, 100)));
    }

    #[test]
    fn a_child_is_ours() {
        let before = ours();
        let mut busy = std::process::Command::new("sh");
        busy.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]);
        assert!(busy.status().unwrap().success());
        assert!(ours() > before);
    }
}
