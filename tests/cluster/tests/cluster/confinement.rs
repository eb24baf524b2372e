//! What an agent can reach: the agents listener, and through it only what its run may do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cluster_tests::{Cluster, Host, PLATFORM, Run, Scene, alone, answers, beside, enforcer, playing, said, until};
use k8s_openapi::api::core::v1::{Pod, Service};
use reqwest::Method;
use serde_json::Value;

/// The addresses of the wide world that the node plays for this test: one that is public and one that clouds keep
/// their secrets at. A probe of something that would not answer anybody proves nothing.
const PLAYED: [&str; 2] = ["203.0.113.77", "169.254.169.254"];

#[tokio::test]
async fn nothing_but_the_agents_listener_answers_a_pod() -> Result<()> {
    alone(async |scene| {
        let other = scene.start("Take your time", "scenario: slow").await?;
        let mut targets = platform_targets(&scene.stage.cluster).await?;
        targets.insert("other run's pod".into(), listening(&other).await?);
        for address in PLAYED {
            targets.insert(address.into(), format!("{address}:80").parse()?);
        }
        let hosts = PLAYED.map(|address| (address, 80, Host::Silent));
        playing(&hosts, async |_| only_the_agents_listener_is_open(scene, &targets).await).await
    })
    .await
}

/// Has the run's pod listen, and answers where.
async fn listening(run: &Run<'_>) -> Result<SocketAddr> {
    let name = run.working(1).await?;
    let script = "setsid python3 -m http.server 7777 --bind 0.0.0.0 </dev/null >/dev/null 2>&1 &";
    run.scene.stage.cluster.shell(&run.namespace, &name, script).await?;
    let pod = run.pod().await?.context("the other run has no pod")?;
    let target = format!("{}:7777", address(&pod)?).parse()?;
    until("the other run's listener", Duration::from_secs(10), async || Ok(answers(target).await.then_some(())))
        .await?;
    Ok(target)
}

async fn only_the_agents_listener_is_open(scene: &Scene, targets: &BTreeMap<String, SocketAddr>) -> Result<()> {
    for (name, target) in targets {
        ensure!(answers(*target).await, "{name} ({target}) answers nobody, so nothing is proved");
    }
    let probes = targets.iter().map(|(name, target)| {
        let (ip, port) = (target.ip(), target.port());
        let probe = format!("timeout 2 bash -c 'exec 3<>/dev/tcp/{ip}/{port}' 2>/dev/null");
        format!("{probe} && echo \"{name}=open\" || echo \"{name}=closed\"")
    });
    let names = "getent hosts kubernetes.default.svc.cluster.local && echo names=open || echo names=closed";
    let run = scene.start_script(&probes.chain([names.to_owned()]).collect::<Vec<_>>().join("\n")).await?;
    run.ended().await?;
    let printed = run.printed().await?;
    for name in targets.keys().map(String::as_str).chain(["names"]) {
        let expected = if name == "agents listener" { "open" } else { "closed" };
        ensure!(printed.contains(&format!("{name}={expected}")), "{name} must be {expected}:\n{printed}");
    }
    Ok(())
}

async fn platform_targets(cluster: &Cluster) -> Result<BTreeMap<String, SocketAddr>> {
    let service = async |namespace: &str, name: &str| -> Result<String> {
        let service = cluster.api::<Service>(namespace).get(name).await?;
        service.spec.and_then(|spec| spec.cluster_ip).context("a Service without an address")
    };
    let control_plane = cluster.serving("control-plane").await?.pop().context("no control-plane")?;
    let targets = [
        ("agents listener", format!("{}:8081", service(PLATFORM, "api-gateway-agents").await?)),
        ("canary", format!("{}:8082", service(PLATFORM, "api-gateway-canary").await?)),
        ("integrations listener", format!("{}:8083", service(PLATFORM, "api-gateway-integrations").await?)),
        ("API server", format!("{}:443", service("default", "kubernetes").await?)),
        ("API server on its node", "172.31.255.1:6443".to_owned()),
        ("DNS", format!("{}:53", service("kube-system", "kube-dns").await?)),
        ("Postgres", "172.31.255.1:55432".to_owned()),
        ("GitHub", "172.31.255.1:4000".to_owned()),
        ("model", "172.31.255.1:4100".to_owned()),
        ("control-plane", format!("{}:8080", address(&control_plane)?)),
    ];
    targets.into_iter().map(|(name, target)| Ok((name.to_owned(), target.parse()?))).collect()
}

fn address(pod: &Pod) -> Result<&str> {
    pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).context("a pod without an address")
}

#[tokio::test]
async fn a_runner_whose_way_out_is_open_refuses_to_begin() -> Result<()> {
    alone(async |scene| {
        let run = enforcer(async || {
            let run = scene.start("Note this", "Please.").await?;
            run.ended_as("failed", "egress_open").await?;
            Ok(run)
        })
        .await?;
        ensure!(run.times("agent.started").await? == 0, "the runner fetched its context");
        Ok(())
    })
    .await
}

