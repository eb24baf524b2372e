//! Pushes: received into a disposable clone, judged there, pushed on, and answered with git's own report.
//!
//! The forge is asked to take the push while our `pre-receive` hook still waits ([`super::hook`]), so the report that
//! the agent gets is the truth about the forge. The push goes on with a lease on the old value that was judged: what
//! somebody else changed meanwhile makes it fail, not disappear.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use contract::internal::{BrokerEventKind, ForgeCredential};
use contract::problem::Problem;
use domain::scope::{NO_OBJECT, Patterns, RefUpdate, Refusal, judge, judge_refs};
use futures::StreamExt;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use tempfile::TempDir;

use super::super::AgentsState;
use super::super::decoy::Place;
use super::super::limits::Kind;
use super::super::token::Run;
use super::command::{Git, GitError, without_secret};
use super::decoy::Found;
use super::hook::{Hook, PLACE, Question};
use super::inspect::Inspected;
use super::{GitRefusal, credential, git_answer};

/// Bytes of one push, packed.
const PUSH_LIMIT: u64 = 100 * 1024 * 1024;
const LISTING: Duration = Duration::from_secs(30);
const CLONING: Duration = Duration::from_secs(300);
const RECEIVING: Duration = Duration::from_secs(600);
const PUSHING: Duration = Duration::from_secs(300);
/// What `git receive-pack` offers, less what could carry more than refs and objects (push options, certificates).
const CAPABILITIES: &str =
    "report-status report-status-v2 delete-refs side-band-64k quiet ofs-delta object-format=sha1 agent=codex-k8s";
/// A client that sends this asks only whether it may.
const PROBE: &[u8] = b"0000";

/// The refs that a push starts from: the forge's branches as they are now.
pub(super) async fn advertise(credential: &ForgeCredential) -> Result<Response, GitRefusal> {
    let place = TempDir::new().map_err(|error| GitRefusal::failed(&error))?;
    let git = Git::new("ls-remote", place.path()).credential(credential).args(["--heads", "--", &credential.git_url]);
    let listing = git.stdout(LISTING).await.map_err(|error| said(&error, credential))?;
    let body = advertisement(&String::from_utf8_lossy(&listing));
    Ok(git_answer("application/x-git-receive-pack-advertisement", body))
}

/// The advertisement of `git-receive-pack` in pkt-lines (gitprotocol-http, gitprotocol-pack) for what `git ls-remote`
/// listed.
fn advertisement(listing: &str) -> String {
    let mut out = packet("# service=git-receive-pack\n") + "0000";
    let mut refs: Vec<_> = listing.lines().filter_map(|line| line.split_once('\t')).collect();
    if refs.is_empty() {
        refs.push((NO_OBJECT, "capabilities^{}"));
    }
    for (index, (id, name)) in refs.iter().enumerate() {
        let capabilities = if index == 0 { format!("\0{CAPABILITIES}") } else { String::new() };
        out += &packet(&format!("{id} {name}{capabilities}\n"));
    }
    out + "0000"
}

fn packet(line: &str) -> String {
    format!("{:04x}{line}", line.len() + 4)
}

/// Takes a push, or refuses it in git's own words.
pub(super) async fn receive_pack(state: &AgentsState, run: &Run, request: Request) -> Result<Response, GitRefusal> {
    let slot = state.limits.take(run.grant.run_id, Kind::Push);
    let _slot = slot.map_err(|problem| GitRefusal::new(StatusCode::TOO_MANY_REQUESTS, problem.title))?;
    let place = TempDir::with_prefix("codexk8s-push-").map_err(|error| GitRefusal::failed(&error))?;
    let Some(pack) = spool(request, place.path()).await? else {
        return Ok(git_answer("application/x-git-receive-pack-result", Bytes::new()));
    };
    let credential = credential(state, run).await?;
    let push = Disposable { state, run, credential: &credential, place: place.path() };
    let report = push.receive(pack).await.map_err(|error| said(&error, &credential))?;
    Ok(git_answer("application/x-git-receive-pack-result", report).into_response())
}

fn said(error: &GitError, credential: &ForgeCredential) -> GitRefusal {
    let words = without_secret(&error.to_string(), credential);
    tracing::error!(error = words, "git failed for a run");
    GitRefusal::new(StatusCode::BAD_GATEWAY, "the platform could not do this at the forge; try again")
}

