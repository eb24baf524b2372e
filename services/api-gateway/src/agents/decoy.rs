//! The run's decoy in what the run sends. Where it turns up, nothing is passed on, the control-plane is told, which ends the
//! run, and this gateway serves the run no more, whether the control-plane can be reached or not.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use contract::internal::{DecoySighting, DecoySightingLook, DecoySightingPlace};
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::request::Parts;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use vault::{Look, Sighting};

use super::control::Control;
use super::events::retried;
use super::token::{Denied, Run, refused};

pub(super) use contract::internal::DecoySightingPlace as Place;

/// The contract's longest texts, in characters.
const SUBJECT: usize = 300;
const EXCERPT: usize = 1000;

/// Runs whose decoy was seen here. They stay until the process ends: there are few, and no run comes back.
#[derive(Clone, Default)]
pub(super) struct Tripped(Arc<Mutex<HashSet<Uuid>>>);

impl Tripped {
    pub(super) fn holds(&self, run: Uuid) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&run)
    }

    /// `false`: it was there already.
    fn add(&self, run: Uuid) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(run)
    }
}

/// Looks for decoys.
#[derive(Clone)]
pub(super) struct Decoys {
    control: Control,
    tasks: TaskTracker,
    tripped: Tripped,
}

impl Decoys {
    pub(super) fn new(control: Control, tasks: TaskTracker, tripped: Tripped) -> Self {
        Self { control, tasks, tripped }
    }

    /// Lets `bytes` pass unless the run's decoy is in them. `subject` says more exactly what they are.
    pub(super) fn pass(
        &self,
        run: &Run,
        place: Place,
        bytes: &[u8],
        subject: impl FnOnce(&[u8]) -> String,
    ) -> Result<(), Denied> {
        let Some(sighting) = run.lookout.find(bytes) else { return Ok(()) };
        Err(self.seen(run, place, sighting, subject(bytes), run.lookout.excerpt(bytes, sighting)))
    }

    /// The same for the address and the headers of a request, which may go out with it.
    pub(super) fn pass_head(&self, run: &Run, parts: &Parts) -> Result<(), Denied> {
        let mut head = parts.uri.to_string().into_bytes();
        for (name, value) in &parts.headers {
            // The run's own token.
            if name != AUTHORIZATION && name != PROXY_AUTHORIZATION {
                head.push(b'\n');
                head.extend_from_slice(value.as_bytes());
            }
        }
        self.pass(run, Place::Request, &head, |_| String::new())
    }

    /// The decoy was seen; what the pod is told is what every ended run is told.
    pub(super) fn seen(
        &self,
        run: &Run,
        place: DecoySightingPlace,
        sighting: Sighting,
        subject: String,
        excerpt: String,
    ) -> Denied {
        if self.tripped.add(run.grant.run_id) {
            metrics::counter!("codexk8s_canaries_total", "place" => place.to_string()).increment(1);
            let look = match sighting.look {
                Look::Plain => DecoySightingLook::Plain,
                Look::Hex => DecoySightingLook::Hex,
                Look::Base64 => DecoySightingLook::Base64,
            };
            let cut = |text: String, most: usize| text.chars().take(most).collect();
            // What something is called may be its whole content.
            let subject = run.lookout.clean(subject.as_bytes());
            let told = DecoySighting { place, look, subject: cut(subject, SUBJECT), excerpt: cut(excerpt, EXCERPT) };
            let (control, grant) = (self.control.clone(), run.grant.clone());
            self.tasks.spawn(async move {
                if let Err(error) = retried(|| control.record_sighting(&grant, &told)).await {
                    tracing::error!(%error, run_id = %grant.run_id, "a decoy was seen, and the control-plane does not know");
                }
            });
        }
        refused()
    }
}
