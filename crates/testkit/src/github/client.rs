//! What tests say to the stand-in: verbs of people on GitHub, and the front's own controls.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::worlds::{Person, WorldView};

/// A running stand-in, wherever it runs.
#[derive(Debug, Clone)]
pub struct Front {
    http: reqwest::Client,
    base_url: String,
}

impl Front {
    /// Talks to the stand-in at an address such as `http://127.0.0.1:4000`.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn at(base_url: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned() })
    }

    /// The address, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// An organisation with a private repository and people of its own.
    ///
    /// # Errors
    /// When the stock of worlds is used up.
    pub async fn new_world(&self) -> Result<World> {
        let view = self.front(Method::POST, "worlds", &json!({})).await?;
        Ok(World { front: self.clone(), view: serde_json::from_value(view)? })
    }

    /// Injects a fault: `{"match": {"method", "path_regex", "event"}, "times": 1, "answer": {"status", "headers",
    /// "body", "delay_ms", "perform", "drop"}}`. With `event` it strikes webhook deliveries, otherwise calls.
    ///
    /// # Errors
    /// When the fault is not understood.
    pub async fn inject(&self, fault: &Value) -> Result<()> {
        self.front(Method::POST, "faults", fault).await.map(drop)
    }

    /// Forgets faults and the log of calls.
    ///
    /// # Errors
    /// When the stand-in does not answer.
    pub async fn reset(&self) -> Result<()> {
        self.front(Method::POST, "reset", &Value::Null).await.map(drop)
    }

    /// Calls whose path fits a pattern, oldest first: `at`, `method`, `path`, `query`, `status`, `faulty`.
    ///
    /// # Errors
    /// When the pattern is no regular expression.
    pub async fn calls(&self, path_regex: &str) -> Result<Vec<Value>> {
        let query = [("path_regex", path_regex)];
        list(self.read(self.request(Method::GET, "/_front/requests", None).query(&query)).await?)
    }

    /// A fine-grained token (`permissions`: `{"contents": "read", …}`), or, with `null`, one that may do all its owner
    /// may.
    ///
    /// # Errors
    /// When there is no such login.
    pub async fn token(&self, login: &str, permissions: &Value) -> Result<String> {
        let made = self.front(Method::POST, "tokens", &json!({"login": login, "permissions": permissions})).await?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Ends a token.
    ///
    /// # Errors
    /// When the stand-in does not answer.
    pub async fn revoke(&self, token: &str) -> Result<()> {
        self.front(Method::POST, "tokens", &json!({"revoke": token})).await.map(drop)
    }

    /// Plays a person's sign-in: follows the authorization address the platform redirected to and returns the address
    /// the browser is sent back to.
    ///
    /// # Errors
    /// When the stand-in refuses.
    pub async fn sign_in(&self, authorize_url: &str, login: &str) -> Result<String> {
        let page = self.http.get(authorize_url).send().await?;
        ensure!(page.status().is_success(), "the sign-in page answered {}: {}", page.status(), page.text().await?);
        let url = url::Url::parse(authorize_url)?;
        let mut form: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(key, _)| key != "login").collect();
        form.push(("login".to_owned(), login.to_owned()));
        let answer = self.http.post(format!("{}/login/oauth/callback", self.base_url)).form(&form).send().await?;
        let location = answer.headers().get("location").context("sign-in did not redirect")?;
        Ok(location.to_str()?.to_owned())
    }

    /// Any API call as somebody; a body of `null` sends none. Answers with the JSON, `null` when there is none.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub async fn api(&self, method: Method, path: &str, token: &str, body: &Value) -> Result<Value> {
        let mut request = self.request(method, path, Some(token));
        if !body.is_null() {
            request = request.json(body);
        }
        self.read(request).await
    }

    async fn front(&self, method: Method, what: &str, body: &Value) -> Result<Value> {
        self.read(self.request(method, &format!("/_front/{what}"), None).json(body)).await
    }

    fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn read(&self, request: RequestBuilder) -> Result<Value> {
        let response = request.send().await?;
        let (status, url) = (response.status(), response.url().clone());
        let text = response.text().await?;
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// One test's organisation, repository and people.
#[derive(Debug, Clone)]
pub struct World {
    front: Front,
    view: WorldView,
}

impl World {
    /// The stand-in it lives in.
    #[must_use]
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Ids, names, people and tokens.
    #[must_use]
    pub fn view(&self) -> &WorldView {
        &self.view
    }

    /// `organisation/repository`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.view.organisation, self.view.repository)
    }

    /// The repository's address for git.
    #[must_use]
    pub fn clone_url(&self) -> String {
        format!("{}/{}.git", self.front.base_url, self.full_name())
    }

    /// Somebody by role: `bot`, `owner`, `writer`, `reader` or `stranger`.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn person(&self, role: &str) -> Result<&Person> {
        self.view.people.get(role).with_context(|| format!("nobody in a world is {role}"))
    }

    /// The same people and organisation with a further repository.
    ///
    /// # Errors
    /// When the name is taken.
    pub async fn second_repository(&self, name: &str) -> Result<World> {
        let made = self.front.front(Method::POST, "repositories", &json!({"world": self.view, "name": name})).await?;
        let mut world = self.clone();
        name.clone_into(&mut world.view.repository);
        world.view.repository_id = made["id"].as_u64().context("no id")?;
        Ok(world)
    }

    /// A call on the repository as somebody: `rest` follows `/repos/{owner}/{repo}`.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub async fn api(&self, role: &str, method: Method, rest: &str, body: &Value) -> Result<Value> {
        let path = format!("/repos/{}{rest}", self.full_name());
        self.front.api(method, &path, &self.person(role)?.token, body).await
    }

    /// Opens an issue and returns its number.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn open_issue(&self, role: &str, title: &str, body: &str) -> Result<u64> {
        let issue = self.api(role, Method::POST, "/issues", &json!({"title": title, "body": body})).await?;
        issue["number"].as_u64().context("an issue without number")
    }

    /// Puts a label on an issue or pull request.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn label(&self, role: &str, issue: u64, label: &str) -> Result<()> {
        self.api(role, Method::POST, &format!("/issues/{issue}/labels"), &json!({"labels": [label]})).await.map(drop)
    }

    /// Takes a label off.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn unlabel(&self, role: &str, issue: u64, label: &str) -> Result<()> {
        self.api(role, Method::DELETE, &format!("/issues/{issue}/labels/{label}"), &Value::Null).await.map(drop)
    }

    /// Closes an issue or pull request.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn close(&self, role: &str, issue: u64) -> Result<()> {
        self.api(role, Method::PATCH, &format!("/issues/{issue}"), &json!({"state": "closed"})).await.map(drop)
    }

    /// Comments on an issue or pull request.
    ///
    /// # Errors
    /// When GitHub refuses.
    pub async fn comment(&self, role: &str, issue: u64, body: &str) -> Result<()> {
        self.api(role, Method::POST, &format!("/issues/{issue}/comments"), &json!({"body": body})).await.map(drop)
    }

    /// The comments' texts, oldest first.
    ///
    /// # Errors
    /// When there is no such issue.
    pub async fn comments(&self, issue: u64) -> Result<Vec<String>> {
        texts(self.api("owner", Method::GET, &format!("/issues/{issue}/comments"), &Value::Null).await?, "body")
    }

    /// The labels' names.
    ///
    /// # Errors
    /// When there is no such issue.
    pub async fn labels(&self, issue: u64) -> Result<Vec<String>> {
        texts(self.api("owner", Method::GET, &format!("/issues/{issue}/labels"), &Value::Null).await?, "name")
    }

    /// All pull requests, as the API lists them.
    ///
    /// # Errors
    /// When the stand-in does not answer.
    pub async fn pulls(&self) -> Result<Vec<Value>> {
        list(self.api("owner", Method::GET, "/pulls?state=all", &Value::Null).await?)
    }

    /// Names of the files a pull request changes.
    ///
    /// # Errors
    /// When there is no such pull request.
    pub async fn pull_files(&self, number: u64) -> Result<Vec<String>> {
        texts(self.api("owner", Method::GET, &format!("/pulls/{number}/files"), &Value::Null).await?, "filename")
    }

    /// The value of an environment's secret, which GitHub itself never shows; `None` when there is none.
    ///
    /// # Errors
    /// When the stand-in does not answer.
    pub async fn secret(&self, environment: &str, name: &str) -> Result<Option<String>> {
        let query = [("repository", self.full_name().as_str()), ("environment", environment), ("name", name)]
            .map(|(key, value)| (key, value.to_owned()));
        let request = self.front.request(Method::GET, "/_front/secrets", None).query(&query);
        Ok(self.front.read(request).await?.as_str().map(str::to_owned))
    }

    /// Every finished delivery attempt of the repository's hooks, oldest first, once there are `at_least` so many: as
    /// GitHub's delivery detail, and `body_base64` with the very bytes.
    ///
    /// # Errors
    /// When there are fewer after 30 s.
    pub async fn deliveries(&self, at_least: usize) -> Result<Vec<Value>> {
        let query = [("repository", self.full_name()), ("at_least", at_least.to_string())];
        let request = self.front.request(Method::GET, "/_front/deliveries", None).query(&query);
        let deliveries = list(self.front.read(request).await?)?;
        ensure!(deliveries.len() >= at_least, "{} deliveries, {at_least} expected: {deliveries:?}", deliveries.len());
        Ok(deliveries)
    }
}

fn list(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => anyhow::bail!("expected a list, found {other}"),
    }
}

fn texts(value: Value, field: &str) -> Result<Vec<String>> {
    list(value)?.iter().map(|item| Ok(item[field].as_str().context("a field is missing")?.to_owned())).collect()
}
