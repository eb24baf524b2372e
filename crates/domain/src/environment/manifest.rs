//! Judges manifests of agents: one object of a kind that may be changed, in the run's own namespace, that takes no secret
//! and leaves the namespace by no way.

mod annotations;
mod pods;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::pods::template;
use super::Kind;
use super::changes::{self, MOST_MANIFEST, Unchangeable, is_reserved};
use crate::hidden;

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
const LEAVE: &str = "agents do not write this; leave it out";
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
        if let Some(at) = hidden::place(&object) {
            let at = if at.is_empty() { "the manifest" } else { &at };
            return Err(field(at, "a character in it is one that people do not see; write it without"));
        }
        if let Some(other) = fields.keys().find(|key| !PARTS.contains(&key.as_str())) {
            return Err(field(other, LEAVE));
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
            return Err(field(&format!("{at}.{key}"), LEAVE));
        }
        if LABELS.contains(&key.as_str()) && map(value).any(|(key, value)| is_reserved(key, value)) {
            return Err(field(
                &format!("{at}.{key}"),
                "what codex-k8s marks its own objects with is not an agent's to put on",
            ));
        }
    }
    match map(&metadata["annotations"]).find(|(key, _)| !annotations::is_taken(key)) {
        Some((key, _)) => Err(field(&format!("{at}.annotations.{key}"), annotations::TAKEN)),
        None => Ok(()),
    }
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

fn field(at: &str, why: &'static str) -> Unchangeable {
    Unchangeable::Field { at: at.to_owned(), why }
}

fn listed(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn map(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
