//! The fixed lists of reasons: why a delivery started nothing, and why a run ended.

use crate::coded_enum;

coded_enum! {
    /// Why a delivery started nothing, or what it did instead.
    IntakeReason {
        /// The label is not one that starts a run.
        NotTriggerLabel = "not_trigger_label",
        /// Another stage label lies on the issue, and no run is active.
        LabelConflict = "label_conflict",
        /// No project has connected this repository.
        RepositoryNotBound = "repository_not_bound",
        /// The sender is not a user of the platform.
        SenderNotAllowed = "sender_not_allowed",
        /// The sender is a user, but no member of the project.
        SenderNotMember = "sender_not_member",
        /// The sender is a member who may only read.
        SenderRoleNotPermitted = "sender_role_not_permitted",
        /// The sender is a bot or an organisation.
        SenderTypeNotPermitted = "sender_type_not_permitted",
        /// The issue's run is still active.
        RunAlreadyActive = "run_already_active",
        /// Blocked, waiting for a person's input, or not next in the order that the project asks for.
        StageNotReady = "stage_not_ready",
        /// It cannot be told which stage is to be revised.
        StageAmbiguous = "stage_ambiguous",
        /// The labels choose two models or efforts, or one that is not allowed.
        ModelLabelConflict = "model_label_conflict",
        /// The issue is closed.
        IssueClosed = "issue_closed",
        /// The same event under another delivery id.
        DuplicateEvent = "duplicate_event",
        /// The event is older than the ledger remembers.
        StaleEvent = "stale_event",
        /// The platform's own account did it.
        OwnAction = "own_action",
        /// The platform does nothing on this event.
        EventNotHandled = "event_not_handled",
        /// The run label was taken off.
        Unlabelled = "unlabelled",
        /// The issue was closed or deleted: its run ends, and what its runs have left goes.
        IssueEnded = "issue_ended",
        /// The issue's text changed before its run was claimed.
        IssueEdited = "issue_edited",
        /// What agents ask leave for there was asked about other words.
        RequestsStale = "requests_stale",
        /// A label says anew who approves what agents ask leave for there.
        RequestsRuled = "requests_ruled",
        /// The pull request was merged: the work is accepted.
        PullMerged = "pull_merged",
        /// The pull request was closed without a merge: the work is not wanted.
        PullClosed = "pull_closed",
        /// A person approved the work.
        PullApproved = "pull_approved",
        /// The comment goes to the agent of the issue's discussion.
        CommentHeard = "comment_heard",
        /// The comment answers what the issue's run asked.
        QuestionAnswered = "question_answered",
        /// The comment answers what the issue's run asked, and its author is not one of those who may.
        AnswerNotPermitted = "answer_not_permitted",
        /// The comment means to answer what the issue's run asked, and does not say what.
        AnswerUnclear = "answer_unclear",
        /// Somebody answered first, or nobody in time.
        AnswerLate = "answer_late",
        /// The discussion's label was taken off.
        DiscussionEnded = "discussion_ended",
        /// The label that keeps namespaces was put on.
        NamespaceKept = "namespace_kept",
        /// The label that keeps namespaces was taken off.
        NamespaceReleased = "namespace_released",
    }
}

impl IntakeReason {
    /// Whether the person is told by a comment on the issue. The rest would be noise, or there is no token to
    /// comment with.
    #[must_use]
    pub const fn deserves_comment(self) -> bool {
        matches!(
            self,
            Self::LabelConflict
                | Self::SenderNotAllowed
                | Self::SenderNotMember
                | Self::SenderRoleNotPermitted
                | Self::RunAlreadyActive
                | Self::StageNotReady
                | Self::StageAmbiguous
                | Self::ModelLabelConflict
                | Self::AnswerNotPermitted
                | Self::AnswerUnclear
                | Self::AnswerLate
        )
    }
}

coded_enum! {
    /// Why a run ended other than well.
    Reason {
        /// The agent's image could not be pulled.
        ImagePull = "image_pull",
        /// No node could take the pod.
        Unschedulable = "unschedulable",
        /// The namespace's quota refused the pod.
        Quota = "quota",
        /// Admission (Pod Security, a policy, a webhook) refused the pod.
        AdmissionDenied = "admission_denied",
        /// The container used more memory than it may.
        Oom = "oom",
        /// The pod was evicted.
        Evicted = "evicted",
        /// The pod or the Job is gone, and nothing says why.
        Vanished = "vanished",
        /// The time limit of the run.
        Timeout = "timeout",
        /// A person, or the end of the issue, stopped it.
        Cancelled = "cancelled",
        /// What it was started for changed before it began.
        Stale = "stale",
        /// The budget is used up.
        Budget = "budget",
        /// A person refused what the run needed.
        ApprovalDenied = "approval_denied",
        /// The agent changed what its stage may not change.
        WriteScope = "write_scope",
        /// A planted secret left the pod.
        Canary = "canary",
        /// The pod could reach what it must not reach.
        EgressOpen = "egress_open",
        /// The agent failed or produced nothing.
        AgentError = "agent_error",
        /// The platform, Kubernetes or GitHub failed.
        InfraError = "infra_error",
        /// What was true at intake no longer held at launch.
        FailedPrecondition = "failed_precondition",
    }
}
