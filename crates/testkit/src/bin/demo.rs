//! What a new owner does first, through the same API and pages: signs in, connects the sample repository, opens an issue,
//! labels it, and follows the run until its pull request is there. What is there already is used.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{console::Console, github::Front};

/// How long the run may take, its start included.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Parser)]
#[command(about = "Turns a labelled issue into a pull request on a running platform, and shows how.")]
struct Cli {
    /// The platform's public URL.
    #[arg(long)]
    console: String,
    /// GitHub's stand-in.
    #[arg(long)]
    github: String,
    /// Who does it: a login of the stand-in's seed.
    #[arg(long, default_value = "olga")]
    login: String,
    /// That person's token, for the issue.
    #[arg(long, default_value = "dev-token-olga")]
    token: String,
    /// The platform's bot's token, for the connection.
    #[arg(long, default_value = "dev-token-codex-k8s-bot")]
    bot_token: String,
    /// The repository.
    #[arg(long, default_value = "acme/sample")]
    repository: String,
}

/// A person at work: in the console, and on GitHub.
struct Owner {
    cli: Cli,
    front: Front,
    console: Console,
}

#[tokio::main]
async fn main() -> ExitCode {
    match play(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn play(cli: Cli) -> Result<()> {
    let front = Front::at(&cli.github)?;
    let console = Console::sign_in(&cli.console, &front, &cli.login).await.context("sign in")?;
    let owner = Owner { cli, front, console };
    say(&format!("signed in at {} as {}", owner.cli.console, owner.cli.login));
    let repository = owner.connected_repository().await.context("connect the repository")?;
    let issue = owner.issue().await.context("open an issue")?;
    // A stand-in that was set up anew counts from 1 again, and the platform remembers.
    let earlier = owner.runs(&repository, issue).await?.len();
    owner.label(issue).await.context("label the issue")?;
    let work = owner.follow_run(&repository, issue, earlier);
    let run = tokio::time::timeout(PATIENCE, work).await.context("the run takes too long")??;
    owner.show(&run).await
}

impl Owner {
    /// Project `sample` with the repository in it; answers the repository's id.
    async fn connected_repository(&self) -> Result<String> {
        let project = match find(&self.console.get("projects?limit=200").await?, "slug", "sample") {
            Some(project) => project,
            None => {
                let made = self.console.post("projects", &json!({"slug": "sample", "name": "Sample"})).await?;
                say("created the project sample");
                made
            }
        };
        let path = format!("projects/{}/repositories", text(&project, "id")?);
        let connected = find(&self.console.get(&path).await?, "full_name", &self.cli.repository);
        let repository = match connected.filter(|found| found["state"] != "disconnected") {
            // GitHub may have been set up anew since: its webhook and labels are put back where they are missing.
            Some(found) => {
                let path = format!("repositories/{}/check", text(&found, "id")?);
                self.console.post(&path, &Value::Null).await?
            }
            None => {
                let wanted = json!({"full_name": self.cli.repository, "token": self.cli.bot_token});
                let made = self.console.post(&path, &wanted).await?;
                say(&format!("connected {}", self.cli.repository));
                made
            }
        };
        ensure!(repository["state"] == "connected", "{}: {}", self.cli.repository, repository["checks"]);
        text(&repository, "id")
    }

    async fn issue(&self) -> Result<i64> {
        let issue = json!({
            "title": "Say who the greeting is for",
            "body": "The README should mention that the greeting takes a name.",
        });
        let path = format!("/repos/{}/issues", self.cli.repository);
        let made = self.front.api(Method::POST, &path, &self.cli.token, &issue).await?;
        say(&format!("opened {}", text(&made, "html_url")?));
        made["number"].as_i64().context("an issue without a number")
    }

    /// Puts the label on that starts a developer's run.
    async fn label(&self, issue: i64) -> Result<()> {
        let path = format!("/repos/{}/issues/{issue}/labels", self.cli.repository);
        self.front.api(Method::POST, &path, &self.cli.token, &json!({"labels": ["run:dev"]})).await?;
        say("labelled it run:dev");
        Ok(())
    }

    /// The issue's runs, newest first.
    async fn runs(&self, repository: &str, issue: i64) -> Result<Vec<Value>> {
        let runs = self.console.get(&format!("runs?repository_id={repository}&q={issue}&limit=200")).await?;
        let runs = runs["items"].as_array().cloned().unwrap_or_default();
        Ok(runs.into_iter().filter(|run| run["subject_number"] == issue).collect())
    }

    /// Finds the issue's run and shows it live until its work is there, or it is over.
    async fn follow_run(&self, repository: &str, issue: i64, earlier: usize) -> Result<Value> {
        let mut run = self.started_run(repository, issue, earlier).await?;
        let path = format!("runs/{}", text(&run, "id")?);
        say(&format!("run {}/runs/{}", self.cli.console, text(&run, "id")?));
        let mut screen = Screen::default();
        let mut last_id = String::new();
        while is_at_work(&run) {
            let after = (!last_id.is_empty()).then_some(last_id.as_str());
            let stream = self.console.stream(&format!("{path}/stream"), after).await?;
            let mut events = Box::pin(stream.bytes_stream().eventsource());
            while let Some(event) = events.next().await {
                // A broken stream is opened again where it ended.
                let Ok(event) = event else { break };
                let data: Value = serde_json::from_str(&event.data).context("an event that is no JSON")?;
                if !event.id.is_empty() {
                    last_id = event.id;
                }
                screen.show(&event.event, &data);
                if event.event == "run" && !is_at_work(&data) {
                    break;
                }
            }
            run = self.console.get(&path).await?;
        }
        Ok(run)
    }

    async fn started_run(&self, repository: &str, issue: i64, earlier: usize) -> Result<Value> {
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        for _ in 0..60 {
            ticks.tick().await;
            let mut runs = self.runs(repository, issue).await?;
            if runs.len() > earlier {
                return Ok(runs.swap_remove(0));
            }
        }
        let path = format!("deliveries?repository_id={repository}&subject_number={issue}");
        let deliveries = self.console.get(&path).await?;
        bail!("no run started for #{issue}; its deliveries: {}", deliveries["items"])
    }

    /// Where the pull request is, and what it changes.
    async fn show(&self, run: &Value) -> Result<()> {
        let (Some(url), Some(number)) = (run["pr_url"].as_str(), run["pr_number"].as_i64()) else {
            bail!("the run ended {} ({}): {}", run["status"], run["reason"], run["reason_detail"]);
        };
        say(&format!("pull request: {url}"));
        let path = format!("/repos/{}/pulls/{number}/files", self.cli.repository);
        let files = self.front.api(Method::GET, &path, &self.cli.token, &Value::Null).await?;
        let files = files.as_array().filter(|files| !files.is_empty()).context("the pull request changes nothing")?;
        let count = |file: &Value, field: &str| file[field].as_i64().unwrap_or_default();
        for file in files {
            let (added, removed) = (count(file, "additions"), count(file, "deletions"));
            println!("     {:<50} +{added} -{removed}", file["filename"].as_str().unwrap_or_default());
        }
        Ok(())
    }
}

/// Neither over nor waiting for its owner.
fn is_at_work(run: &Value) -> bool {
    run["finished_at"].is_null() && run["status"] != "waiting_owner_review"
}

/// Shows a run as lines: what happened to it, and what the agent says.
#[derive(Default)]
struct Screen {
    status: String,
    flows: BTreeSet<i64>,
}

impl Screen {
    fn show(&mut self, event: &str, data: &Value) {
        let field = |name: &str| data[name].as_str().unwrap_or_default();
        match event {
            "run" if self.status != field("status") => {
                field("status").clone_into(&mut self.status);
                say(&format!("status {}", self.status));
            }
            "flow" if self.flows.insert(data["seq"].as_i64().unwrap_or_default()) => {
                say(&format!("{} ({})", field("kind"), field("actor")));
            }
            "event" => {
                for line in field("text").lines() {
                    println!("     {:<9} {line}", field("kind"));
                }
            }
            _ => {}
        }
    }
}

/// The item of a list whose field has this value.
fn find(list: &Value, field: &str, value: &str) -> Option<Value> {
    list["items"].as_array()?.iter().find(|item| item[field] == value).cloned()
}

fn text(value: &Value, field: &str) -> Result<String> {
    value[field].as_str().map(str::to_owned).with_context(|| format!("no {field} in {value}"))
}

fn say(line: &str) {
    if std::io::stdout().is_terminal() {
        println!("   \u{1b}[36m::\u{1b}[0m {line}");
    } else {
        println!("   :: {line}");
    }
    // The line is wanted now, also in a pipe; a closed one shows at the next write.
    let _ = std::io::stdout().flush();
}
