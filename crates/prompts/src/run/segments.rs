//! The parts of a prompt, in their order: what the platform says, and fenced between it what others wrote.

use domain::catalogue::Catalogue;
use domain::coded_enum;
use domain::ids::TemplateId;
use domain::labels;
use domain::let_in::Words;
use domain::locale::Locale;
use domain::stages::Stage;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::facts::{Author, Remark, Revision, RunFacts, Talk, Work};
use super::tools;
use crate::engine::{self, Peoples, TemplateError};
use crate::seeds;
use crate::templates::{Override, Picked, Source, Templates, version_of};
use crate::untrusted::{self, Mark};

coded_enum! {
    /// Whose words a segment carries.
    Content {
        /// The platform's: what it says is meant.
        Platform = "platform",
        /// The issue's, as data.
        Issue = "issue",
        /// The pull request's, as data.
        PullRequest = "pull_request",
        /// A remark's on the pull request, or a comment's on the issue, as data.
        Remark = "remark",
    }
}

/// One part of a prompt, with where it comes from: what the console's prompt X-ray shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Name of its template.
    pub name: String,
    /// What the agent reads.
    pub text: String,
    /// SHA-256 of the text, hex.
    pub sha256: String,
    /// Changes whenever the template does: twelve hex digits of a seed's hash, the number of what people wrote.
    pub version: String,
    /// Where the template comes from.
    pub source: Source,
    /// The template's row, where people wrote it.
    pub template: Option<TemplateId>,
    /// Whose words it carries.
    pub content: Content,
    /// Who wrote the untrusted text in it, where there is one and that is known.
    pub author: Option<Author>,
    /// Exactly which words these are, where they can be let in; prompts that are older than that have none.
    #[serde(default)]
    pub words: Option<SaidAt>,
    /// Login of whoever let that text in.
    pub let_in_by: Option<String>,
    /// Kept from the agent: nobody who may write to the repository wrote it or let it in.
    pub left_out: bool,
    /// Told only where the session of an earlier turn cannot be restored, which knows it.
    #[serde(default)]
    pub only_afresh: bool,
    /// What people do not see on the text's page, or what pretends to be the platform's.
    pub marks: Vec<Mark>,
}

/// Words with the page on which people find them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidAt {
    /// Exactly these.
    #[serde(flatten)]
    pub words: Words,
    /// Their page.
    pub url: String,
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A project's own role, for which nobody has written a task.
    #[error("there is no template for the role {role:?} to {work}")]
    NoTask {
        /// The role.
        role: String,
        /// What it should have done.
        work: Work,
    },
    /// A stage that the platform does not know.
    #[error("there is no template for the stage {0:?}")]
    NoStage(String),
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Every segment of a run's prompt.
pub(super) fn of(templates: &Templates, facts: &RunFacts<'_>) -> Result<Vec<Segment>, RenderError> {
    let locale = templates.locale();
    let own = |name| segment(locale, name, facts);
    let issue = Quote {
        content: Content::Issue,
        title: facts.issue_title,
        body: facts.issue_body,
        author: facts.issue_author.as_ref(),
        said: None,
        let_in_by: Some(facts.started_by),
    };
    let mut segments = vec![own("policy")?, own("context")?, issue.segment(locale, "issue")?];
    if let Some(pull) = &facts.pull {
        let quote = Quote {
            content: Content::PullRequest,
            title: pull.title,
            body: pull.body,
            author: pull.author.as_ref(),
            said: said_at(pull.words.as_ref(), pull.url),
            let_in_by: pull.let_in_by,
        };
        segments.push(quote.segment(locale, "pull-request")?);
    }
    match (facts.work, &facts.talk) {
        (Work::Discussion, Some(talk)) => return discuss(locale, facts, talk, segments),
        (Work::Discussion, None) => segments.push(talking(locale, facts)?),
        (Work::Work | Work::Review, _) => segments.extend([task(templates, facts)?, stage(templates, facts)?]),
    }
    segments.push(segment(locale, "tools", &tools::told(facts))?);
    if let (Work::Work, Some(revision)) = (facts.work, &facts.revision) {
        segments.extend(revise(locale, revision)?);
    }
    segments.push(own(output(facts.work))?);
    Ok(segments)
}

