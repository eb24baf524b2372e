//! The baseline: `pgbench` with the statement that stores a delivery, prepared, one new delivery and run each time. It
//! neither reads the facts nor parses anything: the least that has to be done.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use uuid::Uuid;

use super::stage::{DATABASE, POOL, Stage};
use crate::delivery::payload;

const STATEMENT: &str = include_str!("../../../../crates/store/src/intake/take_in.sql");
/// Threads of `pgbench`.
const THREADS: u32 = 2;

/// What `pgbench` found.
pub(super) struct Found {
    /// Transactions a second.
    pub(super) rate: f64,
    /// The time that 99 of 100 took at most, in milliseconds, from when they were due.
    pub(super) p99: f64,
}

/// Runs it for `time`; as fast as it can, or at `rate` a second.
pub(super) async fn run(stage: &Stage, time: Duration, rate: Option<f64>) -> Result<Found> {
    let logs = tempfile::tempdir_in(stage.scratch.path())?;
    let script = logs.path().join("script.sql");
    std::fs::write(&script, script_for(stage)?)?;
    let mut pgbench = Command::new(stage.postgres.program("pgbench"));
    pgbench.args(["--no-vacuum", "--protocol=prepared", "--log", "--host=127.0.0.1", "--username=postgres"]);
    pgbench.arg(format!("--log-prefix={}", logs.path().join("log").display()));
    pgbench.arg(format!("--port={}", stage.postgres.port()));
    pgbench.args([format!("--client={POOL}"), format!("--jobs={THREADS}"), format!("--time={}", time.as_secs())]);
    pgbench.arg("--define=i=0").arg(format!("--define=payload={}", payload(1)));
    if let Some(rate) = rate {
        pgbench.arg(format!("--rate={rate:.0}"));
    }
    let done = pgbench.arg("--file").arg(&script).arg(DATABASE).stdin(Stdio::null()).output().await;
    let done = done.context("cannot run pgbench")?;
    let said = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&done.stderr));
    }
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    Ok(Found { rate: rate.with_context(|| format!("pgbench names no rate: {said}"))?, p99: p99(&logs)? })
}

/// From the logs: one line a transaction, whose third word is its time in microseconds.
fn p99(logs: &tempfile::TempDir) -> Result<f64> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(logs.path())? {
        let path: PathBuf = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        let text = std::fs::read_to_string(path)?;
        times.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()));
    }
    times.sort_by(f64::total_cmp);
    let rank = (times.len() * 99).div_ceil(100);
    times.get(rank.saturating_sub(1)).map(|micros| micros / 1000.0).context("pgbench logged no transaction")
}

/// The statement with every parameter filled in. `pgbench` takes whatever follows a colon for a variable, inside quotes
/// too, so no text of ours has a colon before a letter.
fn script_for(stage: &Stage) -> Result<String> {
    let statement: String = STATEMENT.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    let mut statement = statement.replace("':refusal'", "':' || 'refusal'").replace("':labels'", "':' || 'labels'");
    for (place, value) in values(stage).iter().enumerate().rev() {
        let parameter = format!("${}", place + 1);
        if !statement.contains(&parameter) {
            bail!("the statement has no {parameter}");
        }
        statement = statement.replace(&parameter, value);
    }
    if statement.contains('$') {
        bail!("the statement has more parameters than the baseline fills in");
    }
    Ok(format!("\\set i :i + 1\n\\set n :client_id * 10000000 + :i\n{statement};\n"))
}

/// The statement's parameters in their order.
#[expect(clippy::too_many_lines, reason = "one line for each parameter of the statement")]
fn values(stage: &Stage) -> [String; 53] {
    let (installation, text) = (&stage.installation, |text: &str| format!("'{text}'"));
    let known = |id: Uuid| format!("'{id}'::uuid");
    let fresh = |kind: u32| format!("('0000000{kind}-0000-7000-8000-' || lpad(to_hex((:n)::bigint), 12, '0'))::uuid");
    let null = |kind: &str| format!("NULL::{kind}");
    let numbered = |text: &str| format!("'{text}' || :n");
    let body = format!("'{}'", "A paragraph of what somebody wants, with its reasons. ".repeat(20));
    let canonical = format!("'\\x{}'::bytea", "ab".repeat(120));
    [
        fresh(1),
        numbered("rig-"),
        "sha256(convert_to('rig-' || :n, 'UTF8'))".to_owned(),
        numbered("42-issues.labeled-run-dev-"),
        text("issues"),
        text("labeled"),
        known(installation.repository.0),
        text("rig/app"),
        "(:n)::bigint".to_owned(),
        text("run-dev"),
        "2::bigint".to_owned(),
        text("member"),
        fresh(2),
        text("webhook"),
        "(:payload)".to_owned(),
        null("text"),
        fresh(3),
        known(installation.project.0),
        numbered("Issue "),
        body,
        numbered("https://github.test/rig/app/issues/"),
        text("dev"),
        text("dev"),
        text("en"),
        text("gpt"),
        numbered("codex/issue-"),
        text("main"),
        numbered("rig-dev-"),
        known(installation.member.0),
        "7200".to_owned(),
        "86400".to_owned(),
        "NULL".to_owned(),
        "NULL".to_owned(),
        null("text"),
        "false".to_owned(),
        fresh(4),
        text("run.created"),
        text("member"),
        "jsonb_build_object('issue', (:n)::bigint, 'stage', 'dev')".to_owned(),
        canonical,
        fresh(5),
        "ARRAY['sender_not_allowed', 'run_already_active']".to_owned(),
        null("text"),
        "(:n)::bigint".to_owned(),
        text("stage"),
        null("uuid"),
        "false".to_owned(),
        null("uuid"),
        null("bigint"),
        null("text"),
        null("uuid"),
        null("jsonb"),
        fresh(6),
    ]
}
