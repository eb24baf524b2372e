//! Branch filters as GitHub reads them. Their patterns are no globs: `?` and `+` say how often the character before
//! them may come, and `!` takes back what an earlier pattern took in.

use std::ops::RangeInclusive;

/// Whether a list of patterns takes a branch in; the last pattern that fits decides.
pub(super) fn includes(patterns: &[String], branch: &str) -> bool {
    patterns.iter().fold(false, |taken, pattern| match pattern.strip_prefix('!') {
        Some(pattern) => taken && !fits(pattern, branch),
        None => taken || fits(pattern, branch),
    })
}

/// One place of a pattern: what may stand there, and how often.
struct Place {
    takes: Takes,
    may_lack: bool,
    may_repeat: bool,
}

enum Takes {
    /// `*`: anything but a slash.
    InFolder,
    /// `**`
    Anything,
    /// One character, or one of those in brackets.
    OneOf(Vec<RangeInclusive<char>>),
}

impl Place {
    fn once(takes: Takes) -> Self {
        Self { takes, may_lack: false, may_repeat: false }
    }

    fn any_number(takes: Takes) -> Self {
        Self { takes, may_lack: true, may_repeat: true }
    }

    fn takes(&self, c: char) -> bool {
        match &self.takes {
            Takes::InFolder => c != '/',
            Takes::Anything => true,
            Takes::OneOf(ranges) => ranges.iter().any(|range| range.contains(&c)),
        }
    }
}

/// Follows all ways through the pattern at once, so no pattern takes longer than its length times the branch's.
fn fits(pattern: &str, branch: &str) -> bool {
    let places = places(pattern);
    let mut reached = vec![false; places.len() + 1];
    reached[0] = true;
    skip(&places, &mut reached);
    for c in branch.chars() {
        let mut next = vec![false; reached.len()];
        for (at, place) in places.iter().enumerate().filter(|(at, place)| reached[*at] && place.takes(c)) {
            next[at] |= place.may_repeat;
            next[at + 1] = true;
        }
        skip(&places, &mut next);
        reached = next;
    }
    reached[places.len()]
}

/// What may be lacking is passed without a character.
fn skip(places: &[Place], reached: &mut [bool]) {
    for (at, place) in places.iter().enumerate() {
        reached[at + 1] |= reached[at] && place.may_lack;
    }
}

fn places(pattern: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (c, places.last_mut()) {
            ('*', _) => {
                let deep = rest.strip_prefix('*');
                places.push(Place::any_number(if deep.is_some() { Takes::Anything } else { Takes::InFolder }));
                rest = deep.unwrap_or(rest);
            }
            ('?', Some(last)) => last.may_lack = true,
            ('+', Some(last)) => last.may_repeat = true,
            ('[', _) if rest.contains(']') => {
                let (inside, after) = rest.split_once(']').unwrap_or((rest, ""));
                places.push(Place::once(Takes::OneOf(ranges(inside))));
                rest = after;
            }
            ('\\', _) if !rest.is_empty() => {
                let escaped = rest.chars().next().unwrap_or(c);
                places.push(Place::once(Takes::OneOf(vec![escaped..=escaped])));
                rest = &rest[escaped.len_utf8()..];
            }
            _ => places.push(Place::once(Takes::OneOf(vec![c..=c]))),
        }
    }
    places
}

/// `a-z0-9_`
fn ranges(inside: &str) -> Vec<RangeInclusive<char>> {
    let characters: Vec<char> = inside.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = characters.as_slice();
    while let [first, after @ ..] = rest {
        let (range, left) = match after {
            ['-', last, left @ ..] => (*first..=*last, left),
            left => (*first..=*first, left),
        };
        ranges.push(range);
        rest = left;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_githubs_documentation_says() {
        let table = [
            ("main", "main", true),
            ("main", "maintenance", false),
            ("feature/*", "feature/my-branch", true),
            ("feature/*", "feature/your/branch", false),
            ("feature/**", "feature/beta-a/my-branch", true),
            ("*", "main", true),
            ("*", "codex/i1-00000000", false),
            ("**", "codex/i1-00000000", true),
            ("*feature", "mona-feature", true),
            ("**feature", "mona/big-feature", true),
            ("v2*", "v2.0", true),
            ("v[12].[0-9]+.[0-9]+", "v1.10.1", true),
            ("v[12].[0-9]+.[0-9]+", "v3.1.1", false),
            ("*.jsx?", "page.js", true),
            ("*.jsx?", "page.jsx", true),
            ("codex/i[0-9]+-[0-9a-f]+", "codex/i12-456789ab", true),
            ("codex/i[0-9]+", "codex/i12-456789ab", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[a", "[a", true),
            ("?", "?", true),
            ("вет*", "ветка", true),
            ("", "main", false),
        ];
        for (pattern, branch, expected) in table {
            assert_eq!(fits(pattern, branch), expected, "{pattern} {branch}");
        }
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let table = [
            (vec!["releases/**", "!releases/**-alpha"], "releases/10", true),
            (vec!["releases/**", "!releases/**-alpha"], "releases/10-alpha", false),
            (vec!["**", "!codex/**", "codex/i1-*"], "codex/i1-0", true),
            (vec!["!codex/**"], "main", false),
            (vec![], "main", false),
        ];
        for (patterns, branch, expected) in table {
            let patterns: Vec<String> = patterns.into_iter().map(str::to_owned).collect();
            assert_eq!(includes(&patterns, branch), expected, "{patterns:?} {branch}");
        }
    }

    #[test]
    fn a_long_pattern_is_decided_at_once() {
        assert!(!fits(&"*a".repeat(2000), &"a".repeat(1000)));
    }
}
