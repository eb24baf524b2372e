//! Answers that people write as comments on the issue or the run's pull request: one line for each question, `Q1 2` for its
//! second option or `Q1: words` for one's own. Only what can be meant in one way is an answer; talk is left alone.

use uuid::Uuid;

use super::{Answer, Question};

/// A question that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The request.
    pub id: Uuid,
    /// Its number among what the run has asked, from 1. People write `Q` before it.
    pub number: i32,
    /// What is asked.
    pub question: Question,
}

/// What a comment says to the questions that are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nothing,
    /// It means to answer, but names no open question, none of its options, or several things at once.
    Unclear,
    /// Answers, each to another question.
    Answers(Vec<(Uuid, Answer)>),
}

/// A part of a comment that names a question.
struct Part<'a> {
    number: i32,
    /// A colon follows: the rest is meant as an answer, whatever it says.
    addressed: bool,
    lines: Vec<&'a str>,
}

impl Part<'_> {
    fn words(&self) -> String {
        self.lines.join("\n").trim().to_owned()
    }
}

/// Reads a comment. With one open question its option alone is an answer too, and so is all that follows a quote of it.
#[must_use]
pub fn read(comment: &str, open: &[Open]) -> Reply {
    if open.is_empty() {
        return Reply::Nothing;
    }
    let (quoted, said): (Vec<_>, Vec<_>) = comment.lines().partition(|line| line.trim_start().starts_with('>'));
    let parts = parts(&said, open);
    if parts.is_empty() {
        return unnamed(&quoted, said.join("\n").trim(), open);
    }
    let mut answers: Vec<(Uuid, Answer)> = Vec::new();
    for part in parts {
        let answer = open.iter().find(|one| one.number == part.number).and_then(|one| {
            let words = part.words();
            Some((one.id, if part.addressed { addressed(&one.question, &words) } else { first_line(one, &part) }?))
        });
        match answer {
            Some((id, answer)) if answers.iter().all(|(known, _)| *known != id) => answers.push((id, answer)),
            _ => return Reply::Unclear,
        }
    }
    Reply::Answers(answers)
}

/// Lines that begin with a question's name, each with the lines that follow it. A name that no open question has counts
/// only where the rest looks like an answer, so that a talk about quarters is none.
fn parts<'a>(lines: &[&'a str], open: &[Open]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for &line in lines {
        let named = named(line).filter(|part| {
            let is_open = open.iter().any(|one| one.number == part.number);
            is_open || part.addressed || number(&part.words()).is_some()
        });
        match (named, parts.last_mut()) {
            (Some(part), _) => parts.push(part),
            (None, Some(part)) => part.lines.push(line),
            (None, None) => {}
        }
    }
    parts
}

/// A line that begins with `Q` and a number, as people decorate it.
fn named(line: &str) -> Option<Part<'_>> {
    const DECORATION: [char; 7] = ['*', '_', '`', '-', '#', ' ', '\t'];
    let rest = line.trim_start_matches(DECORATION).strip_prefix(['Q', 'q'])?;
    let digits = rest.chars().take_while(char::is_ascii_digit).count();
    let number = rest.get(..digits)?.parse().ok()?;
    let rest = rest.get(digits..)?;
    if rest.starts_with(|next: char| next.is_alphanumeric()) {
        return None;
    }
    let rest = rest.trim_start_matches(['*', '_', '`']);
    let (addressed, rest) = rest.trim_start().strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['*', '_', '`', '.', ')', '=', '-', '–', '—', ' ', '\t']);
    Some(Part { number, addressed, lines: vec![rest] })
}

/// A comment that names no question itself.
fn unnamed(quoted: &[&str], said: &str, open: &[Open]) -> Reply {
    let mut about = quoted.iter().filter_map(|line| named(line.trim_start_matches(['>', ' ']))).map(|part| part.number);
    if let (Some(number), None) = (about.next(), about.next())
        && let Some(one) = open.iter().find(|one| one.number == number)
    {
        return addressed(&one.question, said).map_or(Reply::Unclear, |answer| Reply::Answers(vec![(one.id, answer)]));
    }
    let chosen = |one: &Open| Some((one.id, option(&one.question, said)?));
    let mut meant = open.iter().filter_map(chosen);
    match (meant.next(), open) {
        (Some((id, Ok(answer))), [_]) => Reply::Answers(vec![(id, answer)]),
        (Some(_), _) => Reply::Unclear,
        (None, _) => Reply::Nothing,
    }
}

/// What follows a name without a colon: an option, which may stand before words of one's own.
fn first_line(one: &Open, part: &Part<'_>) -> Option<Answer> {
    let chosen = option(&one.question, part.lines.first()?)?.ok()?;
    let more = part.lines.iter().skip(1).copied().collect::<Vec<_>>().join("\n");
    if more.trim().is_empty() || !one.question.allow_custom {
        return Some(chosen);
    }
    one.question.answered(None, Some(&format!("{}\n{}", chosen.text, more.trim()))).ok()
}

