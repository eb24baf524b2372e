//! GitHub's stand-in, one for all stories of this program: starting it takes a second, a world in it a moment.

use std::sync::OnceLock;
use std::thread;

use anyhow::{Context, Result};
use testkit::github::{Front, Options, start};
use tokio::sync::OnceCell;

static BASE_URL: OnceCell<String> = OnceCell::const_new();
/// Repositories of the stand-in; kept until the program ends.
static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();

/// The stand-in, started by whoever asks first. It lives on a thread of its own, because the runtime of the test that
/// started it ends with that test.
pub(crate) async fn front() -> Result<Front> {
    let url = BASE_URL.get_or_try_init(start_on_a_thread).await?;
    Front::at(url)
}

async fn start_on_a_thread() -> Result<String> {
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap_or_else(|error| unreachable!("no folder: {error}")));
    let options = Options::for_tests(folder.path().to_owned())?;
    let (tell, told) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(async move {
            match start(options).await {
                Ok(mut running) => {
                    let _ = tell.send(Ok(running.base_url().to_owned()));
                    running.failed().await
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                    Ok(())
                }
            }
        })
    });
    told.await.context("the stand-in ended before it had begun")?
}
