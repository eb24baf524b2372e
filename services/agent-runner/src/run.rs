//! One launch from beginning to end: prove, fetch, clone, let codex work, push, report. Whatever happens,
//! session and working tree are saved and nothing the agent started is left.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use contract::agent::{BeatPhase, LastWord, RunContext, RunContextWork, RunResultReason};
use runtime::correlation::Correlation;
use sha2::{Digest, Sha256};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use vault::Decoy;

use crate::{
    agent_env::{Environment, Paths},
    api::{ApiError, RunApi},
    beat, children,
    codex::Ended,
    codex_config,
    config::Config,
    egress::{self, Verdict},
    exit::Exit,
    feed::{self, Feed},
    git::Git,
    keeper::{Keeper, Progress},
    publish::{head, publish},
    redact::Redact,
    relay::Relay,
    report::{self, Done, Failure},
    session::Session,
    stop::{Cause, Stop},
    work::Desk,
    worktree::Worktree,
};

/// After SIGTERM the pod has 8 s, and the session must be safe within 4; ending processes takes up to 0.4 s of them.
const SAVE_LIMIT: Duration = Duration::from_millis(3200);
/// At a normal end there is no hurry: the last events and the session may wait for a gateway that is being replaced.
const FLUSH_LIMIT: Duration = Duration::from_secs(90);

/// What the parts of a launch share.
struct Launch {
    config: Config,
    api: RunApi,
    feed: Feed,
    redact: Arc<Redact>,
    phase: watch::Sender<BeatPhase>,
    checkout: watch::Sender<Option<Git>>,
    progress: watch::Sender<Progress>,
}

/// Tasks that go on beside the work, to the end of the launch.
struct Beside {
    uploader: JoinHandle<anyhow::Result<()>>,
    keeper: JoinHandle<Keeper>,
    keeper_stop: CancellationToken,
}

/// Runs the launch until it is done or `signal` comes.
pub async fn run(config: Config, signal: &CancellationToken) -> Exit {
    let correlation = config.correlation.map_or_else(Correlation::fresh, Correlation::of);
    match correlation.scope(begin(config, signal, correlation)).await {
        Ok(exit) => exit,
        Err(error) => {
            tracing::error!(?error, "the launch ended without a result");
            Exit::Unexpected
        }
    }
}

async fn begin(config: Config, signal: &CancellationToken, correlation: Correlation) -> anyhow::Result<Exit> {
    children::prepare().context("preparing the process")?;
    let stop = Stop::new(signal);
    let api =
        RunApi::new(config.gateway.clone(), config.token.clone(), correlation).context("making the HTTP client")?;
    let redact = Arc::new(Redact::new(config.run, &config.token));
    let (feed, uploader, last_words) = feed::new(Arc::clone(&redact));
    let (phase, phases) = watch::channel(BeatPhase::Checking);
    let (checkout, checkouts) = watch::channel(None);
    let (progress, steps) = watch::channel(Progress::default());
    let paths = Paths::under(&config.workspace);
    let session = Session::new(api.clone(), paths.codex_home, Arc::clone(&redact));
    let worktree = Worktree::new(api.clone(), feed.clone(), checkouts, paths.exchange.join("worktree"));
    let keeper = Keeper::new(steps, session, worktree);
    let keeper_stop = CancellationToken::new();
    let beside = Beside {
        uploader: tokio::spawn(uploader.run(api.clone())),
        keeper: tokio::spawn(keeper.run(keeper_stop.clone())),
        keeper_stop,
    };
    tokio::spawn(beat::run(api.clone(), phases, last_words, stop.clone()));
    let launch = Launch { config, api, feed, redact, phase, checkout, progress };
    tokio::select! {
        biased;
        cause = stop.wait() => Ok(wind_down(launch, beside, cause).await),
        worked = work(&launch, stop.token()) => finish(launch, beside, worked, &stop).await,
    }
}

/// Everything up to the push; who only looks or talks pushes nothing. The last word is there whenever codex gave one.
async fn work(launch: &Launch, stop: CancellationToken) -> (Result<Done, Failure>, Option<LastWord>) {
    let mut last_word = None;
    let worked = work_through(launch, stop, &mut last_word).await;
    (worked, last_word)
}

