//! Databases that people let an agent have made or deleted, and what an agent is told of one. The password is sealed, under
//! the lease, and the row that takes the name is there before anything is made: so whoever goes on after a worker that died
//! makes the same database with the same password, and nothing stays half somebody's.

use anyhow::Context;
use cluster::EnvironmentSpec;
use domain::approvals::databases::{
    DatabaseAction, DatabaseChange, DatabaseSeen, DatabaseState, connection_secret, role,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use store::approvals::apply::{self, ToApply};
use store::approvals::secrets::{self, Decided, value_aad};
use store::managed::{self, Server};
use store::outbound::LabelChange;
use store::project_databases::{self, DatabaseRow};
use store::project_environments;
use store::repositories::RepositoryRow;
use url::Url;
use uuid::Uuid;
use vault::{Sealed, random_value};

use super::environments::{self, refused};
use super::{Made, Tried, Untried};
use crate::Deps;

/// What is done, and where.
struct Work<'a> {
    deps: &'a Deps,
    action: &'a ToApply,
    server: &'a Server,
    environment: EnvironmentSpec,
    change: &'a DatabaseChange,
    seen: &'a DatabaseSeen,
}

pub(super) async fn attempt(
    deps: &Deps,
    action: &ToApply,
    repository: &RepositoryRow,
    change: &DatabaseChange,
    seen: &DatabaseSeen,
) -> Result<Tried, Untried> {
    let Some(server) = &deps.config.databases else {
        return Err(Untried::Refused("not_configured: the platform has no server for databases of projects".into()));
    };
    if !action.begun && !still(deps, repository, seen).await? {
        return Ok(Tried::Stale);
    }
    if !action.begun && change.action != DatabaseAction::Create {
        let begun = apply::begin(&deps.db, action).await.context("begin an approved action")?;
        if !begun {
            return Ok(Tried::Lost);
        }
    }
    let environment = environments::of(deps, repository, &change.environment, &change.namespace);
    let work = Work { deps, action, server, environment, change, seen };
    match change.action {
        DatabaseAction::Create => work.create().await,
        DatabaseAction::Delete => work.delete().await,
        DatabaseAction::Describe => work.describe().await,
    }
}

/// Whether the environment is as it was when it was asked.
async fn still(deps: &Deps, repository: &RepositoryRow, seen: &DatabaseSeen) -> anyhow::Result<bool> {
    let environment = project_environments::get(&deps.db, seen.environment_id).await.context("read the environment")?;
    Ok(environment.is_some_and(|row| {
        row.allows_databases && row.version == seen.environment_version && row.project_id == repository.project_id
    }))
}

