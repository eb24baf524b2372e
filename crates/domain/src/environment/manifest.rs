//! Judges manifests of agents: one object of a kind that may be changed, in the run's own namespace, that takes no secret
//! and leaves the namespace by no way.

use serde_json::{Map, Value};

use super::Kind;
use super::changes::{self, MOST_MANIFEST, Unchangeable, is_reserved};

/// A manifest that an agent may ask to have applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// All of it, without a namespace.
    pub object: Value,
}

/// What an object of each kind is made of; its state is nobody's to write.
const PARTS: [&str; 7] = ["apiVersion", "kind", "metadata", "spec", "data", "binaryData", "immutable"];
const LABELS: &[&str] = &["labels", "annotations"];
const NAMED: &[&str] = &["name", "namespace", "labels", "annotations"];

impl Manifest {
    /// Reads the text of a call, for a run of this namespace.
    ///
    /// # Errors
    /// Why it is not applied, whoever would approve.
    pub fn read(text: &str, namespace: &str) -> Result<Self, Unchangeable> {
        if text.len() > MOST_MANIFEST {
            return Err(Unchangeable::TooLarge);
        }
        let object = serde_saphyr::from_str(text)
            .map_err(|error| Unchangeable::NotRead(error.to_string().lines().next().unwrap_or_default().to_owned()))?;
        Self::judged(object, namespace)
    }

    fn judged(mut object: Value, namespace: &str) -> Result<Self, Unchangeable> {
        let fields = object.as_object().ok_or(Unchangeable::NotAnObject)?;
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let kind = changes::kind(&word(&object["kind"]).ok_or(Unchangeable::NotAnObject)?)?;
        let (group, version, _) = kind.place();
        let expected = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        if object["apiVersion"] != expected.as_str() || object["kind"] != kind.as_str() {
            return Err(Unchangeable::Version { kind, expected });
        }
        if let Some(other) = fields.keys().find(|key| !PARTS.contains(&key.as_str())) {
            return Err(field(other, "agents do not write this; leave it out"));
        }
        metadata(&object["metadata"], "metadata", NAMED)?;
        let own = object["metadata"].get("namespace").is_none_or(|place| place.is_null() || place == namespace);
        if !own {
            return Err(Unchangeable::Elsewhere);
        }
        let name = word(&object["metadata"]["name"]).ok_or(Unchangeable::NotAName)?;
        changes::own_name(&name)?;
        says(kind, &object["spec"])?;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, value| key != "namespace" && !value.is_null());
        }
        Ok(Self { kind, name, object })
    }
}

fn says(kind: Kind, spec: &Value) -> Result<(), Unchangeable> {
    match kind {
        Kind::Service => service(spec),
        Kind::PersistentVolumeClaim => claim(spec, "spec"),
        Kind::CronJob => {
            metadata(&spec["jobTemplate"]["metadata"], "spec.jobTemplate.metadata", LABELS)?;
            template(&spec["jobTemplate"]["spec"]["template"], "spec.jobTemplate.spec.template")
        }
        Kind::StatefulSet => {
            for (number, one) in listed(&spec["volumeClaimTemplates"]).enumerate() {
                let at = format!("spec.volumeClaimTemplates[{number}]");
                metadata(&one["metadata"], &format!("{at}.metadata"), NAMED)?;
                claim(&one["spec"], &format!("{at}.spec"))?;
            }
            template(&spec["template"], "spec.template")
        }
        Kind::Deployment | Kind::Job => template(&spec["template"], "spec.template"),
        _ => Ok(()),
    }
}

/// Labels and names; owners and finalizers could keep the namespace from ever ending.
fn metadata(metadata: &Value, at: &str, taken: &[&str]) -> Result<(), Unchangeable> {
    for (key, value) in map(metadata).filter(|(_, value)| !value.is_null()) {
        if !taken.contains(&key.as_str()) {
            return Err(field(&format!("{at}.{key}"), "agents do not write this; leave it out"));
        }
        if LABELS.contains(&key.as_str()) && map(value).any(|(key, value)| is_reserved(key, value)) {
            return Err(field(
                &format!("{at}.{key}"),
                "what codex-k8s marks its own objects with is not an agent's to put on",
            ));
        }
    }
    Ok(())
}