async fn work_through(
    launch: &Launch,
    stop: CancellationToken,
    last_word: &mut Option<LastWord>,
) -> Result<Done, Failure> {
    let infra = |error: anyhow::Error| Failure::infra(&error);
    prove_closed(launch).await?;
    let context = fetch_context(launch).await.map_err(infra)?;

    launch.phase.send_replace(BeatPhase::Cloning);
    let paths = Paths::under(&launch.config.workspace);
    let listener = TcpListener::bind(launch.config.relay).await.context("opening the relay").map_err(infra)?;
    let relay_at = listener.local_addr().context("opening the relay").map_err(infra)?;
    let relay = Relay::new(&launch.config.gateway, launch.config.run, &launch.config.token).map_err(infra)?;
    tokio::spawn(Arc::new(relay).serve(listener, stop));
    let decoy = Decoy::parse(context.decoy.expose()).context("the run's decoy has another form").map_err(infra)?;
    paths.prepare(relay_at, &decoy).context("preparing the workspace").map_err(infra)?;
    let environment = Environment::new(std::env::vars_os(), &paths, relay_at, &launch.config.gateway);
    let remote = format!("http://{relay_at}/git/{}.git", context.repository);
    let desk = Desk {
        api: &launch.api,
        feed: &launch.feed,
        program: &launch.config.codex,
        paths: &paths,
        environment: &environment,
        remote: &remote,
        context: &context,
        checkout: &launch.checkout,
        progress: &launch.progress,
    };
    let git = desk.check_out().await.map_err(infra)?;
    launch.feed.step(format!("Cloned {}, on branch {}", context.repository, context.branch)).await;

    launch.phase.send_replace(BeatPhase::Working);
    let files = codex_config::write(&paths, relay_at, &context).map_err(infra)?;
    launch.feed.step(format!("Starting codex with {}", context.model)).await;
    let (ended, git) = desk.work(git, &files).await.map_err(infra)?;
    *last_word = report::read_last_word(&files.last_message);
    if let Ended::Badly(reason) | Ended::Unbegun(reason) = ended {
        return Err(Failure::of_codex(reason));
    }

    if launch.api.waits().await.context("asking whether people were asked").map_err(infra)? {
        launch.feed.step("Waiting for people to answer").await;
        return Ok(Done::Waits);
    }
    if context.work != RunContextWork::Work {
        return Ok(Done::At(head(&git).await?));
    }
    launch.phase.send_replace(BeatPhase::Pushing);
    let title = last_word.as_ref().and_then(|word| word.pr_title.as_deref());
    let head = publish(&git, &context, title).await?;
    launch.feed.step(format!("Pushed {head} to {}", context.branch)).await;
    Ok(Done::At(head))
}

async fn prove_closed(launch: &Launch) -> Result<(), Failure> {
    let Config { probes, egress_wait, .. } = &launch.config;
    match egress::wait_until_closed(probes, async || launch.api.gateway_answers().await, *egress_wait).await {
        Verdict::Closed => {
            launch.feed.step("Direct egress is closed").await;
            Ok(())
        }
        Verdict::Open(open) => {
            let open = open.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let detail = format!("the pod could reach {open} directly, {} s after its start", egress_wait.as_secs());
            Err(Failure { reason: RunResultReason::EgressOpen, detail })
        }
        Verdict::GatewaySilent => {
            Err(Failure::infra(&anyhow::anyhow!("the gateway did not answer for {} s", egress_wait.as_secs())))
        }
    }
}

async fn fetch_context(launch: &Launch) -> anyhow::Result<RunContext> {
    let context = launch.api.context().await.context("fetching the run's context")?;
    anyhow::ensure!(context.run_id == launch.config.run, "the token is of another run: {}", context.run_id);
    let digest = hex::encode(Sha256::digest(context.prompt.as_bytes()));
    anyhow::ensure!(digest == context.prompt_sha256, "the prompt is not the one that was recorded");
    Ok(context)
}

/// The end of the work: everything is stored before the result is, because the result ends the run.
async fn finish(
    launch: Launch,
    beside: Beside,
    (worked, last_word): (Result<Done, Failure>, Option<LastWord>),
    stop: &Stop,
) -> anyhow::Result<Exit> {
    // What the keeper has started would be ended with the agent's processes.
    beside.keeper_stop.cancel();
    children::end_all().await;
    launch.phase.send_replace(BeatPhase::Reporting);
    let result = report::result(&worked, last_word, &launch.redact);
    let Launch { api, feed, .. } = launch;
    if let Err(Failure { reason, detail }) = &worked {
        tracing::warn!(%reason, detail, "the run failed");
    }
    drop(feed);
    // A stop that comes now leaves as little time as any other.
    let hurry = async {
        stop.wait().await;
        sleep(SAVE_LIMIT).await;
    };
    save(beside, async {
        tokio::select! { () = sleep(FLUSH_LIMIT) => {}, () = hurry => {} }
    })
    .await;
    match api.report(&result).await {
        Ok(()) => Ok(worked.map_or_else(|failure| Exit::failed(failure.reason), |_| Exit::Succeeded)),
        Err(ApiError::Revoked(_)) => Ok(Exit::Revoked),
        Err(error) => Err(error).context("reporting the result"),
    }
}

/// The end before the work is done. The work was dropped, and codex with it.
async fn wind_down(launch: Launch, beside: Beside, cause: Cause) -> Exit {
    tracing::info!(?cause, "stopping");
    beside.keeper_stop.cancel();
    children::end_all().await;
    if cause == Cause::Revoked {
        return Exit::Revoked;
    }
    let said = match cause {
        Cause::Order => "Stopped by the platform",
        Cause::Signal | Cause::Revoked => "Stopped: the pod ends",
    };
    // The channel may be full behind a gateway that is gone; then the session matters more than this line.
    let _ = timeout(Duration::from_millis(100), launch.feed.step(said)).await;
    drop(launch.feed);
    save(beside, sleep(SAVE_LIMIT)).await;
    Exit::Stopped
}

/// Stores the events that are left, the session and the working tree, until `deadline`.
async fn save(beside: Beside, deadline: impl Future<Output = ()>) {
    let kept = async { beside.keeper.await?.keep().await };
    let events = async { beside.uploader.await?.context("storing the last events") };
    tokio::select! {
        () = deadline => tracing::error!("session, working tree or last events were not saved in time"),
        saved = async { tokio::join!(kept, events) } => {
            for error in [saved.0.err(), saved.1.err()].into_iter().flatten() {
                tracing::error!(?error, "not everything was saved");
            }
        }
    }
}
