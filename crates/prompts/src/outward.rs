//! What an agent's own words pass through on their way to GitHub: nobody is mentioned, no other issue is closed, nothing is
//! hidden, and nothing is fetched from elsewhere when somebody opens the page.

use std::sync::LazyLock;

use domain::closing;
use regex::Regex;

use crate::untrusted;

/// Elements that a page fetches something for, and the image that Markdown writes. Browsers take `<image>` for `<img>`.
static FETCHED: LazyLock<Regex> = LazyLock::new(|| {
    untrusted::compiled(
        r"(?xi) (?<begin> ! ) (?<rest> \[ )
            | (?<begin_> < ) (?<rest_> (?: img|image|picture|source|video|audio|track|svg|iframe|object|embed|input|link ) \b )",
    )
});

/// Text in one line.
pub(crate) fn quiet(text: &str, limit: usize) -> String {
    quiet_lines(text, limit).replace('\n', " ")
}

/// Text that may have lines.
pub(crate) fn quiet_lines(text: &str, limit: usize) -> String {
    let text = quiet_title(text).replace("<!--", "&lt;!--");
    // An image becomes the link to it, an element the words that make it; the address can be read in both.
    let text = FETCHED.replace_all(&text, "${begin}${begin_}\u{2060}${rest}${rest_}");
    let mut cut: String = text.chars().take(limit).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// The title of something: no page renders Markdown or HTML in it.
pub(crate) fn quiet_title(text: &str) -> String {
    closing::defuse(&untrusted::visible(text)).replace('@', "@\u{2060}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_fetched_when_somebody_opens_the_page() {
        let table = [
            ("see ![a](https://e.example/?q=1)", "see !\u{2060}[a](https://e.example/?q=1)"),
            ("![a][b] [![c](d)](e)", "!\u{2060}[a][b] [!\u{2060}[c](d)](e)"),
            ("!!\n[a](b) wow! [c](d)", "!!\n[a](b) wow! [c](d)"),
            ("<img src=\"https://e.example\">", "<\u{2060}img src=\"https://e.example\">"),
            ("<IMG\nsrc=x><iMaGe src=x>", "<\u{2060}IMG\nsrc=x><\u{2060}iMaGe src=x>"),
            (
                "<picture><source srcset=x></picture><video poster=x>",
                "<\u{2060}picture><\u{2060}source srcset=x></picture><\u{2060}video poster=x>",
            ),
            ("<img/src=x>", "<\u{2060}img/src=x>"),
            ("Vec<Image> and <details><summary>a</summary>", "Vec<\u{2060}Image> and <details><summary>a</summary>"),
            ("<imgs> <sources> a < img", "<imgs> <sources> a < img"),
        ];
        for (said, quieted) in table {
            assert_eq!(quiet_lines(said, 1000), quieted, "{said}");
        }
        assert_eq!(quiet("!\n[a](b)", 1000), "! [a](b)");
    }
}
