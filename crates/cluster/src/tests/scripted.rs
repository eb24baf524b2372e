//! The edge against an API server that answers from a script: each test lists the requests it expects, in order, and
//! what comes back. What a real cluster cannot be made to do on demand is tried here: an answer lost after the object
//! was made, a name taken by somebody else, an expired watch.

use domain::catalogue::Catalogue;
use domain::stages::{Mode, Right, Role};
use domain::surroundings::Surroundings;
use futures::StreamExt;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tower_test::mock::{self, Handle};

use crate::spec::RunSpec;
use crate::spec::sample::{RUN, code_only, spec};
use crate::{Cluster, ClusterError, MadeJob, Removal, labels, manifests};

pub(super) type Api = Handle<Request<Body>, Response<Body>>;

/// A request as the scripts name it: method, path, body, and whose token it carries.
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) body: Value,
    pub(super) bearer: Option<String>,
}

pub(super) fn cluster() -> (Cluster, Api) {
    let (service, handle) = mock::pair::<Request<Body>, Response<Body>>();
    let client = Client::new(service, "default");
    (Cluster::new(client.clone(), client), handle)
}

/// Answers the next request with this status and object, and tells what was asked.
pub(super) async fn answer(api: &mut Api, code: u16, object: Value) -> Asked {
    let (request, reply) = api.next_request().await.expect("a request was expected");
    let line = format!("{} {}", request.method(), request.uri());
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = request.into_body().collect_bytes().await.expect("a readable body");
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let bytes = serde_json::to_vec(&object).unwrap();
    reply.send_response(Response::builder().status(code).body(Body::from(bytes)).unwrap());
    Asked { line, body, bearer }
}

pub(super) fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": message, "metadata": {}})
}

pub(super) fn exists() -> Value {
    refusal(409, "AlreadyExists", "already exists")
}

/// The Job as the API server would return it.
fn stored_job(uid: &str, suspended: bool) -> Value {
    let mut job = serde_json::to_value(manifests::job(&spec())).unwrap();
    job["metadata"]["uid"] = json!(uid);
    job["spec"]["suspend"] = json!(suspended);
    job
}

const JOBS: &str = "/apis/batch/v1/namespaces/acme-dev-i12-456789ab/jobs";

#[tokio::test]
async fn a_job_made_before_the_answer_was_lost_is_adopted() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        // etcd had stored the object when the answer failed.
        answer(&mut api, 500, refusal(500, "InternalError", "etcdserver: request timed out")).await;
        let again = answer(&mut api, 409, exists()).await;
        assert_eq!(again.line, format!("POST {JOBS}?"));
        let read = answer(&mut api, 200, stored_job("uid-1", true)).await;
        assert_eq!(read.line, format!("GET {JOBS}/run-456789ab-l1"));
    });
    let lost = cluster.make_job(&spec()).await.unwrap_err();
    assert!(lost.is_transient(), "{lost}");
    let made = cluster.make_job(&spec()).await.unwrap();
    assert_eq!(made, MadeJob { uid: "uid-1".into(), suspended: true });
    script.await.unwrap();
}

#[tokio::test]
async fn a_launch_that_an_earlier_worker_finished_is_told_apart() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, stored_job("uid-1", false)).await;
    });
    assert!(!cluster.make_job(&spec()).await.unwrap().suspended);
    script.await.unwrap();
}

#[tokio::test]
async fn an_object_of_the_same_name_that_is_not_ours_is_left_alone() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let mut foreign = stored_job("uid-1", true);
        foreign["metadata"]["labels"][labels::RUN_ID] = json!("0192f0c1-9999-7333-8444-0123456789ab");
        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, foreign).await;

        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, json!({"metadata": {"name": "acme-dev-i12-456789ab"}})).await;
    });
    assert!(matches!(cluster.make_job(&spec()).await, Err(ClusterError::Foreign { .. })));
    assert!(matches!(cluster.prepare(&spec()).await, Err(ClusterError::Foreign { .. })));
    script.await.unwrap();
}

#[tokio::test]
async fn a_namespace_on_its_way_out_is_waited_for() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let mut namespace = serde_json::to_value(manifests::namespace(&spec())).unwrap();
        namespace["metadata"]["deletionTimestamp"] = json!("2026-03-01T10:00:00Z");
        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, namespace).await;
    });
    let error = cluster.prepare(&spec()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Terminating { .. }) && error.is_transient(), "{error}");
    script.await.unwrap();
}

