//! A person at the console: signs in as a browser does and calls the staff API that the console calls. Stories, the
//! cluster's tests and the demo are played by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::github::Front;

/// A signed-in person.
#[derive(Debug)]
pub struct Console {
    http: Client,
    base: String,
    cookies: Mutex<BTreeMap<String, String>>,
    token: Mutex<String>,
}

/// An answer: its status and its JSON (`null` when it has none).
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// When it is a refusal; the error is what the problem document says.
    pub fn ok(self) -> Result<Value> {
        ensure!(self.status.is_success(), "{}: {}", self.status, self.body);
        Ok(self.body)
    }

    /// The code of a refusal; empty for a success.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Console {
    /// A browser that nobody has signed in with.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn open(base: &str) -> Result<Self> {
        let http = Client::builder().redirect(Policy::none()).no_proxy().build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http, base, cookies: Mutex::default(), token: Mutex::default() })
    }

    /// Signs in through the stand-in's OAuth pages as `login`.
    ///
    /// # Errors
    /// When the platform refuses; its code is in the error.
    pub async fn sign_in(base: &str, front: &Front, login: &str) -> Result<Self> {
        let console = Self::open(base)?;
        let landing = console.visit_github(front, login).await?;
        ensure!(!landing.contains("problem="), "{login} may not sign in: {landing}");
        console.refresh().await?;
        Ok(console)
    }

    /// Goes to GitHub and back; answers where the platform then sends the browser, refusals included.
    ///
    /// # Errors
    /// When a page does not redirect as it should.
    pub async fn visit_github(&self, front: &Front, login: &str) -> Result<String> {
        let start = format!("{}/api/v1/auth/github/start?return_to=/runs", self.base);
        let authorize = self.follow(&start).await.context("the start of the sign-in")?;
        let back = front.sign_in(&authorize, login).await?;
        self.follow(&back).await.context("the end of the sign-in")
    }

    async fn follow(&self, url: &str) -> Result<String> {
        let response = self.http.get(url).header("cookie", self.cookie_header()).send().await?;
        self.keep_cookies(&response);
        let location = response.headers().get("location").with_context(|| format!("{url}: {}", response.status()))?;
        Ok(location.to_str()?.to_owned())
    }

    /// Renews the access token by the session's cookie.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn refresh(&self) -> Result<()> {
        let answer = self.session("refresh").await?;
        let body = answer.ok()?;
        let token = body["access_token"].as_str().context("no access token")?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token.to_owned();
        Ok(())
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn sign_out(&self) -> Result<Answer> {
        self.session("sign-out").await
    }

    async fn session(&self, what: &str) -> Result<Answer> {
        let request = self.http.post(format!("{}/api/v1/auth/{what}", self.base));
        let response = request.header("cookie", self.cookie_header()).header("origin", &self.base).send().await?;
        self.keep_cookies(&response);
        read(response).await
    }

    /// Calls the staff API; `path` follows `/api/v1/staff/`, a body of `null` sends none.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        self.call_with(method, path, &[], body).await
    }

    /// The same, with further headers.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn call_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer> {
        let mut request = self.http.request(method, self.address(path)).bearer_auth(self.access_token());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        read(request.send().await?).await
    }

    /// Reads from the staff API.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, &Value::Null).await?.ok().with_context(|| format!("GET {path}"))
    }

    /// Writes to the staff API.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::POST, path, body).await?.ok().with_context(|| format!("POST {path}"))
    }

    /// Opens a stream of the staff API.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Result<Response> {
        let mut request = self.http.get(self.address(path)).bearer_auth(self.access_token());
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        ensure!(response.status().is_success(), "GET {path}: {}", response.status());
        Ok(response)
    }

    /// The access token that calls are made with.
    #[must_use]
    pub fn access_token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1/staff/{path}", self.base)
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&self, response: &Response) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for cookie in response.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => drop(cookies.remove(name)),
                Some((name, value)) => drop(cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
    }
}

async fn read(response: Response) -> Result<Answer> {
    let status = response.status();
    let text = response.text().await?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}