impl Work<'_> {
    async fn create(&self) -> Result<Tried, Untried> {
        let (name, project, id) = (&self.change.database, self.environment.project_id, self.action.id);
        let Some(password) = self.password().await? else { return Ok(Tried::Lost) };
        let claimed = project_databases::claim(&self.deps.db, id, project, self.seen.environment_id, name).await;
        claimed.context("take the name of a database")?;
        if self.row().await?.is_none_or(|row| row.id != id) {
            return Err(taken());
        }
        let made = self.make(&password).await;
        if made.as_ref().is_err_and(|error| !error.is_passing()) {
            // What nobody will try again leaves nothing behind, and its name is free.
            self.server.remove(name, &role(id)).await.map_err(Untried::Left)?;
            self.reach(id, DatabaseState::Deleted).await?;
        }
        made
    }

    async fn make(&self, password: &SecretString) -> Result<Tried, Untried> {
        let (name, role) = (&self.change.database, role(self.action.id));
        if self.server.create(name, &role, password).await.map_err(Untried::Server)? == managed::Made::Taken {
            return Err(taken());
        }
        self.deps.cluster.prepare_environment(&self.environment).await.map_err(refused)?;
        let secret = connection_secret(name);
        let values = connection(self.server, name, &role, password)?;
        self.deps.cluster.put_connection(&self.environment, &secret, &values).await.map_err(refused)?;
        self.reach(self.action.id, DatabaseState::Ready).await?;
        let keys: Vec<_> = values.iter().map(|(key, _)| *key).collect();
        let connection = json!({ "namespace": self.environment.namespace, "secret": secret, "keys": keys });
        Ok(self.done(json!({ "became": "created", "connection": connection })))
    }

    async fn delete(&self) -> Result<Tried, Untried> {
        let Some(id) = self.seen.database_id else { return Ok(Tried::Stale) };
        let name = &self.change.database;
        // Another worker may have come to the end before this one.
        if self.row().await?.is_some_and(|row| row.id == id) {
            self.reach(id, DatabaseState::Deleting).await?;
            self.server.remove(name, &role(id)).await.map_err(Untried::Server)?;
            self.disconnect()
                .await
                .map_err(|error| Untried::Half { done: "the database is deleted", error: Box::new(error) })?;
            self.reach(id, DatabaseState::Deleted).await?;
        }
        Ok(self.done(json!({ "became": "deleted" })))
    }

    /// Takes the connection to a database that is gone from where applications read it.
    async fn disconnect(&self) -> Result<(), Untried> {
        self.deps.cluster.prepare_environment(&self.environment).await.map_err(refused)?;
        let secret = connection_secret(&self.change.database);
        self.deps.cluster.put_connection(&self.environment, &secret, &[]).await.map_err(refused)?;
        Ok(())
    }

    async fn describe(&self) -> Result<Tried, Untried> {
        let Some(id) = self.seen.database_id else { return Ok(Tried::Stale) };
        let size = self.server.size(&self.change.database, &role(id)).await.map_err(Untried::Server)?;
        let state = self.row().await?.filter(|row| row.id == id).map(|row| row.state.0);
        Ok(self.done(json!({ "exists": size.is_some(), "state": state, "size_bytes": size, "owner": "your project" })))
    }

    async fn row(&self) -> anyhow::Result<Option<DatabaseRow>> {
        project_databases::named(&self.deps.db, &self.change.database).await.context("read who has a database")
    }

    async fn reach(&self, id: Uuid, state: DatabaseState) -> anyhow::Result<()> {
        project_databases::reach(&self.deps.db, id, state).await.context("say where a database stands")
    }

    /// The password, decided and sealed; `None` when the lease is lost.
    async fn password(&self) -> Result<Option<SecretString>, Untried> {
        let (deps, action) = (self.deps, self.action);
        let place = value_aad(action.id);
        if let Some(decided) = secrets::decided(&deps.db, action).await.context("read what was decided")? {
            let sealed = Sealed::from_bytes(decided.value_sealed);
            return Ok(Some(deps.config.keyring.open_text(&sealed, &place).context("open a password")?));
        }
        let password = random_value();
        let sealed =
            deps.config.keyring.seal(password.expose_secret().as_bytes(), &place).context("seal a password")?;
        let decided = Decided { value_sealed: sealed.as_bytes().to_vec(), plan: json!({ "database": "created" }) };
        let kept = secrets::decide(&deps.db, action, &decided).await.context("keep a password")?;
        Ok(kept.then_some(password))
    }

    fn done(&self, mut told: Value) -> Tried {
        told["database"] = json!(self.change.database);
        told["environment"] = json!(self.change.environment);
        Tried::Done(Made { labels: LabelChange::default(), result: Some(told) })
    }
}

/// What an application needs to connect.
fn connection(
    server: &Server,
    database: &str,
    role: &str,
    password: &SecretString,
) -> anyhow::Result<[(&'static str, SecretString); 6]> {
    let (host, port) = server.address();
    let mut url = Url::parse("postgres://host/").context("build an address")?;
    let fits = url.set_host(Some(host)).is_ok()
        && url.set_port(Some(port)).is_ok()
        && url.set_username(role).is_ok()
        && url.set_password(Some(password.expose_secret())).is_ok();
    anyhow::ensure!(fits, "the server's address is no host");
    url.set_path(database);
    let text = |value: &str| SecretString::from(value);
    Ok([
        ("host", text(host)),
        ("port", text(&port.to_string())),
        ("database", text(database)),
        ("username", text(role)),
        ("password", password.clone()),
        ("url", SecretString::from(url.to_string())),
    ])
}

fn taken() -> Untried {
    Untried::Refused("this name is taken; choose another one".into())
}
