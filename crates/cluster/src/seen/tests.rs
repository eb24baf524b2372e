//! Every way a pod can fail, as the API server shows it, against the reason it gets.

use serde_json::{Value, json};

use super::*;

const UID: &str = "job-uid";
const PLACE_WAIT: Duration = Duration::from_secs(120);

fn now() -> DateTime<Utc> {
    "2026-03-01T10:05:00Z".parse().unwrap()
}

fn job(status: Value) -> Option<Job> {
    let job = json!({"metadata": {"uid": UID}, "spec": {"suspend": false, "template": {}}, "status": status});
    Some(serde_json::from_value(job).unwrap())
}

fn failed_job(reason: &str) -> Option<Job> {
    job(json!({"conditions": [{"type": "Failed", "status": "True", "reason": reason, "message": "told by the Job"}]}))
}

fn pod(status: Value) -> Pod {
    let made = "2026-03-01T10:00:00Z";
    serde_json::from_value(json!({"metadata": {"creationTimestamp": made}, "status": status})).unwrap()
}

fn in_state(state: Value) -> Pod {
    let container =
        json!({"name": "agent", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
    pod(json!({"containerStatuses": [container]}))
}

fn waiting(reason: &str) -> Pod {
    in_state(json!({"waiting": {"reason": reason, "message": "why"}}))
}

fn ended(exit_code: i32, reason: &str) -> Pod {
    in_state(json!({"terminated": {"exitCode": exit_code, "reason": reason}}))
}

fn unscheduled_since(time: &str) -> Pod {
    pod(json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available", "lastTransitionTime": time}]}))
}

fn event(time: &str, message: &str) -> Event {
    serde_json::from_value(json!({"metadata": {}, "involvedObject": {}, "reason": "FailedCreate",
        "message": message, "lastTimestamp": time}))
    .unwrap()
}

fn told(seen: &JobSeen) -> &'static str {
    match seen {
        JobSeen::NeverMade => "never made",
        JobSeen::Missing => "missing",
        JobSeen::Active { pod_running: true } => "running",
        JobSeen::Active { pod_running: false } => "starting",
        JobSeen::Complete => "complete",
        JobSeen::Failed { reason, .. } => reason.as_str(),
    }
}

#[test]
fn a_job_without_trouble_is_read_as_it_stands() {
    let active = || job(json!({"active": 1}));
    let suspended = serde_json::json!({"metadata": {"uid": UID}, "spec": {"suspend": true, "template": {}}});
    let complete = job(json!({"conditions": [{"type": "Complete", "status": "True"}]}));
    let table = [
        (None, active(), vec![], "never made"),
        (Some(UID), None, vec![], "missing"),
        (Some("another"), active(), vec![], "missing"),
        (Some(UID), serde_json::from_value(suspended).unwrap(), vec![], "never made"),
        (Some(UID), active(), vec![], "starting"),
        (Some(UID), active(), vec![waiting("ContainerCreating")], "starting"),
        (Some(UID), active(), vec![in_state(json!({"running": {}}))], "running"),
        (Some(UID), active(), vec![ended(0, "Completed")], "starting"),
        (Some(UID), complete, vec![ended(0, "Completed")], "complete"),
    ];
    for (row, (recorded, job, pods, expected)) in table.into_iter().enumerate() {
        let seen = Sighting { job, pods, events: vec![] };
        assert_eq!(told(&observe(recorded, &seen, now(), PLACE_WAIT)), expected, "row {row}");
    }
}

#[test]
fn a_pod_that_cannot_start_is_told_by_its_reason() {
    let table = [
        (waiting("ErrImagePull"), "image_pull"),
        (waiting("ImagePullBackOff"), "image_pull"),
        (waiting("ErrImageNeverPull"), "image_pull"),
        (waiting("InvalidImageName"), "image_pull"),
        (waiting("CreateContainerConfigError"), "infra_error"),
        (unscheduled_since("2026-03-01T10:03:30Z"), "starting"),
        (unscheduled_since("2026-03-01T10:03:00Z"), "unschedulable"),
        // A node's clock may be ahead of the database's.
        (unscheduled_since("2026-03-01T10:15:00Z"), "starting"),
    ];
    for (row, (pod, expected)) in table.into_iter().enumerate() {
        let seen = Sighting { job: job(json!({"active": 1})), pods: vec![pod], events: vec![] };
        assert_eq!(told(&observe(Some(UID), &seen, now(), PLACE_WAIT)), expected, "row {row}");
    }
}

#[test]
fn a_pod_that_was_refused_is_told_by_the_jobs_events() {
    let quota = "Error creating: pods \"a\" is forbidden: exceeded quota: run, requested: pods=1, used: pods=2";
    let security = "Error creating: pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"";
    let early = "Error creating: pods \"a\" is forbidden: status unknown for quota: run, resources: pods";
    let webhook = "Error creating: admission webhook \"x\" denied the request";
    let table: [(&[(&str, &str)], &str); 6] = [
        (&[("10:01", quota)], "quota"),
        (&[("10:01", security)], "admission_denied"),
        (&[("10:01", webhook)], "admission_denied"),
        (&[("10:01", early)], "starting"),
        (&[("10:02", early), ("10:01", quota)], "starting"),
        (&[("10:01", early), ("10:02", quota)], "quota"),
    ];
    for (row, (events, expected)) in table.into_iter().enumerate() {
        let events = events.iter().map(|(at, text)| event(&format!("2026-03-01T{at}:00Z"), text)).collect();
        let seen = Sighting { job: job(json!({"active": 0})), pods: vec![], events };
        assert_eq!(told(&observe(Some(UID), &seen, now(), PLACE_WAIT)), expected, "row {row}");
    }
}

#[test]
fn a_failed_job_is_told_by_what_its_pod_left() {
    let evicted = pod(json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"}));
    let disrupted = pod(json!({"conditions": [{"type": "DisruptionTarget", "status": "True",
        "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}]}));
    let mut deleted = ended(143, "Error");
    deleted.metadata.deletion_timestamp = deleted.metadata.creation_timestamp.clone();
    let table = [
        ("BackoffLimitExceeded", vec![ended(137, "OOMKilled")], "oom"),
        ("BackoffLimitExceeded", vec![ended(1, "Error")], "agent_error"),
        ("BackoffLimitExceeded", vec![ended(11, "Error")], "egress_open"),
        ("BackoffLimitExceeded", vec![ended(12, "Error")], "infra_error"),
        ("BackoffLimitExceeded", vec![deleted], "vanished"),
        ("BackoffLimitExceeded", vec![], "vanished"),
        ("BackoffLimitExceeded", vec![evicted], "evicted"),
        ("PodFailurePolicy", vec![disrupted], "evicted"),
        ("PodFailurePolicy", vec![], "evicted"),
        ("DeadlineExceeded", vec![ended(143, "Error")], "timeout"),
    ];
    for (row, (reason, pods, expected)) in table.into_iter().enumerate() {
        let seen = Sighting { job: failed_job(reason), pods, events: vec![] };
        assert_eq!(told(&observe(Some(UID), &seen, now(), PLACE_WAIT)), expected, "row {row}");
    }
}
