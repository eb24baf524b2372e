//! The calls that connecting a repository and a run make, against GitHub's stand-in, which keeps state: what was written
//! is read back, and doing it again changes nothing.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::catalogue::Catalogue;
use domain::labels::{LabelSpec, wanted};
use domain::locale::Locale;
use forge::{
    Environment, FileText, ForgeError, GitHub, HookSpec, NewPull, RepositoryName, RepositoryPermission,
    RepositoryProvider, RightState,
};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::github::{Front, Options, Running, World, start};

/// A stand-in, one world in it, and the bot's view of it. The folder must outlive the stand-in.
struct Scene {
    _running: Running,
    _folder: tempfile::TempDir,
    world: World,
    front: Front,
    bot: GitHub,
    name: RepositoryName,
}

impl Scene {
    async fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let running = start(Options::for_tests(folder.path().join("github"))?).await?;
        let front = Front::at(running.base_url())?;
        let world = front.new_world().await?;
        let bot = GitHub::new(&front.base_url().parse()?, &world.person("bot")?.token.as_str().into())?;
        let name = world.full_name().parse().context("name")?;
        Ok(Self { _running: running, _folder: folder, world, front, bot, name })
    }

    async fn acting_with(&self, permissions: &Value) -> Result<GitHub> {
        let token = self.front.token(&self.world.person("bot")?.login, permissions).await?;
        Ok(self.bot.acting_with(&token.into())?)
    }

    async fn issue(&self) -> Result<i64> {
        let issue = json!({ "title": "Say goodbye too", "body": "Please." });
        let made = self.world.api("owner", Method::POST, "/issues", &issue).await?;
        made["number"].as_i64().context("number")
    }
}

fn labels() -> Vec<LabelSpec> {
    wanted(Catalogue::builtin(), Locale::En, &["gpt-5.5".to_owned()])
}

async fn make_labels(bot: &GitHub, name: &RepositoryName) -> Result<()> {
    for fix in bot.label_fixes(name, &labels()).await? {
        bot.fix_label(name, &fix).await?;
    }
    Ok(())
}

#[tokio::test]
async fn connecting_a_repository_can_be_repeated() -> Result<()> {
    let Scene { bot, name, world, .. } = &Scene::new().await?;
    assert_eq!(bot.viewer().await?.account.login, world.person("bot")?.login);
    let repository = bot.repository(name).await?;
    assert_eq!((repository.default_branch.as_str(), repository.permissions.admin), ("main", true));
    let spec = HookSpec {
        url: "http://127.0.0.1:9/api/v1/webhooks/github".parse()?,
        secret: "hook secret".into(),
        events: vec!["issues".into(), "pull_request".into()],
    };
    let hook = bot.ensure_webhook(name, &spec).await?;
    assert_eq!(bot.ensure_webhook(name, &spec).await?, hook);
    make_labels(bot, name).await?;
    assert!(bot.label_fixes(name, &labels()).await?.is_empty());
    bot.remove_webhook(name, hook).await?;
    bot.remove_webhook(name, hook).await?;
    Ok(())
}

