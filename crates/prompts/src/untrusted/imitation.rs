//! What looks as if it came from the platform: its fences, its headings, the marker of its comments; and the marks by
//! which models tell the speakers of a dialogue apart. To be seen at a glance, not to be relied on: what keeps such a
//! text from being an instruction is its fence.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::MarkKind;
use super::hidden::compiled;
use crate::seeds::SEEDS;

static PRETENCE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?xim) <<< [\t\x20]* DATA \b [^\n]* | \b DATA [\t\x20]+ \S* [\t\x20]* >>>
         | <!-- \s* codex-k8s : (?s: .*? ) (?: --> | \z )
         | <\| [a-z_\x20]{2,24} \|> | \[ /? (?: INST | SYS | SYSTEM ) \] | << /? SYS >>
         | < /? (?: system | developer | assistant | instructions? | system[-_](?: prompt | message | reminder ) ) \b [^>\n]{0,80} >
         | ^ [\t\x20>*\#_`-]* (?: system | developer | системн(?: ое | ый | ая ) )
             [\t\x20_-]+ (?: prompt | message | notice | override | instructions? | сообщение | промпт | инструкция ) [^\n]* $",
    )
});

/// Headings of the platform's own parts of a prompt.
static HEADINGS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let lines = SEEDS.iter().flat_map(|seed| seed.source.lines());
    lines.filter(|line| line.starts_with('#') && !line.contains("{{")).map(heading).collect()
});

/// Every place that pretends.
pub(super) fn places(text: &str) -> Vec<(Range<usize>, MarkKind)> {
    let pretence = PRETENCE.find_iter(text).map(|found| found.range());
    let mut at = 0;
    let headings = text.split_inclusive('\n').filter_map(|line| {
        let place = at..at + line.trim_end().len();
        at += line.len();
        (line.trim_start().starts_with('#') && HEADINGS.contains(&heading(line))).then_some(place)
    });
    pretence.chain(headings).map(|place| (place, MarkKind::Imitation)).collect()
}

/// As people read it: without its depth, its case and its spaces.
fn heading(line: &str) -> String {
    line.trim().trim_matches('#').trim().to_lowercase()
}
