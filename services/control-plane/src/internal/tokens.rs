//! Whose run token is this, and what does it reach.

use axum::Json;
use axum::extract::State;
use contract::internal::{RunGrant, RunGrantServes, RunTokenSecret};
use contract::problem::Problem;
use domain::catalogue::Catalogue;
use store::tokens;
use vault::RunToken;

use super::ForGateway;
use crate::decoy;
use crate::error::ApiError;
use crate::state::App;

/// Whose token is this and what does it reach
#[utoipa::path(post, path = "/internal/v1/run-tokens/verify", request_body = RunTokenSecret,
    responses((status = 200, body = RunGrant),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn verify_run_token(
    State(app): State<App>,
    _: ForGateway,
    Json(body): Json<RunTokenSecret>,
) -> Result<Json<RunGrant>, ApiError> {
    let token = RunToken::parse(body.token.expose()).ok_or_else(decoy::over)?;
    let grant = tokens::verify(&app.pool, &token.hash()).await?.ok_or_else(decoy::over)?;
    let decoy = decoy::of(&app, grant.run_id, grant.decoy_sealed).await?;
    Ok(Json(RunGrant {
        run_id: grant.run_id.into(),
        launch: grant.launch,
        serves: if grant.saving_only { RunGrantServes::Saving } else { RunGrantServes::All },
        repository: grant.repository,
        branch: grant.branch,
        base_branch: grant.base_branch,
        may_write: if grant.only_reads {
            Vec::new()
        } else {
            Catalogue::builtin().stage(grant.stage.0).may_write.written().to_vec()
        },
        models: vec![grant.model],
        egress_hosts: grant.egress_hosts,
        decoy: decoy.text().into(),
        expires_at: grant.expires_at,
    }))
}
