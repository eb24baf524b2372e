//! Running a command in a container, as the run's account. Bounded in time and in what is kept of its output; what it
//! prints beyond that is read and dropped, so that it does not wait for a reader.
//!
//! **Which pods are entered** is judged on the pod itself, which is read before: the agent's own holds its run's token, and
//! parts of the platform are left alone. The API server is told no labels of a pod that is entered, so its policy
//! (`codex-k8s-run-entries`) goes by the name, which the pods of runs begin with; that a pod of another kind is replaced by a
//! part of the platform of the same name between the look and the command is not excluded.

use std::time::Duration;

use domain::environment::Kind;
use domain::environment::changes::may_enter;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams, AttachedProcess, GetParams};
use kube::client::UpgradeConnectionError;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Look, LookError};
use crate::ask::ask;

/// How long a command may take. One that takes longer may go on without anybody who listens.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes that are kept of what it prints, of each kind.
const KEPT: usize = 8000;

/// What to run, and where.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Where the pod has several.
    pub container: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
}

impl Look {
    /// Runs a command in a container of a pod and answers what it printed and how it ended.
    ///
    /// # Errors
    /// [`LookError::Closed`] for a pod that is not entered.
    pub async fn enter(&self, pod: &str, entry: &Entry) -> Result<Value, LookError> {
        let what = format!("pod {pod}");
        let asked = self.of(Kind::Pod).get(pod, &GetParams::default()).map_err(kube::Error::BuildRequest);
        if !may_enter(&self.json(&what, asked, None).await?) {
            return Err(LookError::Closed { what });
        }
        let how = AttachParams {
            container: entry.container.clone(),
            stdin: false,
            stdout: true,
            stderr: true,
            ..AttachParams::default()
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let begun = async { Ok(pods.exec(pod, &entry.command, &how).await) };
        match ask(&what, begun).await? {
            Ok(process) => Ok(heard(pod, process).await),
            Err(error) => Err(not_begun(what, error)),
        }
    }
}

/// A connection that is not turned into one to the command has a code and no words.
fn not_begun(what: String, error: kube::Error) -> LookError {
    match error {
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => match code.as_u16() {
            401 | 403 => LookError::NotAllowed { what },
            404 => LookError::Missing { what },
            _ => LookError::Told("The container cannot be entered. Does it run, and is that its name?".to_owned()),
        },
        other => crate::error::ClusterError::from_kube(&what, other).into(),
    }
}

async fn heard(pod: &str, mut process: AttachedProcess) -> Value {
    let (mut out, mut err) = (Kept::default(), Kept::default());
    let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
    let to_its_end = async {
        tokio::join!(out.fill(stdout), err.fill(stderr));
        match status {
            Some(status) => status.await,
            None => None,
        }
    };
    let ended = tokio::time::timeout(LIMIT, to_its_end).await;
    process.abort();
    let mut told = json!({
        "pod": pod, "stdout": out.text(), "stderr": err.text(), "cut": out.cut || err.cut, "timed_out": ended.is_err(),
    });
    if let Ok(Some(status)) = ended {
        told["exit_code"] = json!(exit_code(&status));
        // A program that is not there has words and no code.
        if told["exit_code"].is_null() {
            told["trouble"] = json!(status.message);
        }
    }
    told
}

fn exit_code(status: &Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    code.message.as_deref()?.parse().ok()
}

/// The beginning of what was printed.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

impl Kept {
    async fn fill(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut piece = [0; 4096];
        // A connection that breaks ends what is heard, as the command's end does.
        while let Ok(read @ 1..) = from.read(&mut piece).await {
            let room = read.min(KEPT - self.bytes.len());
            self.bytes.extend_from_slice(&piece[..room]);
            self.cut |= room < read;
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_beginning_is_kept_and_the_rest_is_read() {
        let printed = "x".repeat(KEPT + 5000);
        let mut kept = Kept::default();
        kept.fill(Some(printed.as_bytes())).await;
        assert_eq!((kept.text().len(), kept.cut), (KEPT, true));
        let mut little = Kept::default();
        little.fill(Some("out\n".as_bytes())).await;
        assert_eq!((little.text().as_str(), little.cut), ("out\n", false));
    }

    #[test]
    fn how_a_command_ended() {
        let read = |status: Value| exit_code(&serde_json::from_value(status).unwrap());
        let failed = json!({
            "status": "Failure", "reason": "NonZeroExitCode",
            "details": { "causes": [{ "reason": "ExitCode", "message": "3" }] },
        });
        let absent = json!({ "status": "Failure", "reason": "InternalError", "message": "no such file" });
        assert_eq!([json!({ "status": "Success" }), failed, absent].map(read), [Some(0), Some(3), None]);
    }
}