#[tokio::test]
async fn what_a_run_writes_on_its_issue_is_found_again() -> Result<()> {
    let scene = Scene::new().await?;
    let Scene { bot, name, world, .. } = &scene;
    let number = scene.issue().await?;
    make_labels(bot, name).await?;
    bot.add_labels(name, number, &["run:dev".to_owned()]).await?;
    bot.add_labels(name, number, &["run:dev".to_owned(), "state:in-review".to_owned()]).await?;
    bot.remove_label(name, number, "run:dev").await?;
    bot.remove_label(name, number, "run:dev").await?;
    assert_eq!(bot.issue_labels(name, number).await?, ["state:in-review"]);
    let issue = bot.issue(name, number).await?;
    assert_eq!((issue.title.as_str(), issue.open, issue.is_pull_request), ("Say goodbye too", true, false));

    let me = bot.viewer().await?.account.id;
    let forged = json!({ "body": "<!-- run 1 --> by somebody else" });
    world.api("owner", Method::POST, &format!("/issues/{number}/comments"), &forged).await?;
    assert_eq!(bot.find_comment_by_marker(name, number, me, "<!-- run 1 -->").await?, None);
    let comment = bot.create_comment(name, number, "<!-- run 1 --> working").await?;
    bot.update_comment(name, comment.id, "<!-- run 1 --> done").await?;
    for _ in 0..2 {
        bot.ensure_reaction(name, comment.id, "eyes").await?;
    }
    let path = format!("/issues/comments/{}/reactions", comment.id);
    let seen = world.api("reader", Method::GET, &path, &Value::Null).await?;
    assert_eq!((seen.as_array().map(Vec::len), &seen[0]["content"]), (Some(1), &json!("eyes")), "{seen}");
    let refused = bot.ensure_reaction(name, comment.id, "applause").await;
    assert!(matches!(refused, Err(ForgeError::Validation { .. })), "{refused:?}");
    let gone = bot.ensure_reaction(name, comment.id + 1000, "eyes").await;
    assert!(matches!(gone, Err(ForgeError::NotFound { .. })), "{gone:?}");
    assert_eq!(bot.comments(name, number).await?.len(), 2);
    let found = bot.find_comment_by_marker(name, number, me, "<!-- run 1 -->").await?.context("comment")?;
    assert_eq!((found.id, found.body.as_str()), (comment.id, "<!-- run 1 --> done"));
    Ok(())
}