/// A Service stays inside.
fn service(spec: &Value) -> Result<(), Unchangeable> {
    const INSIDE: &str = "a Service stays inside the cluster: ClusterIP, with clusterIP None or without";
    if spec.get("type").is_some_and(|kind| kind != "ClusterIP") {
        return Err(field("spec.type", INSIDE));
    }
    let outward = ["externalIPs", "externalName", "loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges"];
    match outward.iter().find(|key| spec.get(**key).is_some()) {
        Some(key) => Err(field(&format!("spec.{key}"), INSIDE)),
        None => Ok(()),
    }
}

/// A claim asks for a new disk, not for one that lies there.
fn claim(spec: &Value, at: &str) -> Result<(), Unchangeable> {
    let others = ["volumeName", "selector", "dataSource", "dataSourceRef"];
    match others.iter().find(|key| spec.get(**key).is_some()) {
        Some(key) => Err(field(&format!("{at}.{key}"), "a claim asks for a new volume; leave it out")),
        None => Ok(()),
    }
}

/// What pods are made of.
fn template(template: &Value, at: &str) -> Result<(), Unchangeable> {
    metadata(&template["metadata"], &format!("{at}.metadata"), LABELS)?;
    let (spec, at) = (&template["spec"], format!("{at}.spec"));
    if spec["automountServiceAccountToken"] != false {
        return Err(field(&format!("{at}.automountServiceAccountToken"), "set it to false: such a pod holds no token"));
    }
    for key in ["nodeName", "priorityClassName", "hostNetwork", "hostPID", "hostIPC"] {
        if spec.get(key).is_some_and(|value| *value != false) {
            return Err(field(&format!("{at}.{key}"), "the cluster decides this; leave it out"));
        }
    }
    if listed(&spec["imagePullSecrets"]).next().is_some() {
        return Err(field(&format!("{at}.imagePullSecrets"), NO_SECRET));
    }
    for (number, volume) in listed(&spec["volumes"]).enumerate() {
        if !map(volume).all(|(key, _)| key == "name" || MOUNTED.contains(&key.as_str())) {
            return Err(field(&format!("{at}.volumes[{number}]"), MOUNTS));
        }
    }
    for kind in ["containers", "initContainers", "ephemeralContainers"] {
        for (number, one) in listed(&spec[kind]).enumerate() {
            container(one, &format!("{at}.{kind}[{number}]"))?;
        }
    }
    Ok(())
}

const NO_SECRET: &str = "no Secret is named, for variables, files or images";
const MOUNTED: [&str; 4] = ["emptyDir", "configMap", "downwardAPI", "persistentVolumeClaim"];
const MOUNTS: &str =
    "volumes are emptyDir, configMap, downwardAPI or persistentVolumeClaim; no Secret and no token is mounted";

fn container(container: &Value, at: &str) -> Result<(), Unchangeable> {
    let named = listed(&container["env"]).any(|variable| variable["valueFrom"].get("secretKeyRef").is_some());
    let all = listed(&container["envFrom"]).any(|source| source.get("secretRef").is_some());
    match (named, all) {
        (true, _) => Err(field(&format!("{at}.env"), NO_SECRET)),
        (_, true) => Err(field(&format!("{at}.envFrom"), NO_SECRET)),
        _ => Ok(()),
    }
}

fn field(at: &str, why: &'static str) -> Unchangeable {
    Unchangeable::Field { at: at.to_owned(), why }
}

