//! What an agent may look at in its environment: kinds of objects that an application is made of, one at a time, in the
//! namespace of its own run. The API server holds the run's account to the same (`deploy/base/run-rights.yaml`); here a
//! call is judged before anything is asked, and refused in words.

pub mod changes;
mod manifest;

pub use manifest::Manifest;

use crate::coded_enum;

coded_enum! {
    /// A kind that may be looked at. Events and logs have tools of their own.
    Kind {
        /// What runs, and why it does not.
        Pod = "Pod",
        /// What keeps pods of one version.
        ReplicaSet = "ReplicaSet",
        /// How far a rollout is.
        Deployment = "Deployment",
        /// The same for what has an identity.
        StatefulSet = "StatefulSet",
        /// The same for what runs on each node.
        DaemonSet = "DaemonSet",
        /// What ran to its end; the agent's own Job is one.
        Job = "Job",
        /// When Jobs begin.
        CronJob = "CronJob",
        /// By which name and port pods are reached.
        Service = "Service",
        /// Which pods stand behind that name.
        EndpointSlice = "EndpointSlice",
        /// By which host and path a Service is reached.
        Ingress = "Ingress",
        /// Why a connection is refused.
        NetworkPolicy = "NetworkPolicy",
        /// Settings of an application; what is secret is not in one.
        ConfigMap = "ConfigMap",
        /// Why a pod waits for its disk.
        PersistentVolumeClaim = "PersistentVolumeClaim",
        /// Why an object is refused: what the namespace has left.
        ResourceQuota = "ResourceQuota",
        /// What a container gets that asks for nothing.
        LimitRange = "LimitRange",
        /// Why there are as many pods as there are.
        HorizontalPodAutoscaler = "HorizontalPodAutoscaler",
    }
}

