//! Changes against the scripted API server: as which account each is asked for, which of them only tries, and what is
//! quoted so that nothing is changed that has changed meanwhile.

use domain::environment::Kind;
use kube::Client;
use serde_json::json;
use tower_test::mock;

use super::scripted::{Api, answer, refusal};
use crate::{ChangeError, Cluster, Hand, Looker};

const NAMESPACE: &str = "acme-dev-i12-456789ab";
const SETTINGS: &str = "/api/v1/namespaces/acme-dev-i12-456789ab/configmaps/settings";

/// A client of this process's own account and one without, each with its own script.
fn clients() -> ((Client, Api), (Client, Api)) {
    let one = || {
        let (service, handle) = mock::pair();
        (Client::new(service, "default"), handle)
    };
    (one(), one())
}

fn token() -> serde_json::Value {
    let status = json!({ "token": "t-1", "expirationTimestamp": "2026-03-01T10:10:00Z" });
    json!({ "spec": { "audiences": [] }, "status": status })
}

/// The hand of either kind, what its token was asked with, and the API server that it changes things on.
async fn hand(tries: bool) -> (Hand, String, Api) {
    let ((own, mut tokens), (bare, objects)) = clients();
    let script = tokio::spawn(async move { answer(&mut tokens, 201, token()).await });
    let hand = if tries {
        Looker::new(own, bare).trying(NAMESPACE).await.unwrap()
    } else {
        Cluster::new(own, bare).changing(NAMESPACE).await.unwrap()
    };
    let asked = script.await.unwrap();
    assert_eq!(asked.body["spec"]["expirationSeconds"], 600);
    (hand, asked.line, objects)
}

#[tokio::test]
async fn who_asks_people_tries_and_who_was_approved_does() {
    for (tries, account) in [(true, "agent-tries"), (false, "agent-changes")] {
        let (hand, asked, mut api) = hand(tries).await;
        assert_eq!(asked, format!("POST /api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token?"));
        let script = tokio::spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..3 {
                let one = answer(&mut api, 200, json!({ "metadata": { "resourceVersion": "8" } })).await;
                assert_eq!(one.bearer.as_deref(), Some("Bearer t-1"));
                seen.push(one);
            }
            seen
        });
        let manifest = json!({ "metadata": { "name": "settings" }, "data": { "color": "red" } });
        hand.apply(Kind::ConfigMap, "settings", &manifest, Some("7")).await.unwrap();
        hand.delete(Kind::ConfigMap, "settings", "u-1").await.unwrap();
        hand.restart(Kind::Deployment, "web", "7", "request-1").await.unwrap();
        let [apply, delete, restart] = &script.await.unwrap()[..] else { panic!("not three") };
        assert!(apply.line.starts_with(&format!("PATCH {SETTINGS}?")), "{}", apply.line);
        assert!(restart.line.starts_with("PATCH /apis/apps/v1/namespaces/"), "{}", restart.line);
        for one in [apply, restart] {
            assert_eq!(one.line.contains("dryRun=All"), tries, "{}", one.line);
            assert!(
                one.line.contains("fieldManager=codex-k8s-agent") && !one.line.contains("force=true"),
                "{}",
                one.line
            );
            assert_eq!(one.body["metadata"]["resourceVersion"], "7");
        }
        assert_eq!(apply.body["data"]["color"], "red");
        let marked = &restart.body["spec"]["template"]["metadata"]["annotations"];
        assert_eq!(marked["codex-k8s.dev/restarted-by"], "request-1");
        assert_eq!(delete.body["preconditions"]["uid"], "u-1");
        assert_eq!(delete.body["dryRun"].is_array(), tries, "{}", delete.body);
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_others_hold_is_told_apart() {
    let (hand, _, mut api) = hand(false).await;
    let script = tokio::spawn(async move {
        answer(&mut api, 404, refusal(404, "NotFound", "configmaps \"settings\" not found")).await;
        let held = "Apply failed with 1 conflict: conflict with \"kubectl\": .data.color";
        answer(&mut api, 409, refusal(409, "Conflict", held)).await;
        let newer = "Operation cannot be fulfilled on configmaps \"settings\": the object has been modified";
        answer(&mut api, 409, refusal(409, "Conflict", newer)).await;
    });
    assert_eq!(hand.object(Kind::ConfigMap, "settings").await.unwrap(), None);
    let manifest = json!({ "metadata": { "name": "settings" } });
    let held = hand.apply(Kind::ConfigMap, "settings", &manifest, None).await;
    assert!(matches!(&held, Err(ChangeError::Refused(words)) if words.contains("kubectl")), "{held:?}");
    let newer = hand.apply(Kind::ConfigMap, "settings", &manifest, Some("7")).await;
    assert!(matches!(newer, Err(ChangeError::Moved { .. })), "{newer:?}");
    script.await.unwrap();
}

#[tokio::test]
async fn without_the_account_there_is_no_hand() {
    let ((own, mut tokens), (bare, _objects)) = clients();
    let script = tokio::spawn(async move {
        let gone = refusal(404, "NotFound", "serviceaccounts \"agent-tries\" not found");
        answer(&mut tokens, 404, gone).await;
    });
    assert!(matches!(Looker::new(own, bare).trying(NAMESPACE).await, Err(ChangeError::Gone { .. })));
    script.await.unwrap();
}

#[tokio::test]
async fn the_pods_of_runs_and_parts_of_the_platform_are_not_entered() {
    let ((own, mut tokens), (bare, mut objects)) = clients();
    let asked = tokio::spawn(async move { answer(&mut tokens, 201, token()).await.line });
    let look = Looker::new(own, bare).at(NAMESPACE).await.unwrap();
    assert!(asked.await.unwrap().contains("/serviceaccounts/agent/token"));
    let pods = [
        json!({ "metadata": { "name": "run-456789ab-l1-x7z2k" } }),
        json!({ "metadata": { "name": "web", "labels": { "codex-k8s.dev/run-id": "1" } } }),
        json!({ "metadata": { "name": "web", "labels": { "app.kubernetes.io/part-of": "codex-k8s" } } }),
    ];
    for pod in pods {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let entry = crate::Entry { container: None, command: vec!["true".into()] };
        // One request: the pod is read, and nothing else is asked.
        let (closed, read) = tokio::join!(look.enter(&name, &entry), answer(&mut objects, 200, pod));
        assert!(matches!(closed, Err(crate::LookError::Closed { .. })), "{closed:?}");
        assert_eq!(read.line, format!("GET /api/v1/namespaces/{NAMESPACE}/pods/{name}"));
    }
}
