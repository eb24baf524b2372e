//! Every object of a run, as YAML. A change here is a change of what runs in the cluster: read the diff.

use domain::stages::{Mode, Right};
use domain::surroundings::Surroundings;
use insta::assert_yaml_snapshot;
use secrecy::SecretString;

use crate::manifests;
use crate::spec::RunSpec;
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

/// A run that may ask for changes.
fn changing() -> RunSpec {
    RunSpec { surroundings: Surroundings::of(Mode::FullEnv, [Right::Read, Right::Change]), ..spec() }
}

#[test]
fn right_bindings_with_changes() {
    assert_yaml_snapshot!(manifests::right_bindings(&changing()));
}

#[test]
fn service_accounts_with_changes() {
    assert_yaml_snapshot!(manifests::service_accounts(&changing())[1..]);
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
    assert_yaml_snapshot!(manifests::service_accounts(&spec())[0]);
}

#[test]
fn job() {
    assert_yaml_snapshot!(manifests::job(&spec()));
}

#[test]
fn token_secret() {
    assert_yaml_snapshot!(manifests::token_secret(&spec(), "job-uid", &SecretString::from("cxr_token")));
}
