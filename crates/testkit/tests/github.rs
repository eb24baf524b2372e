//! GitHub's stand-in from outside: API, webhooks, sign-in and git agree with each other.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Bytes, routing::post};
use http::HeaderMap;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::github::{Front, Options, Running, World, start};
use tokio::{net::TcpListener, process::Command, sync::mpsc};

/// A stand-in and one world in it. The folder must outlive the stand-in.
struct Scene {
    _running: Running,
    _folder: tempfile::TempDir,
    world: World,
}

impl Scene {
    async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let running = start(Options::for_tests(folder.path().join("github"))?).await?;
        let world = Front::at(running.base_url())?.new_world().await?;
        Ok(Self { _running: running, _folder: folder, world })
    }

    fn url_for(&self, role: &str) -> Result<String> {
        let token = &self.world.person(role)?.token;
        Ok(self.world.clone_url().replace("http://", &format!("http://x-access-token:{token}@")))
    }

    async fn clone(&self, role: &str, into: &Path) -> Result<()> {
        let folder = into.to_str().context("path")?;
        git(Path::new("."), &["clone", "--quiet", &self.url_for(role)?, folder]).await?;
        git(into, &["config", "user.name", "Änne"]).await?;
        git(into, &["config", "user.email", "a@b.test"]).await.map(drop)
    }
}

async fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "git {args:?}: {said}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn a_pushed_branch_becomes_a_pull_request_and_a_merge_comes_back() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    scene.clone("bot", &checkout).await?;
    git(&checkout, &["switch", "--quiet", "-c", "run/1"]).await?;
    std::fs::create_dir_all(checkout.join("deep/er"))?;
    std::fs::write(checkout.join("deep/er/файл.bin"), [0, 159, 146, 150])?;
    std::fs::remove_file(checkout.join("tests/test_greeting.py"))?;
    git(&checkout, &["add", "--all"]).await?;
    git(&checkout, &["commit", "--quiet", "-m", "Go deeper", "--date", "2026-02-03T04:05:06 +0530"]).await?;
    git(&checkout, &["push", "--quiet", "origin", "run/1"]).await?;
    let head = git(&checkout, &["rev-parse", "HEAD"]).await?;

    let commit = world.api("reader", Method::GET, "/commits/run/1", &Value::Null).await?;
    assert_eq!(commit["sha"], head);
    let compared = world.api("reader", Method::GET, "/compare/main...run/1", &Value::Null).await?;
    assert_eq!((&compared["ahead_by"], &compared["behind_by"]), (&json!(1), &json!(0)));

    let ask = json!({"title": "Go deeper", "head": "run/1", "base": "main", "body": "Refs #1"});
    let pull = world.api("bot", Method::POST, "/pulls", &ask).await?;
    let number = pull["number"].as_u64().context("number")?;
    assert_eq!((&pull["head"]["sha"], &pull["changed_files"]), (&json!(head), &json!(2)));
    assert_eq!(world.pull_files(number).await?, ["deep/er/файл.bin", "tests/test_greeting.py"]);
    let again = world.api("bot", Method::POST, "/pulls", &ask).await.unwrap_err().to_string();
    assert!(again.contains("already exists"), "{again}");

    std::fs::write(checkout.join("more.txt"), "more\n")?;
    git(&checkout, &["add", "more.txt"]).await?;
    git(&checkout, &["commit", "--quiet", "-m", "More"]).await?;
    git(&checkout, &["push", "--quiet", "origin", "run/1"]).await?;
    let head = git(&checkout, &["rev-parse", "HEAD"]).await?;
    let pull = world.api("bot", Method::GET, &format!("/pulls/{number}"), &Value::Null).await?;
    assert_eq!((&pull["head"]["sha"], &pull["commits"]), (&json!(head), &json!(2)));

    world.api("owner", Method::PUT, "/contents/notes.md", &json!({"message": "Note", "content": "bm90ZQo="})).await?;
    git(&checkout, &["switch", "--quiet", "main"]).await?;
    git(&checkout, &["pull", "--quiet"]).await?;
    assert_eq!(std::fs::read_to_string(checkout.join("notes.md"))?, "note\n");
    let compared = world.api("reader", Method::GET, "/compare/main...run/1", &Value::Null).await?;
    assert_eq!((&compared["ahead_by"], &compared["behind_by"]), (&json!(2), &json!(1)));
    Ok(())
}

