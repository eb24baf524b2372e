//! Refusals as RFC 9457 problem documents: how they are made and sent. The shape is the document's own `Problem`.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::gateway::FieldProblem;
pub use crate::gateway::Problem;

/// The media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl Problem {
    /// A refusal with a stable `code` that clients branch on and a `title` that a person can read.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            type_: "about:blank".to_owned(),
            title: title.into(),
            status: i32::from(status.as_u16()),
            code: code.into(),
            detail: None,
            fields: Vec::new(),
            correlation_id: None,
        }
    }

    /// 400: the request could not be understood.
    #[must_use]
    pub fn bad_request(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 401: nobody, or nobody whom we believe.
    #[must_use]
    pub fn unauthorized(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, title)
    }

    /// 403: known, but not allowed.
    #[must_use]
    pub fn forbidden(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, title)
    }

    /// 404: there is none, or none that the caller may know of.
    #[must_use]
    pub fn not_found(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// 409: the state of the object does not allow it.
    #[must_use]
    pub fn conflict(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    /// 422: understood, but wrong in the fields that are named.
    #[must_use]
    pub fn unprocessable(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// 429: too often; say when to come back with the `Retry-After` header.
    #[must_use]
    pub fn too_many_requests(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, title)
    }

    /// 503: something that is needed does not answer; nothing was changed.
    #[must_use]
    pub fn unavailable(code: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title)
    }

    /// 500, without a word about why: the reason is for the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side")
    }

    /// Says more about this very case.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names one more wrong field: a JSON pointer into the body, or `query.x`, `header.X`, `path.x`.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.fields.push(FieldProblem::new(field, message));
        self
    }

    /// Names one more wrong field, with a stable `code` by which clients word what is wrong in the reader's language.
    #[must_use]
    pub fn with_coded_field(
        mut self,
        field: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.fields.push(FieldProblem { code: Some(code.into()), ..FieldProblem::new(field, message) });
        self
    }

    /// The HTTP status of the document.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        let status = u16::try_from(self.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl FieldProblem {
    /// A wrong field that only the message explains.
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), code: None, line: None, what: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status_code(), axum::Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
