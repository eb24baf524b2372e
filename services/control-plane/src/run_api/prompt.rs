//! The prompt of a run: made once, at its first launch, and kept.

use anyhow::Context;
use domain::ids::RunId;
use domain::locale::Locale;
use prompts::run::{Author, Pull, Remark, Revision, RunFacts};
use store::runs::prompt::{self, KeptPrompt, NewPrompt};
use store::runs::report::ContextRow;

use super::asked::Asked;
use crate::error::ApiError;
use crate::prompt::{facts, templates};
use crate::state::App;

/// The prompt of an earlier launch, or a new one, which is kept: every launch works on the same.
pub(super) async fn of(app: &App, run: RunId, row: &ContextRow) -> Result<KeptPrompt, ApiError> {
    if let (Some(text), Some(sha256)) = (row.prompt.clone(), row.prompt_sha256.clone()) {
        return Ok(KeptPrompt { text, sha256 });
    }
    let told = Told::ask(app, run, row).await?;
    let facts = RunFacts {
        issue_author: told.issue_author.clone(),
        pull: told.pull(row),
        revision: told.revision(),
        ..facts(row)
    };
    let locale = Locale::or_english(&row.locale);
    let templates = templates(app, Some(row.project_id), locale, &facts, None).await?;
    let made = prompts::run::render(templates, &facts).map_err(anyhow::Error::from)?;
    let segments = serde_json::to_value(&made.segments).context("writing down a prompt's segments")?;
    let new = NewPrompt { text: &made.text, sha256: &made.sha256, version: &made.version, segments: &segments };
    Ok(prompt::keep(&app.pool, run, &new).await?)
}

/// What GitHub told for a prompt.
struct Told {
    issue_author: Option<Author>,
    pull: Option<(forge::Pull, Author)>,
    /// `None` unless the run revises earlier work.
    remarks: Option<Vec<(forge::Remark, Author)>>,
}

impl Told {
    async fn ask(app: &App, run: RunId, row: &ContextRow) -> Result<Self, ApiError> {
        let mut asked = Asked::open(app, row.repository_id, &row.repository, &row.token_sealed);
        let issue_author = match prompt::issue_author(&app.pool, run).await? {
            Some(author) => Some(asked.author(author.github_id, &author.login).await),
            None => None,
        };
        let pull = match row.pr_number {
            Some(number) => asked.pull(number).await,
            None => None,
        };
        let pull = match pull {
            Some(pull) => {
                let author = asked.author_of(pull.author.as_ref()).await;
                Some((pull, author))
            }
            None => None,
        };
        let remarks = match (row.revises_since, row.pr_number) {
            (Some(since), Some(number)) => {
                let mut remarks = Vec::new();
                // Without them the agent would not know what it was called back for: rather another try later.
                for remark in asked.remarks(number, since).await? {
                    let author = asked.author_of(remark.author.as_ref()).await;
                    remarks.push((remark, author));
                }
                Some(remarks)
            }
            (Some(_), None) => Some(Vec::new()),
            (None, _) => None,
        };
        Ok(Self { issue_author, pull, remarks })
    }

    fn pull<'a>(&'a self, row: &'a ContextRow) -> Option<Pull<'a>> {
        let number = row.pr_number?;
        let told = self.pull.as_ref();
        Some(Pull {
            number,
            url: row.pr_url.as_deref().unwrap_or_default(),
            title: told.map_or("", |(pull, _)| &pull.title),
            body: told.map_or("", |(pull, _)| &pull.body),
            author: told.map(|(_, author)| author.clone()),
        })
    }

    fn revision(&self) -> Option<Revision<'_>> {
        let remarks = self.remarks.as_ref()?.iter().map(|(said, author)| Remark {
            author: author.clone(),
            url: &said.html_url,
            place: said.place.as_deref(),
            text: &said.body,
            let_in_by: None,
        });
        Some(Revision { remarks: remarks.collect() })
    }
}
