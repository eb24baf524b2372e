//! What a prompt is made from. What people and agents wrote is never handed to a template as a fact of the platform:
//! it goes into a fence of its own.

use domain::coded_enum;
use domain::let_in::Words;
use domain::tools::Holder;
use serde::{Deserialize, Serialize};

coded_enum! {
    /// What the agent is to do with the stage.
    Work {
        /// Produce what the stage asks for.
        Work = "work",
        /// Look at what another agent produced, and change nothing.
        Review = "review",
        /// Answer people on the issue, and change nothing.
        Discussion = "discussion",
    }
}

/// What a prompt is made from.
#[derive(Debug, Clone, Serialize)]
pub struct RunFacts<'a> {
    /// The agent's role.
    pub role: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// Whether it produces or reviews.
    pub work: Work,
    /// owner/name.
    pub repository: &'a str,
    /// Where the pull request goes.
    pub base_branch: &'a str,
    /// The only branch that the run may push; for a review, the branch that it looks at.
    pub branch: &'a str,
    /// Patterns of the files that the run may change, from the repository's root. A review changes none.
    pub may_write: &'a [String],
    /// Number of the issue.
    pub issue_number: i64,
    /// Page of the issue.
    pub issue_url: &'a str,
    /// Title of the issue, untrusted.
    #[serde(skip)]
    pub issue_title: &'a str,
    /// Text of the issue, untrusted. Whoever put the label on let it in.
    #[serde(skip)]
    pub issue_body: &'a str,
    /// Who wrote the issue, where that is known.
    #[serde(skip)]
    pub issue_author: Option<Author>,
    /// The pull request, once there is one.
    pub pull: Option<Pull<'a>>,
    /// Login of whoever put the label on.
    pub started_by: &'a str,
    /// What decides which tools it has.
    #[serde(skip)]
    pub holder: Holder,
    /// Why earlier work is taken up again, when it is. A review has none.
    #[serde(skip)]
    pub revision: Option<Revision<'a>>,
    /// What people say, where the run talks with them.
    #[serde(skip)]
    pub talk: Option<Talk<'a>>,
}

/// Who wrote an untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Login on GitHub.
    pub login: String,
    /// Permission in the repository, in GitHub's words (`none`, `read`, `triage`, `write`, `maintain`, `admin`);
    /// `unknown` when GitHub did not say.
    pub permission: String,
}

/// The pull request of the run, or the one under review.
#[derive(Debug, Clone, Serialize)]
pub struct Pull<'a> {
    /// Its number.
    pub number: i64,
    /// Its page.
    pub url: &'a str,
    /// Its title, untrusted.
    #[serde(skip)]
    pub title: &'a str,
    /// Its text, untrusted.
    #[serde(skip)]
    pub body: &'a str,
    /// Who wrote it. Without a known author its text is left out: only its number and page are told.
    #[serde(skip)]
    pub author: Option<Author>,
    /// Exactly which title and text these are, where that is known.
    #[serde(skip)]
    pub words: Option<Words>,
    /// Login of whoever let them in, when their author may not write to the repository.
    #[serde(skip)]
    pub let_in_by: Option<&'a str>,
}

/// What brings a run back to its branch.
#[derive(Debug, Clone, Default)]
pub struct Revision<'a> {
    /// In the order in which they were made. There are none when a person put the label on without a word.
    pub remarks: Vec<Remark<'a>>,
}

/// What a turn of a discussion answers, and what was said before.
#[derive(Debug, Clone, Default)]
pub struct Talk<'a> {
    /// Login of the platform's account: what it said are the agent's own answers.
    pub own: &'a str,
    /// In the order in which it was said.
    pub earlier: Vec<Remark<'a>>,
    /// What waits for an answer.
    pub new: Vec<Remark<'a>>,
    /// An earlier turn's session goes on, which knows all but what is new.
    pub goes_on: bool,
}

/// What somebody said about the pull request, or on the issue.
#[derive(Debug, Clone)]
pub struct Remark<'a> {
    /// Who said it.
    pub author: Author,
    /// Its page.
    pub url: &'a str,
    /// File and line that it is about (`src/main.rs:12`), untrusted.
    pub place: Option<&'a str>,
    /// What was said, untrusted.
    pub text: &'a str,
    /// Exactly which words these are, where that is known.
    pub words: Option<Words>,
    /// Login of whoever let it in, when its author may not write to the repository.
    pub let_in_by: Option<&'a str>,
}
