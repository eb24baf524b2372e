//! The audit's vocabulary: what happened to a run or a setting, and the bytes that its hash chain covers.

use serde_json::{Map, Value};

use crate::coded_enum;

coded_enum! {
    /// What happened. Stable codes: the console and later exports read them.
    FlowKind {
        /// A label started the run.
        RunCreated = "run.created",
        /// A worker leased it.
        RunClaimed = "run.claimed",
        /// Another worker took it over.
        RunTakenOver = "run.taken_over",
        /// It waits until a limit passes.
        RunParked = "run.parked",
        /// A worker leased it after such a wait.
        RunResumed = "run.resumed",
        /// The labels choose another model or effort than when it was created.
        ModelChosen = "run.model_chosen",
        /// Its namespace and the rules in it stand.
        NamespaceReady = "namespace.ready",
        /// The Job of a launch was made.
        JobCreated = "job.created",
        /// The pod runs.
        PodRunning = "pod.running",
        /// The runner fetched its context.
        AgentStarted = "agent.started",
        /// The runner reported its result.
        AgentReported = "agent.reported",
        /// A launch failed.
        LaunchFailed = "launch.failed",
        /// The branch's commits were seen on GitHub.
        BranchSeen = "branch.seen",
        /// The pull request was opened.
        PullOpened = "pr.opened",
        /// The pull request was updated.
        PullUpdated = "pr.updated",
        /// A person approved its work.
        ReviewApproved = "review.approved",
        /// Its pull request was merged.
        PullMerged = "pr.merged",
        /// Its pull request was closed without a merge.
        PullClosed = "pr.closed",
        /// A later run takes its work up again.
        RunTakenUp = "run.taken_up",
        /// A rethink was accepted that takes the place of its work.
        RunSuperseded = "run.superseded",
        /// Its work waits for the owner's review.
        HandedIn = "run.handed_in",
        /// Somebody asked for the run to stop.
        CancelRequested = "run.cancel_requested",
        /// The run is over.
        RunFinished = "run.finished",
        /// It goes on in the namespace of the work that it revises.
        NamespaceTakenOver = "namespace.taken_over",
        /// Its namespace is of no use any more, and it gets another.
        NamespaceReplaced = "namespace.replaced",
        /// A label keeps its namespace past its time.
        NamespaceKept = "namespace.kept",
        /// That label was taken off.
        NamespaceReleased = "namespace.released",
        /// Its issue is over, and with it the time of its namespace.
        NamespaceCutShort = "namespace.cut_short",
        /// Its namespace hangs in its removal.
        NamespaceStuck = "namespace.stuck",
        /// The run's namespace was deleted.
        NamespaceDeleted = "namespace.deleted",
        /// The gateway refused a connection.
        EgressRefused = "egress.refused",
        /// The gateway opened a tunnel to a granted host.
        EgressOpened = "egress.opened",
        /// A tunnel ended, with what went through it.
        EgressClosed = "egress.closed",
        /// People are asked about a host that was refused.
        EgressAsked = "egress.asked",
        /// Somebody decided about a host that was refused.
        EgressDecided = "egress.decided",
        /// The gateway refused a push or a fetch.
        GitRefused = "git.refused",
        /// The gateway passed a push on.
        GitPushed = "git.pushed",
        /// The gateway refused a model call.
        ModelRefused = "model.refused",
        /// Its decoy turned up in what its agent sent.
        CanaryTripped = "canary.tripped",
        /// Its agent asks people something.
        RequestMade = "request.made",
        /// Somebody answered.
        RequestAnswered = "request.answered",
        /// Nobody answered in time.
        RequestExpired = "request.expired",
        /// Somebody let the agent act.
        RequestApproved = "request.approved",
        /// Somebody did not.
        RequestDenied = "request.denied",
        /// A label says that somebody else than before may let the agent act.
        RequestRuled = "request.ruled",
        /// What an agent asked leave for changed before it was done.
        RequestStale = "request.stale",
        /// What somebody approved was done, or could not be.
        RequestApplied = "request.applied",
        /// It waits for people, without a pod.
        RunWaits = "run.waits",
        /// The agent called a tool.
        ToolCalled = "tool.called",
        /// Somebody wrote or changed the draft of a template.
        TemplateDrafted = "template.drafted",
        /// A template was put to use.
        TemplateActivated = "template.activated",
        /// An earlier version of a template was put to use again.
        TemplateRolledBack = "template.rolled_back",
        /// A template was taken out of use.
        TemplateArchived = "template.archived",
        /// A project was given an agent of its own.
        AgentAdded = "agent.added",
        /// The policy of an agent was changed.
        AgentChanged = "agent.changed",
        /// An earlier policy of an agent counts again.
        AgentRolledBack = "agent.rolled_back",
        /// A project's own agent was taken away.
        AgentRemoved = "agent.removed",
        /// A project was given a channel through which people are asked.
        ChannelAdded = "channel.added",
        /// A channel was changed.
        ChannelChanged = "channel.changed",
        /// Somebody had a test sent through a channel.
        ChannelTried = "channel.tried",
        /// A channel was taken away.
        ChannelRemoved = "channel.removed",
        /// A system of others may ask a project's people.
        IntegrationAdded = "integration.added",
        /// It may not any more.
        IntegrationWithdrawn = "integration.withdrawn",
        /// A system of others asks people something.
        OutsideAsked = "outside.asked",
        /// Somebody decided about it.
        OutsideDecided = "outside.decided",
        /// Nobody decided about it in time.
        OutsideExpired = "outside.expired",
        /// A project was given an environment.
        EnvironmentAdded = "environment.added",
        /// It was said anew what an environment is for.
        EnvironmentChanged = "environment.changed",
        /// An environment was taken from its project.
        EnvironmentRemoved = "environment.removed",
        /// Somebody let in words of a person who may not write to the repository.
        WordsLetIn = "words.let_in",
        /// Words that were let in are left out again.
        WordsWithdrawn = "words.withdrawn",
    }
}

/// The bytes of one event that its hash covers: kind, actor and data, keys in order, without spaces. Time and
/// sequence number are joined to them by the database, which alone knows them.
#[must_use]
pub fn canonical(kind: FlowKind, actor: &str, data: &Map<String, Value>) -> Vec<u8> {
    // serde_json's map is ordered by key as long as `preserve_order` is off; the test below fails if it is turned on.
    let all = serde_json::json!({ "actor": actor, "data": data, "kind": kind.as_str() });
    all.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_bytes_do_not_depend_on_insertion_order() {
        let mut data = Map::new();
        data.insert("z".into(), 1.into());
        data.insert("a".into(), "x".into());
        let bytes = canonical(FlowKind::RunCreated, "user:olga", &data);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, r#"{"actor":"user:olga","data":{"a":"x","z":1},"kind":"run.created"}"#);
    }
}
