//! Every operation of the staff API, asked by everybody: who has not signed in, an agent, a stranger, members by their
//! roles, and who runs the platform.

use anyhow::{Context, Result, ensure};
use http::{Method, StatusCode};
use serde_json::json;
use stories::{Story, id_of};
use testkit::console::{Answer, Console};

use super::operations::{Least, OPERATIONS};
use super::place::Place;
use Least::{Administers, Manages, Owns, Reads, SignedIn, Writes};

impl Place {
    /// Everything that somebody is too little for is refused, in the words that hide what is not theirs to see; what they
    /// are just enough for is let through.
    async fn asked_by(&self, who: &Console, role: Least) -> Result<()> {
        for &(operation, least, body) in OPERATIONS {
            if role < least {
                let answer = self.ask(who, (operation, body), true).await?;
                // What systems of others ask is there for those alone who decide it.
                let hidden = role == SignedIn && is_of_a_project(operation, body) || operation.contains("{outside_");
                let expected = if hidden { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
                ensure!(answer.status == expected, "{role:?} {operation}: {} {}", answer.status, answer.body);
                if hidden {
                    let none = self.ask(who, (operation, body), false).await?;
                    let words =
                        |answer: &Answer| (answer.status, answer.code().to_owned(), answer.body["title"].clone());
                    ensure!(words(&none) == words(&answer), "{operation}: {} is not {}", answer.body, none.body);
                }
            } else if role == least {
                self.let_through(who, role, (operation, body)).await?;
            }
        }
        Ok(())
    }

    async fn let_through(&self, who: &Console, role: Least, (operation, body): (&str, &str)) -> Result<()> {
        if operation.ends_with("/stream") {
            let path = self.about(operation, true);
            who.stream(path.trim_start_matches("GET "), None).await?;
            return Ok(());
        }
        let answer = self.ask(who, (operation, body), true).await?;
        let refused = [401, 403, 404, 429].contains(&answer.status.as_u16());
        let fine = !refused && !answer.status.is_server_error() && answer.code() != "invalid_request";
        ensure!(fine, "{role:?} {operation}: {} {}", answer.status, answer.body);
        let text = answer.body.to_string();
        let tells = |name: &str| self.ids.get(name).is_some_and(|id| text.contains(id.as_str()));
        let told = ["project_id", "repository_id", "run_id"].into_iter().any(tells);
        ensure!(role != SignedIn || !told, "{operation} tells of what is others': {text}");
        Ok(())
    }
}

/// Whether an operation is about a thing that not everybody may see.
fn is_of_a_project(operation: &str, body: &str) -> bool {
    let operation = operation.replace("{role_id}", "");
    let is_of_the_platform = operation.contains("users/");
    operation.contains('{') && !is_of_the_platform || body.contains("{project_id}")
}

#[tokio::test]
async fn each_operation_is_open_to_whom_it_is_for_and_hides_what_is_not_theirs() -> Result<()> {
    let mut place = Place::set().await?;
    place.t.add_user("stranger").await?;
    let stranger = place.t.console_of("stranger").await?;
    let (reader, writer) = (place.t.console_of("reader").await?, place.t.console_of("writer").await?);
    place.asked_by(&stranger, SignedIn).await?;
    place.asked_by(&reader, Reads).await?;
    raised(&place.t, &reader, "read_write").await?;
    place.asked_by(&reader, Writes).await?;
    raised(&place.t, &writer, "admin").await?;
    place.asked_by(&writer, Manages).await?;
    let sql = "UPDATE users SET platform_role = 'admin' WHERE id = $1::uuid";
    sqlx::query(sql).bind(stranger.get("me").await?["id"].as_str()).execute(&place.t.platform.db).await?;
    place.asked_by(&stranger, Administers).await?;
    place.asked_by(&place.t.owner, Owns).await?;
    place.t.platform.still_runs()
}

/// Somebody gets another role in the project, which counts from now on.
async fn raised(t: &Story, who: &Console, role: &str) -> Result<()> {
    let path = format!("projects/{}/members/{}", t.project, id_of(&who.get("me").await?)?);
    t.owner.call(Method::PUT, &path, &json!({ "role": role })).await?.ok().map(drop)
}

#[tokio::test]
async fn no_operation_opens_to_who_has_not_signed_in_or_to_an_agent() -> Result<()> {
    let mut place = Place::set().await?;
    let http = reqwest::Client::new();
    for &(operation, _, body) in OPERATIONS {
        let (operation, body) = (place.about(operation, true), place.about(body, true));
        let (method, path) = operation.split_once(' ').context("no method")?;
        let url = format!("{}/api/v1/staff/{path}", place.t.platform.url());
        for token in [None, Some("cxr_forged"), Some(place.run_token.as_str())] {
            let mut request = http.request(method.parse()?, &url).header("if-match", "\"99\"");
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if !body.is_empty() {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            assert_eq!(request.send().await?.status().as_u16(), 401, "{operation}");
        }
    }
    place.t.platform.still_runs()
}