#[tokio::test]
async fn a_merge_through_the_api_comes_back_to_git() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    scene.clone("bot", &checkout).await?;
    std::fs::write(checkout.join("new.txt"), "new\n")?;
    git(&checkout, &["add", "new.txt"]).await?;
    git(&checkout, &["commit", "--quiet", "-m", "New"]).await?;
    git(&checkout, &["push", "--quiet", "origin", "HEAD:run/2"]).await?;
    let owner = &world.view().organisation;
    let ask = json!({"title": "New", "head": format!("{owner}:run/2"), "base": "main"});
    let pull = world.api("bot", Method::POST, "/pulls", &ask).await?;
    std::fs::write(checkout.join("later.txt"), "later\n")?;
    git(&checkout, &["add", "later.txt"]).await?;
    git(&checkout, &["commit", "--quiet", "-m", "Later"]).await?;
    git(&checkout, &["push", "--quiet", "origin", "HEAD:run/2"]).await?;
    let merged = world.api("owner", Method::PUT, &format!("/pulls/{}/merge", pull["number"]), &json!({})).await?;
    git(&checkout, &["fetch", "--quiet", "origin"]).await?;
    assert_eq!(merged["sha"], git(&checkout, &["rev-parse", "origin/main"]).await?);
    assert_eq!(git(&checkout, &["log", "-1", "--format=%p", "origin/main"]).await?.split(' ').count(), 2);
    git(&checkout, &["cat-file", "-e", "origin/main:later.txt"]).await?;
    git(&checkout, &["push", "--quiet", "origin", ":run/2"]).await?;
    let gone = world.api("bot", Method::GET, "/git/ref/heads/run/2", &Value::Null).await.unwrap_err().to_string();
    assert!(gone.contains("404"), "{gone}");
    Ok(())
}

#[tokio::test]
async fn pushes_and_labels_reach_pull_request_hooks() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let (url, mut received) = receiver().await?;
    let hook =
        json!({"events": ["push", "pull_request"], "config": {"url": url, "content_type": "json", "secret": "s"}});
    let hook = world.api("bot", Method::POST, "/hooks", &hook).await?;
    assert_eq!(hook["events"], json!(["push", "pull_request"]));
    let (_, ping) = next(&mut received, "ping").await?;
    let ping: Value = serde_json::from_slice(&ping)?;
    assert_eq!(
        (&ping["hook"]["config"]["url"], &ping["repository"]["id"]),
        (&json!(url), &json!(world.view().repository_id))
    );

    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    scene.clone("bot", &checkout).await?;
    for round in 0..2 {
        git(&checkout, &["commit", "--quiet", "--allow-empty", "-m", "x"]).await?;
        git(&checkout, &["push", "--quiet", "origin", "HEAD:run/3"]).await?;
        let (_, push) = next(&mut received, "push").await?;
        let push: Value = serde_json::from_slice(&push)?;
        assert_eq!((&push["ref"], &push["created"]), (&json!("refs/heads/run/3"), &json!(round == 0)));
        if round == 0 {
            world.api("bot", Method::POST, "/pulls", &json!({"title": "x", "head": "run/3", "base": "main"})).await?;
        }
    }
    let head = git(&checkout, &["rev-parse", "HEAD"]).await?;
    let synchronized = loop {
        let (_, body) = next(&mut received, "pull_request").await?;
        let body: Value = serde_json::from_slice(&body)?;
        if body["action"] == "synchronize" {
            break body;
        }
    };
    assert_eq!((&synchronized["after"], &synchronized["pull_request"]["head"]["sha"]), (&json!(head), &json!(head)));
    world.label("owner", 1, "need:reviewer").await?;
    let (_, body) = next(&mut received, "pull_request").await?;
    let body: Value = serde_json::from_slice(&body)?;
    assert_eq!(
        (&body["action"], &body["number"], &body["label"]["name"]),
        (&json!("labeled"), &json!(1), &json!("need:reviewer"))
    );
    Ok(())
}

#[tokio::test]
async fn a_token_without_workflows_cannot_push_one() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let login = &world.person("bot")?.login;
    let token = world.front().token(login, &json!({"metadata": "read", "contents": "write"})).await?;
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    scene.clone("bot", &checkout).await?;
    std::fs::create_dir_all(checkout.join(".github/workflows"))?;
    std::fs::write(checkout.join(".github/workflows/x.yaml"), "on: push\n")?;
    git(&checkout, &["add", "--all"]).await?;
    git(&checkout, &["commit", "--quiet", "-m", "x"]).await?;
    let url = world.clone_url().replace("http://", &format!("http://x-access-token:{token}@"));
    let refused = git(&checkout, &["push", &url, "HEAD:run/4"]).await.unwrap_err().to_string();
    assert!(refused.contains("without `workflows` permission"), "{refused}");
    let gone = world.api("bot", Method::GET, "/git/ref/heads/run/4", &Value::Null).await.unwrap_err().to_string();
    assert!(gone.contains("404"), "{gone}");
    git(&checkout, &["push", "--quiet", "origin", "HEAD:run/4"]).await?;
    Ok(())
}

