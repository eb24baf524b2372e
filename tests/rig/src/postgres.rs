//! A PostgreSQL server of one's own, made for one test and removed with it. It can be stopped, killed, frozen and
//! started again without disturbing anybody else.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use testkit::ports::free_port;

use crate::until;

/// Names the folder with `initdb` and `postgres`.
pub const PROGRAMS: &str = "CODEXK8S_TEST_POSTGRES_BIN";

/// System users that may run a server when we are root, which PostgreSQL refuses to be.
const USERS: [&str; 2] = ["postgres", "codex-k8s-dev"];

/// How a server is made.
#[derive(Debug, Clone, Default)]
pub struct Making {
    /// Where its data lies; the system's folder for temporary files when `None`.
    pub folder: Option<PathBuf>,
    /// `name=value` on top of the defaults, which are those of a durable server.
    pub settings: Vec<String>,
    /// Variables of its environment.
    pub env: Vec<(String, String)>,
}

/// A server; its data is removed when this is dropped.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    user: Option<(u32, u32)>,
    folder: TempDir,
    port: u16,
    making: Making,
    process: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is frozen hears nothing, and whoever waits for its end waits for ever.
        let _ended_already = self.thaw();
        self.end(Signal::SIGQUIT);
    }
}

impl Server {
    /// Makes a server and starts it.
    ///
    /// # Errors
    /// When [`PROGRAMS`] is not set or names no working PostgreSQL.
    pub async fn create(making: Making) -> Result<Self> {
        let programs = std::env::var_os(PROGRAMS)
            .map(PathBuf::from)
            .with_context(|| format!("{PROGRAMS} is not set: run `cargo xtask test story`"))?;
        let user = server_user()?;
        let within = making.folder.clone().unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::Builder::new().prefix("codex-k8s-postgres-").tempdir_in(within)?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let mut server = Self { programs, user, folder, port: free_port()?, making, process: None };
        server.initialise()?;
        server.start().await?;
        Ok(server)
    }

    /// The address of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Where it listens, on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A program of the same PostgreSQL, such as `pgbench`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// The server's.
    pub async fn create_database(&self, name: &str) -> Result<String> {
        self.run(&[&format!("CREATE DATABASE {name}")]).await?;
        Ok(self.url(name))
    }

    /// Runs statements of ours as the superuser, one by one on one connection.
    ///
    /// # Errors
    /// The server's.
    pub async fn run(&self, statements: &[&str]) -> Result<()> {
        let mut connection = self.connect().await?;
        for statement in statements {
            connection.execute(AssertSqlSafe((*statement).to_owned())).await?;
        }
        Ok(())
    }

    /// A connection of the superuser.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn connect(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.url("postgres")).await.context("PostgreSQL does not answer")
    }

    /// Starts it again after a stop; answers once it takes connections.
    ///
    /// # Errors
    /// When it does not come up; the end of its log is in the error.
    pub async fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]).process_group(0);
        let fixed = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];
        for setting in fixed.into_iter().chain(self.making.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.envs(self.making.env.iter().map(|(name, value)| (name, value)));
        let command = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.process = Some(command.spawn().context("cannot start PostgreSQL")?);
        until("the start of PostgreSQL", Duration::from_secs(60), async || Ok(self.connect().await.is_ok()))
            .await
            .with_context(|| fs::read_to_string(self.log()).unwrap_or_default())
    }

    /// Stops it: `SIGINT` drops its clients and shuts down in order, `SIGQUIT` leaves it to crash recovery.
    pub fn stop(&mut self, how: Signal) {
        self.end(how);
    }

    /// Stops every process of the server where it stands, so that connections stay open and nothing answers, until
    /// [`Server::thaw`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> Result<()> {
        self.signal_all(Signal::SIGSTOP)
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> Result<()> {
        self.signal_all(Signal::SIGCONT)
    }

    fn signal_all(&self, signal: Signal) -> Result<()> {
        let Some(process) = &self.process else { bail!("PostgreSQL is not running") };
        let postmaster = i32::try_from(process.id())?;
        // The postmaster first: it must not start another backend behind our back.
        for pid in std::iter::once(postmaster).chain(children(postmaster)) {
            // A backend that has just ended needs no signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
        Ok(())
    }

    fn end(&mut self, how: Signal) {
        let Some(mut process) = self.process.take() else { return };
        let signalled = i32::try_from(process.id()).is_ok_and(|pid| kill(Pid::from_raw(pid), how).is_ok());
        if !signalled || process.wait().is_err() {
            eprintln!("PostgreSQL (pid {}) could not be stopped", process.id());
        }
    }

    fn initialise(&self) -> Result<()> {
        let done = self
            .command("initdb")
            .args(["-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync", "-D"])
            .arg(self.data())
            .output()
            .context("cannot run initdb")?;
        if !done.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.program(program));
        command.current_dir("/");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// The direct children of a process.
fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name in parentheses may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn server_user() -> Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in USERS {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some((user.uid.as_raw(), user.gid.as_raw())));
        }
    }
    bail!("root may not run PostgreSQL, and there is none of the users {USERS:?}")
}