/// A turn of a discussion. What is new and the contract stand last, so that they can stand alone in a session that goes on.
fn discuss(
    locale: Locale,
    facts: &RunFacts<'_>,
    talk: &Talk<'_>,
    mut segments: Vec<Segment>,
) -> Result<Vec<Segment>, RenderError> {
    segments.extend([talking(locale, facts)?, segment(locale, "tools", &tools::told(facts))?]);
    let (earlier, told) = remarks(locale, 0, &talk.earlier)?;
    if !earlier.is_empty() {
        let facts = json!({ "own": untrusted::line(talk.own), "remarks": told, "left_out": earlier.len() - told });
        segments.push(segment(locale, "discussion-so-far", &facts)?);
        segments.extend(earlier);
    }
    for known in &mut segments {
        known.only_afresh = talk.goes_on;
    }
    let (new, count) = remarks(locale, told, &talk.new)?;
    segments.push(segment(locale, "discussion-new", &json!({ "remarks": count }))?);
    segments.extend(new);
    segments.push(segment(locale, output(facts.work), facts)?);
    Ok(segments)
}

/// The task of a discussion, with the labels that would start work.
fn talking(locale: Locale, facts: &RunFacts<'_>) -> Result<Segment, TemplateError> {
    let stages: Vec<_> = Stage::ALL
        .iter()
        .map(|&stage| {
            let produces = Catalogue::builtin().stage(stage).produces.of(locale);
            json!({ "label": labels::run(stage), "produces": produces })
        })
        .collect();
    segment(locale, "task-discussion", &json!({ "issue_number": facts.issue_number, "stages": stages }))
}

/// Changes whenever one of the templates does; how often each is used does not matter.
pub(super) fn version(segments: &[Segment]) -> String {
    let mut templates: Vec<_> = segments.iter().map(|s| (&s.name, s.source, &s.version)).collect();
    templates.sort_unstable();
    templates.dedup();
    let source = templates.iter().map(|(_, source, _)| *source).max().unwrap_or(Source::Seed);
    let list: String = templates.iter().map(|(name, source, version)| format!("{name} {source} {version}\n")).collect();
    format!("{source}-{}", version_of(&list))
}

fn task(templates: &Templates, facts: &RunFacts<'_>) -> Result<Segment, RenderError> {
    let missing = || RenderError::NoTask { role: facts.role.to_owned(), work: facts.work };
    let template = templates.pick(&format!("task-{}-{}", facts.role, facts.work)).ok_or_else(missing)?;
    Ok(picked(template, facts)?)
}

fn stage(templates: &Templates, facts: &RunFacts<'_>) -> Result<Segment, RenderError> {
    let template = templates.pick(&format!("stage-{}", facts.stage));
    Ok(picked(template.ok_or_else(|| RenderError::NoStage(facts.stage.to_owned()))?, facts)?)
}

fn picked(template: Picked<'_>, facts: &RunFacts<'_>) -> Result<Segment, TemplateError> {
    match template {
        Picked::Seed(name, locale) => segment(locale, name, facts),
        Picked::Override(written) => of_people(written, facts),
    }
}

fn of_people(written: &Override, facts: &RunFacts<'_>) -> Result<Segment, TemplateError> {
    let rendered = Peoples::new(&written.text).and_then(|template| template.render(facts));
    let wrong = |source| TemplateError { name: written.key.clone(), locale: written.locale, source };
    let (version, source) = (written.version.to_string(), written.source);
    Ok(Segment { source, template: written.id, ..platform(&written.key, version, &rendered.map_err(wrong)?) })
}

const fn output(work: Work) -> &'static str {
    match work {
        Work::Work => "output",
        Work::Review => "output-review",
        Work::Discussion => "output-discussion",
    }
}

