//! The ways out that a run does have: hosts granted to its project, and packages. What leads inside by them is refused.
//!
//! The names are the stack's own (`deploy/dev/cluster/coredns.yaml`); the hosts behind them are played on 203.0.113.0/24,
//! which the gateway of the stack may dial.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use cluster_tests::{Host, Played, Run, Scene, alone, beside, playing, said, until, with_gateway};
use reqwest::Method;
use serde_json::{Value, json};

/// What `granted.test` stands for.
const GRANTED: &str = "203.0.113.77";
/// What `registry.test` stands for.
const REGISTRY: &str = "203.0.113.78";

/// Opens a tunnel as a tool does, says nothing, and tells when the gateway cut it.
const HOLD: &str = r"
import os, socket, time, urllib.parse
relay = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])
tunnel = socket.create_connection((relay.hostname, relay.port))
tunnel.sendall(b'CONNECT granted.test:443 HTTP/1.1\r\nHost: granted.test:443\r\n\r\n')
print('tunnel=' + tunnel.recv(4096).split()[1].decode())
tunnel.settimeout(40)
try:
    print('rest=%d' % len(tunnel.recv(1)))
    print('cut=%f' % time.time())
except ConnectionError:
    print('cut=%f' % time.time())
except TimeoutError:
    print('cut=never')
";

#[tokio::test]
async fn a_granted_host_is_reached_until_the_grant_is_withdrawn() -> Result<()> {
    alone(async |scene| playing(&[(GRANTED, 443, Host::Tls)], async |_| reached_while_granted(scene).await).await).await
}

async fn reached_while_granted(scene: &Scene) -> Result<()> {
    let grant = granted(scene, "granted.test").await?;
    let ask =
        |what| format!("curl -sk -o /dev/null -w '{what}=%{{http_connect}} %{{http_code}}\\n' https://granted.test/");
    let script = [ask("before"), format!("python3 -c \"{HOLD}\""), ask("after")].join("\n");
    let run = scene.start_script(&script).await?;
    until("the second tunnel", Duration::from_secs(60), async || {
        Ok((run.times("egress.opened").await? == 2).then_some(()))
    })
    .await?;
    let withdrawn = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let path = format!("egress-grants/{grant}");
    scene.owner.call(Method::DELETE, &path, &Value::Null).await?.ok()?;
    run.ended().await?;
    let printed = run.printed().await?;
    ensure!(said(&printed, "before")? == "200 200", "{printed}");
    ensure!(said(&printed, "tunnel")? == "200", "{printed}");
    ensure!(said(&printed, "after")? == "403 000", "{printed}");
    let cut: f64 = said(&printed, "cut")?.parse().with_context(|| printed.clone())?;
    let lasted = cut - withdrawn.as_secs_f64();
    println!("the tunnel was cut {lasted:.1} s after the grant was withdrawn");
    ensure!((0.0..5.0).contains(&lasted), "the tunnel lasted {lasted} s");
    let reasons = refused(&run, "granted.test").await?;
    ensure!(reasons.len() == 1 && reasons[0].contains("no grant"), "{reasons:?}");
    Ok(())
}

