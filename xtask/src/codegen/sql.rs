//! `.sqlx`: what PostgreSQL says about each statement of the store, so that it compiles without a database.
//!
//! The store is compiled against a fresh database with all migrations; the macros of sqlx write what they learn into the
//! folder that `SQLX_OFFLINE_DIR` names. That needs no sqlx program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::Made;
use crate::checks::cargo;
use crate::command::feed;
use crate::paths::Paths;
use crate::postgres;
use crate::prerequisites::{self, For};
use crate::sources::touch;
use crate::steps::step;

/// Made, used and dropped by this module alone.
const DATABASE: &str = "codegen";

/// Every file that belongs into `.sqlx`, and those there that no longer do.
pub(super) fn descriptions(paths: &Paths) -> Result<Made> {
    prerequisites::ensure(paths, For::Tests)?;
    postgres::start_tests(paths)?;
    let folder = paths.cache.join("sqlx");
    step(paths, "codegen-sqlx", "describe the store's SQL", |step| {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fresh_database(paths)?;
        // Cargo does not know that the macros read a database: only a changed file makes it compile again.
        touch(&paths.checkout.join("crates/store/src/lib.rs"), SystemTime::now())?;
        let checked = step.run(
            cargo(paths)?
                .args(["check", "--quiet", "-p", "store"])
                .env("SQLX_OFFLINE", "false")
                .env("SQLX_OFFLINE_DIR", &folder)
                .env("DATABASE_URL", database_url()),
        );
        let dropped = psql(paths, "postgres", &format!("DROP DATABASE {DATABASE} WITH (FORCE);"));
        checked.and(dropped)
    })?;
    compared(&folder, &paths.checkout.join(".sqlx"))
}

fn fresh_database(paths: &Paths) -> Result<()> {
    psql(paths, "postgres", &format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE);\nCREATE DATABASE {DATABASE};"))?;
    let folder = paths.checkout.join("migrations");
    for name in names(&folder)?.iter().filter(|name| name.ends_with(".sql")) {
        let sql = fs::read_to_string(folder.join(name))?;
        psql(paths, DATABASE, &sql).with_context(|| format!("cannot apply migrations/{name}"))?;
    }
    Ok(())
}

fn psql(paths: &Paths, database: &str, sql: &str) -> Result<()> {
    feed(&mut postgres::tests_client(paths, database)?, sql).map(drop)
}

fn database_url() -> String {
    let server = postgres::TEST_URL.rsplit_once('/').map_or(postgres::TEST_URL, |(server, _)| server);
    format!("{server}/{DATABASE}")
}

/// What `fresh` holds, under the names of `committed`, and the removal of what only `committed` holds.
fn compared(fresh: &Path, committed: &Path) -> Result<Made> {
    let mut made = Made::new();
    let known = names(fresh)?;
    for name in &known {
        made.insert(PathBuf::from(".sqlx").join(name), Some(fs::read_to_string(fresh.join(name))?));
    }
    if committed.is_dir() {
        for name in names(committed)?.difference(&known) {
            made.insert(PathBuf::from(".sqlx").join(name), None);
        }
    }
    Ok(made)
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_of_statements_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (fresh, committed) = (folder.path().join("fresh"), folder.path().join("committed"));
        for (place, name) in [(&fresh, "a.json"), (&committed, "a.json"), (&committed, "b.json")] {
            fs::create_dir_all(place).unwrap();
            fs::write(place.join(name), "{}").unwrap();
        }
        let made = compared(&fresh, &committed).unwrap();
        assert_eq!(made.get(Path::new(".sqlx/a.json")), Some(&Some("{}".to_owned())));
        assert_eq!(made.get(Path::new(".sqlx/b.json")), Some(&None));
    }
}