fn segment(locale: Locale, name: &'static str, facts: &impl Serialize) -> Result<Segment, TemplateError> {
    let version = version_of(seeds::find(name, locale).map_or("", |seed| seed.source));
    Ok(platform(name, version, &engine::render(name, locale, facts)?))
}

/// A segment in the platform's own words.
fn platform(name: &str, version: String, text: &str) -> Segment {
    let text = text.trim_end().to_owned();
    Segment {
        name: name.to_owned(),
        sha256: hex::encode(Sha256::digest(&text)),
        text,
        version,
        source: Source::Seed,
        template: None,
        content: Content::Platform,
        author: None,
        words: None,
        let_in_by: None,
        left_out: false,
        only_afresh: false,
        marks: Vec::new(),
    }
}

/// A title with its text, from outside.
struct Quote<'a> {
    content: Content,
    title: &'a str,
    body: &'a str,
    author: Option<&'a Author>,
    said: Option<SaidAt>,
    let_in_by: Option<&'a str>,
}

impl Quote<'_> {
    fn segment(&self, locale: Locale, name: &'static str) -> Result<Segment, TemplateError> {
        let (title, body) = (untrusted::shown_plain(self.title), untrusted::shown(self.body));
        let author = self.author.map(readable);
        let facts =
            json!({ "fence": untrusted::fence(&title, &body), "title": title, "body": body, "author": &author });
        let segment = Segment { words: self.said.clone(), author, ..segment(locale, name, &facts)? };
        Ok(data(segment, self.content, self.let_in_by))
    }
}

fn said_at(words: Option<&Words>, url: &str) -> Option<SaidAt> {
    words.map(|words| SaidAt { words: words.clone(), url: untrusted::line(url) })
}

/// A segment that carries somebody's words.
fn data(segment: Segment, content: Content, let_in_by: Option<&str>) -> Segment {
    let permission = segment.author.as_ref().map_or("unknown", |author| &author.permission);
    Segment {
        content,
        left_out: !untrusted::reaches_agent(permission, let_in_by.is_some()),
        marks: untrusted::marks(&segment.text),
        let_in_by: let_in_by.map(untrusted::line),
        ..segment
    }
}

fn revise(locale: Locale, revision: &Revision<'_>) -> Result<Vec<Segment>, TemplateError> {
    let (remarks, told) = remarks(locale, 0, &revision.remarks)?;
    let facts = json!({ "remarks": told, "left_out": remarks.len() - told });
    Ok(std::iter::once(segment(locale, "revise", &facts)?).chain(remarks).collect())
}

/// Remarks, numbered on from `after`, and how many of them the agent reads: those that are left out have no number, so
/// that it counts what it reads.
fn remarks(locale: Locale, after: usize, said: &[Remark<'_>]) -> Result<(Vec<Segment>, usize), TemplateError> {
    let (mut remarks, mut told) = (Vec::with_capacity(said.len()), 0);
    for said in said {
        let next = remark(locale, after + told + 1, said)?;
        told += usize::from(!next.left_out);
        remarks.push(next);
    }
    Ok((remarks, told))
}

fn remark(locale: Locale, number: usize, remark: &Remark<'_>) -> Result<Segment, TemplateError> {
    let place = untrusted::shown_plain(remark.place.unwrap_or_default());
    let text = untrusted::shown(remark.text);
    let author = readable(&remark.author);
    let facts = json!({
        "number": number,
        "author": &author,
        "url": untrusted::line(remark.url),
        "fence": untrusted::fence(&place, &text),
        "place": place,
        "text": text,
    });
    let words = said_at(remark.words.as_ref(), remark.url);
    let segment = Segment { words, author: Some(author), ..segment(locale, "remark", &facts)? };
    Ok(data(segment, Content::Remark, remark.let_in_by))
}

/// Stands outside the fence, so it must not be able to begin a line of its own.
fn readable(author: &Author) -> Author {
    Author { login: untrusted::line(&author.login), permission: untrusted::line(&author.permission) }
}
