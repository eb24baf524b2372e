//! A stand-in for the control-plane that speaks `openapi/internal.yaml` and `openapi/agent.yaml`: requests are checked
//! against the documents and against the gateway's signature, as the real one does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api_gateway::forward::Client;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use contract::assertion::{Caller, Signer, Verifier, guard, system_clock};
use contract::internal::{
    BrokerEvent, BrokerEventKind, DecoySighting, EgressAnswer, EgressAnswerVerdict, EgressAsk, ForgeCredential,
    ModelCall, ModelLimit, RunGrant, RunGrantServes, RunTokenSecret,
};
use contract::keys::SignatureKey;
use contract::problem::Problem;
use contract::{Document, Validator};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use crate::world::{DECOY, TOKEN, serve_router};

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";

/// A request of the run API that reached the control-plane.
#[derive(Debug, Clone)]
pub(crate) struct Forwarded {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) caller: Caller,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct Facts {
    grants: Vec<(String, RunGrant)>,
    first: Option<RunGrant>,
    silent: bool,
    asked: usize,
    credential: Option<ForgeCredential>,
    released: usize,
    events: Vec<BrokerEvent>,
    calls: Vec<ModelCall>,
    limits: Vec<ModelLimit>,
    sightings: Vec<DecoySighting>,
    hosts: Vec<String>,
    decided: Option<EgressAnswerVerdict>,
    forwarded: Vec<Forwarded>,
}

#[derive(Clone)]
pub(crate) struct Control {
    address: SocketAddr,
    facts: Arc<Mutex<Facts>>,
    changed: Arc<Notify>,
}

impl Control {
    pub(crate) async fn start() -> Self {
        let facts = Arc::new(Mutex::new(Facts::default()));
        let changed = Arc::new(Notify::new());
        let unbound = Self { address: ([127, 0, 0, 1], 0).into(), facts, changed };
        unbound.put_grant(TOKEN, unbound.a_grant());
        let internal = Router::new()
            .route("/internal/v1/run-tokens/verify", post(verify))
            .route("/internal/v1/run/forge-credential", post(credential))
            .route("/internal/v1/run/model-calls", post(model_call))
            .route("/internal/v1/run/model-limits", post(model_limit))
            .route("/internal/v1/run/broker-events", post(broker_event))
            .route("/internal/v1/run/egress-asks", post(egress_ask))
            .route("/internal/v1/run/decoy-sightings", post(decoy_sighting));
        let internal = Validator::new(&Document::internal().unwrap()).unwrap().guard(internal);
        let run = Router::new().route("/api/v1/run/{*rest}", any(run_api)).route("/mcp", post(run_api));
        let keys = SignatureKey::from_pem(&KEY.to_owned().into()).unwrap().public_keys();
        let routes = internal.merge(run).layer(DefaultBodyLimit::disable());
        let router = guard(routes, Verifier::new(keys, system_clock), 65 * 1024 * 1024);
        Self { address: serve_router(router.with_state(unbound.clone())).await, ..unbound }
    }

    /// The gateway's way to this stand-in.
    pub(crate) fn client(&self) -> Client {
        let signer = Signer::new(SignatureKey::from_pem(&KEY.to_owned().into()).unwrap(), system_clock);
        Client::new(format!("http://{}", self.address).parse().unwrap(), signer).unwrap()
    }

    pub(crate) fn a_grant(&self) -> RunGrant {
        RunGrant {
            run_id: Uuid::now_v7(),
            launch: 1,
            serves: RunGrantServes::All,
            repository: "acme/app".to_owned(),
            branch: "codex/i1-aa".to_owned(),
            base_branch: "main".to_owned(),
            may_write: vec!["**".to_owned()],
            models: vec!["gpt-5.5".to_owned(), "gpt-6-sol".to_owned()],
            egress_hosts: vec!["granted.test".to_owned(), "inside.test".to_owned(), "metadata.test".to_owned()],
            decoy: DECOY.to_owned().into(),
            expires_at: chrono::Utc::now() + chrono::TimeDelta::hours(1),
        }
    }

    pub(crate) fn put_grant(&self, token: &str, grant: RunGrant) {
        let mut facts = self.facts.lock().unwrap();
        facts.first.get_or_insert_with(|| grant.clone());
        facts.grants.push((token.to_owned(), grant));
    }

    pub(crate) fn grant(&self) -> RunGrant {
        self.facts.lock().unwrap().grants[0].1.clone()
    }

    /// The same, also after it was revoked.
    pub(crate) fn grant_or_last(&self) -> RunGrant {
        self.facts.lock().unwrap().first.clone().unwrap()
    }

    pub(crate) fn take_credential(&self) {
        self.facts.lock().unwrap().credential = None;
    }

    /// Changes what the run's token reaches.
    pub(crate) fn change(&self, change: impl FnOnce(&mut RunGrant)) {
        change(&mut self.facts.lock().unwrap().grants[0].1);
    }

    pub(crate) fn revoke(&self) {
        self.facts.lock().unwrap().grants.clear();
    }

    pub(crate) fn fall_silent(&self) {
        self.facts.lock().unwrap().silent = true;
    }

    pub(crate) fn put_credential(&self, git_url: &str, username: &str, token: &str) {
        let credential = ForgeCredential {
            git_url: git_url.to_owned(),
            username: username.to_owned(),
            token: token.to_owned().into(),
        };
        self.facts.lock().unwrap().credential = Some(credential);
    }

    /// How often a token was asked about.
    pub(crate) fn asked(&self) -> usize {
        self.facts.lock().unwrap().asked
    }

    pub(crate) fn released(&self) -> usize {
        self.facts.lock().unwrap().released
    }

    pub(crate) fn forwarded(&self) -> Vec<Forwarded> {
        self.facts.lock().unwrap().forwarded.clone()
    }