impl Kind {
    /// Where the API server has it: group (empty for the core), version, and the plural that paths are made of.
    #[must_use]
    pub const fn place(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Pod => ("", "v1", "pods"),
            Self::ReplicaSet => ("apps", "v1", "replicasets"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::DaemonSet => ("apps", "v1", "daemonsets"),
            Self::Job => ("batch", "v1", "jobs"),
            Self::CronJob => ("batch", "v1", "cronjobs"),
            Self::Service => ("", "v1", "services"),
            Self::EndpointSlice => ("discovery.k8s.io", "v1", "endpointslices"),
            Self::Ingress => ("networking.k8s.io", "v1", "ingresses"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
            Self::ConfigMap => ("", "v1", "configmaps"),
            Self::PersistentVolumeClaim => ("", "v1", "persistentvolumeclaims"),
            Self::ResourceQuota => ("", "v1", "resourcequotas"),
            Self::LimitRange => ("", "v1", "limitranges"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
        }
    }

    /// The kind that a call names, in the singular or the plural, with its group behind a dot or without.
    ///
    /// # Errors
    /// When there is none, or none that may be looked at.
    pub fn named(word: &str) -> Result<Self, Refused> {
        if word.contains('/') {
            return Err(Refused::PartOfAnObject);
        }
        let word = word.trim().to_lowercase();
        let (name, group) = word.split_once('.').unwrap_or((&word, ""));
        let one = Self::ALL.iter().copied().find(|kind| {
            let (its_group, _, plural) = kind.place();
            (name == plural || name == kind.as_str().to_lowercase()) && (group.is_empty() || group == its_group)
        });
        one.ok_or_else(|| refused(name))
    }
}

/// Kinds that are not looked at for a reason of their own, by singular and plural.
const SECRETS: &[&str] = &["secret", "secrets"];
const RIGHTS: &[&str] = &["serviceaccount", "serviceaccounts", "role", "roles", "rolebinding", "rolebindings"];
const OF_THE_CLUSTER: &[&str] = &[
    "namespace",
    "namespaces",
    "node",
    "nodes",
    "persistentvolume",
    "persistentvolumes",
    "storageclass",
    "storageclasses",
    "ingressclass",
    "ingressclasses",
    "priorityclass",
    "priorityclasses",
    "runtimeclass",
    "runtimeclasses",
    "clusterrole",
    "clusterroles",
    "clusterrolebinding",
    "clusterrolebindings",
    "customresourcedefinition",
    "customresourcedefinitions",
    "validatingadmissionpolicy",
    "validatingadmissionpolicies",
    "validatingwebhookconfiguration",
    "validatingwebhookconfigurations",
    "mutatingwebhookconfiguration",
    "mutatingwebhookconfigurations",
    "certificatesigningrequest",
    "certificatesigningrequests",
    "apiservice",
    "apiservices",
];

fn refused(name: &str) -> Refused {
    if SECRETS.contains(&name) {
        Refused::Secret
    } else if RIGHTS.contains(&name) {
        Refused::Rights
    } else if OF_THE_CLUSTER.contains(&name) {
        Refused::OfTheCluster
    } else if name == "event" || name == "events" {
        Refused::Events
    } else {
        Refused::UnknownKind
    }
}

/// Why something is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Whatever they hold is not for an agent.
    #[error("Secrets are never shown, not even their names. A pod says which ones it refers to.")]
    Secret,
    /// Who may do what is the platform's.
    #[error("Accounts and rights are not shown.")]
    Rights,
    /// It lies in no namespace.
    #[error("This kind belongs to the whole cluster. You see your run's own namespace and nothing else.")]
    OfTheCluster,
    /// They have a tool of their own.
    #[error("Events are read with k8s_events.")]
    Events,
    /// A path to a part of an object, as `pods/exec`.
    #[error("Name a kind alone, without a slash. What a container has printed is read with k8s_pod_logs.")]
    PartOfAnObject,
    /// Not one of the kinds.
    #[error("This kind is not shown. There are: {}.", kinds())]
    UnknownKind,
    /// Another namespace, or a path.
    #[error("Name the object alone, without a slash: it is looked for in your run's own namespace and nowhere else.")]
    NameWithSlash,
    /// No name that an object can have.
    #[error("An object's name has lower-case letters, digits, dashes and dots, at most {NAME_LIMIT} of them.")]
    NotAName,
}

fn kinds() -> String {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// Characters of a name (RFC 1123 subdomain).
const NAME_LIMIT: usize = 253;

/// The name of one object, as a call gives it.
///
/// # Errors
/// When no object can have it.
pub fn name(word: &str) -> Result<&str, Refused> {
    if word.contains(['/', '\\']) {
        return Err(Refused::NameWithSlash);
    }
    let is_part = |part: &str| {
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        let fits = bytes.iter().all(|&byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        fits && ends(bytes.first()) && ends(bytes.last())
    };
    let is_name = word.len() <= NAME_LIMIT && word.split('.').all(is_part);
    if is_name { Ok(word) } else { Err(Refused::NotAName) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        let table = [
            ("Pod", Kind::Pod),
            ("pods", Kind::Pod),
            ("deployment.apps", Kind::Deployment),
            ("Ingresses", Kind::Ingress),
            ("networkpolicies.networking.k8s.io", Kind::NetworkPolicy),
            (" job ", Kind::Job),
        ];
        for (word, kind) in table {
            assert_eq!(Kind::named(word), Ok(kind), "{word}");
        }
        for &kind in Kind::ALL {
            let (group, _, plural) = kind.place();
            let dot = if group.is_empty() { "" } else { "." };
            assert_eq!(Kind::named(kind.as_str()), Ok(kind));
            assert_eq!(Kind::named(&format!("{plural}{dot}{group}")), Ok(kind));
        }
    }

    #[test]
    fn what_is_not_looked_at_says_why() {
        let table = [
            ("Secret", Refused::Secret),
            ("secrets", Refused::Secret),
            ("secrets.v1", Refused::Secret),
            ("ServiceAccount", Refused::Rights),
            ("rolebindings.rbac.authorization.k8s.io", Refused::Rights),
            ("Namespace", Refused::OfTheCluster),
            ("nodes", Refused::OfTheCluster),
            ("clusterroles", Refused::OfTheCluster),
            ("events", Refused::Events),
            ("pods/exec", Refused::PartOfAnObject),
            ("pods/../secrets", Refused::PartOfAnObject),
            ("serviceaccounts/token", Refused::PartOfAnObject),
            ("Pod.evil.example", Refused::UnknownKind),
            ("pods?watch=true", Refused::UnknownKind),
            ("Widget", Refused::UnknownKind),
            ("*", Refused::UnknownKind),
            ("", Refused::UnknownKind),
        ];
        for (word, why) in table {
            assert_eq!(Kind::named(word), Err(why), "{word:?}");
        }
        let words = Refused::UnknownKind.to_string();
        assert!(words.contains("Pod, ") && !words.contains("Secret"), "{words}");
    }

    #[test]
    fn a_name_is_one_objects_in_the_own_namespace() {
        for word in ["web", "run-456789ab-l1-x7z2k", "kube-root-ca.crt", "0", &"a".repeat(NAME_LIMIT)] {
            assert_eq!(name(word), Ok(word));
        }
        for word in ["other/web", "/web", "web/", "..\\web", "web/log", "../secrets/run"] {
            assert_eq!(name(word), Err(Refused::NameWithSlash), "{word}");
        }
        let long = "a".repeat(NAME_LIMIT + 1);
        for word in ["", "Web", "web_1", "-web", "web-", ".", "..", "a..b", "web?x=1", "web%2fx", "web x", "веб", &long]
        {
            assert_eq!(name(word), Err(Refused::NotAName), "{word}");
        }
    }
}
