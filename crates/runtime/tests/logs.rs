//! What a process really writes when it logs: seen from outside, because the last gate is the stream itself.

use std::process::Command;

use runtime::correlation::Correlation;
use runtime::{redact, telemetry};

const SECRET: &str = "planted-secret-value";

/// Not a test by itself: the process that the test looks at.
#[tokio::test]
#[ignore = "started by the other test"]
async fn child() {
    redact::set(Box::new(|line| line.replace(SECRET, "[redacted]")));
    let telemetry = telemetry::init("child").unwrap();
    Correlation::fresh()
        .scope(async {
            tracing::info!(url = %format_args!("https://x:{SECRET}@h/"), "asked by jo@example.org");
        })
        .await;
    tracing::debug!("too much");
    let crash = tokio::spawn(async { panic!("with {SECRET}") });
    assert!(crash.await.is_err());
    telemetry.finish().await;
}

#[test]
fn lines_are_json_and_hold_neither_secrets_nor_addresses() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--quiet"])
        .env_remove("CODEXK8S_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8([child.stdout, child.stderr].concat()).unwrap();
    assert!(child.status.success(), "{said}");
    assert!(!said.contains(SECRET) && !said.contains("example.org"), "{said}");
    let lines: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert_eq!(lines[0]["message"], "asked by [email]");
    assert_eq!(lines[0]["url"], "https://x:[redacted]@h/");
    assert!(lines[0]["span"]["correlation_id"].is_string(), "{said}");
    assert_eq!((&lines[1]["level"], &lines[1]["message"]), (&"ERROR".into(), &"panic: with [redacted]".into()));
}
