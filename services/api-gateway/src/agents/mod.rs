//! The agents listener: the only address that a run's pod can reach, and everything it may ask for there.
//!
//! One run token opens all of it ([`token`]). What a pod lacks is added on the way out, never handed in: the model's
//! key ([`model`]), the forge's token ([`git`]), a route to package registries ([`registry`]) and to granted hosts
//! ([`connect`]). What the run has to say to the platform, and its agent's tools, go through [`run_api`]. Whatever is refused here becomes an
//! event of the run ([`events`]), and whatever is open ends within seconds of the token's revocation. Nothing goes out that
//! holds the run's decoy ([`decoy`]).

mod config;
mod connect;
mod control;
mod decoy;
mod events;
mod git;
mod limits;
mod model;
mod registry;
mod resolve;
mod run_api;
mod serve;
mod token;

use std::sync::Arc;

use axum::Router;
use contract::Document;
use tokio_util::task::TaskTracker;

pub use config::{AgentsConfig, EgressConfig, ModelConfig, Registry, RegistryConfig};
pub use control::{ControlPlane, Unreachable};
pub use runtime::names::{NameService, SystemNames};
pub use serve::serve;

use control::Control;
use decoy::{Decoys, Tripped};
use events::Events;
use limits::Limits;
use runtime::names::Guard;
use token::{Grants, Needs};

use crate::bodies::BodyBounds;

/// What every handler of the agents listener shares; cheap to clone.
#[derive(Clone)]
pub struct AgentsState {
    config: Arc<AgentsConfig>,
    control: Control,
    grants: Arc<Grants>,
    events: Events,
    decoys: Decoys,
    limits: Arc<Limits>,
    bodies: Arc<BodyBounds>,
    model_bodies: Arc<BodyBounds>,
    guard: Guard,
    clients: Clients,
    document: Arc<Document>,
    tasks: TaskTracker,
}

/// Outbound HTTP clients, one for each kind of upstream, because each has its own idea of a long wait.
#[derive(Clone)]
struct Clients {
    model: reqwest::Client,
    forge: reqwest::Client,
    registry: reqwest::Client,
}

/// Why the agents listener cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The HTTP client could not be made, for example because the image has no CA certificates.
    #[error("no HTTP client for upstreams")]
    Client(#[from] reqwest::Error),
    /// `openapi/agent.yaml` is broken.
    #[error("the agents' contract cannot be used")]
    Document(#[from] contract::document::DocumentProblem),
}

impl AgentsState {
    /// Puts the listener's parts together. `control` reaches the control-plane under the gateway's signature.
    ///
    /// # Errors
    /// [`SetupError`] when a client or the contract cannot be made.
    pub fn new(config: AgentsConfig, control: Arc<dyn ControlPlane>) -> Result<Self, SetupError> {
        let control = Control::new(control);
        let (tasks, tripped) = (TaskTracker::new(), Tripped::default());
        let guard = resolve::guard(&config.egress);
        Ok(Self {
            clients: Clients {
                model: model::client()?,
                forge: git::client()?,
                registry: registry::client(guard.clone())?,
            },
            grants: Arc::new(Grants::new(control.clone(), tripped.clone())),
            decoys: Decoys::new(control.clone(), tasks.clone(), tripped),
            events: Events::new(control.clone(), tasks.clone()),
            limits: Arc::new(Limits::default()),
            bodies: Arc::new(run_api::bodies()),
            model_bodies: Arc::new(model::bodies()),
            document: Arc::new(Document::agent()?),
            config: Arc::new(config),
            control,
            guard,
            tasks,
        })
    }
}

/// Everything that is answered at a path. `CONNECT` has none: [`serve`] answers it.
///
/// # Errors
/// [`SetupError::Document`] when a schema of the contract does not compile.
pub fn router(state: &AgentsState) -> Result<Router, SetupError> {
    let guarded = |router: Router<AgentsState>, needs: Needs| {
        let admit = axum::middleware::from_fn_with_state((state.clone(), needs), token::admit);
        router.route_layer(admit)
    };
    let routes = Router::new()
        .merge(guarded(run_api::saving(state)?, Needs::Saving))
        .merge(guarded(run_api::beginning(state)?, Needs::Everything))
        .merge(guarded(run_api::tools(state)?, Needs::Everything))
        .merge(guarded(model::router(), Needs::Everything))
        .merge(guarded(git::router(), Needs::Everything))
        .merge(guarded(registry::router(), Needs::Everything))
        .fallback(nothing_here);
    Ok(routes.with_state(state.clone()))
}

async fn nothing_here() -> contract::problem::Problem {
    contract::problem::Problem::not_found("no_such_operation", "There is nothing at this address")
}
