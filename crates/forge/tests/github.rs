//! The GitHub implementation against a scripted server: what it asks, how it reads answers, and what it does about
//! failures, limits and pages.
#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests themselves")]

use chrono::DateTime;
use domain::event::Verdict;
use domain::labels::LabelSpec;
use forge::{
    ForgeError, GitHub, HookSpec, LimitKind, RepositoryName, RepositoryPermission, RepositoryProvider, RightState,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{body_partial_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "github_pat_planted";

struct World {
    server: MockServer,
    github: GitHub,
    name: RepositoryName,
}

impl World {
    async fn new() -> Self {
        let server = MockServer::start().await;
        let url: Url = server.uri().parse().unwrap();
        let github = GitHub::new(&url, &SecretString::from(TOKEN)).unwrap();
        Self { server, github, name: "octo/hello".parse().unwrap() }
    }

    async fn answers(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.server).await;
    }

    async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
    }

    fn page(&self, at: &str, number: u32, items: &Value, next: Option<&str>) -> Mock {
        let mut answer = ResponseTemplate::new(200).set_body_json(items);
        if let Some(next) = next {
            let link = format!("<{}/first>; rel=\"prev\", <{next}>; rel=\"next\"", self.server.uri());
            answer = answer.insert_header("link", link);
        }
        let first = Mock::given(method("GET")).and(path(at));
        match number {
            1 => first.and(query_param_is_missing("page")).respond_with(answer),
            _ => first.and(query_param("page", number.to_string())).respond_with(answer),
        }
    }
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn comment(id: i64, author: i64, body: &str) -> Value {
    json!({ "id": id, "html_url": "http://x", "body": body, "user": { "id": author, "login": "l", "type": "User" } })
}

fn pull(number: i64, state: &str, repository: i64) -> Value {
    json!({
        "number": number, "html_url": "http://x", "state": state, "merged_at": null, "title": "t", "body": null,
        "user": { "id": 1, "login": "bot", "type": "User" },
        "head": { "ref": "codex/issue-1", "sha": "abc", "repo": { "id": repository } },
        "base": { "ref": "main", "sha": "def", "repo": { "id": 7 } },
    })
}

#[tokio::test]
async fn calls_carry_the_token_and_the_api_version() {
    let world = World::new().await;
    Mock::given(method("GET"))
        .and(path("/user"))
        .and(header("authorization", format!("Bearer {TOKEN}").as_str()))
        .and(header("x-github-api-version", "2022-11-28"))
        .respond_with(
            ok(&json!({ "id": 5, "login": "bot", "type": "User" })).insert_header("x-oauth-scopes", "repo, workflow"),
        )
        .mount(&world.server)
        .await;
    let viewer = world.github.viewer().await.unwrap();
    assert_eq!((viewer.account.id, viewer.scopes.unwrap()), (5, vec!["repo".to_owned(), "workflow".to_owned()]));
    let other = world.github.acting_with(&SecretString::from("another")).unwrap();
    assert!(matches!(other.viewer().await, Err(ForgeError::NotFound { .. })));
    assert!(!format!("{:?}", world.github).contains(TOKEN));
}

#[tokio::test]
async fn a_read_is_repeated_when_github_is_away_and_a_write_is_not() {
    let world = World::new().await;
    let away = || ResponseTemplate::new(502);
    Mock::given(path("/repos/octo/hello/issues/1/labels"))
        .and(method("GET"))
        .respond_with(away())
        .up_to_n_times(1)
        .mount(&world.server)
        .await;
    world.answers("GET", "/repos/octo/hello/issues/1/labels", ok(&json!([{ "name": "run:dev" }]))).await;
    world.answers("POST", "/repos/octo/hello/issues/1/labels", away()).await;
    assert_eq!(world.github.issue_labels(&world.name, 1).await.unwrap(), ["run:dev"]);
    let error = world.github.add_labels(&world.name, 1, &["a".to_owned()]).await.unwrap_err();
    assert!(matches!(error, ForgeError::Unavailable { .. }), "{error}");
    let writes = world.asked().await.iter().filter(|call| call.starts_with("POST")).count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn a_limit_says_until_when_and_is_not_repeated() {
    let world = World::new().await;
    let limited = ResponseTemplate::new(403)
        .insert_header("x-ratelimit-remaining", "0")
        .insert_header("x-ratelimit-reset", "1900000000")
        .set_body_json(json!({ "message": "API rate limit exceeded" }));
    world.answers("GET", "/repos/octo/hello", limited).await;
    match world.github.repository(&world.name).await {
        Err(ForgeError::RateLimited { until, kind: LimitKind::Primary, .. }) => {
            assert_eq!(until, DateTime::from_timestamp(1_900_000_000, 0).unwrap());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.asked().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let github = GitHub::new(&gone.parse().unwrap(), &SecretString::from(TOKEN)).unwrap();
    let error = github.viewer().await.unwrap_err();
    assert!(error.is_passing(), "{error}");
}

#[tokio::test]
async fn a_comment_is_found_on_a_later_page_and_only_by_its_author() {
    let world = World::new().await;
    let at = "/repos/octo/hello/issues/1/comments";
    let next = format!("{}{at}?page=2", world.server.uri());
    let first = json!([comment(1, 99, "forged <!-- run 1 -->")]);
    world.page(at, 1, &first, Some(&next)).mount(&world.server).await;
    let second = json!([comment(2, 5, "other"), comment(3, 5, "x <!-- run 1 -->")]);
    world.page(at, 2, &second, None).mount(&world.server).await;
    let found = world.github.find_comment_by_marker(&world.name, 1, 5, "<!-- run 1 -->").await.unwrap();
    assert_eq!(found.map(|comment| comment.id), Some(3));
    assert_eq!(world.github.find_comment_by_marker(&world.name, 1, 6, "<!-- run 1 -->").await.unwrap(), None);
}

#[tokio::test]
async fn a_next_page_on_another_server_is_not_followed() {
    let (world, elsewhere) = (World::new().await, MockServer::start().await);
    let at = "/repos/octo/hello/issues/1/comments";
    let next = format!("{}{at}?page=2", elsewhere.uri());
    world.page(at, 1, &json!([]), Some(&next)).mount(&world.server).await;
    let answer = world.github.find_comment_by_marker(&world.name, 1, 5, "x").await;
    assert!(matches!(answer, Err(ForgeError::Other { .. })), "{answer:?}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_redirect_to_another_server_does_not_bring_the_token_there() {
    let (world, elsewhere) = (World::new().await, MockServer::start().await);
    let moved = ResponseTemplate::new(302).insert_header("location", format!("{}/user", elsewhere.uri()));
    world.answers("GET", "/user", moved).await;
    let _ = world.github.viewer().await;
    let followed = elsewhere.received_requests().await.unwrap();
    assert_eq!(followed.len(), 1);
    assert!(!followed[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn labels_are_made_corrected_or_left_alone() {
    let world = World::new().await;
    let at = "/repos/octo/hello/labels";
    let existing = json!([
        { "name": "RUN:dev", "color": "ffffff", "description": null },
        { "name": "good", "color": "AABBCC", "description": "fine" },
    ]);
    world.answers("GET", at, ok(&existing)).await;
    Mock::given(method("PATCH"))
        .and(path("/repos/octo/hello/labels/RUN:dev"))
        .respond_with(ok(&json!({})))
        .expect(1)
        .mount(&world.server)
        .await;
    Mock::given(method("POST"))
        .and(path(at))
        .and(body_partial_json(json!({ "name": "new/one" })))
        .respond_with(ResponseTemplate::new(422))
        .expect(1)
        .mount(&world.server)
        .await;
    world.answers("GET", "/repos/octo/hello/labels/new%2Fone", ok(&json!({ "name": "new/one" }))).await;
    let label = |name: &str, color: &str, description: &str| LabelSpec {
        name: name.into(),
        color: color.into(),
        description: description.into(),
    };
    let wanted = [label("run:dev", "1f6feb", "x"), label("good", "aabbcc", "fine"), label("new/one", "000000", "y")];
    for fix in world.github.label_fixes(&world.name, &wanted).await.unwrap() {
        world.github.fix_label(&world.name, &fix).await.unwrap();
    }
}

#[tokio::test]
async fn removing_what_is_not_there_is_done() {
    let world = World::new().await;
    world.github.remove_label(&world.name, 1, "run:dev").await.unwrap();
    world.github.remove_webhook(&world.name, 4).await.unwrap();
    assert_eq!(
        world.asked().await,
        ["DELETE /repos/octo/hello/issues/1/labels/run:dev", "DELETE /repos/octo/hello/hooks/4"]
    );
}

#[tokio::test]
async fn one_webhook_per_url_is_kept_and_given_the_new_secret() {
    let world = World::new().await;
    let at = "/repos/octo/hello/hooks";
    let hook = |id: i64, url: &str| json!({ "id": id, "config": { "url": url } });
    let url = "https://ck8s.example/api/v1/webhooks/github";
    world.answers("GET", at, ok(&json!([hook(1, "https://other.example/"), hook(2, url), hook(3, url)]))).await;
    world.answers("DELETE", "/repos/octo/hello/hooks/3", ResponseTemplate::new(204)).await;
    Mock::given(method("PATCH"))
        .and(path("/repos/octo/hello/hooks/2"))
        .and(body_partial_json(
            json!({ "active": true, "events": ["issues"], "config": { "secret": "s", "url": url } }),
        ))
        .respond_with(ok(&hook(2, url)))
        .mount(&world.server)
        .await;
    let spec = HookSpec { url: url.parse().unwrap(), secret: "s".into(), events: vec!["issues".into()] };
    assert_eq!(world.github.ensure_webhook(&world.name, &spec).await.unwrap(), 2);
    assert!(world.asked().await.contains(&"DELETE /repos/octo/hello/hooks/3".to_owned()));
}

#[tokio::test]
async fn deliveries_are_followed_back_to_a_time() {
    let world = World::new().await;
    let at = "/repos/octo/hello/hooks/2/deliveries";
    let attempt = |id: i64, hour: u32| {
        json!({ "id": id, "guid": "g", "delivered_at": format!("2026-01-01T{hour:02}:00:00Z"), "redelivery": false,
            "status_code": 503, "event": "issues", "action": "labeled" })
    };
    let next = |page: u32| format!("{}{at}?page={page}", world.server.uri());
    world.page(at, 1, &json!([attempt(3, 12)]), Some(&next(2))).mount(&world.server).await;
    world.page(at, 2, &json!([attempt(2, 11), attempt(1, 9)]), Some(&next(3))).mount(&world.server).await;
    world.page(at, 3, &json!([attempt(0, 8)]), None).expect(0).mount(&world.server).await;
    let since = "2026-01-01T10:00:00Z".parse().unwrap();
    let seen = world.github.deliveries(&world.name, 2, since, None).await.unwrap().unwrap();
    assert_eq!(seen.entries.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(seen.version, None);
}

#[tokio::test]
async fn labels_that_lie_are_listed_page_by_page_from_the_last_change_on() {
    let world = World::new().await;
    let at = "/repos/octo/hello/issues";
    let issue = |number: i64, label: &str| {
        json!({ "number": number, "title": "t", "body": null, "state": "open", "user": null,
            "labels": [{ "name": label }], "html_url": "http://x", "updated_at": "2026-01-01T12:00:00Z" })
    };
    let mut pull = issue(8, "need:reviewer");
    pull["pull_request"] = json!({});
    let next = |page: u32| format!("{}{at}?page={page}", world.server.uri());
    world.page(at, 1, &json!([issue(9, "run:dev"), pull]), Some(&next(2))).mount(&world.server).await;
    world.page(at, 2, &json!([issue(7, "bug")]), Some(&next(3))).mount(&world.server).await;
    world.page(at, 3, &json!([issue(6, "bug")]), None).expect(1).mount(&world.server).await;
    let since = "2026-01-01T10:00:00.123Z".parse().unwrap();
    let seen = world.github.open_issues(&world.name, since, 3).await.unwrap();
    let seen: Vec<_> =
        seen.iter().map(|issue| (issue.number, issue.labels[0].as_str(), issue.is_pull_request)).collect();
    assert_eq!(seen, [(9, "run:dev", false), (8, "need:reviewer", true), (7, "bug", false)]);
    assert_eq!(world.github.open_issues(&world.name, since, 4).await.unwrap().len(), 4);
    let first = world.server.received_requests().await.unwrap().remove(0);
    let query = "state=open&sort=updated&direction=desc&since=2026-01-01T10%3A00%3A00Z&per_page=100";
    assert_eq!(first.url.query(), Some(query));
}

#[tokio::test]
async fn the_open_pull_request_of_our_own_branch_is_preferred() {
    let world = World::new().await;
    let fork = 8;
    let all = json!([pull(4, "open", fork), pull(3, "closed", 7), pull(2, "open", 7)]);
    Mock::given(method("GET"))
        .and(path("/repos/octo/hello/pulls"))
        .and(query_param("head", "octo:codex/issue-1"))
        .and(query_param("state", "all"))
        .respond_with(ok(&all))
        .mount(&world.server)
        .await;
    let found = world.github.find_pull_by_head(&world.name, "codex/issue-1").await.unwrap().unwrap();
    assert_eq!((found.number, found.open, found.body.as_str()), (2, true, ""));
    assert!(world.github.find_pull_by_head(&world.name, "other").await.is_err());
}

#[tokio::test]
async fn every_commit_of_a_comparison_is_read() {
    let world = World::new().await;
    let commits = |count: usize| vec![json!({ "sha": "a", "commit": { "message": "m" } }); count];
    let file = json!({ "filename": "b", "previous_filename": "a", "status": "renamed" });
    let page = |count, files: Value| json!({ "ahead_by": 150, "behind_by": 2, "total_commits": 150, "commits": commits(count), "files": files });
    for (number, body) in [("1", page(100, json!([file]))), ("2", page(50, json!([])))] {
        Mock::given(path("/repos/octo/hello/compare/main...codex%2Fissue-1"))
            .and(query_param("page", number))
            .respond_with(ok(&body))
            .mount(&world.server)
            .await;
    }
    let seen = world.github.compare(&world.name, "main", "codex/issue-1").await.unwrap();
    assert_eq!((seen.commits.len(), seen.behind_by, seen.files_cut), (150, 2, false));
    assert_eq!(seen.files[0].previous_path.as_deref(), Some("a"));
}

#[tokio::test]
async fn a_branch_with_slashes_is_looked_up_and_may_be_missing() {
    let world = World::new().await;
    world
        .answers("GET", "/repos/octo/hello/git/ref/heads/codex/issue-1", ok(&json!({ "object": { "sha": "abc" } })))
        .await;
    assert_eq!(world.github.branch_head(&world.name, "codex/issue-1").await.unwrap().as_deref(), Some("abc"));
    assert_eq!(world.github.branch_head(&world.name, "codex/issue-2").await.unwrap(), None);
}

#[tokio::test]
async fn files_of_a_folder_are_all_listed_and_read_as_far_as_it_is_worth() {
    let world = World::new().await;
    let at = "/repos/octo/hello/contents/ci";
    let entry = |kind: &str, name: &str, size: u64| json!({ "type": kind, "name": name, "path": format!("ci/{name}"), "size": size });
    let mut listed = vec![
        entry("dir", "more.yml", 0),
        entry("file", "notes.md", 9),
        entry("file", "huge.yml", 1 << 20),
        entry("symlink", "link.yml", 9),
        entry("file", "bytes.yml", 2),
        entry("file", "gone.yml", 9),
    ];
    listed.extend((0..60).map(|number| entry("file", &format!("{number}.yml"), 9)));
    world.answers("GET", at, ok(&json!(listed))).await;
    world.answers("GET", &format!("{at}/bytes.yml"), ok(&json!({ "content": "/w==" }))).await;
    for number in 0..60 {
        let file = json!({ "content": "b246IHB1\nc2gK\n" });
        world.answers("GET", &format!("{at}/{number}.yml"), ok(&file)).await;
    }
    let files = world.github.folder(&world.name, "ci", &[".yml"]).await.unwrap();
    assert_eq!(files.len(), 64);
    let read: Vec<_> = files.iter().filter(|file| file.text.as_deref() == Some("on: push\n")).collect();
    assert_eq!((read.len(), read[0].path.as_str(), read[45].path.as_str()), (46, "ci/0.yml", "ci/45.yml"));
    assert!(files.iter().all(|file| file.text.is_none() || read.contains(&file)), "{files:?}");
    assert!(world.github.folder(&world.name, "none", &[".yml"]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_permission_counts_only_for_the_numeric_id() {
    let world = World::new().await;
    let level = json!({ "permission": "write", "user": { "id": 5, "login": "jo", "type": "User" } });
    world.answers("GET", "/repos/octo/hello/collaborators/jo/permission", ok(&level)).await;
    let asked = |id| world.github.permission_of(&world.name, id, "jo");
    assert_eq!(asked(5).await.unwrap(), Some(RepositoryPermission::Write));
    assert_eq!(asked(6).await.unwrap(), None);
}

async fn rights_world(scopes: Option<&str>) -> World {
    let world = World::new().await;
    let user = json!({ "id": 5, "login": "bot", "type": "User" });
    let answer = ok(&user);
    let answer = if let Some(scopes) = scopes { answer.insert_header("x-oauth-scopes", scopes) } else { answer };
    world.answers("GET", "/user", answer).await;
    let repository = json!({ "id": 7, "full_name": "octo/hello", "default_branch": "main", "private": true, "owner": user,
        "permissions": { "admin": true, "push": true, "pull": true } });
    world.answers("GET", "/repos/octo/hello", ok(&repository)).await;
    world.answers("GET", "/repos/octo/hello/git/ref/heads/main", ok(&json!({ "object": { "sha": "abc" } }))).await;
    for list in ["hooks", "actions/runs", "actions/variables"] {
        world.answers("GET", &format!("/repos/octo/hello/{list}"), ok(&json!([]))).await;
    }
    world
}

async fn states(world: &World) -> Vec<(&'static str, RightState, bool)> {
    let checks = world.github.check_rights(&world.name).await.unwrap();
    checks.iter().map(|check| (check.name, check.state, check.blocks())).collect()
}

#[tokio::test]
async fn rights_are_probed_and_probes_taken_back() {
    let world = rights_world(None).await;
    let forbidden = ResponseTemplate::new(403).insert_header("x-accepted-github-permissions", "secrets=read");
    world.answers("GET", "/repos/octo/hello/actions/secrets", forbidden).await;
    world.answers("POST", "/repos/octo/hello/git/refs", ResponseTemplate::new(201).set_body_json(json!({}))).await;
    world.answers("POST", "/repos/octo/hello/labels", ResponseTemplate::new(403)).await;
    world.answers("POST", "/repos/octo/hello/pulls", ResponseTemplate::new(422)).await;
    let states = states(&world).await;
    for expected in [
        ("Admin of the repository", RightState::Granted, false),
        ("Contents: read and write", RightState::Granted, false),
        ("Issues: read and write", RightState::Missing, true),
        ("Pull requests: read and write", RightState::Granted, false),
        ("Webhooks: read", RightState::Granted, false),
        ("Secrets: read", RightState::Missing, false),
        ("Secrets: read and write", RightState::Unchecked, false),
        ("Workflows: none", RightState::Unchecked, false),
    ] {
        assert!(states.contains(&expected), "{expected:?} is not in {states:?}");
    }
    let asked = world.asked().await;
    assert!(
        asked.iter().any(|call| call.starts_with("DELETE /repos/octo/hello/git/refs/codex-k8s/probe-")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_token_that_may_change_workflows_is_too_much() {
    let world = rights_world(Some("repo, workflow")).await;
    for path in ["git/refs", "labels", "pulls"] {
        world.answers("POST", &format!("/repos/octo/hello/{path}"), ResponseTemplate::new(422)).await;
    }
    let states = states(&world).await;
    assert!(states.contains(&("Workflows: none", RightState::TooMuch, true)), "{states:?}");
    assert!(states.contains(&("Secrets: read and write", RightState::Granted, false)), "{states:?}");
}

#[tokio::test]
async fn reviews_are_those_since_then_that_decide_something() {
    let world = World::new().await;
    let review = |id: i64, state: &str, at: Value| {
        json!({ "id": id, "state": state, "submitted_at": at, "body": "", "html_url": "http://x",
            "user": { "id": 1, "login": "olga", "type": "User" } })
    };
    let mut gone = review(6, "APPROVED", json!("2026-01-01T12:00:00Z"));
    gone["user"] = Value::Null;
    let all = json!([
        review(1, "APPROVED", json!("2026-01-01T09:00:00Z")),
        review(2, "COMMENTED", json!("2026-01-01T12:00:00Z")),
        review(3, "CHANGES_REQUESTED", json!("2026-01-01T10:00:00Z")),
        review(4, "DISMISSED", json!("2026-01-01T12:00:00Z")),
        review(5, "PENDING", Value::Null),
        gone,
    ]);
    world.answers("GET", "/repos/octo/hello/pulls/8/reviews", ok(&all)).await;
    let since = "2026-01-01T10:00:00Z".parse().unwrap();
    let seen = world.github.reviews(&world.name, 8, since).await.unwrap();
    let seen: Vec<_> =
        seen.iter().map(|one| (one.id, one.verdict, one.author.as_ref().map(|by| by.login.as_str()))).collect();
    assert_eq!(seen, [(3, Verdict::ChangesRequested, Some("olga")), (6, Verdict::Approved, None)]);
}