    /// The first event of this kind, as soon as it has been recorded.
    pub(crate) async fn event(&self, kind: BrokerEventKind) -> BrokerEvent {
        self.once(|facts| facts.events.iter().find(|event| event.kind == kind).cloned()).await
    }

    /// The first recorded model call.
    pub(crate) async fn call(&self) -> ModelCall {
        self.once(|facts| facts.calls.first().cloned()).await
    }

    /// The limits that were noted so far.
    pub(crate) fn limits(&self) -> Vec<ModelLimit> {
        self.facts.lock().unwrap().limits.clone()
    }

    /// The first limit, as soon as it has been noted.
    pub(crate) async fn limit(&self) -> ModelLimit {
        self.once(|facts| facts.limits.first().cloned()).await
    }

    /// The first sighting of the decoy, as soon as it has been told.
    pub(crate) async fn sighting(&self) -> DecoySighting {
        self.once(|facts| facts.sightings.first().cloned()).await
    }

    /// Hosts that the run tried, once for each try, as soon as one was.
    pub(crate) async fn tried(&self) -> Vec<String> {
        self.once(|facts| Some(facts.hosts.clone()).filter(|hosts| !hosts.is_empty())).await
    }

    /// What people decide about every host.
    pub(crate) fn decide(&self, verdict: EgressAnswerVerdict) {
        self.facts.lock().unwrap().decided = Some(verdict);
    }

    /// How often the decoy was seen so far.
    pub(crate) fn sightings(&self) -> usize {
        self.facts.lock().unwrap().sightings.len()
    }

    async fn once<T>(&self, look: impl Fn(&Facts) -> Option<T>) -> T {
        let found = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = look(&self.facts.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        timeout(Duration::from_secs(20), found).await.expect("it was never recorded")
    }

    fn note(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.facts.lock().unwrap());
        self.changed.notify_waiters();
    }
}

async fn verify(State(control): State<Control>, caller: Caller, Json(body): Json<RunTokenSecret>) -> Response {
    assert_eq!(caller, Caller::Gateway);
    control.note(|facts| facts.asked += 1);
    let facts = control.facts.lock().unwrap();
    if facts.silent {
        return Problem::unavailable("database", "The database is away").into_response();
    }
    match facts.grants.iter().find(|(token, _)| token == body.token.expose()) {
        Some((_, grant)) => Json(grant.clone()).into_response(),
        None => Problem::unauthorized("token_refused", "no").into_response(),
    }
}

async fn credential(State(control): State<Control>, caller: Caller) -> Response {
    assert_run(&control, &caller);
    control.note(|facts| facts.released += 1);
    match control.facts.lock().unwrap().credential.clone() {
        Some(credential) => Json(credential).into_response(),
        None => Problem::forbidden("no_credential", "There is none").into_response(),
    }
}

async fn model_call(State(control): State<Control>, caller: Caller, Json(call): Json<ModelCall>) -> StatusCode {
    assert!(matches!(caller, Caller::Run { .. }));
    control.note(|facts| facts.calls.push(call));
    StatusCode::NO_CONTENT
}

async fn model_limit(State(control): State<Control>, caller: Caller, Json(limit): Json<ModelLimit>) -> StatusCode {
    assert!(matches!(caller, Caller::Run { .. }));
    control.note(|facts| facts.limits.push(limit));
    StatusCode::NO_CONTENT
}

async fn broker_event(State(control): State<Control>, caller: Caller, Json(event): Json<BrokerEvent>) -> StatusCode {
    assert!(matches!(caller, Caller::Run { .. }));
    control.note(|facts| facts.events.push(event));
    StatusCode::NO_CONTENT
}

async fn egress_ask(State(control): State<Control>, caller: Caller, Json(ask): Json<EgressAsk>) -> Json<EgressAnswer> {
    assert!(matches!(caller, Caller::Run { .. }));
    let host = ask.host.clone();
    control.note(|facts| facts.hosts.extend(Some(host).filter(|_| ask.tries)));
    let facts = control.facts.lock().unwrap();
    let tries = facts.hosts.iter().filter(|tried| **tried == ask.host).count();
    Json(EgressAnswer {
        verdict: facts.decided.unwrap_or(EgressAnswerVerdict::Asked),
        reason: "no grant yet".to_owned(),
        tries: tries.try_into().unwrap(),
    })
}

async fn decoy_sighting(State(control): State<Control>, caller: Caller, Json(seen): Json<DecoySighting>) -> StatusCode {
    assert!(matches!(caller, Caller::Run { .. }));
    control.note(|facts| facts.sightings.push(seen));
    StatusCode::NO_CONTENT
}

async fn run_api(
    State(control): State<Control>,
    caller: Caller,
    method: Method,
    OriginalUri(uri): OriginalUri,
    body: Bytes,
) -> Response {
    let target = uri.to_string();
    let fetches = method == Method::GET;
    control.note(|facts| facts.forwarded.push(Forwarded { method, target, caller, body }));
    match uri.path() {
        "/api/v1/run/session" if fetches => ([(CONTENT_TYPE, "application/gzip")], "kept").into_response(),
        "/api/v1/run/worktree" if fetches => ([(CONTENT_TYPE, "application/octet-stream")], "kept").into_response(),
        "/api/v1/run/beat" => Json(serde_json::json!({ "stop": false, "waits": false })).into_response(),
        "/api/v1/run/events" => Json(serde_json::json!({ "last_seq": 1 })).into_response(),
        "/mcp" => StatusCode::ACCEPTED.into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

fn assert_run(control: &Control, caller: &Caller) {
    let grant = control.grant_or_last();
    assert_eq!(caller, &Caller::Run { run_id: grant.run_id.into(), launch: grant.launch });
}
