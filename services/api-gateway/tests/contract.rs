//! The gateway's own operations, as its handlers describe them, are those of `openapi/gateway.yaml`.

#[test]
fn what_services_of_others_tell_is_in_its_document() {
    let document = contract::Document::integrations().unwrap();
    assert_eq!(contract::drift::compare(&document, &api_gateway::integrations::description(), &[]), [""; 0]);
}

#[test]
fn handlers_and_document_agree() {
    let document = contract::Document::gateway().unwrap();
    let differences = contract::drift::compare(&document, &api_gateway::public::description(), &["webhooks", "auth"]);
    assert_eq!(differences, [""; 0]);
}
