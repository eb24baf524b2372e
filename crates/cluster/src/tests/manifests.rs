//! Every object of a run, as YAML. A change here is a change of what runs in the cluster: read the diff.

use insta::assert_yaml_snapshot;
use secrecy::SecretString;

use crate::manifests;
use crate::spec::sample::{code_only, spec};

#[test]
fn namespace() {
    assert_yaml_snapshot!(manifests::namespace(&spec()));
}

#[test]
fn manager_binding() {
    assert_yaml_snapshot!(manifests::manager_binding(&spec()));
}

#[test]
fn network_policy() {
    assert_yaml_snapshot!(manifests::network_policy(&spec()));
}

#[test]
fn network_policy_of_code_only() {
    assert_yaml_snapshot!(manifests::network_policy(&code_only()));
}

#[test]
fn right_bindings() {
    assert_yaml_snapshot!(manifests::right_bindings(&spec()));
}

#[test]
fn change_binding() {
    assert_yaml_snapshot!(manifests::change_binding(&spec().marks()));
}

#[test]
fn change_accounts() {
    assert_yaml_snapshot!(manifests::change_accounts(&spec().marks()));
}

#[test]
fn resource_quota() {
    assert_yaml_snapshot!(manifests::resource_quota(&spec()));
}

#[test]
fn limit_range() {
    assert_yaml_snapshot!(manifests::limit_range(&spec()));
}

#[test]
fn service_account() {
    assert_yaml_snapshot!(manifests::service_account(&spec()));
}

#[test]
fn job() {
    assert_yaml_snapshot!(manifests::job(&spec()));
}

#[test]
fn token_secret() {
    assert_yaml_snapshot!(manifests::token_secret(&spec(), "job-uid", &SecretString::from("cxr_token")));
}
