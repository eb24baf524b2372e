//! What the accounts of a run may do in its namespace: which ClusterRoles stand for its rights, and what those allow. The
//! roles are part of the installation; a run only binds them, so the worker needs none of these rights itself.

use std::collections::BTreeSet;

use domain::stages::Right;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleBinding, Subject};

use super::{AGENT_ACCOUNT, CHANGING_ACCOUNT, TRYING_ACCOUNT, account, cluster_role_ref, meta_of};
use crate::spec::{RunMarks, RunSpec};

/// The installation's ClusterRoles, each with the rights it stands for. The sets that roles start out with have one of
/// their own, so that a launch binds one instead of three or four.
const ROLES: &[(&str, &[Right])] = &[
    ("codex-k8s-run-diagnose-and-test", &[Right::Read, Right::Logs, Right::Exec, Right::TestJobs]),
    ("codex-k8s-run-diagnose", &[Right::Read, Right::Logs, Right::Exec]),
    ("codex-k8s-run-read", &[Right::Read]),
    ("codex-k8s-run-logs", &[Right::Logs]),
    ("codex-k8s-run-exec", &[Right::Exec]),
    ("codex-k8s-run-test-jobs", &[Right::TestJobs]),
    (CHANGE, &[Right::Change]),
];
/// The one role that the run's own account is not given, but those that try and make changes.
const CHANGE: &str = "codex-k8s-run-change";

/// The ClusterRoles that together allow these rights and no other.
fn cluster_roles(rights: impl Iterator<Item = Right>) -> Vec<&'static str> {
    let mut left: BTreeSet<_> = rights.collect();
    let mut chosen = Vec::new();
    for (role, stands_for) in ROLES {
        if stands_for.iter().all(|right| left.contains(right)) {
            left.retain(|right| !stands_for.contains(right));
            chosen.push(*role);
        }
    }
    chosen
}

/// What a right allows. Never Secrets, tokens, or anything about rights.
#[must_use]
pub fn rules(right: Right) -> Vec<PolicyRule> {
    match right {
        Right::Read => READABLE.iter().map(|(group, kinds)| rule(group, kinds, &["get", "list", "watch"])).collect(),
        Right::Logs => vec![rule("", &["pods/log"], &["get"])],
        // A client that speaks WebSocket asks with GET.
        Right::Exec => vec![rule("", &["pods/exec"], &["create", "get"])],
        Right::TestJobs => vec![rule("batch", &["jobs"], &["create", "delete"])],
        // An object is made by a patch as well, for which the right to create counts too.
        Right::Change => {
            let verbs = ["get", "create", "patch", "delete"];
            CHANGEABLE.iter().map(|(group, kinds)| rule(group, kinds, &verbs)).collect()
        }
    }
}

