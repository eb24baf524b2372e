//! Configuration from environment variables. A process that starts with a bad configuration must say everything that is
//! wrong with it at once, so a reader remembers each problem instead of stopping at the first.
//!
//! ```
//! # use runtime::env::{ConfigProblems, Reader};
//! # struct Config { workers: u16, listen: std::net::SocketAddr }
//! fn config(mut env: Reader) -> Result<Config, ConfigProblems> {
//!     let workers = env.parse("WORKERS");
//!     let listen = env.parse_or("LISTEN", "0.0.0.0:8080");
//!     env.finish()?;
//!     Ok(Config { workers: workers?, listen: listen? })
//! }
//! # let error = config(Reader::from_pairs([("CODEXK8S_WORKERS", "many")])).err().unwrap();
//! # assert!(error.to_string().contains("CODEXK8S_WORKERS"));
//! ```

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use secrecy::SecretString;

/// What every variable of the platform begins with.
pub const PREFIX: &str = "CODEXK8S_";

/// Everything that is wrong with a process's configuration; its `Display` is one line per variable. No value is in it,
/// because a value that does not parse may still be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems(Vec<String>);

impl ConfigProblems {
    pub(crate) fn one(name: &str, what: &str) -> Self {
        Self(vec![format!("{PREFIX}{name} {what}")])
    }

    /// One line per problem, in the order in which the variables were read.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad configuration, {} problem(s):", self.0.len())?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for ConfigProblems {}

/// A value that was read, or the problem with it. Use `?` on it only after [`Reader::finish`], which reports all
/// problems together.
pub type Read<T> = Result<T, ConfigProblems>;

/// Reads variables of one process. Names are given without [`PREFIX`]. `NAME_FILE` may name a file that holds the value
/// of `NAME` (without its last line break); giving both is a problem. An empty value counts as missing.
#[derive(Debug)]
pub struct Reader {
    variables: HashMap<String, SecretString>,
    problems: Vec<String>,
}

impl Reader {
    /// The variables of this process.
    #[must_use]
    pub fn from_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Self::from_pairs(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// The variables given, with their full names; those without [`PREFIX`] are ignored.
    #[must_use]
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let named = pairs.into_iter().filter_map(|(name, value)| {
            let name = name.into().strip_prefix(PREFIX)?.to_owned();
            let value: String = value.into();
            (!value.is_empty()).then(|| (name, value.into()))
        });
        Self { variables: named.collect(), problems: Vec::new() }
    }

    /// A variable that must be there.
    ///
    /// # Errors
    /// The problem with this variable, which [`Reader::finish`] will report too.
    pub fn parse<T>(&mut self, name: &str) -> Read<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.optional(name).and_then(|value| value.map_or_else(|| self.missing(name), Ok))
    }

