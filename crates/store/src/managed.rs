//! The server that databases of projects are made on: another one than the platform's own, or at least another role. Names
//! and passwords are quoted by the server itself.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{Error, Result};

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server, and the role that makes databases there (`CREATEDB`, `CREATEROLE`, no superuser).
#[derive(Clone)]
pub struct Server(PgConnectOptions);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.get_host(), self.0.get_port())
    }
}

/// What came of making a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is there, and its role's.
    Ready,
    /// There is one of the name that is somebody else's; it is as it was.
    Taken,
}

impl Server {
    /// Reads an address as `postgres://role:password@host:port/postgres`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &SecretString) -> Result<Self> {
        PgConnectOptions::from_str(url.expose_secret()).map(Self)
    }

    /// Where applications reach it: host and port.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (self.0.get_host(), self.0.get_port())
    }

    /// A server that takes connections and says nothing counts as one that is away.
    async fn connect(&self) -> Result<PgConnection> {
        let connected = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&self.0)).await;
        connected.map_err(|_| Error::Io(io::ErrorKind::TimedOut.into()))?
    }

    /// Makes a database that belongs to a role of its own with this password. Once more changes the password alone.
    ///
    /// # Errors
    /// The server's.
    pub async fn create(&self, database: &str, role: &str, password: &SecretString) -> Result<Made> {
        let mut db = self.connect().await?;
        let there = owner(&mut db, database).await?;
        if there.as_ref().is_some_and(|owner| owner != role) {
            return Ok(Made::Taken);
        }
        let is_role = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS "is!""#, role);
        let verb = if is_role.fetch_one(&mut db).await? { "ALTER" } else { "CREATE" };
        let password = password.expose_secret();
        run(&mut db, "%3$s ROLE %1$I LOGIN PASSWORD %2$L", [role, password, verb]).await?;
        if there.is_none() {
            // Only a member may give a database to a role.
            run(&mut db, "GRANT %1$I TO CURRENT_USER", [role, "", ""]).await?;
            run(&mut db, "CREATE DATABASE %1$I OWNER %2$I", [database, role, ""]).await?;
        }
        run(&mut db, "REVOKE ALL ON DATABASE %1$I FROM PUBLIC", [database, "", ""]).await?;
        db.close().await?;
        Ok(Made::Ready)
    }

    /// Takes a database away with its role, whoever is connected to it. One that is not the role's stays.
    ///
    /// # Errors
    /// The server's.
    pub async fn remove(&self, database: &str, role: &str) -> Result<()> {
        let mut db = self.connect().await?;
        if owner(&mut db, database).await?.is_some_and(|owner| owner == role) {
            run(&mut db, "DROP DATABASE IF EXISTS %1$I WITH (FORCE)", [database, "", ""]).await?;
        }
        run(&mut db, "DROP ROLE IF EXISTS %1$I", [role, "", ""]).await?;
        db.close().await
    }

    /// How many bytes a role's database takes; `None` when there is none.
    ///
    /// # Errors
    /// The server's.
    pub async fn size(&self, database: &str, role: &str) -> Result<Option<i64>> {
        let mut db = self.connect().await?;
        let size = sqlx::query_scalar!(
            r#"SELECT pg_database_size(d.oid) AS "size!" FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
               WHERE d.datname = $1 AND r.rolname = $2"#,
            database,
            role
        );
        let size = size.fetch_optional(&mut db).await?;
        db.close().await?;
        Ok(size)
    }
}

/// Whether what failed may go well another time: nobody answered, or the server was busy, on its way down or up, or taken
/// from under the statement. What it refused it refuses again.
#[must_use]
pub fn is_passing(error: &Error) -> bool {
    error.as_database_error().is_none_or(|refusal| refusal.code().is_some_and(|code| passes(&code)))
}

/// The connection was lost (08), work was rolled back (40), something is used up (53), an operator was there (57), and
/// somebody uses what has to be at rest (55006).
fn passes(code: &str) -> bool {
    code == "55006" || ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
}

/// Whose a database is; `None` when there is none.
async fn owner(db: &mut PgConnection, database: &str) -> Result<Option<String>> {
    sqlx::query_scalar!(
        r#"SELECT r.rolname::text AS "owner!" FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
           WHERE d.datname = $1"#,
        database
    )
    .fetch_optional(db)
    .await
}

/// Has the server fill in a statement that takes no parameters, and runs it.
async fn run(db: &mut PgConnection, form: &str, [first, second, third]: [&str; 3]) -> Result<()> {
    let filled = sqlx::query_scalar!(
        r#"SELECT format($1, $2::text, $3::text, $4::text) AS "filled!""#,
        form,
        first,
        second,
        third
    );
    let filled = filled.fetch_one(&mut *db).await?;
    sqlx::raw_sql(AssertSqlSafe(filled)).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_refuses_it_refuses_again() {
        for code in ["57P01", "57P03", "53300", "08006", "40001", "55006"] {
            assert!(passes(code), "{code}");
        }
        for code in ["42501", "42P04", "42704", "22023", "55000"] {
            assert!(!passes(code), "{code}");
        }
        assert!(is_passing(&Error::PoolTimedOut));
    }
}