#[tokio::test]
async fn variables_and_environments_are_kept() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let variables = "/actions/variables";
    world.api("bot", Method::POST, variables, &json!({"name": "stage", "value": "dev"})).await?;
    world.api("bot", Method::PATCH, "/actions/variables/STAGE", &json!({"value": "prod"})).await?;
    let listed = world.api("writer", Method::GET, variables, &Value::Null).await?;
    assert_eq!((&listed["total_count"], &listed["variables"][0]["value"]), (&json!(1), &json!("prod")));
    assert!(world.api("reader", Method::GET, variables, &Value::Null).await.unwrap_err().to_string().contains("404"));
    world.api("bot", Method::PUT, "/environments/production", &json!({})).await?;
    let environments = world.api("bot", Method::GET, "/environments", &Value::Null).await?;
    assert_eq!(environments["environments"][0]["name"], "production");
    Ok(())
}

#[tokio::test]
async fn git_admits_only_those_who_may() -> Result<()> {
    let scene = Scene::new().await?;
    let folder = tempfile::tempdir()?;
    let reader = folder.path().join("reader");
    scene.clone("reader", &reader).await?;
    git(&reader, &["commit", "--quiet", "--allow-empty", "-m", "x"]).await?;
    let refused = git(&reader, &["push", "origin", "HEAD:run/x"]).await.unwrap_err().to_string();
    assert!(refused.contains("403") && refused.contains("denied to"), "{refused}");
    let stranger = scene.clone("stranger", &folder.path().join("stranger")).await.unwrap_err().to_string();
    assert!(stranger.contains("Repository not found"), "{stranger}");
    let nobody = git(folder.path(), &["clone", &scene.world.clone_url(), "nobody"]).await.unwrap_err().to_string();
    assert!(nobody.contains("could not read Username"), "{nobody}");
    let wrong = scene.world.clone_url().replace("http://", "http://x:wrong@");
    let wrong = git(folder.path(), &["clone", &wrong, "wrong"]).await.unwrap_err().to_string();
    assert!(wrong.contains("Authentication failed"), "{wrong}");
    Ok(())
}

/// Listens for webhooks and hands them on.
async fn receiver() -> Result<(String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>)> {
    let (sender, received) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        sender.send((headers, body)).ok();
        "taken"
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    Ok((url, received))
}

async fn next(received: &mut mpsc::UnboundedReceiver<(HeaderMap, Bytes)>, event: &str) -> Result<(HeaderMap, Bytes)> {
    loop {
        let (headers, body) = received.recv().await.context("no more deliveries")?;
        if headers["x-github-event"] == event {
            return Ok((headers, body));
        }
    }
}

#[tokio::test]
async fn a_label_is_delivered_signed_recorded_and_again_on_demand() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let (url, mut received) = receiver().await?;
    let hook = json!({"name": "web", "events": ["issues", "push"], "config": {"url": url, "content_type": "json", "secret": "s3cret"}});
    let hook = world.api("bot", Method::POST, "/hooks", &hook).await?;
    assert_eq!(hook["config"]["url"], url);
    next(&mut received, "ping").await?;

    let issue = world.open_issue("owner", "Dark mode", "Please.").await?;
    world.label("owner", issue, "run:dev").await?;
    let (headers, body) = loop {
        let (headers, body) = next(&mut received, "issues").await?;
        if serde_json::from_slice::<Value>(&body)?["action"] == "labeled" {
            break (headers, body);
        }
    };
    let expected = {
        use hmac::{KeyInit as _, Mac as _};
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"s3cret")?;
        mac.update(&body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    };
    assert_eq!(headers["x-hub-signature-256"], expected.as_str());
    assert_eq!(headers["x-github-hook-id"], hook["id"].to_string().as_str());
    let payload: Value = serde_json::from_slice(&body)?;
    assert_eq!(
        (&payload["label"]["name"], &payload["sender"]["id"]),
        (&json!("run:dev"), &json!(world.person("owner")?.id))
    );

    let guid = headers["x-github-delivery"].to_str()?;
    let path = format!("/hooks/{}/deliveries", hook["id"]);
    // The ping, the issue opened, the label.
    world.deliveries(3).await?;
    let all = world.api("bot", Method::GET, &path, &Value::Null).await?;
    let listed = all.as_array().into_iter().flatten().find(|one| one["guid"] == guid).context("not in the log")?;
    let detail = world.api("bot", Method::GET, &format!("{path}/{}", listed["id"]), &Value::Null).await?;
    assert_eq!((&detail["request"]["payload"], &detail["status_code"]), (&payload, &json!(200)));
    world.api("bot", Method::POST, &format!("{path}/{}/attempts", listed["id"]), &Value::Null).await?;
    let (again, same) = next(&mut received, "issues").await?;
    assert_eq!((&again["x-github-delivery"], same), (&headers["x-github-delivery"], body));

    let twice = json!({"config": {"url": url}, "events": ["issues"]});
    assert!(world.api("bot", Method::POST, "/hooks", &twice).await.unwrap_err().to_string().contains("already exists"));
    assert!(world.api("writer", Method::GET, "/hooks", &Value::Null).await.unwrap_err().to_string().contains("404"));
    Ok(())
}

