//! The states of a run, and what to do about a run that is active.

use chrono::{DateTime, Utc};

use crate::coded_enum;
use crate::reasons::Reason;

coded_enum! {
    /// Where a run stands. The database's CHECK constraint says the same words.
    RunStatus {
        /// Waits to be claimed by a worker.
        Pending = "pending",
        /// Leased by a worker that drives it.
        Running = "running",
        /// Parked until a person answers a tool's request.
        WaitingMcp = "waiting_mcp",
        /// Its result waits for the owner's review.
        WaitingOwnerReview = "waiting_owner_review",
        /// Parked until a limit of GitHub or of the model passes.
        WaitingBackpressure = "waiting_backpressure",
        /// The pull request is there.
        Succeeded = "succeeded",
        /// Ended with a reason.
        Failed = "failed",
        /// Ended by its time limit.
        TimedOut = "timed_out",
        /// Stopped on purpose.
        Cancelled = "cancelled",
    }
}

impl RunStatus {
    /// Nothing will happen to the run any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::TimedOut | Self::Cancelled)
    }

    /// The run waits and needs no pod.
    #[must_use]
    pub const fn is_parked(self) -> bool {
        matches!(self, Self::WaitingMcp | Self::WaitingOwnerReview | Self::WaitingBackpressure)
    }

    /// The run counts as the active one, so no other may start there.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::WaitingMcp | Self::WaitingBackpressure)
    }
}

/// What the cluster shows of the Job of a run's current launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobSeen {
    /// No Job of this launch was ever recorded.
    NeverMade,
    /// A Job was recorded, and the cluster does not know it any more.
    Missing,
    /// The Job has not ended; whether its pod runs.
    Active {
        /// The agent's container has started.
        pod_running: bool,
    },
    /// The pod ended with exit code 0.
    Complete,
    /// The pod failed, or could never start.
    Failed {
        /// From the fixed list.
        reason: Reason,
        /// What was seen, for people.
        detail: String,
    },
}

/// What the run's own runner reported before its pod ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// Nothing yet.
    Nothing,
    /// Work was pushed.
    Success,
    /// The agent has asked people; session and working tree are kept.
    Waiting,
    /// The runner gave up.
    Failure {
        /// From the fixed list.
        reason: Reason,
        /// What it said.
        detail: String,
    },
}

/// Facts about one leased run, read in one go.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// Where it stands.
    pub status: RunStatus,
    /// Somebody asked for it to stop.
    pub cancel_requested: bool,
    /// Its time limit has passed.
    pub deadline_passed: bool,
    /// What its runner said.
    pub reported: Reported,
    /// The model's last answer was a limit that lasts until then.
    pub model_limited_until: Option<DateTime<Utc>>,
}

/// The next thing to do about a run. Doing it is the worker's business; every step may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Leave it.
    Nothing,
    /// The run is over: take its Job away.
    DeleteJob,
    /// Make the namespace and the Job of the current launch, adopting what is there.
    Launch,
    /// The agent works.
    Wait,
    /// The agent is done: look at the branch, open the pull request, finish.
    Collect,
    /// The agent met a limit of the model: park the run until then. Its launch is over and counts as no failure.
    Park(DateTime<Utc>),
    /// The agent has asked people: the run waits for them without a pod. Its launch is over and counts as no failure.
    WaitForPeople,
    /// This launch failed: count it, and try again or give up ([`crate::launch::after_failure`]).
    LaunchFailed(Reason, String),
    /// End the run now, with a pod or without.
    Finish(RunStatus, Reason, String),
}

/// What to do about a run, given its row and what the cluster shows. Never performs it.
///
/// A report of the runner outranks how its pod ended afterwards, and a cancellation or a passed deadline outranks
/// both: they hold also when the pod does not cooperate.
#[must_use]
pub fn next_step(run: &RunFacts, job: JobSeen) -> Step {
    use JobSeen as Job;
    match (run.status, job) {
        (status, Job::NeverMade | Job::Missing) if status.is_over() || status.is_parked() => parked_or_over(run),
        (status, _) if status.is_over() => Step::DeleteJob,
        _ if run.cancel_requested => Step::Finish(RunStatus::Cancelled, Reason::Cancelled, String::new()),
        _ if run.reported == Reported::Success => Step::Collect,
        (RunStatus::Running, _) if run.reported == Reported::Waiting => Step::WaitForPeople,
        _ if run.deadline_passed => Step::Finish(RunStatus::TimedOut, Reason::Timeout, "the run's time limit".into()),
        (status, _) if status.is_parked() => Step::DeleteJob,
        (_, job) => match (run.reported.clone(), job) {
            (Reported::Failure { reason, detail }, _) => after_report(run, reason, detail),
            (_, Job::NeverMade) => Step::Launch,
            (_, Job::Missing) => Step::LaunchFailed(Reason::Vanished, "the Job is gone".into()),
            (_, Job::Active { .. }) => Step::Wait,
            (_, Job::Complete) => {
                Step::LaunchFailed(Reason::AgentError, "the pod ended without reporting a result".into())
            }
            (_, Job::Failed { reason, detail }) => Step::LaunchFailed(reason, detail),
        },
    }
}

fn after_report(run: &RunFacts, reason: Reason, detail: String) -> Step {
    match (run.model_limited_until, reason) {
        (Some(until), Reason::AgentError | Reason::InfraError) => Step::Park(until),
        _ => Step::LaunchFailed(reason, detail),
    }
}