/// Tries a host until it answers `$2`, and prints what the last try came to.
const UNTIL: &str = "until_it() {
  for _ in $(seq 60); do
    code=$(curl -sk -o /dev/null -w '%{http_connect}' https://granted.test/)
    [ \"$code\" = \"$2\" ] && break
    sleep 1
  done
  echo \"$1=$code\"
}";

#[tokio::test]
async fn a_refused_host_is_asked_about_and_opens_for_the_role_until_that_is_withdrawn() -> Result<()> {
    beside(async |scene| playing(&[(GRANTED, 443, Host::Tls)], async |_| opened_for_a_role(scene).await).await).await
}

async fn opened_for_a_role(scene: &Scene) -> Result<()> {
    let run = scene.start_script(&format!("{UNTIL}\nuntil_it opened 200\nuntil_it closed 403")).await?;
    let asked = until("the card", Duration::from_secs(60), async || {
        let path = format!("egress-requests?state=open&run_id={}", run.id);
        Ok(scene.owner.get(&path).await?["items"].as_array().and_then(|cards| cards.first().cloned()))
    });
    let (card, _) = asked.await?;
    ensure!(card["host"] == "granted.test" && card["role"] == "dev", "{card}");
    let path = format!("egress-requests/{}/decision", card["id"].as_str().context("a card without an id")?);
    scene.owner.post(&path, &json!({ "decision": "role" })).await?;
    until("the tunnel", Duration::from_secs(60), async || Ok((run.times("egress.closed").await? > 0).then_some(())))
        .await?;

    let other = scene.start_stage("qa", "Run a script", &format!("scenario: shell\n\n```sh\n{OTHER}\n```\n")).await?;
    other.ended().await?;
    ensure!(said(&other.printed().await?, "other")? == "403", "another role reached it");
    let listed = scene.owner.get(&format!("projects/{}/egress-grants", scene.project)).await?;
    let grant = &listed["items"][0];
    ensure!(grant["role"] == "dev" && grant["tunnels"].as_i64() > Some(0), "{grant}");
    ensure!(grant["bytes_received"].as_i64() > Some(0) && grant["used_at"].is_string(), "{grant}");
    let path = format!("egress-grants/{}", grant["id"].as_str().context("a grant without an id")?);
    scene.owner.call(Method::DELETE, &path, &Value::Null).await?.ok()?;
    run.ended().await?;
    let printed = run.printed().await?;
    ensure!(said(&printed, "opened")? == "200" && said(&printed, "closed")? == "403", "{printed}");
    Ok(())
}

/// One try of another run.
const OTHER: &str = "curl -sk -o /dev/null -w 'other=%{http_connect}\\n' https://granted.test/";

/// Lets the project's agents reach a host; answers the grant's id.
async fn granted(scene: &Scene, host: &str) -> Result<String> {
    let path = format!("projects/{}/egress-grants", scene.project);
    let grant = scene.owner.post(&path, &json!({ "host": host })).await?;
    grant["id"].as_str().map(str::to_owned).context("a grant without an id")
}

/// Why the run's page says that this target, or one below it, was refused. The gateway tells it beside its answer, and
/// again when the control-plane was too busy to hear: it may come after the run's end.
async fn refused(run: &Run<'_>, target: &str) -> Result<Vec<String>> {
    let told = until("the refusal on the run's page", Duration::from_secs(30), async || {
        let flows = run.timeline().await?;
        let about = flows.iter().filter(|flow| {
            let tried = flow["data"]["target"].as_str().unwrap_or_default();
            flow["kind"] == "egress.refused" && tried.starts_with(target)
        });
        let reasons = about.map(|flow| flow["data"]["reason"].as_str().unwrap_or_default().to_owned());
        Ok(Some(reasons.collect::<Vec<_>>()).filter(|reasons| !reasons.is_empty()))
    });
    Ok(told.await.with_context(|| target.to_owned())?.0)
}

/// Granted names that lead inside, and what the run's page says of each.
const INSIDE: [(&str, &str); 3] = [
    ("private.test", "10.96.0.1, which is private"),
    ("loopback.test", "127.0.0.1, which is loopback"),
    ("metadata.test", "169.254.169.254, which is link-local"),
];

#[tokio::test]
async fn a_granted_name_that_leads_inside_is_refused() -> Result<()> {
    beside(async |scene| {
        let mut script = Vec::new();
        for (name, _) in INSIDE {
            granted(scene, name).await?;
            script.push(format!("curl -sk -o /dev/null -w '{name}=%{{http_connect}}\\n' https://{name}/"));
        }
        let run = scene.start_script(&script.join("\n")).await?;
        run.ended().await?;
        let printed = run.printed().await?;
        for (name, reason) in INSIDE {
            ensure!(said(&printed, name)? == "403", "{name}:\n{printed}");
            let reasons = refused(&run, &format!("{name}:443")).await?;
            ensure!(reasons.len() == 1 && reasons[0].contains(reason), "{name}: {reasons:?}");
        }
        ensure!(run.times("egress.opened").await? == 0, "a tunnel was opened");
        Ok(())
    })
    .await
}

/// A file of each registry that will be there for ever.
const PACKAGES: [(&str, &str); 4] = [
    ("npm", "left-pad"),
    ("pypi", "simple/six/"),
    ("crates", "index/he/x-/hex-literal"),
    ("go", "golang.org/x/text/@v/v0.3.0.info"),
];

/// A package manager as the runner set it up, with nothing further said to it.
const PIP: &str = "python3 -m pip download -q --no-deps --no-cache-dir -d /tmp/six six==1.16.0; echo \"pip=$?\"
unzip() { python3 -m zipfile -l \"$1\" | grep -c six.py; }
echo \"wheel=$(unzip /tmp/six/six-1.16.0-py2.py3-none-any.whl)\"";

#[tokio::test]
async fn packages_are_read_through_the_gateway() -> Result<()> {
    beside(async |scene| packages_are_read(scene).await).await
}

async fn packages_are_read(scene: &Scene) -> Result<()> {
    let ask = |what: &str, path: &str, flag: &str| {
        let url = format!("$HTTPS_PROXY/registry/{path}");
        format!("curl -s {flag} -o /dev/null -w '{what}=%{{http_code}} %{{size_download}}\\n' --noproxy '*' {url}")
    };
    let mut script = Vec::new();
    for (ecosystem, path) in PACKAGES {
        let path = format!("{ecosystem}/{path}");
        script.push(ask(&format!("{ecosystem} GET"), &path, ""));
        script.push(ask(&format!("{ecosystem} HEAD"), &path, "-I"));
    }
    script.push(PIP.to_owned());
    let run = scene.start_script(&script.join("\n")).await?;
    run.ended().await?;
    let printed = run.printed().await?;
    for (ecosystem, _) in PACKAGES {
        let got = said(&printed, &format!("{ecosystem} GET"))?;
        ensure!(got.starts_with("200 ") && got != "200 0", "{ecosystem}:\n{printed}");
        ensure!(said(&printed, &format!("{ecosystem} HEAD"))? == "200 0", "{ecosystem}:\n{printed}");
    }
    ensure!(said(&printed, "pip")? == "0" && said(&printed, "wheel")? == "1", "{printed}");
    ensure!(run.times("egress.refused").await? == 0, "{:?}", run.timeline().await?);
    Ok(())
}

/// Where a registry that was taken over may want to lead the gateway: to what would answer it.
const LED_TO: [(&str, &str); 3] = [
    ("metadata", "http://169.254.169.254:443/latest/meta-data/"),
    ("loopback", "http://127.0.0.1:9090/metrics"),
    ("service", "https://10.96.0.1/api"),
];

/// The registry's answer to `/crates/<name>/…`.
fn led_to(path: &str) -> String {
    let name = path.split('/').nth(2).unwrap_or_default();
    LED_TO.iter().find(|(known, _)| *known == name).map_or("/", |(_, address)| address).to_owned()
}

#[tokio::test]
async fn a_registry_cannot_lead_the_gateway_inside() -> Result<()> {
    let hosts = [(REGISTRY, 443, Host::Redirects(led_to)), ("169.254.169.254", 443, Host::Silent)];
    let registries = [
        ("REGISTRY_CRATES_FILES_URL", "http://registry.test:443/"),
        // Its name itself leads inside.
        ("REGISTRY_PYPI_FILES_URL", "http://metadata.test:443/"),
    ];
    alone(async |scene| {
        playing(&hosts, async |played| {
            with_gateway(&scene.stage.cluster, &registries, async || nothing_inside_is_asked(scene, played).await).await
        })
        .await
    })
    .await
}

async fn nothing_inside_is_asked(scene: &Scene, played: &[Played]) -> Result<()> {
    let ask = |what: &str, path: &str| {
        let url = format!("$HTTPS_PROXY/registry/{path}");
        format!("curl -s -o /dev/null -w '{what}=%{{http_code}}\\n' --noproxy '*' {url}")
    };
    let mut script: Vec<_> =
        LED_TO.iter().map(|(name, _)| ask(name, &format!("crates/dl/{name}/1.0.0/download"))).collect();
    script.push(ask("rebound", "pypi/files/packages/a/six.whl"));
    let run = scene.start_script(&script.join("\n")).await?;
    run.ended().await?;
    let printed = run.printed().await?;
    for (name, address) in LED_TO {
        ensure!(said(&printed, name)? == "403", "{name}:\n{printed}");
        let host = reqwest::Url::parse(address)?.host_str().context("an address without a host")?.to_owned();
        let reasons = refused(&run, &format!("/registry/crates/dl/{name}/")).await?;
        ensure!(reasons.len() == 1 && reasons[0].contains(&host), "{name}: {reasons:?}");
    }
    ensure!(said(&printed, "rebound")? == "502", "{printed}");
    let [registry, metadata] = played else { anyhow::bail!("two hosts were to be played") };
    ensure!(registry.asked().len() == LED_TO.len(), "the registry was asked {:?}", registry.asked());
    ensure!(metadata.asked().is_empty(), "the metadata address was asked {:?}", metadata.asked());
    Ok(())
}
