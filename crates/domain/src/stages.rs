//! Stages of the workflow and roles of agents: their fixed names. What each does, may write and is followed by is data
//! in the [`crate::catalogue`].

use crate::coded_enum;

coded_enum! {
    /// A stage of the workflow. The word in labels, names and the API.
    Stage {
        /// What is asked for, and why.
        Intake = "intake",
        /// Where it should lead.
        Vision = "vision",
        /// What it must do.
        Prd = "prd",
        /// How it is built as a whole.
        Arch = "arch",
        /// How its parts look.
        Design = "design",
        /// In which steps it is done.
        Plan = "plan",
        /// Code and a pull request.
        Dev = "dev",
        /// Whether the documents are true.
        DocAudit = "doc-audit",
        /// Whether it works.
        Qa = "qa",
        /// What goes out, and how back.
        Release = "release",
        /// How it went.
        Postdeploy = "postdeploy",
        /// How it is run.
        Ops = "ops",
        /// What the platform itself learns from it.
        SelfImprove = "self-improve",
        /// Another plan, which supersedes the older one.
        Rethink = "rethink",
    }
}

coded_enum! {
    /// A role that the platform brings along. Projects may add agents of their own, under other names.
    Role {
        /// Product manager.
        Pm = "pm",
        /// Solution architect.
        Sa = "sa",
        /// Engineering manager.
        Em = "em",
        /// Developer.
        Dev = "dev",
        /// Reviewer.
        Reviewer = "reviewer",
        /// Quality assurance.
        Qa = "qa",
        /// Site reliability.
        Sre = "sre",
        /// Knowledge manager.
        Km = "km",
    }
}

coded_enum! {
    /// What surrounds an agent in its namespace.
    Mode {
        /// The repository and nothing else.
        CodeOnly = "code_only",
        /// An environment of the application, which the agent may look at.
        FullEnv = "full_env",
    }
}

coded_enum! {
    /// What a role may do in its run's namespace: by the run's own service account, but for changes, which go through tools
    /// and other accounts.
    Right {
        /// List and get what is there, its events included; never secrets.
        Read = "read",
        /// Read the logs of pods.
        Logs = "logs",
        /// Run a command in a pod.
        Exec = "exec",
        /// Make and delete Jobs that test.
        TestJobs = "test_jobs",
        /// Ask for changes of what is there. They are tried and made by accounts of their own, never by the run's.
        Change = "change",
    }
}
