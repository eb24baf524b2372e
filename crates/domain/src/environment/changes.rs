//! What an agent may change in its environment: which kinds, whose objects, and what the change is about. The API server
//! holds the accounts that try changes and make them to the same (`codex-k8s-run-changes` in `deploy/base/admission.yaml`);
//! here a call is judged before anything is asked, and refused in words.

mod shown;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Kind, NAME_LIMIT, name};

pub(super) use shown::COUNTED;
pub use shown::{Seen, difference, said, version};

/// Bytes of a manifest. What stands in it is kept with the request, and shown to whoever decides.
pub const MOST_MANIFEST: usize = 16_000;
/// Labels and annotations of the platform begin so.
const OF_THE_PLATFORM: &str = "codex-k8s.dev/";
/// What runs of the platform are called, and their pods with them.
const NAMED_BY_THE_PLATFORM: &str = "run-";
/// What a part of the platform carries, wherever it is deployed.
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "codex-k8s");
/// The annotation that a restart leaves in the template of the pods.
pub const RESTARTED_BY: &str = "codex-k8s.dev/restarted-by";

/// The kinds that may be changed. None of them leaves the namespace, and none says who may do what.
pub const CHANGED: &[Kind] = &[
    Kind::ConfigMap,
    Kind::Service,
    Kind::PersistentVolumeClaim,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::Job,
    Kind::CronJob,
];
/// The kinds whose pods can be replaced.
pub const RESTARTED: &[Kind] = &[Kind::Deployment, Kind::StatefulSet];

/// Why something is not changed, whoever would approve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchangeable {
    /// Neither YAML nor JSON.
    #[error("This is no manifest in YAML or JSON: {0}")]
    NotRead(String),
    /// More than people would read.
    #[error("A manifest has at most {MOST_MANIFEST} bytes.")]
    TooLarge,
    /// A list, a text, several documents.
    #[error("Give one object: its apiVersion, kind, metadata and what it says.")]
    NotAnObject,
    /// It holds what is secret, or says who may do what.
    #[error("Agents change neither Secrets nor accounts, rights, network policies, quotas or limits.")]
    NeverChanged,
    /// Not one of the kinds.
    #[error("Agents change {} and no other kind.", names(CHANGED))]
    Kind,
    /// Its pods cannot be replaced one by one.
    #[error("Only {} are restarted.", names(RESTARTED))]
    NotRestarted,
    /// A kind of another group or version.
    #[error("{kind} has the apiVersion {expected}.")]
    Version {
        /// The kind.
        kind: Kind,
        /// As the API server has it.
        expected: String,
    },
    /// Another namespace.
    #[error("Leave metadata.namespace out: objects of your run's own namespace are changed and no others.")]
    Elsewhere,
    /// No name that an object can have.
    #[error("An object's name has lower-case letters, digits, dashes and dots, at most {NAME_LIMIT} of them.")]
    NotAName,
    /// It would pass for the platform's.
    #[error("Names that begin with \"{NAMED_BY_THE_PLATFORM}\" are the platform's; give the object another one.")]
    PlatformsName,
    /// Something that a manifest of an agent must not say.
    #[error("{at}: {why}")]
    Field {
        /// Where, as a path.
        at: String,
        /// What is taken instead.
        why: &'static str,
    },
    /// It is the platform's own, or a part of the platform.
    #[error("This object is the platform's, or a part of it: agents look at it and leave it as it is.")]
    Platforms,
    /// Nobody could see what is asked.
    #[error("The difference is too long to be shown to people. Change less at once.")]
    TooMuch,
}

fn names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// The kind that a call names, if it may be changed.
///
/// # Errors
/// When it may not.
pub fn kind(word: &str) -> Result<Kind, Unchangeable> {
    const NEVER: [&str; 9] = [
        "secret",
        "serviceaccount",
        "role",
        "rolebinding",
        "clusterrole",
        "clusterrolebinding",
        "networkpolicy",
        "resourcequota",
        "limitrange",
    ];
    let plain = word.trim().to_lowercase();
    let singular = plain.split('.').next().unwrap_or_default();
    let singular = singular
        .strip_suffix("ies")
        .map_or_else(|| singular.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"));
    if NEVER.contains(&singular.as_str()) {
        return Err(Unchangeable::NeverChanged);
    }
    Kind::named(word).ok().filter(|kind| CHANGED.contains(kind)).ok_or(Unchangeable::Kind)
}

/// The kind that a call names, if its pods can be replaced.
///
/// # Errors
/// When they cannot.
pub fn restarted(word: &str) -> Result<Kind, Unchangeable> {
    let kind = kind(word)?;
    if RESTARTED.contains(&kind) { Ok(kind) } else { Err(Unchangeable::NotRestarted) }
}

/// The name of an object that is to be changed.
///
/// # Errors
/// When no object can have it, or only the platform's have such names.
pub fn own_name(word: &str) -> Result<&str, Unchangeable> {
    let word = name(word).map_err(|_| Unchangeable::NotAName)?;
    if word.starts_with(NAMED_BY_THE_PLATFORM) { Err(Unchangeable::PlatformsName) } else { Ok(word) }
}

/// Whether an object is the platform's own, or a part of the platform that is deployed here.
#[must_use]
pub fn is_platforms(object: &Value) -> bool {
    let labels = object["metadata"]["labels"].as_object();
    labels.into_iter().flatten().any(|(key, value)| is_reserved(key, value))
}

/// Whether a pod may be entered: the agent's own pods hold the token of its run.
#[must_use]
pub fn may_enter(pod: &Value) -> bool {
    let is_named = pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(NAMED_BY_THE_PLATFORM));
    !is_named && !is_platforms(pod)
}