    /// A variable that has a default, written as it would be in the environment.
    ///
    /// # Errors
    /// The problem with this variable, or with its default.
    pub fn parse_or<T>(&mut self, name: &str, default: &str) -> Read<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => self.convert(name, default),
        }
    }

    /// A variable that may be absent.
    ///
    /// # Errors
    /// The problem with this variable: unreadable file, or a value that does not parse.
    pub fn optional<T>(&mut self, name: &str) -> Read<Option<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        use secrecy::ExposeSecret;
        let value = self.look_up(name)?;
        value.map(|value| self.convert(name, value.expose_secret().trim())).transpose()
    }

    /// A list separated by commas; empty items are dropped, an absent variable is an empty list.
    ///
    /// # Errors
    /// The problem with this variable: unreadable file, or an item that does not parse.
    pub fn list<T>(&mut self, name: &str) -> Read<Vec<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let text: String = self.optional(name)?.unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| self.convert(name, item)).collect()
    }

    /// A secret that must be there.
    ///
    /// # Errors
    /// The problem with this variable.
    pub fn secret(&mut self, name: &str) -> Read<SecretString> {
        self.look_up(name).and_then(|value| value.map_or_else(|| self.missing(name), Ok))
    }

    /// A secret that may be absent.
    ///
    /// # Errors
    /// Its file could not be read, or both forms were given.
    pub fn optional_secret(&mut self, name: &str) -> Read<Option<SecretString>> {
        self.look_up(name)
    }

    /// A secret that becomes a type of its own, such as a key. `convert` says what is wrong without quoting the value.
    ///
    /// # Errors
    /// The problem with this variable.
    pub fn secret_as<T, E: fmt::Display>(
        &mut self,
        name: &str,
        convert: impl FnOnce(&SecretString) -> Result<T, E>,
    ) -> Read<T> {
        let value = self.secret(name)?;
        convert(&value).or_else(|problem| self.problem(name, &problem))
    }

    /// The same of a secret that may be absent.
    ///
    /// # Errors
    /// The problem with this variable.
    pub fn optional_secret_as<T, E: fmt::Display>(
        &mut self,
        name: &str,
        convert: impl FnOnce(&SecretString) -> Result<T, E>,
    ) -> Read<Option<T>> {
        let Some(value) = self.optional_secret(name)? else { return Ok(None) };
        convert(&value).map(Some).or_else(|problem| self.problem(name, &problem))
    }

    /// Reports what was wrong with all variables read so far.
    ///
    /// # Errors
    /// All problems, when there was one.
    pub fn finish(self) -> Result<(), ConfigProblems> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigProblems(self.problems)) }
    }

    fn look_up(&mut self, name: &str) -> Read<Option<SecretString>> {
        use secrecy::ExposeSecret;
        let file = self.variables.get(&format!("{name}_FILE")).cloned();
        match (self.variables.get(name).cloned(), file) {
            (Some(_), Some(_)) => self.problem(name, &format!("is given, and so is {PREFIX}{name}_FILE: choose one")),
            (value, None) => Ok(value),
            (None, Some(path)) => match std::fs::read_to_string(Path::new(path.expose_secret())) {
                Ok(text) if text.trim().is_empty() => self.problem(&format!("{name}_FILE"), &"names an empty file"),
                Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']).into())),
                Err(error) => self.problem(&format!("{name}_FILE"), &format!("cannot be read: {error}")),
            },
        }
    }

    fn convert<T>(&mut self, name: &str, text: &str) -> Read<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        text.parse().or_else(|error: T::Err| self.problem(name, &format!("is malformed: {error}")))
    }

    fn missing<T>(&mut self, name: &str) -> Read<T> {
        self.problem(name, &"is missing")
    }

    fn problem<T>(&mut self, name: &str, what: &dyn fmt::Display) -> Read<T> {
        let line = format!("{PREFIX}{name} {what}");
        if !self.problems.contains(&line) {
            self.problems.push(line.clone());
        }
        Err(ConfigProblems(vec![line]))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn every_problem_is_listed_at_once_and_no_value_is_quoted() {
        let mut env = Reader::from_pairs([
            ("CODEXK8S_LISTEN", "sk-not-an-address"),
            ("CODEXK8S_EMPTY", ""),
            ("CODEXK8S_KEY_FILE", "/nowhere/at/all"),
            ("CODEXK8S_BOTH", "a"),
            ("CODEXK8S_BOTH_FILE", "b"),
            ("UNRELATED", "x"),
        ]);
        let _ = env.parse::<SocketAddr>("LISTEN");
        let _ = env.parse::<u8>("EMPTY");
        let _ = env.secret("KEY");
        let _ = env.secret("BOTH");
        let _ = env.secret_as("TOKEN", |_| Ok::<_, String>(()));
        let problems = env.finish().unwrap_err();
        assert_eq!(problems.lines().len(), 5, "{problems}");
        for name in ["LISTEN", "EMPTY", "KEY_FILE", "BOTH", "TOKEN"] {
            assert!(problems.to_string().contains(&format!("CODEXK8S_{name} ")), "{name} is not in {problems}");
        }
        assert!(!problems.to_string().contains("sk-not"));
    }

    #[test]
    fn values_defaults_lists_and_files_are_read() {
        let file = std::env::temp_dir().join(format!("codex-k8s-env-{}", std::process::id()));
        std::fs::write(&file, "from a file\n").unwrap();
        let mut env = Reader::from_pairs([
            ("CODEXK8S_COUNT", " 7 ".to_owned()),
            ("CODEXK8S_HOSTS", "a, b,,".to_owned()),
            ("CODEXK8S_KEY_FILE", file.to_string_lossy().into_owned()),
        ]);
        assert_eq!(env.parse::<u8>("COUNT").unwrap(), 7);
        assert_eq!(env.parse_or::<u8>("OTHER", "9").unwrap(), 9);
        assert_eq!(env.optional::<u8>("ABSENT").unwrap(), None);
        assert_eq!(env.list::<String>("HOSTS").unwrap(), ["a", "b"]);
        assert_eq!(env.secret("KEY").unwrap().expose_secret(), "from a file");
        assert!(env.optional_secret("NONE").unwrap().is_none());
        assert!(env.finish().is_ok());
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_bad_secret_is_reported_in_the_words_of_its_type() {
        let mut env = Reader::from_pairs([("CODEXK8S_KEY", "abc")]);
        let key = env.secret_as("KEY", |_| Err::<(), _>("must have 32 bytes"));
        assert_eq!(key.unwrap_err().lines(), ["CODEXK8S_KEY must have 32 bytes"]);
        assert!(env.finish().is_err());
    }
}
