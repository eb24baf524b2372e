//! Reading whole bodies into memory, with a bound on size, on time and on what all of them hold together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use contract::problem::Problem;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Why a body was not read to its end.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Cut {
    /// It is larger than it may be.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// All bodies together hold all they may.
    Full,
    /// The client went away.
    Broken,
}

impl Cut {
    /// What the sender is told; how much may be sent, and what is full, differs.
    pub(crate) fn into_problem(self, too_large: impl Into<String>, full: &str) -> Problem {
        match self {
            Self::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", too_large),
            Self::TooSlow => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not come in time")
            }
            Self::Full => Problem::unavailable("overloaded", full),
            Self::Broken => Problem::bad_request("body_cut", "The body ended early"),
        }
    }
}

/// Bounds on bodies.
pub(crate) struct BodyBounds {
    /// Bytes of one body.
    pub(crate) size: usize,
    /// From its first byte to its last.
    pub(crate) time: Duration,
    /// Bytes of all bodies that are held at the same time.
    memory: Arc<Semaphore>,
}

/// A body with its share of the memory, which is given back when it is dropped.
pub(crate) struct HeldBody {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl BodyBounds {
    pub(crate) fn new(size: usize, time: Duration, memory: usize) -> Self {
        Self { size, time, memory: Arc::new(Semaphore::new(memory)) }
    }

    /// The same bounds for smaller or larger bodies, which share the memory.
    pub(crate) fn sized(&self, size: usize) -> Self {
        Self { size, time: self.time, memory: self.memory.clone() }
    }

    /// Reads a body within the bounds. What is declared too large is refused before a byte of it is read.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<HeldBody, Cut> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > self.size as u64) {
            return Err(Cut::TooLarge);
        }
        timeout(self.time, self.collect(body)).await.unwrap_or(Err(Cut::TooSlow))
    }

    /// Reads a request's body within the bounds before anybody behind looks at it, and holds its share until there is an
    /// answer.
    pub(crate) async fn hold(&self, request: Request, next: Next) -> Result<Response, Cut> {
        let (parts, body) = request.into_parts();
        let held = self.read(&parts.headers, body).await?;
        Ok(next.run(Request::from_parts(parts, Body::from(held.bytes.clone()))).await)
    }

    async fn collect(&self, mut body: Body) -> Result<HeldBody, Cut> {
        let mut bytes = BytesMut::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.map_err(|_| Cut::Broken)?.into_data() else { continue };
            if bytes.len() + chunk.len() > self.size {
                return Err(Cut::TooLarge);
            }
            let wanted = u32::try_from(chunk.len()).map_err(|_| Cut::TooLarge)?;
            let more = self.memory.clone().try_acquire_many_owned(wanted).map_err(|_| Cut::Full)?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(HeldBody { bytes: bytes.freeze(), _share: share })
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use futures::stream;

    use super::*;

    fn bounds() -> BodyBounds {
        BodyBounds::new(10, Duration::from_secs(8), 15)
    }

    #[tokio::test]
    async fn size_is_bounded_whether_it_is_declared_or_not() {
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, http::HeaderValue::from_static("11"))]);
        assert_eq!(bounds().read(&headers, Body::empty()).await.err(), Some(Cut::TooLarge));
        let chunks = || stream::iter(["12345", "67890", "1"]).map(Ok::<_, std::io::Error>);
        assert_eq!(bounds().read(&HeaderMap::new(), Body::from_stream(chunks())).await.err(), Some(Cut::TooLarge));
        let held = bounds().read(&HeaderMap::new(), Body::from_stream(chunks().take(2))).await;
        assert_eq!(held.ok().unwrap().bytes, "1234567890");
    }

    #[tokio::test]
    async fn what_all_bodies_hold_together_is_bounded_and_given_back() {
        let bounds = bounds();
        let first = bounds.read(&HeaderMap::new(), Body::from("1234567890")).await.ok().unwrap();
        assert_eq!(bounds.read(&HeaderMap::new(), Body::from("123456")).await.err(), Some(Cut::Full));
        drop(first);
        assert!(bounds.read(&HeaderMap::new(), Body::from("123456")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_cut() {
        let endless = stream::iter([Ok::<_, std::io::Error>("1")]).chain(stream::pending());
        assert_eq!(bounds().read(&HeaderMap::new(), Body::from_stream(endless)).await.err(), Some(Cut::TooSlow));
        let broken = stream::iter([Ok("1"), Err(std::io::Error::other("gone"))]);
        assert_eq!(bounds().read(&HeaderMap::new(), Body::from_stream(broken)).await.err(), Some(Cut::Broken));
    }
}
