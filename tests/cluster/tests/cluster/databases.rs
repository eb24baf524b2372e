//! Databases that people let an agent have, made on the stack's server by an account that is no superuser: described,
//! let go, never somebody else's, and whole also when that account's work is cut in the middle.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{PLATFORM, Run, Scene, Stage, beside, until};
use domain::approvals::databases::{connection_secret, role};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use uuid::Uuid;

use crate::approvals::{approve, asks_next, parked, stands, waits};
use crate::tools::called;

/// The server takes connections of all roles from this node alone.
const NODE: &str = "127.0.0.1";
const CUT_WITHIN: Duration = Duration::from_secs(60);
/// Tries follow each other after two seconds, four, eight.
const MADE_WITHIN: Duration = Duration::from_secs(90);

/// Connects to a database of the server as the account that makes databases there.
async fn server(stage: &Stage, database: &str) -> Result<PgConnection> {
    let worker = stage.cluster.secret(PLATFORM, "worker").await?;
    let address: PgConnectOptions = worker.get("databases-url").context("no server for databases")?.parse()?;
    Ok(PgConnection::connect_with(&address.host(NODE).database(database)).await?)
}

/// An environment with room for databases, and a database's name that nobody has.
struct Place {
    namespace: String,
    database: String,
    server: PgConnection,
}

impl Place {
    async fn of(scene: &Scene) -> Result<Self> {
        let staging =
            json!({ "name": "staging", "kind": "staging", "allows_secrets": false, "allows_databases": true });
        let staging = scene.owner.post(&format!("projects/{}/environments", scene.project), &staging).await?;
        let namespace = staging["namespace"].as_str().context("no namespace")?.to_owned();
        let database = format!("shop_{}", &Uuid::new_v4().simple().to_string()[..12]);
        Ok(Self { namespace, database, server: server(&scene.stage, "postgres").await? })
    }

    /// Whether there is a database of the name, and whether there is the role that a request's has.
    async fn there(&mut self, request: &Value) -> Result<(bool, bool)> {
        let id: Uuid = request["id"].as_str().context("no id")?.parse()?;
        let sql = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1),
                          EXISTS (SELECT FROM pg_roles WHERE rolname = $2)";
        let there = sqlx::query_as(sql).bind(&self.database).bind(role(id));
        Ok(there.fetch_one(&mut self.server).await?)
    }

    /// Who owns the database, with what it is reached by; the owner has looked into it.
    async fn owner(&self, scene: &Scene) -> Result<String> {
        let secret = scene.stage.cluster.secret(&self.namespace, &connection_secret(&self.database)).await?;
        let address: PgConnectOptions = secret.get("url").context("no address")?.parse()?;
        let mut db = PgConnection::connect_with(&address.host(NODE)).await?;
        sqlx::query("CREATE TABLE baskets (id int)").execute(&mut db).await?;
        let sql =
            "SELECT r.rolname::text, NOT (r.rolsuper OR r.rolcreatedb OR r.rolcreaterole) AND r.rolname = current_user
                   FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba WHERE d.datname = current_database()";
        let (owner, is_humble): (String, bool) = sqlx::query_as(sql).fetch_one(&mut db).await?;
        db.close().await?;
        ensure!(is_humble, "{owner} may more than it needs, or is not who connects");
        Ok(owner)
    }

    /// Nothing of the platform's removes an environment.
    async fn leave(self, scene: &Scene) -> Result<()> {
        let namespaces = kube::Api::<Namespace>::all(scene.stage.cluster.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await?;
        self.server.close().await?;
        Ok(())
    }
}

/// A row of another project that has a name.
struct Taken {
    name: String,
    project: String,
}

impl Taken {
    async fn by_another(scene: &Scene) -> Result<Self> {
        let unique = Uuid::new_v4().simple().to_string();
        let project = json!({ "slug": format!("o{}", &unique[..10]), "name": "Another" });
        let project = scene.owner.post("projects", &project).await?;
        let project = project["id"].as_str().context("no id")?.to_owned();
        let staging =
            json!({ "name": "staging", "kind": "staging", "allows_secrets": false, "allows_databases": true });
        let staging = scene.owner.post(&format!("projects/{project}/environments"), &staging).await?;
        let name = format!("theirs_{}", &unique[..12]);
        let sql = "INSERT INTO project_databases (id, project_id, environment_id, name, state)
                   VALUES (uuidv7(), $1::uuid, $2::uuid, $3, 'ready')";
        let taken = sqlx::query(sql).bind(&project).bind(staging["id"].as_str()).bind(&name);
        taken.execute(&scene.stage.db).await?;
        Ok(Self { name, project })
    }

    async fn leave(&self, scene: &Scene) -> Result<()> {
        let free = "UPDATE project_databases SET state = 'deleted' WHERE name = $1";
        sqlx::query(free).bind(&self.name).execute(&scene.stage.db).await?;
        let path = format!("projects/{}", self.project);
        scene.owner.call(reqwest::Method::DELETE, &path, &Value::Null).await?.ok()?;
        Ok(())
    }
}

