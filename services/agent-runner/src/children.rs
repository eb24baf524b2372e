//! The processes the agent left behind. Codex runs each command in a session of its own, so ending its process group
//! would miss them; the runner adopts orphans instead and ends everything that descends from it.

use std::{fs, time::Duration};

use nix::{
    sys::{prctl, signal},
    unistd::Pid,
};

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_millis(400);
/// How often dying processes are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Prepares the process: orphans come to it instead of to init, and what the agent runs under the same user cannot
/// read its memory or environment (where the run token is).
///
/// # Errors
/// When the kernel refuses.
pub fn prepare() -> nix::Result<()> {
    prctl::set_child_subreaper(true)?;
    prctl::set_dumpable(false)
}

/// Ends every descendant of this process: SIGTERM first, SIGKILL after a moment.
pub async fn end_all() {
    let asked = signal_all(signal::Signal::SIGTERM);
    let deadline = tokio::time::Instant::now() + GRACE;
    while asked > 0 && !living().is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
    // A process may fork while it is being killed, so once is not enough; a bound keeps a fork bomb from holding us.
    for _ in 0..50 {
        if signal_all(signal::Signal::SIGKILL) == 0 {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    tracing::warn!(left = living().len(), "some processes of the agent would not end");
}

fn signal_all(signal: signal::Signal) -> usize {
    let living = living();
    for pid in &living {
        // One that ended meanwhile is what we want.
        let _ = signal::kill(*pid, signal);
    }
    living.len()
}

fn living() -> Vec<Pid> {
    let table: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect();
    descendants(&table, std::process::id().cast_signed())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    zombie: bool,
}

/// Reads `pid (name) state parent …`; the name may hold spaces and parentheses.
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let mut fields = rest.rsplit_once(") ")?.1.split(' ');
    let zombie = matches!(fields.next()?, "Z" | "X");
    Some(Process { pid: pid.parse().ok()?, parent: fields.next()?.parse().ok()?, zombie })
}

fn descendants(table: &[Process], root: i32) -> Vec<Pid> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(table.iter().filter(|process| process.parent == parent).map(|process| process.pid));
        next += 1;
    }
    let zombie = |pid: i32| table.iter().any(|process| process.pid == pid && process.zombie);
    family.into_iter().skip(1).filter(|pid| !zombie(*pid)).map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_an_odd_name_is_read() {
        let seen = parse_stat("42 (a) Z 1 (b) S 7 42 42 0").unwrap();
        assert_eq!(seen, Process { pid: 42, parent: 7, zombie: false });
    }

    #[test]
    fn the_whole_family_is_found_and_the_dead_are_left_out() {
        let process = |pid, parent, zombie| Process { pid, parent, zombie };
        let table = [process(4, 3, false), process(2, 1, false), process(3, 2, true), process(9, 8, false)];
        assert_eq!(descendants(&table, 1), [Pid::from_raw(2), Pid::from_raw(4)]);
    }
}
