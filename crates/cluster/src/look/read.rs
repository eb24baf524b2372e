//! What can be read: lists, single objects, logs and events. Each answer is bounded in time, in items and in bytes.

use domain::environment::Kind;
use futures::AsyncReadExt;
use http::Request;
use http::header::{ACCEPT, HeaderValue};
use k8s_openapi::api::core::v1::Event;
use kube::api::{GetParams, ListParams, LogParams, ObjectList};
use kube::core::Request as Asked;
use serde_json::{Value, json};

use super::{Look, LookError, place, shown};
use crate::ask::ask;

/// Bytes of one object.
const MOST_BYTES: usize = 64 * 1024;
/// Bytes of a log that are read; of them the last ones are shown.
const LOG_BYTES: u32 = 1024 * 1024;
/// Events that are read; they come in the order of their names, and of them the newest are shown.
const EVENTS_READ: u32 = 1000;
/// The API server makes the columns that its own clients print.
const TABLE: HeaderValue = HeaderValue::from_static("application/json;as=Table;g=meta.k8s.io;v=v1");

/// Which objects of a kind.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// A label selector.
    pub labels: Option<String>,
    /// At most so many.
    pub limit: u32,
    /// Where an earlier answer ended.
    pub next: Option<String>,
}

/// Which lines of a log.
#[derive(Debug, Clone, Default)]
pub struct Printed {
    /// Where the pod has several.
    pub container: Option<String>,
    /// The last ones.
    pub lines: u32,
    /// Printed within so many seconds.
    pub since_seconds: Option<u32>,
    /// Of the container before its last restart.
    pub previous: bool,
}

impl Look {
    /// The objects of a kind, as a table.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn list(&self, kind: Kind, of: &Listing) -> Result<Value, LookError> {
        let params = ListParams {
            label_selector: of.labels.clone(),
            limit: Some(of.limit),
            continue_token: of.next.clone(),
            ..ListParams::default()
        };
        let asked = self.of(kind).list(&params).map_err(kube::Error::BuildRequest);
        let table = self.json(&format!("{kind} objects"), asked, Some(TABLE)).await?;
        Ok(shown::table(kind, &table))
    }

    /// One object, without what only machines read.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn get(&self, kind: Kind, name: &str) -> Result<Value, LookError> {
        let what = format!("{kind} {name}");
        let asked = self.of(kind).get(name, &GetParams::default()).map_err(kube::Error::BuildRequest);
        let object = shown::object(self.json(&what, asked, None).await?);
        if object.to_string().len() > MOST_BYTES {
            return Err(LookError::TooLarge { what, most: MOST_BYTES });
        }
        Ok(json!({ "object": object }))
    }

    /// The last lines that a container has printed.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn logs(&self, pod: &str, of: &Printed) -> Result<Value, LookError> {
        let params = LogParams {
            container: of.container.clone(),
            limit_bytes: Some(LOG_BYTES.into()),
            previous: of.previous,
            since_seconds: of.since_seconds.map(Into::into),
            tail_lines: Some(of.lines.into()),
            ..LogParams::default()
        };
        let asked = self.of(Kind::Pod).logs(pod, &params).map_err(kube::Error::BuildRequest);
        let read = async {
            let stream = self.client.request_stream(asked?).await?;
            let mut bytes = Vec::new();
            let all = stream.take(LOG_BYTES.into()).read_to_end(&mut bytes).await;
            all.map_err(kube::Error::ReadEvents).map(|_| bytes)
        };
        let bytes = ask(&format!("the log of pod {pod}"), read).await?;
        Ok(shown::log(pod, &String::from_utf8_lossy(&bytes)))
    }

    /// The newest events, about everything or about one kind or name.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn events(&self, kind: Option<Kind>, name: Option<&str>, limit: u32) -> Result<Value, LookError> {
        let kind = kind.map(|kind| format!("involvedObject.kind={kind}"));
        let about: Vec<_> = kind.into_iter().chain(name.map(|name| format!("involvedObject.name={name}"))).collect();
        let params = ListParams {
            field_selector: (!about.is_empty()).then(|| about.join(",")),
            limit: Some(EVENTS_READ),
            ..ListParams::default()
        };
        let path = format!("/api/v1/namespaces/{}/events", self.namespace);
        let asked = Asked::new(path).list(&params).map_err(kube::Error::BuildRequest);
        let read = async { self.client.request::<ObjectList<Event>>(asked?).await };
        Ok(shown::events(ask("events", read).await?.items, limit))
    }

    pub(super) fn of(&self, kind: Kind) -> Asked {
        Asked::new(place(&self.namespace, kind))
    }

    pub(super) async fn json(
        &self,
        what: &str,
        asked: Result<Request<Vec<u8>>, kube::Error>,
        form: Option<HeaderValue>,
    ) -> Result<Value, LookError> {
        let read = async {
            let mut request = asked?;
            if let Some(form) = form {
                request.headers_mut().insert(ACCEPT, form);
            }
            self.client.request(request).await
        };
        Ok(ask(what, read).await?)
    }
}