/// Starts the run that asks for the place's database.
async fn asking<'a>(scene: &'a Scene, place: &Place, taken: &str) -> Result<(Run<'a>, Value)> {
    let words = format!("scenario: database\n\ndatabase: {}\ntaken: {taken}\n", place.database);
    let run = scene.start("Keep the baskets", &words).await?;
    let request = waits(scene, &run).await?;
    let change = &request["action"]["database"];
    ensure!(change["action"] == "create" && change["database_name"] == place.database.as_str(), "{request}");
    Ok((run, request))
}

/// The run asks to let its database go, which is done; then it hands in.
async fn lets_it_go(scene: &Scene, run: &Run<'_>, place: &mut Place, made: &Value) -> Result<()> {
    let request = asks_next(scene, run, made).await?;
    let action = &request["action"];
    ensure!(action["database"]["action"] == "delete" && action["risk"] == "high", "{request}");
    ensure!(place.there(made).await? == (true, true), "it is gone without leave");
    // An answer within seconds would go into the call, and the run on in the same launch.
    parked(run).await?;
    approve(scene, &request).await?;
    let seen = run.handed_in().await?;
    ensure!(seen["launch"] == 3 && seen["attempts"] == 0, "{seen}");
    ensure!(stands(scene, &request).await?["state"] == "applied", "it is not done");
    ensure!(place.there(made).await? == (false, false), "something of it is left");
    let left = scene.stage.cluster.secret(&place.namespace, &connection_secret(&place.database)).await?;
    ensure!(left.is_empty(), "its connection is left: {:?}", left.keys());
    Ok(())
}

#[tokio::test]
async fn a_database_is_had_with_leave_described_and_let_go_and_no_name_of_others_is() -> Result<()> {
    beside(async |scene| {
        let (mut place, taken) = (Place::of(scene).await?, Taken::by_another(scene).await?);
        let (run, request) = asking(scene, &place, &taken.name).await?;
        ensure!(place.there(&request).await? == (false, false), "done without leave");
        approve(scene, &request).await?;
        let path = format!("the database {}", place.database);
        until(&path, MADE_WITHIN, async || Ok((stands(scene, &request).await?["state"] == "applied").then_some(())))
            .await?;
        let id: Uuid = request["id"].as_str().context("no id")?.parse()?;
        ensure!(place.owner(scene).await? == role(id), "it is somebody else's");
        lets_it_go(scene, &run, &mut place, &request).await?;

        let calls = called(&run).await?;
        let outcomes = ["taken", "not_confirmed"];
        let of = |wanted: &str| calls.iter().any(|(tool, came)| tool == "database_lifecycle" && came == wanted);
        ensure!(outcomes.into_iter().all(of), "{calls:?}");
        let told = scene.stage.asked_of_the_model(&place.database).await?;
        for words in ["size_bytes", "exists", "All that is in it would be lost"] {
            ensure!(told.iter().any(|input| input.to_string().contains(words)), "the model was not told {words:?}");
        }
        taken.leave(scene).await?;
        place.leave(scene).await
    })
    .await
}

/// The server's work on the place's database, while it waits for what it copies to be at rest.
async fn cut(place: &mut Place) -> Result<()> {
    let making = format!("CREATE DATABASE%{}%", place.database);
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE usename = current_user AND pid <> pg_backend_pid() AND query LIKE $1 AND state = 'active'";
    until("the making of a database", CUT_WITHIN, async || {
        let cut: Option<bool> = sqlx::query_scalar(sql).bind(&making).fetch_optional(&mut place.server).await?;
        Ok(cut.filter(|&cut| cut).map(drop))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_database_whose_making_is_cut_between_role_and_database_becomes_whole_and_is_told_once() -> Result<()> {
    beside(async |scene| {
        let mut place = Place::of(scene).await?;
        let (run, request) = asking(scene, &place, "postgres").await?;
        // A database is copied from one that nobody uses; as long as somebody does, there is a role and no database.
        let guest = server(&scene.stage, "template1").await?;
        approve(scene, &request).await?;
        cut(&mut place).await?;
        let tries = "SELECT attempts FROM approvals WHERE id = $1::uuid";
        until("a try that was cut", CUT_WITHIN, async || {
            let tries = sqlx::query_scalar(tries).bind(request["id"].as_str());
            let tries: i32 = tries.fetch_one(&scene.stage.db).await?;
            Ok((tries > 0).then_some(()))
        })
        .await?;
        ensure!(place.there(&request).await? == (false, true), "it was not cut in the middle");
        ensure!(stands(scene, &request).await?["state"] == "applying", "it was given up");
        guest.close().await?;

        until("the whole database", MADE_WITHIN, async || {
            Ok((stands(scene, &request).await?["state"] == "applied").then_some(()))
        })
        .await?;
        let id: Uuid = request["id"].as_str().context("no id")?.parse()?;
        ensure!(place.owner(scene).await? == role(id), "it is somebody else's");
        let of_it = |flow: &&Value| flow["kind"] == "request.applied" && flow["data"]["request"] == request["id"];
        ensure!(run.timeline().await?.iter().filter(of_it).count() == 1, "it was told more than once");
        lets_it_go(scene, &run, &mut place, &request).await?;
        place.leave(scene).await
    })
    .await
}
