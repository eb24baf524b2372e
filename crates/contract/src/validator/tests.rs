use axum::Json;
use axum::routing::{get, post, put};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::document::Document;

const SHARED: &str = r"
components:
  schemas:
    Problem:
      type: object
      required: [code]
      properties: { code: { type: string } }
    Name: { type: string, minLength: 2, maxLength: 5 }
";

const SHOP: &str = r##"
paths:
  /things:
    get:
      operationId: list_things
      parameters:
        - { $ref: "#/components/parameters/Limit" }
        - { name: open, in: query, schema: { type: boolean } }
        - { name: X-Mark, in: header, required: true, schema: { type: string, format: uuid } }
      responses:
        "200": { content: { application/json: { schema: { type: array, items: { $ref: "shared.yaml#/components/schemas/Name" } } } } }
        default: { content: { application/problem+json: { schema: { $ref: "shared.yaml#/components/schemas/Problem" } } } }
    post:
      operationId: add_thing
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "#/components/schemas/Thing" } } }
      responses:
        "204": { description: done }
        default: { content: { application/problem+json: { schema: { $ref: "shared.yaml#/components/schemas/Problem" } } } }
  /things/{thing_id}:
    put:
      operationId: put_thing
      parameters: [{ name: thing_id, in: path, required: true, schema: { type: integer, format: int32 } }]
      requestBody: { required: true, content: { application/gzip: { schema: { type: string } } } }
      responses: { "204": { description: done } }
components:
  parameters:
    Limit: { name: limit, in: query, schema: { type: integer, format: int32, minimum: 1, maximum: 200 } }
  schemas:
    Thing:
      type: object
      additionalProperties: false
      required: [name, size]
      properties:
        name: { $ref: "shared.yaml#/components/schemas/Name" }
        size: { type: integer, format: int32 }
        token: { type: string, format: password, maxLength: 3 }
"##;

fn shop(answer: Value) -> Router {
    let router = Router::new()
        .route("/things", get(async move || Json(answer)).post(async || StatusCode::NO_CONTENT))
        .route("/things/{thing_id}", put(async || StatusCode::NO_CONTENT))
        .route("/secret-door", post(async || "open"));
    let document = Document::of(&[("shop.yaml", SHOP), ("shared.yaml", SHARED)]);
    Validator::new(&document).unwrap().with_body_limit(200).guard(router)
}

async fn send(request: http::request::Builder, body: impl Into<Body>) -> (StatusCode, Value) {
    answered(shop(json!(["abc"])), request.body(body.into()).unwrap()).await
}

async fn answered(router: Router, request: Request) -> (StatusCode, Value) {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect()
}

fn list(query: &str) -> http::request::Builder {
    Request::get(format!("/things{query}")).header("x-mark", "019f0000-0000-7000-8000-000000000000")
}

fn add(body: &Value) -> (http::request::Builder, String) {
    (Request::post("/things").header(CONTENT_TYPE, "application/json; charset=utf-8"), body.to_string())
}

#[tokio::test]
async fn what_follows_the_document_passes() {
    assert_eq!(send(list("?limit=200&open=true"), "").await, (StatusCode::OK, json!(["abc"])));
    let (request, body) = add(&json!({ "name": "box", "size": 1 }));
    assert_eq!(send(request, body).await.0, StatusCode::NO_CONTENT);
    let request = Request::put("/things/7").header(CONTENT_TYPE, "application/gzip");
    assert_eq!(send(request, vec![0; 4000]).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn every_wrong_parameter_is_named_at_once() {
    let request = Request::get("/things?limit=900&open=maybe&sort=up&sort=down").header("x-mark", "me");
    let (status, problem) = send(request, "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "invalid_request");
    assert_eq!(fields(&problem), ["query.limit", "query.open", "header.X-Mark", "query.sort"]);
}

#[tokio::test]
async fn a_parameter_given_twice_or_not_at_all_is_refused() {
    let (_, problem) = send(Request::get("/things?limit=1&limit=2"), "").await;
    assert_eq!(fields(&problem), ["query.limit", "header.X-Mark"]);
}

#[tokio::test]
async fn a_path_that_does_not_fit_is_named() {
    let request = Request::put("/things/3000000000").header(CONTENT_TYPE, "application/gzip");
    assert_eq!(fields(&send(request, "x").await.1), ["path.thing_id"]);
}

#[tokio::test]
async fn every_wrong_member_is_named_and_no_value_is_repeated() {
    let (request, body) = add(&json!({ "name": "x", "token": "hunter22", "a/b": 1 }));
    let (status, problem) = send(request, body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut named = fields(&problem);
    named.sort_unstable();
    assert_eq!(named, ["/a~1b", "/name", "/size", "/token"]);
    assert!(!problem.to_string().contains("hunter22"), "{problem}");
}

#[tokio::test]
async fn bodies_of_another_kind_size_or_syntax_are_refused() {
    let post = || Request::post("/things");
    assert_eq!(send(post(), "{}").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(send(post().header(CONTENT_TYPE, "text/plain"), "{}").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let json = || post().header(CONTENT_TYPE, "application/json");
    assert_eq!(send(json(), vec![b' '; 201]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for text in ["", "{", "[1,]", &"[".repeat(200)] {
        let (status, problem) = send(json(), text.to_owned()).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("malformed_json")), "{text}");
    }
}

#[tokio::test]
async fn a_body_that_would_hold_too_much_is_refused_before_it_is_parsed() {
    let router = || {
        let document = Document::of(&[("shop.yaml", SHOP), ("shared.yaml", SHARED)]);
        let router = Router::new().route("/things", post(async || StatusCode::NO_CONTENT));
        Validator::new(&document).unwrap().guard(router)
    };
    let add =
        |body: String| Request::post("/things").header(CONTENT_TYPE, "application/json").body(body.into()).unwrap();
    // Not even JSON at its end.
    let (status, problem) = answered(router(), add(r#"[{"":0},"#.repeat(VALUES / 3))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_many_values")));
    let (status, problem) = answered(router(), add(format!("[{}0]", "0,".repeat(VALUES - 2)))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_request")));
}

#[tokio::test]
async fn nothing_is_served_that_is_not_written_down() {
    assert_eq!(send(Request::post("/secret-door"), "").await.0, StatusCode::NOT_FOUND);
    let (status, problem) = send(Request::delete("/things"), "").await;
    assert_eq!((status, &problem["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed")));
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_does_not_leave() {
    let router = || shop(json!(["x", 1]));
    let request = list("").body(Body::empty()).unwrap();
    let (status, problem) = answered(router(), request).await;
    assert_eq!((status, &problem["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("contract_violation")));
    assert_eq!(fields(&problem), ["/0", "/1"]);
}

#[test]
fn our_own_documents_compile() {
    for document in [Document::gateway(), Document::agent(), Document::internal()] {
        let document = document.unwrap();
        assert!(Validator::new(&document).unwrap().operations.len() > 4, "{}", document.file());
    }
}
