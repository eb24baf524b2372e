//! The prompt of a run: made once, at its first launch, and kept.

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::ids::RunId;
use domain::let_in::{LetIn, Words, WordsKind, is_told, letting_in};
use domain::locale::Locale;
use prompts::comments;
use prompts::run::{self, Author, Pull, Remark, Revision, RunFacts, Segment, Talk};
use store::discussions::{self, CommentRow};
use store::let_ins;
use store::runs::prompt::{self, KeptPrompt, NewPrompt};
use store::runs::report::ContextRow;

use super::asked::{Asked, MOST_REMARKS};
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
    pull: Option<ToldPull>,
    /// `None` unless the run revises earlier work.
    remarks: Option<Vec<ToldRemark>>,
    /// `None` unless the run talks.
    said: Option<Said>,
    /// What is let in on the pages that it is about.
    let_in: Vec<LetIn>,
}

struct ToldPull {
    pull: forge::Pull,
    author: Author,
    words: Words,
    let_in_by: Option<String>,
}

struct ToldRemark {
    said: forge::Remark,
    author: Author,
    words: Words,
    let_in_by: Option<String>,
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
        let page = row.pr_number.unwrap_or(row.subject_number);
        let let_in = let_in_on(app, row, page).await?;
        let pull = match row.pr_number {
            Some(number) => told_pull(&mut asked, number, &let_in).await,
            None => None,
        };
        let remarks = match (row.revises_since, row.pr_number) {
            (Some(since), Some(number)) => Some(told_remarks(&mut asked, number, since, &let_in).await?),
            (Some(_), None) => Some(Vec::new()),
            (None, _) => None,
        };
        let said = if row.is_discussion { Some(Said::ask(app, run, row, &mut asked).await?) } else { None };
        Ok(Self { issue_author, pull, remarks, said, let_in })
    }

    fn pull<'a>(&'a self, row: &'a ContextRow) -> Option<Pull<'a>> {
        let number = row.pr_number?;
        let told = self.pull.as_ref();
        Some(Pull {
            number,
            url: row.pr_url.as_deref().unwrap_or_default(),
            title: told.map_or("", |told| &told.pull.title),
            body: told.map_or("", |told| &told.pull.body),
            author: told.map(|told| told.author.clone()),
            words: told.map(|told| told.words.clone()),
            let_in_by: told.and_then(|told| told.let_in_by.as_deref()),
        })
    }

    fn talk<'a>(&'a self, row: &'a ContextRow) -> Option<Talk<'a>> {
        let said = self.said.as_ref()?;
        let earlier = said.earlier.iter().map(|(said, author)| {
            let by = said.user.as_ref().map(|user| user.id);
            let words = Words::said(row.subject_number, WordsKind::Comment, said.id, by, &said.body);
            Remark {
                author: author.clone(),
                url: &said.html_url,
                place: None,
                text: comments::answered(&said.body).unwrap_or(&said.body),
                let_in_by: letting_in(&self.let_in, &words).map(|one| one.by.as_str()),
                words: Some(words),
            }
        });
        // Only words of people who may start runs are taken in.
        let new = said.new.iter().map(|(said, author)| Remark {
            author: author.clone(),
            url: &said.url,
            place: None,
            text: &said.body,
            words: None,
            let_in_by: Some(&said.author_login),
        });
        Some(Talk { own: &row.bot_login, earlier: earlier.collect(), new: new.collect(), goes_on: row.goes_on })
    }

    fn revision(&self) -> Option<Revision<'_>> {
        let remarks = self.remarks.as_ref()?.iter().map(|told| Remark {
            author: told.author.clone(),
            url: &told.said.html_url,
            place: told.said.place.as_deref(),
            text: &told.said.body,
            words: Some(told.words.clone()),
            let_in_by: told.let_in_by.as_deref(),
        });
        Some(Revision { remarks: remarks.collect() })
    }
}