/// What is said to be the answer: an option, or words where the question takes them.
fn addressed(question: &Question, words: &str) -> Option<Answer> {
    match option(question, words) {
        Some(chosen) => chosen.ok(),
        None => question.answered(None, Some(words)).ok(),
    }
}

/// Words that are two different options: one by its number, the other by what it says.
struct TwoMeanings;

/// The option that these words are, by its number or by what it says.
fn option(question: &Question, words: &str) -> Option<Result<Answer, TwoMeanings>> {
    let words = words.trim();
    let said = question.options.iter().position(|option| option.trim().to_lowercase() == words.to_lowercase());
    let counted = number(words).and_then(|number| number.checked_sub(1)).filter(|&at| at < question.options.len());
    match (said, counted) {
        (Some(said), Some(counted)) if said != counted => Some(Err(TwoMeanings)),
        (Some(at), _) | (None, Some(at)) => question.answered(Some(at), None).ok().map(Ok),
        (None, None) => None,
    }
}

/// A number and nothing else, as people end it.
fn number(words: &str) -> Option<usize> {
    words.trim().trim_end_matches(['.', ')', '*', '`']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(number: i32, options: &[&str], allow_custom: bool) -> Open {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let question = Question { question: format!("Question {number}?"), context: None, options, allow_custom };
        Open { id: Uuid::from_u128(u128::from(number.unsigned_abs())), number, question }
    }

    /// What a comment answers, as `number: option or words`; `None` when it is unclear.
    fn heard(comment: &str, open: &[Open]) -> Option<Vec<String>> {
        let told = |(id, answer): (Uuid, Answer)| match answer.option {
            Some(option) => format!("{}: #{option} {}", id.as_u128(), answer.text),
            None => format!("{}: {}", id.as_u128(), answer.text),
        };
        match read(comment, open) {
            Reply::Nothing => Some(Vec::new()),
            Reply::Unclear => None,
            Reply::Answers(answers) => Some(answers.into_iter().map(told).collect()),
        }
    }

    #[test]
    fn one_open_question_is_answered_in_few_words() {
        let open = [asked(3, &["PostgreSQL", "SQLite"], true)];
        let table = [
            ("2", Some(vec!["3: #1 SQLite"])),
            (" 1. ", Some(vec!["3: #0 PostgreSQL"])),
            ("sqlite", Some(vec!["3: #1 SQLite"])),
            ("Q3 2", Some(vec!["3: #1 SQLite"])),
            ("**Q3** PostgreSQL", Some(vec!["3: #0 PostgreSQL"])),
            ("- q3: MySQL, as ever", Some(vec!["3: MySQL, as ever"])),
            ("Q3: first line\nsecond line", Some(vec!["3: first line\nsecond line"])),
            ("Hello!\n\nQ3 — 2\nbut keep the data", Some(vec!["3: SQLite\nbut keep the data"])),
            ("> **Q3** · Question 3?\n> 1. PostgreSQL\n\nNeither, please", Some(vec!["3: Neither, please"])),
            ("> **Q3** · Question 3?\n\n2", Some(vec!["3: #1 SQLite"])),
            // Talk.
            ("3", Some(vec![])),
            ("I have looked at both and like them", Some(vec![])),
            ("Q3rd quarter was bad", Some(vec![])),
            ("Q2 results were bad", Some(vec![])),
            ("> 2\nwhat does that mean?", Some(vec![])),
            ("", Some(vec![])),
            // Meant as an answer, and none.
            ("Q3 was bad", None),
            ("Q3:  ", None),
            ("Q2 1", None),
            ("Q2: MySQL", None),
            ("Q3 1\nQ3 2", None),
        ];
        for (comment, expected) in table {
            let expected = expected.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(heard(comment, &open), expected, "{comment:?}");
        }
        assert_eq!(read("2", &[]), Reply::Nothing);
    }

    #[test]
    fn of_several_questions_each_is_named() {
        let open = [asked(1, &["yes", "no"], false), asked(2, &["yes", "later"], true)];
        let table = [
            ("Q1 2\nQ2: when it is ready", Some(vec!["1: #1 no", "2: when it is ready"])),
            ("Q2 later\n\n**Q1**: yes\nas ever", None),
            ("Q1 yes\nas ever", Some(vec!["1: #0 yes"])),
            ("Q1: perhaps", None),
            ("2", None),
            ("later", None),
            ("perhaps", Some(vec![])),
            ("Q1 1\nQ4 2", None),
        ];
        for (comment, expected) in table {
            let expected = expected.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(heard(comment, &open), expected, "{comment:?}");
        }
    }

    #[test]
    fn a_number_that_is_two_options_is_none() {
        let open = [asked(1, &["2", "1", "3"], true)];
        assert_eq!((heard("1", &open), heard("Q1 2", &open)), (None, None));
        assert_eq!(heard("3", &open), Some(vec!["1: #2 3".into()]));
    }
}
