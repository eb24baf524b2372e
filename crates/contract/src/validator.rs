//! Holds a router to its document while it serves: every request is checked before its handler runs, and in debug builds
//! every answer after it.
//!
//! A refusal names all that is wrong at once, and never repeats a value. A route that is not in the document answers
//! 404, so nothing can be served that was not written down first. Streams and bodies that are not JSON pass untouched.

pub(crate) mod fields;
mod operation;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::document::{Document, DocumentProblem};
use crate::gateway::FieldProblem;
use crate::problem::Problem;
use crate::shape;
use operation::{Answer, Operation, RequestBody};

/// Bytes of a JSON body that are read when nothing else is said.
const BODY_LIMIT: usize = 1024 * 1024;
/// Values and names that one body may hold. The largest that there is, a full batch of a run's events, holds 6,503; as many
/// as this take a few megabytes in their worst form.
const VALUES: usize = 20_000;

/// A document, compiled for checking.
#[derive(Debug)]
pub struct Validator {
    operations: HashMap<String, HashMap<Method, Operation>>,
    body_limit: usize,
    checks_answers: bool,
}

impl Validator {
    /// Compiles every schema that an operation of the document uses.
    ///
    /// # Errors
    /// [`DocumentProblem`] names the document and the place of the first mistake in it.
    pub fn new(document: &Document) -> Result<Self, DocumentProblem> {
        let schemas = document.schemas()?;
        let mut operations: HashMap<String, HashMap<Method, Operation>> = HashMap::new();
        for declared in document.operations() {
            let operation = Operation::compile(document, &schemas, &declared)?;
            operations.entry(declared.path.to_owned()).or_default().insert(declared.method, operation);
        }
        Ok(Self { operations, body_limit: BODY_LIMIT, checks_answers: cfg!(debug_assertions) })
    }

    /// How many bytes of a JSON body are read; more is 413. At first 1 MiB.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Whether answers are checked as well. At first: in debug builds.
    #[must_use]
    pub fn with_checked_answers(mut self, yes: bool) -> Self {
        self.checks_answers = yes;
        self
    }

    /// Puts the check in front of all routes that `router` has so far.
    pub fn guard<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.route_layer(from_fn_with_state(Arc::new(self), check))
    }

    fn operation(&self, parts: &Parts) -> Result<&Operation, Box<Response>> {
        let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        let methods = path.and_then(|path| self.operations.get(path)).ok_or_else(|| {
            Box::new(Problem::not_found("no_such_operation", "There is nothing at this address").into_response())
        })?;
        let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
        methods.get(method).ok_or_else(|| Box::new(not_allowed(methods.keys())))
    }

    async fn read_body(
        &self,
        operation: &Operation,
        headers: &HeaderMap,
        body: Body,
        wrong: &mut Vec<FieldProblem>,
    ) -> Result<Body, Problem> {
        let (required, media) = match &operation.body {
            RequestBody::Raw => return Ok(body),
            RequestBody::None => return Ok(Body::empty()),
            RequestBody::Media { required, media } => (*required, media),
        };
        let Some(essence) = essence(headers) else {
            return self.read_untyped(required, headers, body).await;
        };
        let Some(schema) = media.get(&essence) else {
            return Err(unsupported(media.keys()));
        };
        let Some(schema) = schema else { return Ok(body) };
        let bytes = read(body, self.body_limit).await?;
        if bytes.is_empty() && !required {
            return Ok(Body::empty());
        }
        shape::check(&bytes, VALUES)?;
        let value = serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
        wrong.extend(fields::body_problems(schema, &value));
        Ok(Body::from(bytes))
    }

    /// Without a content type only nothing at all can be meant.
    async fn read_untyped(&self, required: bool, headers: &HeaderMap, body: Body) -> Result<Body, Problem> {
        let declared = headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        if required || declared || !read(body, self.body_limit).await?.is_empty() {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The request must say what its body is",
            )
            .with_field("header.Content-Type", "is required"));
        }
        Ok(Body::empty())
    }
}

