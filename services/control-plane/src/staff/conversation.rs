//! A discussion as its turns: what people said, and what the agent answered.

use axum::Json;
use axum::extract::{Path, State};
use contract::gateway::{Conversation, SaidComment, Turn};
use contract::problem::Problem;
use domain::run::RunStatus;
use store::discussions::{self, SaidRow};
use uuid::Uuid;

use super::permit::Staff;
use super::{runs, views};
use crate::error::ApiError;
use crate::state::App;

/// The discussion that the run is a turn of, the oldest comment first; of other runs nothing
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/conversation", params(("run_id" = Uuid, Path)),
    responses((status = 200, body = Conversation),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_run_conversation(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<Conversation>, ApiError> {
    let run = runs::visible(&app, &staff, id).await?;
    let said = discussions::conversation(&app.pool, run.id).await?;
    Ok(Json(Conversation { turns: turns(said) }))
}

/// Rows of the same turn follow each other.
fn turns(said: Vec<SaidRow>) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for row in said {
        let comment = SaidComment {
            id: row.comment_id,
            author: row.author_login,
            url: row.url,
            text: row.body,
            at: row.heard_at,
        };
        match turns.last_mut().filter(|turn| turn.run_id == row.run_id) {
            Some(turn) => turn.comments.push(comment),
            None => turns.push(Turn {
                run_id: row.run_id,
                status: row.status.map(|status| views::run_status(status.0)),
                answer: row.answer.filter(|_| row.status.is_some_and(|status| status.0 == RunStatus::Succeeded)),
                comments: vec![comment],
            }),
        }
    }
    turns
}