#[tokio::test]
async fn open_issues_are_listed_with_their_labels() -> Result<()> {
    let scene = Scene::new().await?;
    let Scene { bot, name, world, .. } = &scene;
    let begin = chrono::Utc::now() - chrono::TimeDelta::minutes(1);
    let (labelled, closed) = (scene.issue().await?, scene.issue().await?);
    bot.add_labels(name, labelled, &["run:dev".to_owned()]).await?;
    bot.add_labels(name, closed, &["run:dev".to_owned()]).await?;
    world.close("owner", u64::try_from(closed)?).await?;
    let seen = bot.open_issues(name, begin, 1000).await?;
    let seen: Vec<_> = seen.iter().map(|issue| (issue.number, issue.labels.join(","))).collect();
    assert_eq!(seen, [(labelled, "run:dev".to_owned())]);
    let later = chrono::Utc::now() + chrono::TimeDelta::minutes(1);
    assert_eq!(bot.open_issues(name, later, 1000).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_secret_reaches_an_environment_sealed_and_is_never_read_back() -> Result<()> {
    let Scene { bot, name, world, .. } = &Scene::new().await?;
    let staging = Environment { name: "staging", guarded: false };
    let put = async |value: &str| bot.put_environment_secret(name, staging, "SESSION_KEY", &value.into()).await;
    assert!(!bot.has_environment_secret(name, "staging", "SESSION_KEY").await?, "there is no such environment");
    assert!(put("first").await?, "the environment was made, and the secret is new");
    assert!(bot.has_environment_secret(name, "staging", "SESSION_KEY").await?);
    assert!(!put("second").await?);
    assert_eq!(world.secret("staging", "SESSION_KEY").await?.as_deref(), Some("second"));
    assert_eq!(world.secret("production", "SESSION_KEY").await?, None, "each environment has its own");
    let shown = world.api("owner", Method::GET, "/environments/staging/secrets/SESSION_KEY", &Value::Null).await?;
    assert!(shown["name"] == "SESSION_KEY" && !shown.to_string().contains("second"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_guarded_environment_is_made_for_protected_branches_and_one_that_is_there_stays_as_it_is() -> Result<()> {
    let Scene { bot, name, world, .. } = &Scene::new().await?;
    world.api("owner", Method::PUT, "/environments/prod", &json!({})).await?;
    for (environment, guarded) in [("staging", false), ("production", true), ("prod", true)] {
        let environment = Environment { name: environment, guarded };
        bot.put_environment_secret(name, environment, "KEY", &"value".into()).await?;
    }
    let shown = world.api("owner", Method::GET, "/environments", &Value::Null).await?;
    let policy = |name: &str| {
        let all = shown["environments"].as_array().into_iter().flatten();
        all.filter(|one| one["name"] == name).map(|one| one["deployment_branch_policy"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(policy("production"), [json!({ "protected_branches": true, "custom_branch_policies": false })]);
    assert_eq!((policy("staging"), policy("prod")), (vec![Value::Null], vec![Value::Null]));
    Ok(())
}

#[tokio::test]
async fn an_environment_is_made_only_by_who_may_administer_and_secrets_need_a_right_of_their_own() -> Result<()> {
    let scene = Scene::new().await?;
    let environments = json!({ "metadata": "read", "environments": "write" });
    let (narrow, name) = (scene.acting_with(&environments).await?, &scene.name);
    let staging = Environment { name: "staging", guarded: false };
    let put = async |who: &GitHub| who.put_environment_secret(name, staging, "KEY", &"value".into()).await;
    let missing = |outcome: Result<bool, ForgeError>| match outcome {
        Err(ForgeError::Forbidden { missing_permission, .. }) => missing_permission,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(put(&narrow).await).as_deref(), Some("administration=write"));
    scene.world.api("owner", Method::PUT, "/environments/staging", &json!({})).await?;
    assert!(put(&narrow).await?);
    let reading = scene.acting_with(&json!({ "metadata": "read", "environments": "read" })).await?;
    assert_eq!(missing(put(&reading).await).as_deref(), Some("environments=write"));
    Ok(())
}

#[tokio::test]
async fn a_branch_becomes_one_pull_request() -> Result<()> {
    let Scene { bot, name, world, .. } = &Scene::new().await?;
    let main = bot.branch_head(name, "main").await?.context("main")?;
    let branch = json!({ "ref": "refs/heads/codex/issue-1", "sha": main });
    world.api("bot", Method::POST, "/git/refs", &branch).await?;
    let change = json!({ "message": "Note", "content": "bm90ZQo=", "branch": "codex/issue-1" });
    world.api("bot", Method::PUT, "/contents/notes.md", &change).await?;
    let head = bot.branch_head(name, "codex/issue-1").await?.context("head")?;
    let seen = bot.compare(name, &main, &head).await?;
    assert_eq!((seen.ahead_by, seen.behind_by, seen.commits[0].message.as_str()), (1, 0, "Note"));
    assert_eq!((seen.files[0].path.as_str(), seen.files[0].status.as_str()), ("notes.md", "added"));
    assert_eq!(bot.compare(name, "main", "codex/issue-1").await?, seen);

    let wanted = NewPull {
        title: "Add a note".into(),
        body: "Refs #1".into(),
        head: "codex/issue-1".into(),
        base: "main".into(),
        draft: false,
    };
    assert_eq!(bot.find_pull_by_head(name, "codex/issue-1").await?, None);
    let pull = bot.create_pull(name, &wanted).await?;
    assert!(matches!(bot.create_pull(name, &wanted).await, Err(ForgeError::Validation { .. })));
    bot.update_pull(name, pull.number, "Add one note", "Refs #1").await?;
    let found = bot.find_pull_by_head(name, "codex/issue-1").await?.context("pull")?;
    assert_eq!((found.number, found.title.as_str(), found.head_sha), (pull.number, "Add one note", head));
    Ok(())
}

#[tokio::test]
async fn files_are_read_from_the_default_branch() -> Result<()> {
    let Scene { bot, name, world, .. } = &Scene::new().await?;
    let folder = async || bot.folder(name, ".github/workflows", &[".yml", ".yaml"]).await;
    assert_eq!(folder().await?, []);
    let text = "on: push\n# ".to_owned() + &"long ".repeat(100);
    for (file, branch) in [("ci.yml", "main"), ("README.md", "main"), ("other.yml", "elsewhere")] {
        if branch != "main" {
            let main = bot.branch_head(name, "main").await?.context("main")?;
            world
                .api("owner", Method::POST, "/git/refs", &json!({ "ref": "refs/heads/elsewhere", "sha": main }))
                .await?;
        }
        let change = json!({ "message": file, "content": STANDARD.encode(&text), "branch": branch });
        world.api("owner", Method::PUT, &format!("/contents/.github/workflows/{file}"), &change).await?;
    }
    let expected = FileText { path: ".github/workflows/ci.yml".into(), text: Some(text) };
    assert_eq!(folder().await?, [expected]);
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_nobody_took_is_found_with_its_payload() -> Result<()> {
    let scene = Scene::new().await?;
    let Scene { bot, name, world, .. } = &scene;
    let begin = chrono::Utc::now() - chrono::TimeDelta::minutes(1);
    let url = "http://127.0.0.1:9/api/v1/webhooks/github".parse()?;
    let spec = HookSpec { url, secret: "hook secret".into(), events: vec!["issues".into()] };
    let hook = bot.ensure_webhook(name, &spec).await?;
    let number = scene.issue().await?;
    world.deliveries(2).await?;
    let log = bot.deliveries(name, hook, begin, None).await?.context("an unchanged log that nobody knew")?;
    let lost = log.entries.iter().find(|delivery| delivery.event == "issues").context("no delivery of the issue")?;
    assert_ne!(lost.status_code, 202);
    let delivery = bot.delivery(name, hook, lost.id).await?;
    assert_eq!((&delivery.guid, &delivery.payload["issue"]["number"]), (&lost.guid, &json!(number)));
    let later = chrono::Utc::now() + chrono::TimeDelta::minutes(1);
    let entries = async |since, known| Ok(bot.deliveries(name, hook, since, known).await?.map(|log| log.entries.len()));
    let known = log.version.as_deref();
    let unchanged: Result<_> = entries(begin, known).await;
    assert_eq!((known.is_some(), unchanged?), (true, None));
    let again: Result<_> = entries(later, None).await;
    assert_eq!(again?, Some(0));
    scene.issue().await?;
    world.deliveries(3).await?;
    let changed: Result<_> = entries(begin, known).await;
    assert_eq!(changed?, Some(log.entries.len() + 1));
    Ok(())
}

#[tokio::test]
async fn people_are_known_by_their_id() -> Result<()> {
    let Scene { bot, name, world, .. } = &Scene::new().await?;
    for (role, level) in [
        ("owner", RepositoryPermission::Admin),
        ("writer", RepositoryPermission::Write),
        ("reader", RepositoryPermission::Read),
    ] {
        let person = world.person(role)?;
        let id = i64::try_from(person.id)?;
        assert_eq!(bot.permission_of(name, id, &person.login).await?, Some(level), "{role}");
        assert_eq!(bot.permission_of(name, id + 1000, &person.login).await?, None, "{role}");
    }
    Ok(())
}

#[tokio::test]
async fn each_missing_right_is_named_and_no_probe_stays() -> Result<()> {
    let scene = Scene::new().await?;
    let all = json!({ "metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write",
        "repository_hooks": "write", "secrets": "write", "actions_variables": "write", "actions": "read" });
    let checks = scene.acting_with(&all).await?.check_rights(&scene.name).await?;
    let blocking: Vec<_> = checks.iter().filter(|check| check.blocks()).collect();
    assert!(blocking.is_empty(), "{blocking:?}");
    for (right, level, missing) in [
        ("contents", "read", "Contents: read and write"),
        ("issues", "read", "Issues: read and write"),
        ("pull_requests", "read", "Pull requests: read and write"),
        ("repository_hooks", "none", "Webhooks: read"),
        ("secrets", "none", "Secrets: read"),
    ] {
        let mut fewer = all.clone();
        fewer[right] = level.into();
        let checks = scene.acting_with(&fewer).await?.check_rights(&scene.name).await?;
        let seen: Vec<_> = checks.iter().filter(|check| check.state == RightState::Missing).map(|it| it.name).collect();
        assert_eq!(seen, [missing], "without {right}");
    }
    let labels = scene.world.api("owner", Method::GET, "/labels?per_page=100", &Value::Null).await?.to_string();
    let pulls = scene.world.api("owner", Method::GET, "/pulls?state=all", &Value::Null).await?;
    assert!(!labels.contains("codex-k8s-probe"), "{labels}");
    assert_eq!(pulls, json!([]));
    Ok(())
}