async fn told_pull(asked: &mut Asked, number: i64, let_in: &[LetIn]) -> Option<ToldPull> {
    let pull = asked.pull(number).await?;
    let words = Words::of_pull(pull.number, pull.author.as_ref().map(|a| a.id), &pull.title, &pull.body);
    let let_in_by = letting_in(let_in, &words).map(|one| one.by.clone());
    Some(ToldPull { author: asked.author_of(pull.author.as_ref()).await, pull, words, let_in_by })
}

/// What was said on the pull request since the earlier run began, or said before and let in since.
async fn told_remarks(
    asked: &mut Asked,
    number: i64,
    since: DateTime<Utc>,
    let_in: &[LetIn],
) -> anyhow::Result<Vec<ToldRemark>> {
    let late = let_in.iter().any(|one| one.at >= since);
    let from = if late { DateTime::<Utc>::MIN_UTC } else { since };
    // Without them the agent would not know what it was called back for: rather another try later.
    let all = asked.remarks(number, from).await?;
    let mut told = Vec::new();
    for said in newest(all, number, since, let_in) {
        let words = words(number, &said);
        let let_in_by = letting_in(let_in, &words).map(|one| one.by.clone());
        told.push(ToldRemark { author: asked.author_of(said.author.as_ref()).await, said, words, let_in_by });
    }
    Ok(told)
}

/// Those that are to be told, without the oldest of too many; what somebody let in is never too much. What was edited
/// since is among them, so that people see that it is left out again.
fn newest(all: Vec<forge::Remark>, number: i64, since: DateTime<Utc>, let_in: &[LetIn]) -> Vec<forge::Remark> {
    let act = |said: &forge::Remark| let_in.iter().find(|one| one.words.same_place(&words(number, said)));
    let mut told: Vec<_> = all.into_iter().filter(|said| is_told(said.at, act(said), since)).collect();
    let mut surplus = told.len().saturating_sub(MOST_REMARKS);
    told.retain(|said| {
        let stays = surplus == 0 || act(said).is_some();
        surplus -= usize::from(!stays);
        stays
    });
    told
}

/// What is let in on the page of an issue or pull request.
pub(super) async fn let_in_on(app: &App, row: &ContextRow, page: i64) -> store::Result<Vec<LetIn>> {
    let rows = let_ins::on_pages(&app.pool, row.repository_id, &[page]).await?;
    Ok(rows.into_iter().map(LetIn::from).collect())
}

/// A remark as letting in names it.
pub(super) fn words(number: i64, said: &forge::Remark) -> Words {
    Words::said(number, said.kind, said.id, said.author.as_ref().map(|author| author.id), &said.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    fn said(id: i64) -> forge::Remark {
        let (html_url, body) = (format!("http://github.test/acme/app/pull/8#issuecomment-{id}"), "Please.".to_owned());
        forge::Remark { kind: WordsKind::Comment, id, author: None, body, html_url, place: None, at: at(id) }
    }

    #[test]
    fn too_many_remarks_cost_the_oldest_but_for_what_was_let_in() {
        let ids = |all: Vec<forge::Remark>| all.iter().map(|said| said.id).collect::<Vec<_>>();
        let let_in = |id| LetIn { words: words(8, &said(id)), by: "olga".into(), at: at(70) };
        let all = || (1..=70).map(said).collect::<Vec<_>>();
        assert_eq!(ids(newest(all(), 8, at(65), &[])), (65..=70).collect::<Vec<_>>());
        assert_eq!(ids(newest(all(), 8, at(65), &[let_in(3)])), [3, 65, 66, 67, 68, 69, 70]);
        assert_eq!(ids(newest(all(), 8, at(1), &[])), (21..=70).collect::<Vec<_>>());
        let kept = ids(newest(all(), 8, at(1), &[let_in(3)]));
        assert_eq!((kept.len(), kept[0], kept[1]), (MOST_REMARKS, 3, 22));
    }
}
