//! The runner of one launch; how it ended is its exit code (see `agent_runner::exit`).

use std::process::ExitCode;

use agent_runner::{config, exit::Exit, redact::Redact, run};
use runtime::{env::Reader, shutdown, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let read = config::Config::read(Reader::from_process(), config::api_server());
    let started = read.and_then(|config| {
        let redact = Redact::new(config.run, &config.token);
        runtime::redact::set(Box::new(move |text| redact.secrets(text).into_owned()));
        Ok((telemetry::start("agent-runner", &config.telemetry)?, config))
    });
    let (telemetry, config) = match started {
        Ok(started) => started,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(Exit::BadConfiguration.into());
        }
    };
    let exit = run::run(config, &shutdown::token()?).await;
    telemetry.finish().await;
    Ok(exit.into())
}
