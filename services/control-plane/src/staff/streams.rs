//! Live streams. Every turn rereads the database from where the stream stands, so a lost wake-up costs a moment, a
//! dropped connection nothing (`Last-Event-ID`), and a slow reader no memory: nothing is queued for it.
//!
//! The id of each event says where the stream stands: `<position of the log>.<number of the audit event>.<version>`. What
//! says how things stand as a whole (`notifications`) has none: a stream begins with it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use chrono::{DateTime, TimeDelta, Utc};
use contract::gateway::UnreadCount;
use contract::problem::Problem;
use futures::{Stream, stream};
use http::HeaderMap;
use store::notices::{self, News};
use store::runs::view::{self, Filter};
use store::{events, flow};
use uuid::Uuid;

use super::permit::Staff;
use super::{runs, views};
use crate::error::ApiError;
use crate::live::Changes;
use crate::state::App;

/// How long a lost wake-up can go unnoticed.
const POLL: Duration = Duration::from_secs(2);
/// Events that are read at once.
const BATCH: i64 = 500;
/// Silence after which a comment keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A commit can come after one with a later time: changes of this long ago are read again.
const OVERLAP: TimeDelta = TimeDelta::seconds(5);

/// Where a run's stream stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    position: i64,
    seq: i64,
    version: i64,
}

impl Place {
    fn read(headers: &HeaderMap) -> Self {
        let text = headers.get("last-event-id").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut numbers = text.split('.').map(|number| number.parse().unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        Self { position: next(), seq: next(), version: next() }
    }

    fn id(self) -> String {
        format!("{}.{}.{}", self.position, self.seq, self.version)
    }
}

/// Server-sent events of one run
#[utoipa::path(get, path = "/api/v1/staff/runs/{run_id}/stream",
    params(("run_id" = Uuid, Path), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, body = String, content_type = "text/event-stream"),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stream_run(
    State(app): State<App>,
    staff: Staff,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    runs::visible(&app, &staff, id).await?;
    let watch = RunWatch {
        changes: app.hub.watch(),
        app,
        staff,
        id,
        place: Place::read(&headers),
        over: false,
        ready: VecDeque::new(),
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct RunWatch {
    app: App,
    staff: Staff,
    id: Uuid,
    changes: Changes,
    place: Place,
    over: bool,
    ready: VecDeque<Event>,
}

impl RunWatch {
    /// The next event; `None` when the run is over and all was sent, or when the person may not see it any more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            match self.reread().await {
                Ok(true) => {}
                Ok(false) => self.changes.next(Some(self.id), POLL).await,
                Err(ApiError::Refused(_)) => return None,
                Err(ApiError::Internal(error)) => {
                    tracing::warn!(error = format!("{error:#}"), "a live stream could not read; it tries again");
                    self.changes.next(None, POLL).await;
                }
            }
        }
    }

    /// Reads what is new; answers whether there was anything.
    async fn reread(&mut self) -> Result<bool, ApiError> {
        // The run first: when it is over now, whatever it left is visible to the reads below.
        let run = runs::visible(&self.app, &self.staff, self.id).await?;
        for row in events::after(&self.app.pool, run.id, self.place.position, BATCH).await? {
            self.place.position = row.position;
            self.push("event", &views::run_event(row)?)?;
        }
        for row in flow::of_run(&self.app.pool, run.id, self.place.seq, BATCH).await? {
            self.place.seq = row.seq;
            self.push("flow", &views::flow_event(row))?;
        }
        let (over, version) = (run.status.0.is_over(), run.version);
        if version > self.place.version {
            self.place.version = version;
            self.push("run", &views::run(run, &self.staff))?;
        }
        self.over = over && self.ready.is_empty();
        Ok(!self.ready.is_empty() || self.over)
    }

    fn push(&mut self, name: &str, data: &impl serde::Serialize) -> Result<(), ApiError> {
        let data = serde_json::to_string(data).map_err(anyhow::Error::from)?;
        self.ready.push_back(Event::default().event(name).id(self.place.id()).data(data));
        Ok(())
    }
}

/// Server-sent events, one for each change of a run I can see and of what I was told
#[utoipa::path(get, path = "/api/v1/staff/runs/stream", params(("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, body = String, content_type = "text/event-stream"),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stream_runs(
    State(app): State<App>,
    staff: Staff,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let resumed = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let since = match resumed.and_then(|micros| micros.parse().ok()).and_then(DateTime::from_timestamp_micros) {
        Some(since) => since,
        None => store::clock::now(&app.pool).await?,
    };
    let watch = ListWatch {
        changes: app.hub.watch(),
        app,
        staff,
        since,
        sent: VecDeque::new(),
        news: None,
        ready: VecDeque::new(),
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct ListWatch {
    app: App,
    staff: Staff,
    changes: Changes,
    since: DateTime<Utc>,
    /// Versions sent of late, so that the overlap is not sent again.
    sent: VecDeque<(Uuid, i64)>,
    /// How the person's notifications stood when it was last said.
    news: Option<News>,
    ready: VecDeque<Event>,
}

impl ListWatch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let Err(error) = self.reread().await {
                match error {
                    ApiError::Refused(_) => return None,
                    ApiError::Internal(error) => {
                        tracing::warn!(error = format!("{error:#}"), "a live stream could not read; it tries again");
                    }
                }
            }
            if self.ready.is_empty() {
                self.changes.next(None, POLL).await;
            }
        }
    }

    async fn reread(&mut self) -> Result<(), ApiError> {
        let filter = Filter { changed_after: Some(self.since - OVERLAP), ..Filter::default() };
        let mut rows = view::list(&self.app.pool, self.staff.viewer(), &filter, None, BATCH).await?;
        rows.sort_by_key(|row| row.changed_at);
        for row in rows {
            let key = (Uuid::from(row.id), row.version);
            if self.sent.contains(&key) {
                continue;
            }
            self.sent.push_back(key);
            self.since = self.since.max(row.changed_at);
            let id = self.since.timestamp_micros().to_string();
            let data = serde_json::to_string(&views::run(row, &self.staff)).map_err(anyhow::Error::from)?;
            self.ready.push_back(Event::default().event("run").id(id).data(data));
        }
        while self.sent.len() > usize::try_from(BATCH).unwrap_or(usize::MAX) * 2 {
            self.sent.pop_front();
        }
        let news = notices::news(&self.app.pool, self.staff.viewer()).await?;
        if self.news.replace(news) != Some(news) {
            let count = UnreadCount { unread: news.unread };
            let data = serde_json::to_string(&count).map_err(anyhow::Error::from)?;
            self.ready.push_back(Event::default().event("notifications").data(data));
        }
        Ok(())
    }
}
