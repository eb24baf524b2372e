//! Serves pods: what is asked of us as a proxy is told from what is asked of us as a server.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{Method, Version};
use runtime::http::{Callers, DRAIN, observed};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{AgentsState, SetupError, connect, router};

/// Serves pods until `stop`, then lets what is under way end, for a bounded time.
///
/// # Errors
/// [`SetupError`] when the routes cannot be made.
pub async fn serve(listener: TcpListener, state: AgentsState, stop: CancellationToken) -> Result<(), SetupError> {
    let router = with_proxy(router(&state)?, &state, &stop);
    let recorded = async {
        stop.cancelled().await;
        state.tasks.close();
        if timeout(DRAIN, state.tasks.wait()).await.is_err() {
            tracing::warn!("usage or events of runs were not recorded before the end");
        }
    };
    let served = runtime::http::serve(listener, observed(router, Callers::Anybody), stop.clone());
    tokio::join!(served, recorded);
    Ok(())
}

fn with_proxy(router: Router, state: &AgentsState, stop: &CancellationToken) -> Router {
    router.layer(from_fn_with_state((state.clone(), stop.clone()), proxy))
}

/// `CONNECT`, and requests in absolute form, which clients send to a proxy. (In HTTP/2 every request names its host.)
async fn proxy(
    State((state, stop)): State<(AgentsState, CancellationToken)>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() == Method::CONNECT {
        return connect::open(&state, request, &stop).await;
    }
    if request.version() < Version::HTTP_2 && request.uri().authority().is_some() {
        return connect::refuse_plain(&state, request.into_parts().0).await;
    }
    next.run(request).await
}
