//! Background processes of the stack: started detached, remembered by pid and start time, so that a pid that the
//! kernel has given to somebody else is never taken for ours and never signalled.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sha2::{Digest, Sha256};

use crate::paths::Paths;
use crate::steps::{append_to, excerpt, wait_until};

/// How to start one background process.
#[derive(Clone, Debug)]
pub(crate) struct Daemon {
    /// Names the pid file and the log.
    pub(crate) name: &'static str,
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// Environment on top of ours.
    pub(crate) env: Vec<(String, String)>,
    /// Run as this user and group instead of ours.
    pub(crate) user: Option<(u32, u32)>,
    /// Contents that it reads only at start: a change means a restart.
    pub(crate) reads: Vec<u8>,
    /// How it is asked to stop.
    pub(crate) ending: Ending,
}

/// How a process is asked to stop, and when it is killed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// The polite signal.
    pub(crate) signal: Signal,
    /// How long it may take.
    pub(crate) grace: Duration,
}

impl Default for Ending {
    fn default() -> Self {
        Self { signal: Signal::SIGTERM, grace: Duration::from_secs(10) }
    }
}

/// A process that is alive and the one we started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Running {
    /// Process id.
    pub(crate) pid: i32,
    /// Hash of what it was started with.
    pub(crate) fingerprint: String,
    started: u64,
}

/// The process that the pid file means, when it still lives.
pub(crate) fn running(paths: &Paths, name: &str) -> Option<Running> {
    let text = fs::read_to_string(paths.pid_file(name)).ok()?;
    let mut words = text.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    let started = words.next()?.parse().ok()?;
    let fingerprint = words.next()?.to_owned();
    (start_time(pid)? == started).then_some(Running { pid, fingerprint, started })
}

impl Daemon {
    /// Hash of everything that a running process keeps from its start.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for word in self.argv.iter().chain(self.env.iter().flat_map(|(name, value)| [name, value])) {
            hash.update(word.as_bytes());
            hash.update([0]);
        }
        hash.update(&self.reads);
        hex::encode(&hash.finalize()[..8])
    }

    /// Whether it runs with just these arguments.
    pub(crate) fn is_current(&self, paths: &Paths) -> bool {
        running(paths, self.name).is_some_and(|found| found.fingerprint == self.fingerprint())
    }

    /// Starts it unless it already runs with just these arguments; an outdated one is replaced.
    pub(crate) fn ensure(&self, paths: &Paths) -> Result<()> {
        if self.is_current(paths) {
            return Ok(());
        }
        stop(paths, self.name, self.ending)?;
        self.start(paths)
    }

    /// Starts it where needed and asks `probe` until it answers; a process that died meanwhile ends the wait.
    pub(crate) fn ensure_ready(
        &self,
        paths: &Paths,
        limit: Duration,
        mut probe: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        self.ensure(paths)?;
        let mut died = false;
        wait_until(self.name, limit, || {
            died = running(paths, self.name).is_none();
            if died { Ok(()) } else { probe() }
        })
        .with_context(|| excerpt(&paths.daemon_log(self.name)))?;
        if died {
            bail!("{} ended at once\n{}", self.name, excerpt(&paths.daemon_log(self.name)));
        }
        Ok(())
    }

    fn start(&self, paths: &Paths) -> Result<()> {
        let log = append_to(&paths.daemon_log(self.name))?;
        paths.make_state("run")?;
        // `setsid` gives it a session of its own: no terminal's end or Ctrl-C reaches it.
        let mut command = Command::new("setsid");
        command
            .args(&self.argv)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&paths.state)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", self.name))?;
        let pid = i32::try_from(child.id())?;
        let Some(started) = start_time(pid) else {
            bail!("{} ended at once; see {}", self.name, paths.daemon_log(self.name).display());
        };
        let file = paths.pid_file(self.name);
        fs::write(&file, format!("{pid} {started} {}\n", self.fingerprint()))
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Stops a background process: politely, then by force.
pub(crate) fn stop(paths: &Paths, name: &str, ending: Ending) -> Result<()> {
    if let Some(found) = running(paths, name) {
        end(&found, ending.signal, ending.grace).or_else(|_| end(&found, Signal::SIGKILL, Duration::from_secs(10)))?;
    }
    match fs::remove_file(paths.pid_file(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn end(found: &Running, signal: Signal, limit: Duration) -> Result<()> {
    // Gone already is what we want.
    let _ = kill(Pid::from_raw(found.pid), signal);
    wait_until("the end of a process", limit, || {
        if start_time(found.pid) == Some(found.started) {
            bail!("pid {} is still there", found.pid);
        }
        Ok(())
    })
}

/// When a process started, in clock ticks since boot; `None` for one that is gone or waits to be reaped.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_start_time(&stat)
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, so fields are counted after the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) b) S 1 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 100 200";

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        assert_eq!(parse_start_time(STAT), Some(987_654));
        assert_eq!(parse_start_time(&STAT.replace(" S ", " Z ")), None);
    }

    #[test]
    fn a_recycled_pid_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { checkout: folder.path().into(), cache: folder.path().into(), state: folder.path().into() };
        let pid = i32::try_from(std::process::id()).unwrap();
        let started = start_time(pid).unwrap();
        paths.make_state("run").unwrap();
        fs::write(paths.pid_file("x"), format!("{pid} {started} abc\n")).unwrap();
        assert_eq!(running(&paths, "x").unwrap().pid, pid);
        fs::write(paths.pid_file("x"), format!("{pid} {} abc\n", started + 1)).unwrap();
        assert_eq!(running(&paths, "x"), None);
    }

    #[test]
    fn a_daemon_is_started_once_and_replaced_when_its_arguments_change() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { checkout: folder.path().into(), cache: folder.path().into(), state: folder.path().into() };
        let mut sleeper = Daemon {
            name: "sleeper",
            argv: vec!["sleep".into(), "60".into()],
            env: Vec::new(),
            user: None,
            reads: Vec::new(),
            ending: Ending::default(),
        };
        sleeper.ensure(&paths).unwrap();
        let first = running(&paths, "sleeper").unwrap();
        sleeper.ensure(&paths).unwrap();
        assert_eq!(running(&paths, "sleeper").unwrap(), first);
        sleeper.argv[1] = "61".into();
        sleeper.ensure(&paths).unwrap();
        assert_ne!(running(&paths, "sleeper").unwrap().pid, first.pid);
        stop(&paths, "sleeper", sleeper.ending).unwrap();
        assert_eq!(running(&paths, "sleeper"), None);
    }
}