fn listed(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn map(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: blue\n";

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "labels": { "app": "web" } },
            "spec": {
                "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "creationTimestamp": null, "labels": { "app": "web" } },
                    "spec": {
                        "automountServiceAccountToken": false,
                        "containers": [{
                            "name": "web", "image": "registry.example/web:1",
                            "env": [{ "name": "COLOR", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "color" } } }],
                            "envFrom": [{ "configMapRef": { "name": "settings" } }],
                        }],
                        "volumes": [{ "name": "tmp", "emptyDir": {} }, { "name": "data", "persistentVolumeClaim": { "claimName": "data" } }],
                    },
                },
            },
        })
    }

    fn with(mut object: Value, place: &str, value: Value) -> Value {
        let (parent, key) = place.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[key] = value;
        object
    }

    #[test]
    fn what_is_taken() {
        let read = Manifest::read(SETTINGS, "own").unwrap();
        assert_eq!((read.kind, read.name.as_str()), (Kind::ConfigMap, "settings"));
        assert_eq!(read, Manifest::read(&read.object.to_string(), "own").unwrap(), "JSON is YAML");
        let own = SETTINGS.replace("  name", "  namespace: own\n  name");
        assert_eq!(Manifest::read(&own, "own").unwrap(), read);
        assert_eq!(Manifest::judged(deployment(), "own").unwrap().kind, Kind::Deployment);
        let service =
            |spec: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" }, "spec": spec });
        for spec in [json!({}), json!({ "type": "ClusterIP" }), json!({ "clusterIP": "None" })] {
            assert!(Manifest::judged(service(spec.clone()), "own").is_ok(), "{spec}");
        }
    }

    #[test]
    fn what_is_no_manifest_of_an_agents_own_namespace() {
        let other = |from: &str, to: &str| Manifest::read(&SETTINGS.replace(from, to), "own").map(drop);
        assert_eq!(other("  name", "  namespace: kube-system\n  name"), Err(Unchangeable::Elsewhere));
        assert_eq!(other("settings", "run-456789ab-l1"), Err(Unchangeable::PlatformsName));
        assert_eq!(other("settings", "Web_1"), Err(Unchangeable::NotAName));
        assert_eq!(other("  name: settings", "  generateName: web-"), Err(field("metadata.generateName", LEAVE)));
        assert_eq!(other("ConfigMap", "Secret"), Err(Unchangeable::NeverChanged));
        for never in ["NetworkPolicy", "RoleBinding", "ServiceAccount", "ResourceQuota", "LimitRange", "ClusterRole"] {
            assert_eq!(other("ConfigMap", never), Err(Unchangeable::NeverChanged), "{never}");
        }
        for no_kind in ["DaemonSet", "Pod", "Ingress", "Namespace", "Node", "Widget", "PersistentVolume"] {
            assert_eq!(other("ConfigMap", no_kind), Err(Unchangeable::Kind), "{no_kind}");
        }
        let expected = "v1".to_owned();
        assert_eq!(
            other("v1\n", "v2\n"),
            Err(Unchangeable::Version { kind: Kind::ConfigMap, expected: expected.clone() })
        );
        assert_eq!(other("ConfigMap", "configmaps"), Err(Unchangeable::Version { kind: Kind::ConfigMap, expected }));
        assert_eq!(Manifest::read("[]", "own"), Err(Unchangeable::NotAnObject));
        assert_eq!(Manifest::read("kind: 7", "own"), Err(Unchangeable::NotAnObject));
        let read = |text: &str| Manifest::read(text, "own");
        assert!(matches!(read("a: [b"), Err(Unchangeable::NotRead(_))));
        assert!(matches!(read(&format!("{SETTINGS}---\n{SETTINGS}")), Err(Unchangeable::NotRead(_))));
        assert_eq!(read(&" ".repeat(MOST_MANIFEST + 1)), Err(Unchangeable::TooLarge));
    }

    const LEAVE: &str = "agents do not write this; leave it out";

    #[test]
    fn what_an_object_must_not_say_of_itself() {
        let table = [
            ("/status", json!({}), "status"),
            ("/metadata/finalizers", json!(["example.com/keep"]), "metadata.finalizers"),
            ("/metadata/ownerReferences", json!([{}]), "metadata.ownerReferences"),
            ("/metadata/resourceVersion", json!("7"), "metadata.resourceVersion"),
            ("/metadata/labels", json!({ "codex-k8s.dev/run-id": "1" }), "metadata.labels"),
            ("/metadata/labels", json!({ "app.kubernetes.io/part-of": "codex-k8s" }), "metadata.labels"),
            ("/metadata/annotations", json!({ "codex-k8s.dev/restarted-by": "1" }), "metadata.annotations"),
            (
                "/spec/template/metadata",
                json!({ "labels": { "codex-k8s.dev/launch": "2" } }),
                "spec.template.metadata.labels",
            ),
            ("/spec/template/metadata", json!({ "finalizers": ["a/b"] }), "spec.template.metadata.finalizers"),
        ];
        refused(deployment, &table);
    }

    #[test]
    fn pods_hold_no_secret_and_no_token() {
        let container = "/spec/template/spec/containers/0";
        let (env, env_from) = (format!("{container}/env"), format!("{container}/envFrom"));
        let key = json!([{ "name": "T", "valueFrom": { "secretKeyRef": { "name": "run-token", "key": "token" } } }]);
        let all = json!([{ "secretRef": { "name": "run-token" } }]);
        let volume = |source: Value| json!([source]);
        let spec = "spec.template.spec";
        let token =
            json!({ "name": "s", "projected": { "sources": [{ "serviceAccountToken": { "path": "token" } }] } });
        let table = [
            (
                "/spec/template/spec/volumes",
                volume(json!({ "name": "s", "secret": { "secretName": "run-token" } })),
                "volumes[0]",
            ),
            ("/spec/template/spec/volumes", volume(token), "volumes[0]"),
            ("/spec/template/spec/volumes", volume(json!({ "name": "s", "hostPath": { "path": "/" } })), "volumes[0]"),
            ("/spec/template/spec/volumes", volume(json!({ "name": "s", "csi": {} })), "volumes[0]"),
            (&env, key.clone(), "containers[0].env"),
            (&env_from, all.clone(), "containers[0].envFrom"),
            (
                "/spec/template/spec/initContainers",
                json!([{ "name": "i", "envFrom": all }]),
                "initContainers[0].envFrom",
            ),
            (
                "/spec/template/spec/ephemeralContainers",
                json!([{ "name": "i", "env": key }]),
                "ephemeralContainers[0].env",
            ),
            ("/spec/template/spec/imagePullSecrets", json!([{ "name": "registry" }]), "imagePullSecrets"),
            ("/spec/template/spec/automountServiceAccountToken", json!(true), "automountServiceAccountToken"),
            ("/spec/template/spec/automountServiceAccountToken", json!(null), "automountServiceAccountToken"),
            ("/spec/template/spec/nodeName", json!("node-1"), "nodeName"),
            ("/spec/template/spec/priorityClassName", json!("system-node-critical"), "priorityClassName"),
            ("/spec/template/spec/hostNetwork", json!(true), "hostNetwork"),
        ];
        let table = table.map(|(place, value, at)| (place, value, format!("{spec}.{at}")));
        let table: Vec<_> = table.iter().map(|(place, value, at)| (*place, value.clone(), at.as_str())).collect();
        refused(deployment, &table);
    }

    #[test]
    fn each_kind_with_pods_and_disks_is_looked_through() {
        let pod = deployment()["spec"]["template"].clone();
        let token = with(pod.clone(), "/spec/automountServiceAccountToken", json!(true));
        let of = |api: &str, kind: &str, spec: Value| json!({ "apiVersion": api, "kind": kind, "metadata": { "name": "web" }, "spec": spec });
        let claims = json!([{ "metadata": { "name": "data" }, "spec": { "volumeName": "pv-1" } }]);
        let table = [
            (of("batch/v1", "Job", json!({ "template": token })), "spec.template.spec.automountServiceAccountToken"),
            (
                of("batch/v1", "CronJob", json!({ "jobTemplate": { "spec": { "template": token } } })),
                "spec.jobTemplate.spec.template.spec.automountServiceAccountToken",
            ),
            (
                of(
                    "batch/v1",
                    "CronJob",
                    json!({ "jobTemplate": { "metadata": { "labels": { "codex-k8s.dev/a": "b" } } } }),
                ),
                "spec.jobTemplate.metadata.labels",
            ),
            (
                of("apps/v1", "StatefulSet", json!({ "template": token })),
                "spec.template.spec.automountServiceAccountToken",
            ),
            (
                of("apps/v1", "StatefulSet", json!({ "template": pod, "volumeClaimTemplates": claims })),
                "spec.volumeClaimTemplates[0].spec.volumeName",
            ),
            (of("v1", "PersistentVolumeClaim", json!({ "dataSource": {} })), "spec.dataSource"),
            (of("v1", "Service", json!({ "type": "NodePort" })), "spec.type"),
            (of("v1", "Service", json!({ "type": "LoadBalancer" })), "spec.type"),
            (of("v1", "Service", json!({ "type": "ExternalName", "externalName": "evil.example" })), "spec.type"),
            (of("v1", "Service", json!({ "externalName": "evil.example" })), "spec.externalName"),
            (of("v1", "Service", json!({ "externalIPs": ["10.0.0.1"] })), "spec.externalIPs"),
        ];
        for (object, at) in table {
            refusal(object, at);
        }
    }

    fn refused(object: fn() -> Value, table: &[(&str, Value, &str)]) {
        for (place, value, at) in table {
            refusal(with(object(), place, value.clone()), at);
        }
    }

    fn refusal(object: Value, expected: &str) {
        match Manifest::judged(object.clone(), "own") {
            Err(Unchangeable::Field { at, .. }) => assert_eq!(at, expected, "{object}"),
            other => panic!("{other:?}: {object}"),
        }
    }
}