#[tokio::test]
async fn guards_and_rights_wait_for_the_grant_to_be_seen() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let mut asked = Vec::new();
        asked.push(answer(&mut api, 201, serde_json::to_value(manifests::namespace(&spec())).unwrap()).await.line);
        asked
            .push(answer(&mut api, 201, serde_json::to_value(manifests::manager_binding(&spec())).unwrap()).await.line);
        let early = "resourcequotas \"run\" is forbidden: User \"worker\" cannot patch resource \"resourcequotas\"";
        answer(&mut api, 403, refusal(403, "Forbidden", early)).await;
        // An empty list as well as an object, whichever is asked for.
        for _ in 0..6 {
            let object = json!({"metadata": {"name": "any"}, "items": []});
            asked.push(answer(&mut api, 200, object).await.line);
        }
        asked
    });
    cluster.prepare(&spec()).await.unwrap();
    let mut asked = script.await.unwrap();
    asked[2..].sort();
    insta::assert_snapshot!(asked.join("\n"), @r"
    POST /api/v1/namespaces?
    POST /apis/rbac.authorization.k8s.io/v1/namespaces/acme-dev-i12-456789ab/rolebindings?
    GET /apis/rbac.authorization.k8s.io/v1/namespaces/acme-dev-i12-456789ab/rolebindings?
    PATCH /api/v1/namespaces/acme-dev-i12-456789ab/limitranges/run?&force=true&fieldManager=codex-k8s
    PATCH /api/v1/namespaces/acme-dev-i12-456789ab/resourcequotas/run?&force=true&fieldManager=codex-k8s
    PATCH /api/v1/namespaces/acme-dev-i12-456789ab/serviceaccounts/agent?&force=true&fieldManager=codex-k8s
    PATCH /apis/networking.k8s.io/v1/namespaces/acme-dev-i12-456789ab/networkpolicies/only-the-gateway?&force=true&fieldManager=codex-k8s
    POST /apis/rbac.authorization.k8s.io/v1/namespaces/acme-dev-i12-456789ab/rolebindings?
    ");
}

#[tokio::test]
async fn accounts_of_changes_come_when_they_are_wanted_and_again_is_the_same() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let mut asked = Vec::new();
        for code in [200, 200, 201, 200, 200, 409] {
            let object = if code == 409 { exists() } else { json!({"metadata": {"name": "any"}}) };
            asked.push(answer(&mut api, code, object).await.line);
        }
        asked
    });
    for _ in 0..2 {
        cluster.make_change_accounts(&spec().marks()).await.unwrap();
    }
    let mut asked = script.await.unwrap();
    assert_eq!(asked[2], asked[5]);
    asked.truncate(3);
    asked[..2].sort();
    insta::assert_snapshot!(asked.join("\n"), @r"
    PATCH /api/v1/namespaces/acme-dev-i12-456789ab/serviceaccounts/agent-changes?&force=true&fieldManager=codex-k8s
    PATCH /api/v1/namespaces/acme-dev-i12-456789ab/serviceaccounts/agent-tries?&force=true&fieldManager=codex-k8s
    POST /apis/rbac.authorization.k8s.io/v1/namespaces/acme-dev-i12-456789ab/rolebindings?
    ");
}

/// Answers whatever is asked as where nothing has been before, and counts what is written.
async fn obliging(mut api: Api) -> usize {
    let mut writes = 0;
    while let Some((request, reply)) = api.next_request().await {
        writes += usize::from(request.method() != Method::GET);
        let body = request.into_body().collect_bytes().await.unwrap();
        let mut object: Value = serde_json::from_slice(&body).unwrap_or_else(|_| json!({"items": []}));
        object["metadata"]["uid"] = json!("uid-1");
        reply.send_response(Response::new(Body::from(serde_json::to_vec(&object).unwrap())));
    }
    writes
}

#[tokio::test]
async fn a_launch_costs_ten_writes_at_most_whatever_its_role_may() {
    for &role in Role::ALL {
        let (cluster, api) = cluster();
        let counted = tokio::spawn(obliging(api));
        let run = RunSpec { surroundings: Catalogue::builtin().role(role).surroundings(), ..spec() };
        cluster.prepare(&run).await.unwrap();
        let made = cluster.make_job(&run).await.unwrap();
        cluster.hand_over(&run, &made.uid, &SecretString::from("token")).await.unwrap();
        cluster.resume(&run, &made.uid).await.unwrap();
        drop(cluster);
        let writes = counted.await.unwrap();
        assert!((9..=10).contains(&writes), "{role}: {writes}");
    }
}

