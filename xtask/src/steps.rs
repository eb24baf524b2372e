//! Long work as steps: one progress line each, the complete output in a file that an error points to.

use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::command::shown;
use crate::paths::Paths;

/// Lines of a log that a failure shows.
const TAIL: usize = 15;

/// A step at work: where its output goes, and the line that people watch.
pub(crate) struct Step {
    log: PathBuf,
    file: File,
    bar: ProgressBar,
}

/// Runs `work` as a step called `title`, logged under `name`, and says how long it took.
///
/// # Errors
/// What `work` returned, with the log's name and last lines in front.
pub(crate) fn step<T>(paths: &Paths, name: &str, title: &str, work: impl FnOnce(&mut Step) -> Result<T>) -> Result<T> {
    let log = paths.log(name);
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { spinner(title)? } else { ProgressBar::hidden() };
    let started = Instant::now();
    if !terminal {
        eprintln!("   .. {title}");
    }
    let mut step = Step { log, file, bar };
    let result = work(&mut step);
    step.bar.finish_and_clear();
    let took = elapsed(started.elapsed());
    match result {
        Ok(value) => {
            eprintln!("   ok {title} ({took})");
            Ok(value)
        }
        Err(error) => {
            eprintln!(" FAIL {title} ({took})");
            Err(anyhow!("{title}: {error:#}\n{}", excerpt(&step.log)))
        }
    }
}

impl Step {
    /// Runs a command with its output in the log.
    ///
    /// # Errors
    /// The command could not be started, or ended with anything but success.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        self.note(&format!("$ {}", shown(command)))?;
        let status = command
            .stdin(Stdio::null())
            .stdout(self.file.try_clone()?)
            .stderr(self.file.try_clone()?)
            .status()
            .with_context(|| format!("cannot run `{}`", shown(command)))?;
        if !status.success() {
            bail!("`{}` ended with {status}", shown(command));
        }
        Ok(())
    }

    /// Says what is happening: in the log, and beside the spinner.
    pub(crate) fn note(&mut self, text: &str) -> Result<()> {
        self.bar.set_message(text.chars().take(60).collect::<String>());
        writeln!(self.file, "{text}").with_context(|| format!("cannot write {}", self.log.display()))
    }

    /// Everything that this step wrote so far.
    pub(crate) fn written(&self) -> Result<String> {
        let bytes = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Asks `ready` until it says yes; the last refusal is the error when `limit` passes.
pub(crate) fn wait_until(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    loop {
        match ready() {
            Ok(()) => return Ok(()),
            Err(error) if started.elapsed() > limit => {
                return Err(error.context(format!("{what} took more than {}", elapsed(limit))));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Opens a log for appending, with its folder.
pub(crate) fn append_to(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    OpenOptions::new().create(true).append(true).open(log).with_context(|| format!("cannot write {}", log.display()))
}

/// The end of a log, introduced by its name.
pub(crate) fn excerpt(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(TAIL)..].join("\n    ");
    format!("  complete output: {}\n    {end}", log.display())
}

/// A duration as people say it.
pub(crate) fn elapsed(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn spinner(title: &str) -> Result<ProgressBar> {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("   {spinner} {prefix} {elapsed} {wide_msg:.dim}")?);
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Ok(bar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        assert_eq!(elapsed(Duration::from_millis(80)), "80 ms");
        assert_eq!(elapsed(Duration::from_secs(59)), "59 s");
        assert_eq!(elapsed(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn an_excerpt_names_the_log_and_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("build.log");
        fs::write(&log, (0..100).map(|n| format!("line {n}\n")).collect::<String>()).unwrap();
        let shown = excerpt(&log);
        assert!(shown.contains("build.log"));
        assert!(shown.contains("line 99") && shown.contains("line 85") && !shown.contains("line 84"));
    }
}