/// Everything here is refused by the gateway. Each line prints what came of it.
const FORBIDDEN: &str = r#"
git config user.email agent@codex-k8s.test; git config user.name codex
echo x > x.txt; git add x.txt; git commit -q -m x
origin=$(git remote get-url origin)
git push -q origin HEAD:refs/heads/elsewhere; echo "other branch=$?"
git push -q origin :refs/heads/main; echo "deletion=$?"
git push -q "${origin%/*}/another.git" HEAD:$(git branch --show-current); echo "other repository=$?"
git ls-remote "${origin%/*}/another.git"; echo "reading another=$?"
relay=$HTTPS_PROXY
curl -s -o /dev/null -w 'put=%{http_code}\n' -X PUT -d '{}' --noproxy '*' "$relay/registry/npm/left-pad"
curl -s -o /dev/null -w 'ungranted=%{http_connect}\n' https://example.com/
curl -s -o /dev/null -w 'literal=%{http_connect}\n' https://93.184.215.14/
curl -s -o /dev/null -w 'plain=%{http_code}\n' http://example.com/
ask() { curl -s -o /dev/null -w "$1=%{http_code}\n" --noproxy '*' -H 'content-type: application/json' -d "$2" "$relay/model/v1/responses"; }
ask hosted '{"model":"gpt-5.5","stream":true,"store":false,"input":"hi","tools":[{"type":"web_search"}]}'
ask earlier '{"model":"gpt-5.5","stream":true,"store":false,"input":"hi","previous_response_id":"resp_1"}'
ask link '{"model":"gpt-5.5","stream":true,"store":false,"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://example.com/x.png"}]}]}'
"#;

#[tokio::test]
async fn what_a_run_may_not_do_is_refused_and_shown() -> Result<()> {
    beside(async |scene| {
        let run = scene.start_script(FORBIDDEN.trim()).await?;
        run.ended().await?;
        let printed = run.printed().await?;
        for (what, allowed) in [
            ("other branch", "0"),
            ("deletion", "0"),
            ("other repository", "0"),
            ("reading another", "0"),
            ("put", "200"),
            ("hosted", "200"),
            ("earlier", "200"),
            ("link", "200"),
        ] {
            let answer = said(&printed, what)?;
            ensure!(answer != allowed && answer != "000", "{what} is let through ({answer}):\n{printed}");
        }
        for what in ["ungranted", "literal", "plain"] {
            ensure!(said(&printed, what)? == "403", "{what}:\n{printed}");
        }
        let flows = run.timeline().await?;
        let shown = |kind: &str| flows.iter().filter(|flow| flow["kind"] == kind).count();
        ensure!(shown("git.refused") >= 2, "pushes on the run's page: {flows:?}");
        ensure!(shown("egress.refused") >= 3, "hosts on the run's page: {flows:?}");
        ensure!(shown("model.refused") >= 3, "model calls on the run's page: {flows:?}");
        let run_branch = run.view().await?["branch"].as_str().unwrap_or_default().to_owned();
        ensure!(branches(scene).await? == [run_branch, "main".into()], "{:?}", branches(scene).await?);
        Ok(())
    })
    .await
}

async fn branches(scene: &Scene) -> Result<Vec<String>> {
    let list = scene.world.api("owner", Method::GET, "/branches", &Value::Null).await?;
    let names = list.as_array().context("no branches")?.iter();
    Ok(names.map(|branch| branch["name"].as_str().unwrap_or_default().to_owned()).collect())
}

/// A plan is written in documents; the agent begins with the code as well.
const TOO_EARLY: &str = "echo '# Plan' > plan.md; echo 'fn main() {}' > main.rs; git add .; git commit -q -m Plan";

#[tokio::test]
async fn a_plan_becomes_a_pull_request_of_documents_and_no_code_reaches_anybody() -> Result<()> {
    beside(async |scene| {
        let early =
            scene.start_stage("plan", "Plan it", &format!("scenario: shell\n\n```sh\n{TOO_EARLY}\n```\n")).await?;
        let seen = early.ended_as("failed", "write_scope").await?;
        ensure!(seen["reason_detail"].as_str().is_some_and(|detail| detail.contains("main.rs")), "{seen}");
        ensure!(branches(scene).await? == ["main"], "{:?}", branches(scene).await?);
        let plan = scene.start_stage("plan", "Say who the greeting is for", "The greeting takes a name.").await?;
        let seen = plan.handed_in().await?;
        ensure!(seen["role"] == "em" && seen["stage"] == "plan", "{seen}");
        let files = scene.world.pull_files(seen["pr_number"].as_u64().context("no pull request")?).await?;
        ensure!(!files.is_empty() && files.iter().all(|file| file.ends_with(".md")), "{files:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_change_of_workflows_reaches_nobody() -> Result<()> {
    beside(async |scene| {
        let run = scene.start("Add a workflow", "scenario: workflow-change").await?;
        run.ended_as("failed", "write_scope").await?;
        ensure!(branches(scene).await? == ["main"], "{:?}", branches(scene).await?);
        ensure!(scene.world.pulls().await?.is_empty(), "a pull request was opened");
        until("the comment on the end", Duration::from_secs(20), async || {
            Ok(scene.world.comments(run.issue).await?.iter().any(|text| text.contains("write_scope")).then_some(()))
        })
        .await?;
        Ok(())
    })
    .await
}
