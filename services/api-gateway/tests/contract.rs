//! The gateway's own operations, as its handlers describe them, are those of `openapi/gateway.yaml`.

#[test]
fn handlers_and_document_agree() {
    let document = contract::Document::gateway().unwrap();
    let differences = contract::drift::compare(&document, &api_gateway::public::description(), &["webhooks", "auth"]);
    assert_eq!(differences, [""; 0]);
}