fn parked_or_over(run: &RunFacts) -> Step {
    if run.cancel_requested && !run.status.is_over() {
        Step::Finish(RunStatus::Cancelled, Reason::Cancelled, String::new())
    } else {
        Step::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(status: RunStatus) -> RunFacts {
        RunFacts {
            status,
            cancel_requested: false,
            deadline_passed: false,
            reported: Reported::Nothing,
            model_limited_until: None,
        }
    }

    fn oom() -> JobSeen {
        JobSeen::Failed { reason: Reason::Oom, detail: "OOMKilled".into() }
    }

    const ACTIVE: JobSeen = JobSeen::Active { pod_running: true };

    #[test]
    fn what_the_cluster_shows_decides_for_a_running_run() {
        let run = facts(RunStatus::Running);
        assert_eq!(next_step(&run, JobSeen::NeverMade), Step::Launch);
        assert_eq!(next_step(&run, ACTIVE), Step::Wait);
        assert_eq!(next_step(&run, oom()), Step::LaunchFailed(Reason::Oom, "OOMKilled".into()));
        assert!(matches!(next_step(&run, JobSeen::Missing), Step::LaunchFailed(Reason::Vanished, _)));
        assert!(matches!(next_step(&run, JobSeen::Complete), Step::LaunchFailed(Reason::AgentError, _)));
    }

    #[test]
    fn a_report_outranks_how_the_pod_ended() {
        let done = RunFacts { reported: Reported::Success, ..facts(RunStatus::Running) };
        for job in [ACTIVE, JobSeen::Complete, JobSeen::Missing, oom()] {
            assert_eq!(next_step(&done, job), Step::Collect);
        }
        let refused = Reported::Failure { reason: Reason::EgressOpen, detail: "open".into() };
        let refused = RunFacts { reported: refused, ..facts(RunStatus::Running) };
        for job in [ACTIVE, JobSeen::Complete, oom()] {
            assert_eq!(next_step(&refused, job), Step::LaunchFailed(Reason::EgressOpen, "open".into()));
        }
    }

    #[test]
    fn who_has_asked_people_waits_for_them_whatever_its_pod_does() {
        let asked = RunFacts { reported: Reported::Waiting, ..facts(RunStatus::Running) };
        for job in [ACTIVE, JobSeen::Complete, JobSeen::Missing, oom()] {
            assert_eq!(next_step(&asked, job), Step::WaitForPeople);
        }
        // It asked in time, however late that is seen.
        assert_eq!(next_step(&RunFacts { deadline_passed: true, ..asked.clone() }, ACTIVE), Step::WaitForPeople);
        assert!(matches!(next_step(&RunFacts { cancel_requested: true, ..asked }, ACTIVE), Step::Finish(..)));
    }

    #[test]
    fn cancel_and_deadline_end_a_run_whatever_its_pod_does() {
        let cancelled = RunFacts { cancel_requested: true, ..facts(RunStatus::Running) };
        let late = RunFacts { deadline_passed: true, ..facts(RunStatus::Running) };
        for job in [JobSeen::NeverMade, JobSeen::Missing, ACTIVE, JobSeen::Complete, oom()] {
            assert!(matches!(
                next_step(&cancelled, job.clone()),
                Step::Finish(RunStatus::Cancelled, Reason::Cancelled, _)
            ));
            assert!(matches!(next_step(&late, job), Step::Finish(RunStatus::TimedOut, Reason::Timeout, _)));
        }
    }

    #[test]
    fn a_launch_that_met_the_models_limit_is_parked_and_no_failure() {
        let until = DateTime::from_timestamp(1000, 0);
        let failed = |reason| RunFacts {
            reported: Reported::Failure { reason, detail: "429".into() },
            model_limited_until: until,
            ..facts(RunStatus::Running)
        };
        for reason in [Reason::AgentError, Reason::InfraError] {
            assert_eq!(next_step(&failed(reason), JobSeen::Complete), Step::Park(until.unwrap()), "{reason}");
        }
        assert!(matches!(next_step(&failed(Reason::WriteScope), JobSeen::Complete), Step::LaunchFailed(..)));
        assert!(matches!(
            next_step(&RunFacts { cancel_requested: true, ..failed(Reason::AgentError) }, ACTIVE),
            Step::Finish(..)
        ));
        assert!(matches!(
            next_step(&RunFacts { deadline_passed: true, ..failed(Reason::AgentError) }, ACTIVE),
            Step::Finish(..)
        ));
        // Codex may yet go on by itself.
        let trying = RunFacts { reported: Reported::Nothing, ..failed(Reason::AgentError) };
        assert_eq!(next_step(&trying, ACTIVE), Step::Wait);
        assert_eq!(next_step(&RunFacts { reported: Reported::Success, ..trying }, ACTIVE), Step::Collect);
    }

    #[test]
    fn a_run_that_is_over_or_parked_keeps_no_pod() {
        for &status in RunStatus::ALL.iter().filter(|s| s.is_over() || s.is_parked()) {
            assert_eq!(next_step(&facts(status), ACTIVE), Step::DeleteJob, "{status}");
            assert_eq!(next_step(&facts(status), JobSeen::Missing), Step::Nothing, "{status}");
            assert_eq!(next_step(&facts(status), JobSeen::NeverMade), Step::Nothing, "{status}");
        }
    }

    #[test]
    fn a_parked_run_can_be_cancelled() {
        let run = RunFacts { cancel_requested: true, ..facts(RunStatus::WaitingMcp) };
        assert!(matches!(next_step(&run, JobSeen::Missing), Step::Finish(RunStatus::Cancelled, ..)));
    }
}
