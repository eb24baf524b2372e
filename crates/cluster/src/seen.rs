//! What the cluster shows of a run's Job, read as one of the few things a worker can act on. Reading is pure: the
//! objects come from [`crate::Cluster::sight`], the time from the database.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::reasons::Reason;
use domain::run::JobSeen;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, Event, Pod, PodCondition};

use crate::error::is_quota;

/// How long a pod that has a node may stay where it cannot start before its launch counts as failed: volumes mount.
pub const START_GRACE: Duration = Duration::from_secs(60);

/// What was read of one launch.
#[derive(Debug, Clone, Default)]
pub struct Sighting {
    /// The Job of the launch's name.
    pub job: Option<Job>,
    /// Its pods.
    pub pods: Vec<Pod>,
    /// Events about the Job; read only when it has no pod.
    pub events: Vec<Event>,
}

/// Reads a sighting. `recorded_uid` is the UID of the Job that the run's row names, `None` when no Job of this
/// launch was recorded yet; `now` is the database's time. A pod may wait for a node as long as `place_wait`: the cluster
/// may be full, or a node on its way, and neither is the launch's fault.
///
/// A Job that is still suspended counts as never made: its launch was cut short, and launching again adopts it.
#[must_use]
pub fn observe(recorded_uid: Option<&str>, seen: &Sighting, now: DateTime<Utc>, place_wait: Duration) -> JobSeen {
    let Some(recorded_uid) = recorded_uid else { return JobSeen::NeverMade };
    let Some(job) = seen.job.as_ref().filter(|job| job.metadata.uid.as_deref() == Some(recorded_uid)) else {
        return JobSeen::Missing;
    };
    if let Some(message) = condition(job, &["Failed", "FailureTarget"]) {
        return why_failed(message, &seen.pods);
    }
    if condition(job, &["Complete", "SuccessCriteriaMet"]).is_some() {
        return JobSeen::Complete;
    }
    if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) {
        return JobSeen::NeverMade;
    }
    seen.pods
        .iter()
        .find_map(|pod| cannot_start(pod, now, place_wait))
        .or_else(|| if seen.pods.is_empty() { refused(&seen.events) } else { None })
        .unwrap_or_else(|| JobSeen::Active { pod_running: seen.pods.iter().any(is_running) })
}

/// Reason and message of the first of the Job's conditions of these types that holds.
fn condition<'a>(job: &'a Job, types: &[&str]) -> Option<(&'a str, &'a str)> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let holds = conditions.iter().find(|c| c.status == "True" && types.contains(&c.type_.as_str()))?;
    Some((holds.reason.as_deref().unwrap_or_default(), holds.message.as_deref().unwrap_or_default()))
}

fn failed(reason: Reason, detail: impl Into<String>) -> JobSeen {
    JobSeen::Failed { reason, detail: detail.into() }
}

fn why_failed((reason, message): (&str, &str), pods: &[Pod]) -> JobSeen {
    if reason == "DeadlineExceeded" {
        return failed(Reason::Timeout, message);
    }
    if let Some(why) = pods.iter().find_map(disruption) {
        return failed(Reason::Evicted, why);
    }
    // The policy knows one rule: the pod was disrupted.
    if reason == "PodFailurePolicy" {
        return failed(Reason::Evicted, message);
    }
    pods.iter().find_map(how_it_ended).unwrap_or_else(|| failed(Reason::Vanished, "the pod is gone"))
}

fn disruption(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let marked = pod_condition(pod, "DisruptionTarget").filter(|c| c.status == "True");
    if marked.is_none() && status.reason.as_deref() != Some("Evicted") {
        return None;
    }
    let told = marked.and_then(|c| c.message.clone().or_else(|| c.reason.clone()));
    Some(told.or_else(|| status.message.clone()).unwrap_or_else(|| "the pod was evicted".into()))
}

fn how_it_ended(pod: &Pod) -> Option<JobSeen> {
    let ended = container_state(pod)?.terminated.as_ref()?;
    if ended.reason.as_deref() == Some("OOMKilled") {
        return Some(failed(Reason::Oom, "the agent's container used more memory than it may"));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(failed(Reason::Vanished, "the pod was deleted"));
    }
    let detail = format!("the agent's container ended with exit code {}", ended.exit_code);
    Some(failed(reason_of_exit(ended.exit_code), detail))
}

/// The runner's exit codes. They count only when it could not report its result.
const fn reason_of_exit(code: i32) -> Reason {
    match code {
        11 => Reason::EgressOpen,
        2 | 12 => Reason::InfraError,
        13 => Reason::WriteScope,
        _ => Reason::AgentError,
    }
}

fn cannot_start(pod: &Pod, now: DateTime<Utc>, place_wait: Duration) -> Option<JobSeen> {
    if let Some(scheduled) = pod_condition(pod, "PodScheduled").filter(|c| c.status == "False") {
        let since = scheduled.last_transition_time.as_ref().or(pod.metadata.creation_timestamp.as_ref())?;
        let waited = now.timestamp().saturating_sub(since.0.as_second());
        let told = scheduled.message.clone().unwrap_or_default();
        return is_past(place_wait, waited).then(|| failed(Reason::Unschedulable, told));
    }
    let waiting = container_state(pod)?.waiting.as_ref()?;
    let told =
        || format!("{}: {}", waiting.reason.as_deref().unwrap_or_default(), waiting.message.as_deref().unwrap_or("-"));
    match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError" => {
            Some(failed(Reason::ImagePull, told()))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            let made = pod.metadata.creation_timestamp.as_ref()?.0.as_second();
            is_past(START_GRACE, now.timestamp().saturating_sub(made)).then(|| failed(Reason::InfraError, told()))
        }
        _ => None,
    }
}

fn is_past(patience: Duration, waited_seconds: i64) -> bool {
    u64::try_from(waited_seconds).is_ok_and(|waited| waited >= patience.as_secs())
}

/// What the Job controller was told when it tried to make the pod. Only the newest attempt counts.
fn refused(events: &[Event]) -> Option<JobSeen> {
    let newest = events.iter().filter(|event| event.reason.as_deref() == Some("FailedCreate")).max_by_key(|event| {
        let told = event.last_timestamp.as_ref().map(|time| time.0);
        let series = event.event_time.as_ref().map(|time| time.0);
        told.max(series)
    })?;
    let message = newest.message.as_deref()?;
    if is_quota(message) {
        Some(failed(Reason::Quota, message))
    } else if message.contains("status unknown for quota") || message.contains("error looking up service account") {
        None
    } else if message.contains("is forbidden") || message.contains("denied") || message.contains("is invalid") {
        Some(failed(Reason::AdmissionDenied, message))
    } else {
        None
    }
}

fn pod_condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|c| c.type_ == type_)
}

fn container_state(pod: &Pod) -> Option<&ContainerState> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()
}

fn is_running(pod: &Pod) -> bool {
    container_state(pod).is_some_and(|state| state.running.is_some())
}

#[cfg(test)]
mod tests;
