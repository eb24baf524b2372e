//! What people and agents are told about tools: of what kind each is, whether people are asked, and which runs have it.

use std::collections::BTreeSet;

use super::{Holder, Tool};
use crate::catalogue::Catalogue;
use crate::coded_enum;
use crate::stages::{Mode, Role, Stage};
use crate::surroundings::Surroundings;

coded_enum! {
    /// What a tool is about. In the order in which they are told.
    Category {
        /// The run itself.
        Run = "run",
        /// Issues and pull requests.
        Github = "github",
        /// The run's namespace in the cluster.
        Environment = "environment",
        /// The project's environments.
        Project = "project",
        /// The people who answer for the run.
        People = "people",
    }
}

coded_enum! {
    /// Whether people are asked before a call has its effect.
    Asks {
        /// It is done at once, or changes nothing.
        Nobody = "nobody",
        /// What the agent may not do alone is done when a person has approved it.
        Sometimes = "sometimes",
        /// It is a question to people, or is never done without their leave.
        Always = "always",
    }
}

coded_enum! {
    /// What a run is for.
    RunKind {
        /// A stage's work.
        Stage = "stage",
        /// A look at the work of another run, or of a person.
        Review = "review",
        /// Answers to people on the issue.
        Discussion = "discussion",
    }
}

impl Tool {
    /// What it is about.
    #[must_use]
    pub const fn category(self) -> Category {
        match self {
            Self::RunContextGet | Self::RunStatusReport => Category::Run,
            Self::GithubIssueGet
            | Self::GithubPullRequestGet
            | Self::GithubCommentsList
            | Self::GithubLabelsList
            | Self::GithubCommentAdd
            | Self::GithubLabelsAdd
            | Self::GithubLabelsRemove
            | Self::GithubLabelsTransition => Category::Github,
            Self::K8sResourcesList
            | Self::K8sResourceGet
            | Self::K8sPodLogs
            | Self::K8sEvents
            | Self::K8sExec
            | Self::K8sApply
            | Self::K8sDelete
            | Self::K8sRolloutRestart => Category::Environment,
            Self::SecretSync | Self::DatabaseLifecycle => Category::Project,
            Self::OwnerFeedbackRequest | Self::UserNotify => Category::People,
        }
    }

    /// Whether people are asked.
    #[must_use]
    pub const fn asks(self) -> Asks {
        match self {
            Self::RunContextGet
            | Self::RunStatusReport
            | Self::GithubIssueGet
            | Self::GithubPullRequestGet
            | Self::GithubCommentsList
            | Self::GithubLabelsList
            | Self::GithubCommentAdd
            | Self::UserNotify
            | Self::K8sResourcesList
            | Self::K8sResourceGet
            | Self::K8sPodLogs
            | Self::K8sEvents
            | Self::K8sExec => Asks::Nobody,
            Self::GithubLabelsAdd
            | Self::GithubLabelsRemove
            | Self::GithubLabelsTransition
            | Self::K8sApply
            | Self::K8sDelete
            | Self::K8sRolloutRestart
            | Self::DatabaseLifecycle => Asks::Sometimes,
            Self::OwnerFeedbackRequest | Self::SecretSync => Asks::Always,
        }
    }
}

/// A place in the workflow that an agent can act in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// What its run is for.
    pub kind: RunKind,
    /// Under which stage.
    pub stage: Stage,
    /// In which role.
    pub role: Role,
    /// What surrounds it; policies choose it.
    pub mode: Mode,
}

impl Seat {
    /// All of them, as the catalogue has them.
    pub fn every() -> impl Iterator<Item = Self> {
        let catalogue = Catalogue::builtin();
        let stages = Stage::ALL.iter().flat_map(|&stage| {
            let spec = catalogue.stage(stage);
            [(RunKind::Stage, stage, spec.actor()), (RunKind::Review, stage, spec.reviewer())]
        });
        let talk = (RunKind::Discussion, catalogue.discussion.stage, catalogue.discussion.role);
        let seats = stages.chain([talk]);
        seats.flat_map(|(kind, stage, role)| Mode::ALL.iter().map(move |&mode| Self { kind, stage, role, mode }))
    }
}

impl From<Seat> for Holder {
    fn from(seat: Seat) -> Self {
        let rights = &Catalogue::builtin().role(seat.role).rights;
        let surroundings = Surroundings::of(seat.mode, rights.iter().copied());
        let works_on = (seat.kind == RunKind::Stage).then_some(seat.stage);
        let off = BTreeSet::new();
        Self { in_discussion: seat.kind == RunKind::Discussion, works_on, surroundings, off }
    }
}

/// Which runs have a tool: of which kinds, under which stages, in which roles and modes. Each in its usual order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBy {
    /// What they are for.
    pub kinds: Vec<RunKind>,
    /// Their stages.
    pub stages: Vec<Stage>,
    /// Their roles.
    pub roles: Vec<Role>,
    /// What surrounds them.
    pub modes: Vec<Mode>,
}

impl HeldBy {
    /// Those that have this tool.
    #[must_use]
    pub fn of(tool: Tool) -> Self {
        let seats: Vec<_> = Seat::every().filter(|&seat| Holder::from(seat).has(tool)).collect();
        Self {
            kinds: those(RunKind::ALL, |kind| seats.iter().any(|seat| seat.kind == kind)),
            stages: those(Stage::ALL, |stage| seats.iter().any(|seat| seat.stage == stage)),
            roles: those(Role::ALL, |role| seats.iter().any(|seat| seat.role == role)),
            modes: those(Mode::ALL, |mode| seats.iter().any(|seat| seat.mode == mode)),
        }
    }
}

fn those<T: Copy>(all: &[T], held: impl Fn(T) -> bool) -> Vec<T> {
    all.iter().copied().filter(|&one| held(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_tool_is_what_the_rule_says() {
        use RunKind::{Discussion, Review};
        const WORK: RunKind = RunKind::Stage;
        let kinds = |tool| HeldBy::of(tool).kinds;
        assert_eq!(kinds(Tool::GithubIssueGet), [WORK, Review, Discussion]);
        assert_eq!(kinds(Tool::GithubCommentAdd), [WORK, Review]);
        let everybody = HeldBy::of(Tool::GithubIssueGet);
        assert_eq!((&everybody.stages[..], &everybody.modes[..]), (Stage::ALL, Mode::ALL));
        assert_eq!(everybody.roles, Role::ALL);
        let looks = HeldBy::of(Tool::K8sPodLogs);
        assert_eq!((looks.modes, looks.roles), (vec![Mode::FullEnv], vec![Role::Dev, Role::Reviewer, Role::Qa]));
        let changes = HeldBy::of(Tool::K8sApply);
        assert_eq!((changes.modes, changes.roles), (vec![Mode::FullEnv], vec![Role::Dev, Role::Qa, Role::Sre]));
        let secrets = HeldBy::of(Tool::SecretSync);
        assert_eq!((secrets.kinds, secrets.stages), (vec![WORK], vec![Stage::Dev, Stage::Ops]));
        assert_eq!((secrets.roles, &secrets.modes[..]), (vec![Role::Dev, Role::Sre], Mode::ALL));
        let nobodys = Tool::ALL.iter().filter(|&&tool| HeldBy::of(tool).kinds.is_empty());
        assert_eq!(nobodys.count(), 0);
    }

    #[test]
    fn only_what_acts_asks() {
        for &tool in Tool::ALL {
            assert!(tool.acts() || tool.asks() == Asks::Nobody, "{tool}");
        }
    }
}