async fn check(State(validator): State<Arc<Validator>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let operation = match validator.operation(&parts) {
        Ok(operation) => operation,
        Err(refusal) => return *refusal,
    };
    let Ok(path) = RawPathParams::from_request_parts(&mut parts, &()).await else {
        return Problem::bad_request("bad_path", "The address is not valid UTF-8").into_response();
    };
    let mut wrong = operation.parameter_problems(&path, parts.uri.query(), &parts.headers);
    let body = match validator.read_body(operation, &parts.headers, body, &mut wrong).await {
        Ok(body) => body,
        Err(problem) => return with_fields(problem, wrong).into_response(),
    };
    if !wrong.is_empty() {
        let problem = Problem::unprocessable("invalid_request", "The request has wrong fields");
        return with_fields(problem, wrong).into_response();
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    if validator.checks_answers { check_answer(operation, response).await } else { response }
}

/// Replaces an answer that the document does not know with a 500 that says where it differs.
async fn check_answer(operation: &Operation, response: Response) -> Response {
    let status = response.status();
    let media = essence(response.headers());
    let wrong = match operation.answer(status, media.as_deref()) {
        Answer::Unchecked => return response,
        Answer::Undeclared => {
            let what = format!("{status} with {}", media.as_deref().unwrap_or("no content"));
            return broken_answer(operation, vec![field("", &format!("{what} is not in the document"))]);
        }
        Answer::Json(schema) => {
            let (parts, body) = response.into_parts();
            let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
                return broken_answer(operation, vec![field("", "the body could not be read")]);
            };
            let wrong = match serde_json::from_slice(&bytes) {
                Ok(value) => fields::body_problems(schema, &value),
                Err(error) => vec![field("", &format!("not JSON: {}", error.classify_text()))],
            };
            if wrong.is_empty() {
                return Response::from_parts(parts, Body::from(bytes));
            }
            wrong
        }
    };
    broken_answer(operation, wrong)
}

fn broken_answer(operation: &Operation, wrong: Vec<FieldProblem>) -> Response {
    tracing::error!(operation = operation.id, ?wrong, "an answer does not follow the contract");
    let problem = Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "contract_violation",
        format!("The answer of {} does not follow the contract", operation.id),
    );
    with_fields(problem, wrong).into_response()
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let title = format!("The body is larger than {limit} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", title))
        }
        Err(_) => Err(Problem::bad_request("body_cut", "The body ended early")),
    }
}

fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request("malformed_json", "The body is not JSON").with_detail(format!(
        "line {}, column {}: {}",
        error.line(),
        error.column(),
        error.classify_text()
    ))
}

/// What kind of mistake a JSON error is; its own text may quote the body.
trait ClassifyText {
    fn classify_text(&self) -> &'static str;
}

impl ClassifyText for serde_json::Error {
    fn classify_text(&self) -> &'static str {
        match self.classify() {
            serde_json::error::Category::Eof => "it ends early",
            serde_json::error::Category::Io => "it could not be read",
            serde_json::error::Category::Syntax | serde_json::error::Category::Data => {
                "wrong syntax, or nested too deep"
            }
        }
    }
}

fn unsupported<'a>(media: impl Iterator<Item = &'a String>) -> Problem {
    let expected = media.map(String::as_str).collect::<Vec<_>>().join(" or ");
    let title = format!("The body must be {expected}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title)
        .with_field("header.Content-Type", format!("must be {expected}"))
}

fn not_allowed<'a>(methods: impl Iterator<Item = &'a Method>) -> Response {
    let mut allowed: Vec<_> = methods.map(Method::as_str).collect();
    allowed.sort_unstable();
    let problem =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The address does not answer this method");
    let mut response = problem.into_response();
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

fn with_fields(mut problem: Problem, wrong: Vec<FieldProblem>) -> Problem {
    problem.fields.extend(wrong);
    problem
}

fn field(field: &str, message: &str) -> FieldProblem {
    FieldProblem::new(field, message)
}

#[cfg(test)]
mod tests;
