//! What the run's account may do in its namespace: which ClusterRole stands for a right, and what that role allows. The
//! roles are part of the installation; a run only binds them, so the worker needs none of these rights itself.

use domain::stages::Right;
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleBinding, Subject};

use super::{AGENT_ACCOUNT, cluster_role_ref, meta};
use crate::spec::RunSpec;

/// The ClusterRole that stands for a right.
#[must_use]
pub const fn cluster_role(right: Right) -> &'static str {
    match right {
        Right::Read => "codex-k8s-run-read",
        Right::Logs => "codex-k8s-run-logs",
        Right::Exec => "codex-k8s-run-exec",
        Right::TestJobs => "codex-k8s-run-test-jobs",
    }
}

/// What that role allows. Never Secrets, tokens, or anything about rights.
#[must_use]
pub fn rules(right: Right) -> Vec<PolicyRule> {
    match right {
        Right::Read => READABLE.iter().map(|(group, kinds)| rule(group, kinds, &["get", "list", "watch"])).collect(),
        Right::Logs => vec![rule("", &["pods/log"], &["get"])],
        // A client that speaks WebSocket asks with GET.
        Right::Exec => vec![rule("", &["pods/exec"], &["create", "get"])],
        Right::TestJobs => vec![rule("batch", &["jobs"], &["create", "delete"])],
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

/// The bindings that the namespace has to have: one a right.
#[must_use]
pub fn right_bindings(spec: &RunSpec) -> Vec<RoleBinding> {
    spec.surroundings.rights().map(|right| binding(spec, cluster_role(right))).collect()
}

fn binding(spec: &RunSpec, role: &str) -> RoleBinding {
    RoleBinding {
        metadata: meta(spec, role),
        role_ref: cluster_role_ref(role),
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".into(),
            name: AGENT_ACCOUNT.into(),
            namespace: Some(spec.namespace.clone()),
            api_group: None,
        }]),
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
    use super::*;

    const DEPLOYED: &str = include_str!("../../../../deploy/base/run-rights.yaml");

    /// A role as the installation's file has it.
    fn written(right: Right) -> String {
        let list = |words: &[String]| {
            let words: Vec<_> = words.iter().map(|word| if word.is_empty() { "\"\"" } else { word }).collect();
            words.join(", ")
        };
        let mut text = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {}}}\nrules:\n",
            cluster_role(right)
        );
        for rule in rules(right) {
            let (groups, kinds) = (rule.api_groups.unwrap_or_default(), rule.resources.unwrap_or_default());
            text += &format!("  - apiGroups: [{}]\n    resources: [{}]\n", list(&groups), list(&kinds));
            text += &format!("    verbs: [{}]\n", list(&rule.verbs));
        }
        text
    }

    #[test]
    fn the_installation_has_exactly_these_roles() {
        let roles: Vec<_> = Right::ALL.iter().map(|&right| written(right)).collect();
        let deployed: Vec<_> = DEPLOYED.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(deployed.join("\n") + "\n", roles.join("---\n"));
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
    fn no_right_reaches_secrets_rights_or_everything() {
        let taboo = ["secrets", "serviceaccounts", "rbac.", "*", "nodes", "namespaces", "impersonate", "pods/attach"];
        for &right in Right::ALL {
            for one in allowed(right) {
                assert!(!taboo.iter().any(|word| one.contains(word)), "{right}: {one}");
            }
        }
    }
}