#[tokio::test]
async fn rights_are_those_of_the_person_and_of_the_token() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let front = world.front();
    for (role, admin, push, permission) in
        [("bot", true, true, "admin"), ("writer", false, true, "write"), ("reader", false, false, "read")]
    {
        let repository = world.api(role, Method::GET, "", &Value::Null).await?;
        assert_eq!(
            (&repository["permissions"]["admin"], &repository["permissions"]["push"]),
            (&json!(admin), &json!(push)),
            "{role}"
        );
        let path = format!("/collaborators/{}/permission", world.person(role)?.login);
        assert_eq!(world.api("bot", Method::GET, &path, &Value::Null).await?["permission"], permission);
    }
    let path = format!("/collaborators/{}/permission", world.person("stranger")?.login);
    assert_eq!(world.api("bot", Method::GET, &path, &Value::Null).await?["permission"], "none");
    assert!(world.api("stranger", Method::GET, "", &Value::Null).await.unwrap_err().to_string().contains("404"));

    let narrow = front.token(&world.person("bot")?.login, &json!({"contents": "read", "issues": "read"})).await?;
    let issues = format!("/repos/{}/issues", world.full_name());
    front.api(Method::GET, &issues, &narrow, &Value::Null).await?;
    let refused = front.api(Method::POST, &issues, &narrow, &json!({"title": "x"})).await.unwrap_err().to_string();
    assert!(refused.contains("403") && refused.contains("not accessible"), "{refused}");
    front.revoke(&narrow).await?;
    assert!(front.api(Method::GET, &issues, &narrow, &Value::Null).await.unwrap_err().to_string().contains("401"));
    assert!(front.api(Method::GET, "/user", "made-up", &Value::Null).await.unwrap_err().to_string().contains("401"));
    Ok(())
}

#[tokio::test]
async fn faults_strike_calls_and_deliveries_and_calls_are_counted() -> Result<()> {
    let scene = Scene::new().await?;
    let world = &scene.world;
    let front = world.front();
    let comments = format!("^/repos/{}/issues/\\d+/comments$", world.full_name());
    let issue = world.open_issue("owner", "x", "").await?;
    front
        .inject(
            &json!({"match": {"method": "POST", "path_regex": comments}, "answer": {"status": 500, "perform": true}}),
        )
        .await?;
    assert!(world.comment("bot", issue, "unsure").await.is_err());
    world.comment("bot", issue, "sure").await?;
    assert_eq!(world.comments(issue).await?, ["unsure", "sure"]);
    let calls: Vec<Value> = front.calls(&comments).await?.into_iter().filter(|call| call["method"] == "POST").collect();
    assert_eq!((calls.len(), &calls[0]["status"], &calls[0]["faulty"]), (2, &json!(500), &json!(true)));

    let (url, mut received) = receiver().await?;
    let hook = json!({"events": ["issues"], "config": {"url": url, "content_type": "json", "secret": "s"}});
    world.api("bot", Method::POST, "/hooks", &hook).await?;
    front.inject(&json!({"match": {"event": "issues", "path_regex": format!("^/{}$", world.full_name())}, "answer": {"drop": true}})).await?;
    world.label("owner", issue, "lost").await?;
    // The ping and the label.
    let deliveries = world.deliveries(2).await?;
    let lost = deliveries.iter().find(|one| one["event"] == "issues").context("not in the log")?;
    assert_eq!((&lost["status_code"], &lost["request"]["payload"]["label"]["name"]), (&json!(502), &json!("lost")));
    world.label("owner", issue, "found").await?;
    let (_, body) = next(&mut received, "issues").await?;
    assert_eq!(serde_json::from_slice::<Value>(&body)?["label"]["name"], "found");
    Ok(())
}

