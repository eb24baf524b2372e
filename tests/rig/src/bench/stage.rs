//! Where it is measured: a durable PostgreSQL whose disk takes a known time for each `fsync`, and the platform over it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::installation::{Installation, seed};
use crate::platform::{Platform, Programs};
use crate::postgres::{Making, Server};

/// Connections of the control-plane, and clients of the baseline.
pub(super) const POOL: u32 = 20;

/// A file system in memory: no other program's writes are in its way.
const MEMORY: &str = "/dev/shm";

const SETTINGS: [&str; 6] = [
    "fsync=on",
    "synchronous_commit=on",
    "autovacuum=off",
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
];

/// Makes every `fsync` as slow as a disk's; sleeping leaves the CPU to others, as a disk does.
const SHIM: &str = r#"
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
static int slow(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *delay = getenv("RIG_FSYNC_MS");
    struct timespec time = {0, delay ? atol(delay) * 1000000L : 0};
    nanosleep(&time, NULL);
    return real(fd);
}
int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
"#;

/// The stage; everything on it ends with this.
pub(super) struct Stage {
    pub(super) platform: Platform,
    pub(super) postgres: Server,
    pub(super) db: PgPool,
    pub(super) installation: Installation,
    pub(super) scratch: TempDir,
}

/// The database's name.
pub(super) const DATABASE: &str = "codexk8s";

impl Stage {
    pub(super) async fn set(fsync_ms: u32) -> Result<Self> {
        let scratch = scratch()?;
        let env = vec![
            ("LD_PRELOAD".to_owned(), shim(scratch.path())?.display().to_string()),
            ("RIG_FSYNC_MS".to_owned(), fsync_ms.to_string()),
        ];
        let making =
            Making { folder: Some(scratch.path().to_owned()), settings: SETTINGS.map(Into::into).to_vec(), env };
        let postgres = Server::create(making).await?;
        let url = postgres.create_database(DATABASE).await?;
        let here = std::env::current_exe()?;
        let here = here.parent().context("this program lies nowhere")?;
        let programs = Programs { control_plane: here.join("rig-control-plane"), gateway: here.join("rig-gateway") };
        let platform = Platform::start(&programs, &url, POOL).await?;
        let db = PgPool::connect(&url).await?;
        let installation = seed(&db).await?;
        Ok(Self { platform, postgres, db, installation, scratch })
    }

    /// Empties the tables that webhooks fill, so that every round begins with the same.
    pub(super) async fn clear(&self) -> Result<()> {
        sqlx::query("TRUNCATE webhook_deliveries, agent_runs, flow_events, links, outbound_actions CASCADE")
            .execute(&self.db)
            .await?;
        sqlx::query("CHECKPOINT").execute(&self.db).await?;
        Ok(())
    }
}

fn scratch() -> Result<TempDir> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    if !mounts.lines().any(|line| line.contains(&format!(" {MEMORY} tmpfs "))) {
        bail!("{MEMORY} is no tmpfs: there is no place where neighbours' writes drop out");
    }
    let folder = tempfile::Builder::new().prefix("codex-k8s-bench-").tempdir_in(MEMORY)?;
    // The server runs as another user and must get in.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(folder)
}

fn shim(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("slow.c"), folder.join("slow.so"));
    std::fs::write(&source, SHIM)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let done = compiler.output().context("cannot run the C compiler `cc`")?;
    if !done.status.success() {
        bail!("the shim does not compile: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(library)
}
