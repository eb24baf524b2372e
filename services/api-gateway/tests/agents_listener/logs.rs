//! Everything that is logged while the tests run, down to the libraries' debug lines, is searched for planted secrets.

use std::io::Write;
use std::sync::{Mutex, Once};

use tracing::level_filters::LevelFilter;

use crate::forge::FORGE_TOKEN;
use crate::world::{MODEL_KEY, TOKEN};

static LEAKED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WATCHED: Once = Once::new();

struct Search;

impl Write for Search {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if [TOKEN, MODEL_KEY, FORGE_TOKEN].iter().any(|secret| text.contains(secret)) {
            LEAKED.lock().unwrap().push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Searches all log lines from now on.
pub(crate) fn watch() {
    WATCHED.call_once(|| {
        tracing_subscriber::fmt().with_max_level(LevelFilter::DEBUG).with_writer(|| Search).init();
        tracing::debug!("{TOKEN}");
        assert_eq!(LEAKED.lock().unwrap().drain(..).count(), 1, "the search finds nothing");
    });
}

/// Lines that held a secret.
pub(crate) fn leaked() -> Vec<String> {
    LEAKED.lock().unwrap().clone()
}
