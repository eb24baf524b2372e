//! Whose requests are served, and for how long.

use std::time::{Duration, Instant};

use contract::internal::RunGrantServes;
use futures::StreamExt;
use http::StatusCode;
use uuid::Uuid;

use crate::model::{Script, scripted};
use crate::world::{Behind, TOKEN, World, basic};

const BEAT: &str = "/api/v1/run/beat";
const MODELS: &str = "/model/v1/models";

async fn status(world: &World, path: &str, authorization: Option<String>) -> StatusCode {
    let mut request = world.client.get(world.url(path));
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn only_the_holder_of_the_token_is_served() {
    let world = World::new().await;
    let run = world.control.grant().run_id.to_string();
    let other = Uuid::now_v7().to_string();
    let unknown = format!("Bearer {}x", TOKEN);
    for (authorization, expected) in [
        (Some(format!("Bearer {TOKEN}")), StatusCode::OK),
        (Some(basic(&run, TOKEN)), StatusCode::OK),
        (Some(TOKEN.to_owned()), StatusCode::OK),
        (None, StatusCode::UNAUTHORIZED),
        (Some(unknown), StatusCode::UNAUTHORIZED),
        (Some(basic(&other, TOKEN)), StatusCode::UNAUTHORIZED),
        (Some("Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(status(&world, MODELS, authorization.clone()).await, expected, "{authorization:?}");
    }
    let refused = world.client.get(world.url(MODELS)).send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Basic realm=\"run\"");
}

#[tokio::test]
async fn an_answer_about_a_token_is_kept_for_a_moment() {
    let world = World::new().await;
    for _ in 0..10 {
        world.get(MODELS).send().await.unwrap().error_for_status().unwrap();
    }
    assert_eq!(world.control.asked(), 1);
}

#[tokio::test]
async fn no_answer_is_a_no() {
    let world = World::new().await;
    world.control.fall_silent();
    assert_eq!(world.get(MODELS).send().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_grant_that_is_over_opens_nothing() {
    let world = World::new().await;
    world.control.change(|grant| grant.expires_at = chrono::Utc::now() - chrono::TimeDelta::seconds(1));
    assert_eq!(world.get(MODELS).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_run_that_ends_may_only_save() {
    let world = World::new().await;
    world.control.change(|grant| grant.serves = RunGrantServes::Saving);
    let beat = world.post(BEAT).json(&serde_json::json!({ "phase": "working" })).send().await.unwrap();
    assert_eq!(beat.status(), StatusCode::OK);
    for path in
        [MODELS, "/api/v1/run/context", "/git/acme/app.git/info/refs?service=git-upload-pack", "/registry/npm/x"]
    {
        assert_eq!(world.get(path).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
    }
}

/// How long an open model stream lasts after `what` has happened to the token.
async fn lasts_after(what: impl FnOnce(&World)) -> Duration {
    let (model, script) = scripted().await;
    let world = World::with(Behind { model, ..Behind::default() }).await;
    let mut stream = crate::model::call(&world).await.bytes_stream();
    script.send(Script::delta("a")).await;
    assert!(stream.next().await.unwrap().is_ok());
    what(&world);
    let began = Instant::now();
    assert!(stream.next().await.unwrap().is_err(), "the stream goes on");
    began.elapsed()
}

#[tokio::test]
async fn revocation_cuts_what_is_open() {
    let lasted = lasts_after(|world| world.control.revoke()).await;
    assert!(lasted < Duration::from_secs(15), "{lasted:?}");
}

#[tokio::test]
async fn a_run_that_is_stopped_loses_its_open_streams() {
    let lasted = lasts_after(|world| world.control.change(|grant| grant.serves = RunGrantServes::Saving)).await;
    assert!(lasted < Duration::from_secs(15), "{lasted:?}");
}

#[tokio::test]
async fn without_an_answer_streams_last_a_hiccup_and_not_for_ever() {
    let lasted = lasts_after(|world| world.control.fall_silent()).await;
    assert!(lasted > Duration::from_secs(2), "a hiccup of the control-plane must not cut: {lasted:?}");
    assert!(lasted < Duration::from_secs(15), "{lasted:?}");
}
