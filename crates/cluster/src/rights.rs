//! The rights of the run's accounts, brought in line with the run's surroundings at every launch: a policy may have
//! changed since the last one. What is due is made, what is not due any more is taken away. The accounts that try and make
//! changes come to it when the first change is tried.

use domain::stages::Right;
use futures::future::try_join_all;
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};

use crate::ask::{Cluster, ask, ask_granted, unless_gone};
use crate::error::ClusterError;
use crate::launch::swallow_existing;
use crate::manifests::{
    AGENT_ACCOUNT, CHANGING_ACCOUNT, TRYING_ACCOUNT, change_accounts, change_binding, right_bindings,
};
use crate::spec::{RunMarks, RunSpec};

impl Cluster {
    /// First away, then new: a new binding may have the name of one that goes.
    pub(crate) async fn settle_rights(&self, spec: &RunSpec) -> Result<(), ClusterError> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &spec.namespace);
        let all = ListParams::default();
        let there = ask_granted("RoleBindings", || api.list(&all)).await?.items;
        let change = change(right_bindings(spec), may_stay(spec).as_ref(), &there);
        try_join_all(change.away.iter().map(|&binding| take_away(&api, binding))).await?;
        try_join_all(change.new.iter().map(|binding| make(&api, binding))).await?;
        Ok(())
    }

    /// Makes the accounts that try and make changes in the namespace of a run that may ask for them, and gives them their
    /// rights. Repeating it changes nothing.
    ///
    /// # Errors
    /// As every request.
    pub async fn make_change_accounts(&self, run: &RunMarks) -> Result<(), ClusterError> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &run.namespace);
        let ([trying, changing], binding) = (change_accounts(run), change_binding(run));
        tokio::try_join!(self.apply(&run.namespace, trying), self.apply(&run.namespace, changing))?;
        make(&api, &binding).await
    }
}

/// The binding that is made later, where it is made at all.
fn may_stay(spec: &RunSpec) -> Option<RoleBinding> {
    spec.surroundings.has(Right::Change).then(|| change_binding(&spec.marks()))
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
fn change<'a>(due: Vec<RoleBinding>, may_stay: Option<&RoleBinding>, there: &'a [RoleBinding]) -> Change<'a> {
    let of_agent = there.iter().filter(|binding| binding.subjects.iter().flatten().any(is_agent));
    let is_right = |binding: &&RoleBinding| due.iter().chain(may_stay).any(|due| is_same(due, binding));
    let (right, away): (Vec<_>, Vec<_>) = of_agent.partition(is_right);
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
    use domain::stages::Mode;
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
            (full(&[Read]), full(&[Read, Change]), "", ""),
            (full(&[Read, Change]), full(&[Read, Change]), "", ""),
            (full(&[Read, Change]), full(&[Read]), "change", ""),
            (full(&[Change]), code_only(), "change", ""),
            (code_only(), code_only(), "", ""),
        ];
        for (before, after, away, new) in table {
            let mut there = right_bindings(&with(&before));
            there.extend(may_stay(&with(&before)));
            there.push(manager_binding(&spec()));
            let change = change(right_bindings(&with(&after)), may_stay(&with(&after)).as_ref(), &there);
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
        let change = change(due, None, &there);
        assert_eq!((names(change.away), names(&change.new)), ("read".to_owned(), "read".to_owned()));
    }
}