/// Whether a label is one that agents neither put on nor find on what is theirs.
pub(super) fn is_reserved(key: &str, value: &Value) -> bool {
    key.starts_with(OF_THE_PLATFORM) || (key == PART_OF.0 && value == PART_OF.1)
}

/// A change of one object of a run's namespace, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub namespace: String,
    /// Of which kind it is.
    pub kind: Kind,
    /// Which one.
    pub name: String,
    /// What will be done with it.
    pub act: Act,
    /// The object as it was; `None`: there was none.
    pub seen: Option<Seen>,
    /// What becomes of it, as the API server says it would: a unified difference, all of it.
    pub diff: String,
}

/// What is done with an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case")]
pub enum Act {
    /// It comes to say this; what others say of it stays.
    Apply {
        /// As the agent gave it.
        manifest: Value,
    },
    /// It goes.
    Delete,
    /// Its pods are replaced, one after another.
    Restart,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn which_kinds_are_changed_and_which_restarted() {
        let table = [
            ("ConfigMap", Ok(Kind::ConfigMap), Err(Unchangeable::NotRestarted)),
            ("deployments.apps", Ok(Kind::Deployment), Ok(Kind::Deployment)),
            ("StatefulSet", Ok(Kind::StatefulSet), Ok(Kind::StatefulSet)),
            ("cronjobs", Ok(Kind::CronJob), Err(Unchangeable::NotRestarted)),
        ];
        for (word, changed, again) in table {
            assert_eq!((kind(word), restarted(word)), (changed, again), "{word}");
        }
        let never = [
            "Secret",
            "secrets",
            "ServiceAccount",
            "roles.rbac.authorization.k8s.io",
            "RoleBinding",
            "networkpolicies",
            "NetworkPolicy",
            "ResourceQuota",
            "limitranges",
        ];
        for word in never {
            assert_eq!(kind(word), Err(Unchangeable::NeverChanged), "{word}");
        }
        for word in
            ["Pod", "DaemonSet", "ReplicaSet", "Ingress", "Node", "Namespace", "Widget", "deployments/scale", ""]
        {
            assert_eq!(kind(word), Err(Unchangeable::Kind), "{word}");
        }
    }

    #[test]
    fn what_is_the_platforms_is_told_by_its_labels_and_name() {
        let labelled = |labels: Value| json!({ "metadata": { "name": "web", "labels": labels } });
        let table = [
            (labelled(json!(null)), false),
            (labelled(json!({ "app": "web", "app.kubernetes.io/part-of": "shop" })), false),
            (labelled(json!({ "app.kubernetes.io/part-of": "codex-k8s" })), true),
            (labelled(json!({ "codex-k8s.dev/run-id": "1" })), true),
        ];
        for (object, platforms) in table {
            assert_eq!((is_platforms(&object), may_enter(&object)), (platforms, !platforms), "{object}");
        }
        assert!(!may_enter(&json!({ "metadata": { "name": "run-456789ab-l1-x7z2k" } })));
        assert_eq!(own_name("run-1"), Err(Unchangeable::PlatformsName));
        assert_eq!(own_name("../web"), Err(Unchangeable::NotAName));
        assert_eq!(own_name("runner"), Ok("runner"));
    }

    #[test]
    fn a_change_is_read_as_it_was_written() {
        let seen = Some(Seen::of(&json!({ "metadata": { "uid": "u-1" }, "data": {} })));
        for act in [Act::Apply { manifest: json!({ "kind": "ConfigMap" }) }, Act::Delete, Act::Restart] {
            let change = Change {
                namespace: "n".into(),
                kind: Kind::ConfigMap,
                name: "web".into(),
                act,
                seen: seen.clone(),
                diff: "+a\n".into(),
            };
            assert_eq!(serde_json::from_value::<Change>(json!(change)).unwrap(), change);
        }
    }
}
