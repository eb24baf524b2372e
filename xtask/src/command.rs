//! Commands that must succeed: small helpers over `std::process::Command` for calls whose output is the answer.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The command as a person would type it, for messages and logs.
pub(crate) fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command and returns what it printed; a failure quotes its error output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !done.status.success() {
        bail!("`{}` ended with {}: {}", shown(command), done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Feeds `input` to a command and returns what it printed.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    let written = child.stdin.take().context("the child has no input")?.write_all(input.as_bytes());
    let done = child.wait_with_output()?;
    if !done.status.success() {
        bail!("`{}` ended with {}: {}", shown(command), done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    written.with_context(|| format!("`{}` did not read its input", shown(command)))?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Whether a program of this name can be found in `PATH`.
pub(crate) fn exists(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