/// The kinds that an application is made of, and what happens to them.
const READABLE: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "pods",
            "services",
            "endpoints",
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "resourcequotas",
            "limitranges",
        ],
    ),
    ("apps", &["deployments", "replicasets", "statefulsets", "daemonsets"]),
    ("batch", &["jobs", "cronjobs"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("events.k8s.io", &["events"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
];

/// The kinds that may be changed; `codex-k8s-run-changes` says what they may be made of.
const CHANGEABLE: &[(&str, &[&str])] = &[
    ("", &["configmaps", "services", "persistentvolumeclaims"]),
    ("apps", &["deployments", "statefulsets"]),
    ("batch", &["jobs", "cronjobs"]),
];

/// The bindings that the namespace has to have from the launch on. Changes have accounts and a binding of their own.
#[must_use]
pub fn right_bindings(spec: &RunSpec) -> Vec<RoleBinding> {
    let own = spec.surroundings.rights().filter(|&right| right != Right::Change);
    cluster_roles(own).into_iter().map(|role| binding(&spec.marks(), role)).collect()
}

/// The accounts that try and make changes, where the run may ask for any. No pod gets a token of either.
#[must_use]
pub fn change_accounts(run: &RunMarks) -> [ServiceAccount; 2] {
    [TRYING_ACCOUNT, CHANGING_ACCOUNT].map(|name| account(run, name))
}

/// The binding that gives them their rights.
#[must_use]
pub fn change_binding(run: &RunMarks) -> RoleBinding {
    binding(run, CHANGE)
}

fn binding(run: &RunMarks, role: &str) -> RoleBinding {
    let accounts: &[&str] = if role == CHANGE { &[TRYING_ACCOUNT, CHANGING_ACCOUNT] } else { &[AGENT_ACCOUNT] };
    let subject = |name: &&str| Subject {
        kind: "ServiceAccount".into(),
        name: (*name).to_owned(),
        namespace: Some(run.namespace.clone()),
        api_group: None,
    };
    RoleBinding {
        metadata: meta_of(run, role),
        role_ref: cluster_role_ref(role),
        subjects: Some(accounts.iter().map(subject).collect()),
    }
}

fn rule(group: &str, kinds: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(kinds)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

#[cfg(test)]
mod tests {
    use domain::catalogue::Catalogue;
    use domain::environment::Kind;
    use domain::environment::changes::CHANGED;
    use domain::stages::Role;

    use super::*;
    use crate::spec::sample::spec;

    const DEPLOYED: &str = include_str!("../../../../deploy/base/run-rights.yaml");

    /// A role as the installation's file has it: one right is written out, several are gathered by their labels.
    fn written(name: &str, rights: &[Right]) -> String {
        let head = |labels: &str| {
            let metadata = format!("metadata: {{name: {name}{labels}}}");
            format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n{metadata}\n")
        };
        if let [right] = rights {
            let label = format!(", labels: {{codex-k8s.dev/run-right: {}}}", slug(*right));
            return head(&label) + "rules:\n" + &rules(*right).into_iter().map(written_rule).collect::<String>();
        }
        let rights: Vec<_> = rights.iter().map(|&right| slug(right)).collect();
        let gathered = format!("{{key: codex-k8s.dev/run-right, operator: In, values: [{}]}}", rights.join(", "));
        head("") + "aggregationRule:\n  clusterRoleSelectors:\n    - matchExpressions: [" + &gathered + "]\n"
    }

    fn slug(right: Right) -> String {
        right.as_str().replace('_', "-")
    }

    fn written_rule(rule: PolicyRule) -> String {
        let list = |words: &[String]| {
            let words: Vec<_> = words.iter().map(|word| if word.is_empty() { "\"\"" } else { word }).collect();
            words.join(", ")
        };
        let (groups, kinds) = (rule.api_groups.unwrap_or_default(), rule.resources.unwrap_or_default());
        format!("  - apiGroups: [{}]\n    resources: [{}]\n", list(&groups), list(&kinds))
            + &format!("    verbs: [{}]\n", list(&rule.verbs))
    }

    #[test]
    fn the_installation_has_exactly_these_roles() {
        let roles: Vec<_> = ROLES.iter().map(|(name, rights)| written(name, rights)).collect();
        let deployed: Vec<_> = DEPLOYED.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(deployed.join("\n") + "\n", roles.join("---\n"));
    }

    #[test]
    fn the_roles_of_a_set_allow_that_set_and_what_roles_start_out_with_is_one() {
        for set in 0..1_u32 << Right::ALL.len() {
            let rights =
                || (0..).zip(Right::ALL).filter(move |(bit, _)| set & (1 << bit) != 0).map(|(_, &right)| right);
            let chosen = cluster_roles(rights());
            let of = |name: &&str| ROLES.iter().find(|(role, _)| role == name).map_or(&[][..], |(_, rights)| *rights);
            let mut together: Vec<_> = chosen.iter().flat_map(of).copied().collect();
            together.sort_unstable();
            assert_eq!(together, rights().collect::<Vec<_>>());
        }
        for &role in Role::ALL {
            let surroundings = Catalogue::builtin().role(role).surroundings();
            let own = surroundings.rights().filter(|&right| right != Right::Change);
            assert!(cluster_roles(own).len() <= 1, "{role}");
        }
    }

    /// Everything that a right allows: `verb kind.group`.
    fn allowed(right: Right) -> Vec<String> {
        let mut all = Vec::new();
        for rule in rules(right) {
            assert!(rule.resource_names.is_none() && rule.non_resource_urls.is_none());
            for group in rule.api_groups.iter().flatten() {
                for kind in rule.resources.iter().flatten() {
                    let dot = if group.is_empty() { "" } else { "." };
                    all.extend(rule.verbs.iter().map(|verb| format!("{verb} {kind}{dot}{group}")));
                }
            }
        }
        all
    }

    #[test]
    fn what_each_right_allows() {
        let table: [(Right, &[&str]); 3] = [
            (Right::Logs, &["get pods/log"]),
            (Right::Exec, &["create pods/exec", "get pods/exec"]),
            (Right::TestJobs, &["create jobs.batch", "delete jobs.batch"]),
        ];
        for (right, expected) in table {
            assert_eq!(allowed(right), expected, "{right}");
        }
        let kinds = READABLE.iter().map(|(_, kinds)| kinds.len()).sum::<usize>();
        assert_eq!(allowed(Right::Read).len(), 3 * kinds);
        assert!(
            allowed(Right::Read).iter().all(|one| ["get ", "list ", "watch "].iter().any(|verb| one.starts_with(verb)))
        );
    }

    #[test]
    fn whatever_agents_may_ask_to_have_changed_may_be_changed_and_nothing_else() {
        let of = |kind: &Kind| {
            let (group, _, plural) = kind.place();
            let dot = if group.is_empty() { "" } else { "." };
            ["get", "create", "patch", "delete"].map(|verb| format!("{verb} {plural}{dot}{group}"))
        };
        let mut expected: Vec<_> = CHANGED.iter().flat_map(of).collect();
        let mut found = allowed(Right::Change);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn changes_are_not_made_by_the_account_that_pods_run_under() {
        let of = |role| binding(&spec().marks(), role).subjects.unwrap_or_default();
        let names = |role| of(role).into_iter().map(|subject| subject.name).collect::<Vec<_>>();
        assert_eq!(names(CHANGE), [TRYING_ACCOUNT, CHANGING_ACCOUNT]);
        assert_eq!(names("codex-k8s-run-read"), [AGENT_ACCOUNT]);
    }

    #[test]
    fn whatever_may_be_looked_at_may_be_read() {
        let readable = allowed(Right::Read);
        for &kind in Kind::ALL {
            let (group, _, plural) = kind.place();
            let dot = if group.is_empty() { "" } else { "." };
            for verb in ["get", "list"] {
                assert!(readable.contains(&format!("{verb} {plural}{dot}{group}")), "{verb} {kind}");
            }
        }
    }

    #[test]
    fn no_right_reaches_secrets_rights_or_everything() {
        let taboo = ["secrets", "serviceaccounts", "rbac.", "*", "nodes", "namespaces", "impersonate", "pods/attach"];
        for &right in Right::ALL {
            for one in allowed(right) {
                assert!(!taboo.iter().any(|word| one.contains(word)), "{right}: {one}");
            }
        }
    }
}
