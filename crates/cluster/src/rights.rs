//! The rights of the run's accounts, brought in line with the run's surroundings at every launch: a policy may have
//! changed since the last one. What is due is made, what is not due any more is taken away.

use futures::future::try_join_all;
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};

use crate::ask::{Cluster, ask, ask_granted, unless_gone};
use crate::error::ClusterError;
use crate::launch::swallow_existing;
use crate::manifests::{AGENT_ACCOUNT, CHANGING_ACCOUNT, TRYING_ACCOUNT, right_bindings};
use crate::spec::RunSpec;

impl Cluster {
    /// First away, then new: a new binding may have the name of one that goes.
    pub(crate) async fn settle_rights(&self, spec: &RunSpec) -> Result<(), ClusterError> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &spec.namespace);
        let all = ListParams::default();
        let there = ask_granted("RoleBindings", || api.list(&all)).await?.items;
        let change = change(right_bindings(spec), &there);
        try_join_all(change.away.iter().map(|&binding| take_away(&api, binding))).await?;
        try_join_all(change.new.iter().map(|binding| make(&api, binding))).await?;
        Ok(())
    }
}

async fn take_away(api: &Api<RoleBinding>, binding: &RoleBinding) -> Result<(), ClusterError> {
    let name = binding.name_any();
    let params = DeleteParams::default().preconditions(Preconditions { uid: binding.uid(), resource_version: None });
    unless_gone(ask(&format!("RoleBinding {name}"), api.delete(&name, &params)).await).map(drop)
}

async fn make(api: &Api<RoleBinding>, binding: &RoleBinding) -> Result<(), ClusterError> {
    let what = format!("RoleBinding {}", binding.name_any());
    ask(&what, swallow_existing(api.create(&PostParams::default(), binding))).await.map(drop)
}

/// What makes the namespace's bindings the due ones.
struct Change<'a> {
    away: Vec<&'a RoleBinding>,
    new: Vec<RoleBinding>,
}

/// A binding cannot be pointed at another role, so one that differs from what is due goes, and is made anew.
fn change(due: Vec<RoleBinding>, there: &[RoleBinding]) -> Change<'_> {
    let of_agent = there.iter().filter(|binding| binding.subjects.iter().flatten().any(is_agent));
    let (right, away): (Vec<_>, Vec<_>) = of_agent.partition(|binding| due.iter().any(|due| is_same(due, binding)));
    let new = due.into_iter().filter(|due| !right.iter().any(|binding| is_same(due, binding))).collect();
    Change { away, new }
}

fn is_agent(subject: &Subject) -> bool {
    subject.kind == "ServiceAccount"
        && [AGENT_ACCOUNT, TRYING_ACCOUNT, CHANGING_ACCOUNT].contains(&subject.name.as_str())
}

fn is_same(due: &RoleBinding, there: &RoleBinding) -> bool {
    let content = |binding: &RoleBinding| (binding.name_any(), binding.role_ref.clone(), binding.subjects.clone());
    content(due) == content(there)
}

#[cfg(test)]
mod tests {
    use domain::stages::{Mode, Right};
    use domain::surroundings::Surroundings;

    use super::*;
    use crate::manifests::manager_binding;
    use crate::spec::sample::spec;

    fn with(surroundings: &Surroundings) -> RunSpec {
        RunSpec { surroundings: surroundings.clone(), ..spec() }
    }

    fn full(rights: &[Right]) -> Surroundings {
        Surroundings::of(Mode::FullEnv, rights.iter().copied())
    }

    fn names<'a>(bindings: impl IntoIterator<Item = &'a RoleBinding>) -> String {
        let names = bindings.into_iter().map(|binding| binding.name_any().replace("codex-k8s-run-", ""));
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_there_becomes_what_is_due() {
        use Right::{Change, Exec, Logs, Read, TestJobs};
        let code_only = || Surroundings::of(Mode::CodeOnly, [Read, Logs, Exec]);
        let table = [
            (full(&[]), full(&[Read, Logs]), "", "read logs"),
            (full(&[Read, Logs]), full(&[Read, Logs]), "", ""),
            (full(&[Read, Logs, Exec]), full(&[Read]), "diagnose", "read"),
            (full(&[Read, Exec]), full(&[Read, TestJobs]), "exec", "test-jobs"),
            (full(&[Read, Logs, Exec]), code_only(), "diagnose", ""),
            (full(&[Read]), full(&[Read, Change]), "", "change"),
            (full(&[Read, Change]), full(&[Read]), "change", ""),
            (code_only(), code_only(), "", ""),
        ];
        for (before, after, away, new) in table {
            let mut there = right_bindings(&with(&before));
            there.push(manager_binding(&spec()));
            let change = change(right_bindings(&with(&after)), &there);
            assert_eq!(
                (names(change.away).as_str(), names(&change.new).as_str()),
                (away, new),
                "{before:?} to {after:?}"
            );
        }
    }

    #[test]
    fn a_binding_that_says_something_else_is_replaced() {
        let due = right_bindings(&with(&full(&[Right::Read])));
        let mut there = due.clone();
        there[0].role_ref.name = "admin".into();
        let change = change(due, &there);
        assert_eq!((names(change.away), names(&change.new)), ("read".to_owned(), "read".to_owned()));
    }
}
