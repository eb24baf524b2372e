//! The ledger: why did nothing start.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro repeats the types of a handler's arguments by their whole path"
)]

use axum::Json;
use axum::extract::{Path, Query, State};
use contract::gateway::{Decision, DeliveryDetail, DeliveryPage};
use contract::problem::Problem;
use domain::ids::{DeliveryId, RepositoryId};
use serde::Deserialize;
use store::Cursor;
use store::deliveries::{self, Filter};
use utoipa::IntoParams;
use uuid::Uuid;

use super::permit::Staff;
use super::views::{self, Paging};
use crate::error::{ApiError, no_such};
use crate::state::App;

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    repository_id: Option<Uuid>,
    decision: Option<Decision>,
    event: Option<String>,
    subject_number: Option<i64>,
}

/// The ledger of webhook deliveries, newest first, each with its decision and reason
#[utoipa::path(get, path = "/api/v1/staff/deliveries", params(Paging, DeliveryQuery),
    responses((status = 200, body = DeliveryPage),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_deliveries(
    State(app): State<App>,
    staff: Staff,
    Query(paging): Query<Paging>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<DeliveryPage>, ApiError> {
    let decision = query.decision.map(|decision| decision.to_string());
    let filter = Filter {
        repository: query.repository_id.map(RepositoryId),
        decision: decision.as_deref(),
        event: query.event.as_deref(),
        subject_number: query.subject_number,
    };
    let rows = deliveries::list(&app.pool, staff.viewer(), &filter, paging.after()?, paging.limit_and_one()).await?;
    let (rows, next_cursor) = paging.cut(rows, |row| Cursor { at: row.received_at, id: row.id.into() });
    let items = rows.into_iter().map(views::delivery).collect::<Result<_, _>>()?;
    Ok(Json(DeliveryPage { items, next_cursor }))
}

/// One delivery with what it carried
#[utoipa::path(get, path = "/api/v1/staff/deliveries/{delivery_id}", params(("delivery_id" = Uuid, Path)),
    responses((status = 200, body = DeliveryDetail),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get_delivery(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
) -> Result<Json<DeliveryDetail>, ApiError> {
    let found = deliveries::get(&app.pool, staff.viewer(), DeliveryId(id)).await?;
    let (row, payload) = found.ok_or_else(|| no_such("delivery"))?;
    let payload = payload.as_object().cloned().unwrap_or_default();
    Ok(Json(DeliveryDetail { delivery: views::delivery(row)?, payload }))
}
