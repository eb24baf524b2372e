//! What the page of a text in Markdown does not show: comments, elements that are out of sight, words in attributes,
//! definitions that nothing refers to. Code shows everything that stands in it, so Markdown is read as Markdown.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Options, Parser, Tag};
use regex::Regex;

use super::MarkKind;

type Place = (Range<usize>, MarkKind);

/// Comments, declarations and tags.
static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?xis) (?<comment> <!-- (?: -?> | .*? (?: --> | \z ) ) | <\? .*? (?: \?> | \z ) | <! [a-z\[] .*? (?: > | \z ) )
         | < (?<close> /? ) (?<name> [a-z][a-z0-9-]* ) (?<attributes> (?: [^>"'] | "[^"]*" | '[^']*' )* ) >"#,
    )
});
/// Ways to put an element out of sight.
static OUT_OF_SIGHT: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?xi) (?: ^ | \s ) hidden (?: \s | = | / | $ ) | aria-hidden \s* = \s* ["']? true
         | display \s* : \s* none | visibility \s* : \s* (?: hidden | collapse )
         | (?: font-size | opacity | (?: max- )? (?: height | width ) ) \s* : \s* 0 (?: \.0+ )? (?: [a-z%]* ) \s* (?: [;"'!] | $ )
         | (?: text-indent | left | top | margin-left ) \s* : \s* - \d{3,} | color \s* : \s* (?: transparent | white | \#fff )"#,
    )
});
/// An attribute with three words or more: text that is no address, class or size.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r#"(?xi) \b (?<name> [a-z-]+ ) \s* = \s* (?: "[^"\s]*\s+[^"\s]+\s+[^"\s] | '[^'\s]*\s+[^'\s]+\s+[^'\s] )"#)
});

const NEVER_SHOWN: [&str; 6] = ["script", "style", "template", "noscript", "iframe", "object"];
const VOID: [&str; 9] = ["area", "br", "col", "embed", "hr", "img", "input", "source", "wbr"];
/// Attributes that have several words by nature.
const LISTS: [&str; 4] = ["class", "style", "srcset", "sizes"];

/// These expressions never change, and a test runs each.
pub(crate) fn compiled(expression: &str) -> Regex {
    Regex::new(expression).unwrap_or_else(|error| unreachable!("{expression}: {error}"))
}

/// Every place that the page does not show.
pub(super) fn places(text: &str) -> Vec<Place> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let parser = Parser::new_ext(text, options);
    let definitions: Vec<_> = parser
        .reference_definitions()
        .iter()
        .map(|(label, definition)| (label.to_lowercase(), definition.title.is_some(), definition.span.clone()))
        .collect();
    let (mut html, mut places, mut used): (Vec<Range<usize>>, _, _) = (vec![], vec![], BTreeSet::new());
    for (event, place) in parser.into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => match html.last_mut() {
                Some(last) if last.end == place.start => last.end = place.end,
                _ => html.push(place),
            },
            Event::Start(Tag::Link { id, .. }) => drop(used.insert(id.to_lowercase())),
            Event::Start(Tag::Image { id, .. }) => {
                used.insert(id.to_lowercase());
                let alt = text[place.clone()].split("](").next().unwrap_or_default();
                if alt.split_whitespace().count() > 2 {
                    places.push((place, MarkKind::Element));
                }
            }
            _ => {}
        }
    }
    let unseen = definitions.into_iter().filter(|(label, titled, _)| *titled || !used.contains(label));
    places.extend(unseen.map(|(_, _, place)| (place, MarkKind::Reference)));
    places.extend(in_html(text, &html));
    places
}

/// An element that is out of sight, until its end tag is found.
struct Unseen {
    name: String,
    from: usize,
    depth: usize,
}

fn in_html(text: &str, html: &[Range<usize>]) -> Vec<Place> {
    let (mut places, mut unseen): (Vec<Place>, Option<Unseen>) = (vec![], None);
    for piece in html {
        for found in MARKUP.captures_iter(&text[piece.clone()]) {
            let Some(whole) = found.get(0) else { continue };
            let place = piece.start + whole.start()..piece.start + whole.end();
            let name = found.name("name").map(|name| name.as_str().to_ascii_lowercase()).unwrap_or_default();
            let closes = found.name("close").is_some_and(|slash| !slash.is_empty());
            let attributes = found.name("attributes").map_or("", |attributes| attributes.as_str());
            match &mut unseen {
                Some(element) if element.name == name => {
                    element.depth = if closes { element.depth - 1 } else { element.depth + 1 };
                    if element.depth == 0 {
                        places.push((element.from..place.end, MarkKind::Element));
                        unseen = None;
                    }
                }
                Some(_) => {}
                None if name.is_empty() => places.push((place, MarkKind::Comment)),
                None if closes => {}
                None if is_unseen(&name, attributes) && !VOID.contains(&name.as_str()) => {
                    unseen = Some(Unseen { name, from: place.start, depth: 1 });
                }
                None if is_unseen(&name, attributes) || has_words(attributes) => {
                    places.push((place, MarkKind::Element))
                }
                None => {}
            }
        }
    }
    places.extend(unseen.map(|element| (element.from..text.len(), MarkKind::Element)));
    places
}

fn is_unseen(name: &str, attributes: &str) -> bool {
    NEVER_SHOWN.contains(&name) || OUT_OF_SIGHT.is_match(attributes)
}

fn has_words(attributes: &str) -> bool {
    WORDS.captures_iter(attributes).any(|found| !LISTS.contains(&found["name"].to_ascii_lowercase().as_str()))
}