/// The body as a file, unpacked when it came packed; `None` for a probe.
async fn spool(request: Request, place: &Path) -> Result<Option<std::fs::File>, GitRefusal> {
    let gzip = match request.headers().get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None | Some(b"identity") => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(_) => return Err(GitRefusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only gzip is understood")),
    };
    let raw = receive(request.into_body(), place).await?;
    let unpacked = tokio::task::spawn_blocking(move || if gzip { unpack(raw) } else { Ok(raw) }).await;
    let mut pack = unpacked.map_err(|error| GitRefusal::failed(&error))?.map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => too_large(),
        _ => GitRefusal::new(StatusCode::BAD_REQUEST, "the push could not be unpacked"),
    })?;
    let mut head = Vec::new();
    let probe = pack.rewind().and_then(|()| (&mut pack).take(5).read_to_end(&mut head)).and_then(|_| pack.rewind());
    probe.map_err(|error| GitRefusal::failed(&error))?;
    Ok((head != PROBE).then_some(pack))
}

async fn receive(body: Body, place: &Path) -> Result<std::fs::File, GitRefusal> {
    let file = tempfile::tempfile_in(place).map_err(|error| GitRefusal::failed(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    let (mut body, mut total) = (body.into_data_stream(), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| GitRefusal::new(StatusCode::BAD_REQUEST, "the push ended early"))?;
        total += chunk.len() as u64;
        if total > PUSH_LIMIT {
            return Err(too_large());
        }
        tokio::io::AsyncWriteExt::write_all(&mut file, &chunk).await.map_err(|error| GitRefusal::failed(&error))?;
    }
    tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(|error| GitRefusal::failed(&error))?;
    Ok(file.into_std().await)
}

fn too_large() -> GitRefusal {
    let words = format!("a push may have at most {} MiB", PUSH_LIMIT / 1024 / 1024);
    GitRefusal::new(StatusCode::PAYLOAD_TOO_LARGE, words)
}

fn unpack(mut packed: std::fs::File) -> std::io::Result<std::fs::File> {
    packed.seek(SeekFrom::Start(0))?;
    let mut plain = tempfile::tempfile()?;
    let mut decoder = flate2::read::MultiGzDecoder::new(packed).take(PUSH_LIMIT + 1);
    if std::io::copy(&mut decoder, &mut plain)? > PUSH_LIMIT {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    plain.flush()?;
    Ok(plain)
}

/// One push in a directory that is removed with it.
struct Disposable<'a> {
    state: &'a AgentsState,
    run: &'a Run,
    credential: &'a ForgeCredential,
    place: &'a Path,
}

/// What is said to the waiting hook.
struct Verdict {
    taken: bool,
    words: String,
}

impl Disposable<'_> {
    async fn receive(&self, pack: std::fs::File) -> Result<Vec<u8>, GitError> {
        let (repository, hooks) = (self.place.join("repository.git"), self.place.join("hooks"));
        tokio::fs::create_dir(&repository).await?;
        tokio::fs::create_dir(&hooks).await?;
        self.clone_into(&repository).await?;
        let mut hook = Hook::new(&hooks).await?;
        let path = hooks.to_string_lossy();
        let receiving = Git::new("receive-pack", &repository)
            .args(["--stateless-rpc".as_ref(), repository.as_os_str()])
            .setting("core.hooksPath", path.as_ref())
            .setting("receive.fsckObjects", "true")
            .setting("receive.maxInputSize", PUSH_LIMIT.to_string())
            .setting("receive.advertisePushOptions", "false")
            .setting("receive.autogc", "false")
            .env(PLACE, &hooks)
            .stdin(pack)
            .spawn()?
            .output(RECEIVING);
        let mut receiving = std::pin::pin!(receiving);
        let asked = tokio::select! {
            ended = &mut receiving => Err(ended?),
            question = hook.question() => Ok(question?),
        };
        match asked {
            Ok(question) => {
                let verdict = self.verdict(&repository, &question).await?;
                hook.answer(verdict.taken, &verdict.words).await?;
                Ok(receiving.await?.stdout)
            }
            Err(ended) => {
                self.refused(["pack".to_owned()].into(), "git did not accept the objects".to_owned());
                tracing::info!(words = %String::from_utf8_lossy(&ended.stderr), "a pack was not accepted");
                Ok(ended.stdout)
            }
        }
    }

    async fn clone_into(&self, repository: &Path) -> Result<(), GitError> {
        Git::new("init", repository).args(["--quiet", "--bare", "--template="]).stdout(LISTING).await?;
        let args = [
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--",
            &self.credential.git_url,
            "+refs/heads/*:refs/heads/*",
        ];
        Git::new("fetch", repository).credential(self.credential).args(args).stdout(CLONING).await.map(drop)
    }

    async fn verdict(&self, repository: &Path, question: &Question) -> Result<Verdict, GitError> {
        let grant = &self.run.grant;
        let inspected = Inspected { repository, quarantine: &question.quarantine };
        if let Some(found) = inspected.decoy(&question.updates, &self.run.lookout).await? {
            let Found { sighting, subject, excerpt } = found;
            let told = Problem::from(self.state.decoys.seen(self.run, Place::Diff, sighting, subject, excerpt));
            return Ok(Verdict { taken: false, words: format!("{}\n", told.title) });
        }
        let refusals = judge_refs(&question.updates, &grant.branch);
        if !refusals.is_empty() {
            return Ok(self.refuse(&refusals));
        }
        let [update] = &question.updates[..] else {
            return Ok(Verdict { taken: false, words: "nothing to push\n".to_owned() });
        };
        let Ok(may_write) = Patterns::compile(grant.may_write.clone()) else {
            return Ok(Verdict { taken: false, words: "it is not known which files this run may change\n".to_owned() });
        };
        let facts = inspected.facts(update, &grant.base_branch).await?;
        let refusals = judge(&facts, &grant.base_branch, &may_write);
        if !refusals.is_empty() {
            return Ok(self.refuse(&refusals));
        }
        self.push_on(&inspected, update, facts.commits.len()).await
    }

    async fn push_on(
        &self,
        inspected: &Inspected<'_>,
        update: &RefUpdate,
        commits: usize,
    ) -> Result<Verdict, GitError> {
        let RefUpdate { old, new, name } = update;
        let expected = if old == NO_OBJECT { "" } else { old };
        let (lease, refspec) = (format!("--force-with-lease={name}:{expected}"), format!("{new}:{name}"));
        let git = inspected.git("push").credential(self.credential);
        let output =
            git.args(["--porcelain", &lease, "--", &self.credential.git_url, &refspec]).output(PUSHING).await?;
        if output.status.success() {
            metrics::counter!("codexk8s_pushes_total", "outcome" => "taken").increment(1);
            let data = [
                ("branch", self.run.grant.branch.clone().into()),
                ("old", old.clone().into()),
                ("new", new.clone().into()),
                ("commits", commits.into()),
            ];
            self.state.events.record(&self.run.grant, BrokerEventKind::GitPushed, data);
            return Ok(Verdict { taken: true, words: String::new() });
        }
        let said = [output.stdout, output.stderr].concat();
        let said = without_secret(&String::from_utf8_lossy(&said), self.credential);
        self.refused(vec!["forge".to_owned()], said.chars().take(1000).collect());
        Ok(Verdict { taken: false, words: format!("The forge did not take this push:\n{said}\n") })
    }

    fn refuse(&self, refusals: &[Refusal]) -> Verdict {
        let codes = refusals.iter().map(|refusal| refusal.code().to_owned()).collect();
        let mut words = "This push was refused:\n".to_owned();
        for refusal in refusals {
            // Writing to a string cannot fail.
            let _written = writeln!(words, "- {refusal}");
        }
        self.refused(codes, words.clone());
        Verdict { taken: false, words }
    }

    fn refused(&self, codes: Vec<String>, reason: String) {
        metrics::counter!("codexk8s_pushes_total", "outcome" => "refused").increment(1);
        let data = [("codes", codes.into()), ("reason", reason.into())];
        self.state.events.record(&self.run.grant, BrokerEventKind::GitRefused, data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(plain: &mut dyn Read) -> std::fs::File {
        let mut encoder = flate2::write::GzEncoder::new(tempfile::tempfile().unwrap(), flate2::Compression::fast());
        std::io::copy(plain, &mut encoder).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_push_is_unpacked_and_a_bomb_is_not() {
        let mut plain = unpack(packed(&mut &b"0000"[..])).unwrap();
        let mut text = String::new();
        plain.rewind().unwrap();
        plain.read_to_string(&mut text).unwrap();
        assert_eq!(text, "0000");
        let bomb = unpack(packed(&mut std::io::repeat(0).take(PUSH_LIMIT + 1)));
        assert_eq!(bomb.unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn an_advertisement_counts_its_bytes() {
        let listing = "1111111111111111111111111111111111111111\trefs/heads/main\n";
        let text = advertisement(listing);
        assert!(text.starts_with("001f# service=git-receive-pack\n0000"), "{text:?}");
        let line = &text[35..];
        let length = usize::from_str_radix(&line[..4], 16).unwrap();
        assert_eq!(&line[length..], "0000");
        assert!(line.contains("refs/heads/main\0report-status "));
        assert!(advertisement("").contains("capabilities^{}\0report-status "));
    }
}