#[tokio::test]
async fn signing_in_needs_the_verifier() -> Result<()> {
    let scene = Scene::new().await?;
    let front = scene.world.front();
    let login = &scene.world.person("reader")?.login;
    let authorize = format!(
        "{}/login/oauth/authorize?client_id=codex-k8s-dev&state=st%26te&scope=user:email&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
         &redirect_uri=http://127.0.0.1:5/api/v1/auth/github/callback",
        front.base_url()
    );
    let exchange = async |verifier: &str| -> Result<Value> {
        let back = url::Url::parse(&front.sign_in(&authorize, login).await?)?;
        let query: std::collections::HashMap<_, _> = back.query_pairs().into_owned().collect();
        assert_eq!(query["state"], "st&te");
        let body = json!({"client_id": "codex-k8s-dev", "client_secret": "codex-k8s-dev-secret", "code": query["code"], "code_verifier": verifier});
        let request = reqwest::Client::new().post(format!("{}/login/oauth/access_token", front.base_url()));
        Ok(request.header("accept", "application/json").json(&body).send().await?.json().await?)
    };
    assert_eq!(exchange("guess").await?["error"], "bad_verification_code");
    let token = exchange("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").await?;
    let token = token["access_token"].as_str().context("no token")?;
    assert_eq!(front.api(Method::GET, "/user", token, &Value::Null).await?["login"], login.as_str());
    let emails = front.api(Method::GET, "/user/emails", token, &Value::Null).await?;
    assert_eq!((&emails[0]["primary"], &emails[0]["verified"]), (&json!(true), &json!(true)));
    Ok(())
}

#[tokio::test]
async fn the_seed_is_what_the_development_stack_relies_on() -> Result<()> {
    let scene = Scene::new().await?;
    let front = scene.world.front();
    let sample = front.api(Method::GET, "/repos/acme/sample", "dev-token-codex-k8s-bot", &Value::Null).await?;
    let clone_url = format!("{}/acme/sample.git", front.base_url());
    assert_eq!((&sample["permissions"]["admin"], &sample["clone_url"]), (&json!(true), &json!(clone_url)));
    for (login, permission) in [("olga", "admin"), ("ivan", "write"), ("rita", "read"), ("nora", "none")] {
        let path = format!("/repos/acme/sample/collaborators/{login}/permission");
        let found = front.api(Method::GET, &path, "dev-token-codex-k8s-bot", &Value::Null).await?;
        assert_eq!(found["permission"], permission, "{login}");
    }
    let readme = "/repos/acme/sample/contents/README.md";
    assert_eq!(front.api(Method::GET, readme, "dev-token-rita", &Value::Null).await?["path"], "README.md");
    let vera = front.token("vera", &Value::Null).await?;
    assert_eq!(front.api(Method::GET, "/user/emails", &vera, &Value::Null).await?[0]["verified"], json!(false));
    let page = format!("{}/login/oauth/authorize?client_id=codex-k8s-dev", front.base_url());
    let page = reqwest::get(page).await?.text().await?;
    assert!(page.contains("value=\"olga\"") && !page.contains("w0000"), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_world_may_have_a_second_repository_and_worlds_are_apart() -> Result<()> {
    let scene = Scene::new().await?;
    let second = scene.world.second_repository("second").await?;
    assert_ne!(second.view().repository_id, scene.world.view().repository_id);
    assert_eq!(second.open_issue("writer", "x", "").await?, 1);
    let other = scene.world.front().new_world().await?;
    let path = format!("/repos/{}", other.full_name());
    let token = &scene.world.person("owner")?.token;
    let refused = scene.world.front().api(Method::GET, &path, token, &Value::Null).await.unwrap_err().to_string();
    assert!(refused.contains("404"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_repository_never_gets_the_id_that_another_had_before_a_restart() -> Result<()> {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let scene = Scene::new().await?;
        let repository = scene.world.api("reader", Method::GET, "", &Value::Null).await?;
        seen.push(repository["id"].as_u64().context("id")?);
    }
    assert_ne!(seen[0], seen[1]);
    Ok(())
}