#[tokio::test]
async fn rights_that_are_not_due_any_more_are_taken_away_by_uid() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let rights = Surroundings::of(Mode::FullEnv, [Right::Read, Right::Exec]);
        let run = RunSpec { surroundings: rights, ..spec() };
        let mut there = serde_json::to_value(manifests::right_bindings(&run)).unwrap();
        for (number, binding) in there.as_array_mut().unwrap().iter_mut().enumerate() {
            binding["metadata"]["uid"] = json!(format!("uid-{number}"));
        }
        answer(&mut api, 200, json!({"metadata": {}, "items": there})).await;
        let mut asked = Vec::new();
        for _ in 0..2 {
            let delete = answer(&mut api, 404, refusal(404, "NotFound", "not found")).await;
            asked.push(format!("{} {}", delete.line, delete.body["preconditions"]["uid"]));
        }
        asked.sort();
        asked
    });
    cluster.settle_rights(&code_only()).await.unwrap();
    insta::assert_snapshot!(script.await.unwrap().join("\n"), @r#"
    DELETE /apis/rbac.authorization.k8s.io/v1/namespaces/acme-dev-i12-456789ab/rolebindings/codex-k8s-run-exec? "uid-1"
    DELETE /apis/rbac.authorization.k8s.io/v1/namespaces/acme-dev-i12-456789ab/rolebindings/codex-k8s-run-read? "uid-0"
    "#);
}

#[tokio::test]
async fn the_token_that_was_handed_over_first_is_the_one_that_counts() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let first = manifests::token_secret(&spec(), "uid-1", &SecretString::from("first"));
        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, serde_json::to_value(&first).unwrap()).await;
        // The Secret of a Job that is gone; the garbage collector has not come by yet.
        answer(&mut api, 409, exists()).await;
        answer(&mut api, 200, serde_json::to_value(&first).unwrap()).await;
    });
    let second = SecretString::from("second");
    let kept = cluster.hand_over(&spec(), "uid-1", &second).await.unwrap();
    assert_eq!(kept.expose_secret(), "first");
    let error = cluster.hand_over(&spec(), "uid-2", &second).await.unwrap_err();
    assert!(matches!(error, ClusterError::Terminating { .. }), "{error}");
    script.await.unwrap();
}

#[tokio::test]
async fn a_start_and_a_delete_name_the_job_by_its_uid() {
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let start = answer(&mut api, 200, stored_job("uid-1", false)).await;
        assert_eq!(start.body["metadata"]["uid"], "uid-1");
        let other = "Precondition failed: UID in precondition: uid-1, UID in object meta: uid-2";
        let delete = answer(&mut api, 409, refusal(409, "Conflict", other)).await;
        assert_eq!(delete.line, format!("DELETE {JOBS}/run-456789ab-l1?"));
        assert_eq!(delete.body["preconditions"]["uid"], "uid-1");
        let pods = answer(&mut api, 200, json!({"metadata": {}, "items": []})).await;
        assert!(pods.line.contains("controller-uid%3Duid-1"), "{}", pods.line);
    });
    cluster.resume(&spec(), "uid-1").await.unwrap();
    let now = "2026-03-01T10:00:00Z".parse().unwrap();
    let removal = cluster.delete_job(&spec().namespace, &spec().job_name(), "uid-1", now).await.unwrap();
    assert_eq!(removal, Removal::Gone);
    script.await.unwrap();
}

#[tokio::test]
async fn an_expired_watch_lists_again() {
    tokio::time::pause();
    let (cluster, mut api) = cluster();
    let script = tokio::spawn(async move {
        let run =
            json!({"metadata": {"name": "a", "labels": {labels::MANAGED_BY: labels::MANAGER, labels::RUN_ID: RUN}}});
        let (mut lists, mut expired) = (0, 0);
        // Two watches run side by side; which asks first is not fixed.
        while lists < 4 {
            let (request, reply) = api.next_request().await.expect("a request was expected");
            let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let object = if watches {
                expired += 1;
                json!({"type": "ERROR", "object": refusal(410, "Expired", "too old resource version")})
            } else {
                lists += 1;
                json!({"metadata": {"resourceVersion": "7"}, "items": [run]})
            };
            reply.send_response(Response::new(Body::from(serde_json::to_vec(&object).unwrap())));
        }
        expired
    });
    let seen: Vec<_> = cluster.changed_runs().filter(|run| std::future::ready(run.is_ok())).take(4).collect().await;
    assert!(seen.iter().all(|run| run.as_ref().is_ok_and(|run| run.to_string() == RUN)), "{seen:?}");
    assert!(script.await.unwrap() >= 2);
}
