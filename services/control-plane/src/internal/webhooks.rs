//! Webhook intake: the gateway has checked the signature; the rest is one decision and one statement.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, State};
use contract::assertion::Caller;
use contract::gateway::{DeliveryReceipt, DeliveryReceiptStatus};
use contract::problem::Problem;
use domain::ids::CorrelationId;
use http::StatusCode;
use http::request::Parts;
use runtime::correlation::Correlation;
use sha2::{Digest, Sha256};
use store::intake::{Arrival, IntakeError, Stored, Taken, take_in};

use crate::error::ApiError;
use crate::state::App;

/// GitHub, through the gateway: event name and delivery id as the gateway vouches for them.
pub(super) struct ForWebhook {
    event: String,
    guid: String,
}

impl FromRequestParts<App> for ForWebhook {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Webhook { event, delivery_guid } => Ok(Self { event, guid: delivery_guid }),
            _ => Err(super::wrong_caller()),
        }
    }
}

/// A delivery whose signature was good
#[utoipa::path(post, path = "/internal/v1/webhooks/github", request_body = serde_json::Value,
    responses((status = 200, body = DeliveryReceipt), (status = 202, body = DeliveryReceipt),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn take_in_delivery(
    State(app): State<App>,
    from: ForWebhook,
    correlation: Correlation,
    body: Bytes,
) -> Result<(StatusCode, Json<DeliveryReceipt>), ApiError> {
    let arrival = Arrival {
        guid: &from.guid,
        event: &from.event,
        body: &body,
        body_sha256: &Sha256::digest(&body),
        source: "webhook",
        correlation: CorrelationId(correlation.id()),
        wish: None,
    };
    let taken = take_in(&app.intake, &arrival).await.map_err(refusal)?;
    if let Taken::New(stored) = &taken {
        app.waker.work();
        if let Some(run) = stored.run_id {
            app.waker.run(run);
        }
    }
    Ok(receipt(from.guid, taken))
}

fn refusal(error: IntakeError) -> ApiError {
    match error {
        IntakeError::Unreadable(why) => Problem::bad_request("event_mismatch", "The body does not fit the event")
            .with_detail(why.to_string())
            .into(),
        IntakeError::Store(error) => ApiError::from(error),
    }
}

fn receipt(guid: String, taken: Taken) -> (StatusCode, Json<DeliveryReceipt>) {
    let (http, status, stored) = match taken {
        Taken::Duplicate(stored) => (StatusCode::OK, DeliveryReceiptStatus::Duplicate, stored),
        Taken::New(stored) if stored.decision == "ignored" => (StatusCode::OK, DeliveryReceiptStatus::Ignored, stored),
        Taken::New(stored) => (StatusCode::ACCEPTED, DeliveryReceiptStatus::Accepted, stored),
    };
    let Stored { reason, run_id, .. } = stored;
    (http, Json(DeliveryReceipt { delivery_id: guid, status, reason, run_id }))
}
