//! The prompt of a run: made once, at its first launch, and kept.

use anyhow::Context;
use domain::ids::RunId;
use domain::locale::Locale;
use prompts::comments;
use prompts::run::{self, Author, Pull, Remark, Revision, RunFacts, Segment, Talk};
use store::discussions::{self, CommentRow};
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
        talk: told.talk(row),
        ..facts(row)
    };
    let locale = Locale::or_english(&row.locale);
    let templates = templates(app, Some(row.project_id), locale, &facts, None).await?;
    let made = run::render(templates, &facts).map_err(anyhow::Error::from)?;
    let segments = serde_json::to_value(&made.segments).context("writing down a prompt's segments")?;
    let new = NewPrompt { text: &made.text, sha256: &made.sha256, version: &made.version, segments: &segments };
    Ok(prompt::keep(&app.pool, run, &new).await?)
}

/// What a session that goes on is told in a turn of a discussion, of the prompt that is kept.
pub(super) async fn news(app: &App, run: RunId) -> Result<String, ApiError> {
    let kept = prompt::get(&app.pool, run).await?.and_then(|row| row.segments).unwrap_or_default();
    let segments: Vec<Segment> = serde_json::from_value(kept).context("reading a kept prompt")?;
    Ok(run::news(&segments))
}

/// What GitHub told for a prompt.
struct Told {
    issue_author: Option<Author>,
    pull: Option<(forge::Pull, Author)>,
    /// `None` unless the run revises earlier work.
    remarks: Option<Vec<(forge::Remark, Author)>>,
    /// `None` unless the run talks.
    said: Option<Said>,
}

/// What was said on an issue.
struct Said {
    earlier: Vec<(forge::Comment, Author)>,
    new: Vec<(CommentRow, Author)>,
}

impl Said {
    /// What the turn answers is known by the events; for the rest GitHub is asked.
    async fn ask(app: &App, run: RunId, row: &ContextRow, asked: &mut Asked) -> Result<Self, ApiError> {
        let (mut earlier, mut new) = (Vec::new(), Vec::new());
        let waiting = discussions::to_answer(&app.pool, run).await?;
        let newest = waiting.last().map_or(i64::MAX, |comment| comment.comment_id);
        let is_told = |id: i64| id < newest && waiting.iter().all(|comment| comment.comment_id != id);
        for comment in asked.comments(row.subject_number, row.bot_github_id, is_told).await? {
            let author = asked.author_of(comment.user.as_ref()).await;
            earlier.push((comment, author));
        }
        for comment in waiting {
            let author = asked.author(comment.author_github_id, &comment.author_login).await;
            new.push((comment, author));
        }
        Ok(Self { earlier, new })
    }
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
        let said = if row.is_discussion { Some(Said::ask(app, run, row, &mut asked).await?) } else { None };
        Ok(Self { issue_author, pull, remarks, said })
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

    fn talk<'a>(&'a self, row: &'a ContextRow) -> Option<Talk<'a>> {
        let said = self.said.as_ref()?;
        let earlier = said.earlier.iter().map(|(said, author)| Remark {
            author: author.clone(),
            url: &said.html_url,
            place: None,
            text: comments::answered(&said.body).unwrap_or(&said.body),
            let_in_by: None,
        });
        // Only words of people who may start runs are taken in.
        let new = said.new.iter().map(|(said, author)| Remark {
            author: author.clone(),
            url: &said.url,
            place: None,
            text: &said.body,
            let_in_by: Some(&said.author_login),
        });
        Some(Talk { own: &row.bot_login, earlier: earlier.collect(), new: new.collect(), goes_on: row.goes_on })
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
