//! What pods of agents are made of: what an application says of itself. Whatever else there is, now or in a later version of
//! Kubernetes, is refused by its name: where a pod stands, whom it drives out, and whom the node asks or mounts for it.

use serde_json::Value;

use super::{LABELS, LEAVE, Unchangeable, field, listed, map, metadata};

/// A namespace goes when its pods have gone.
const LONGEST_GRACE: i64 = 60;
const GRACE: &str = "terminationGracePeriodSeconds";

const POD: [&str; 17] = [
    "activeDeadlineSeconds",
    "automountServiceAccountToken",
    "containers",
    "enableServiceLinks",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostname",
    "imagePullSecrets",
    "initContainers",
    "restartPolicy",
    "securityContext",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    GRACE,
    "volumes",
];
/// What the cluster decides. Said apart, since manifests of others often have it.
const PLACED: [&str; 9] = [
    "affinity",
    "nodeName",
    "nodeSelector",
    "preemptionPolicy",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "tolerations",
    "topologySpreadConstraints",
];
const CONTAINER: [&str; 21] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "restartPolicy",
    "securityContext",
    "startupProbe",
    "stdin",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeMounts",
    "workingDir",
];
const PROBE: [&str; 10] = [
    "exec",
    "failureThreshold",
    "grpc",
    "httpGet",
    "initialDelaySeconds",
    "periodSeconds",
    "successThreshold",
    "tcpSocket",
    GRACE,
    "timeoutSeconds",
];
const HOOK: [&str; 4] = ["exec", "httpGet", "sleep", "tcpSocket"];
const MOUNTED: [&str; 4] = ["emptyDir", "configMap", "downwardAPI", "persistentVolumeClaim"];

const DECIDED: &str = "the cluster decides this; leave it out";
const NO_SECRET: &str = "no Secret is named, for variables, files or images";
const MOUNTS: &str =
    "volumes are emptyDir, configMap, downwardAPI or persistentVolumeClaim; no Secret and no token is mounted";
const OWN_POD: &str = "a probe or a hook asks its own pod and nobody else; leave it out";
const SOON: &str = "60 at most: the namespace of a run has to end";

/// What pods are made of.
pub(super) fn template(template: &Value, at: &str) -> Result<(), Unchangeable> {
    metadata(&template["metadata"], &format!("{at}.metadata"), LABELS)?;
    let (spec, at) = (&template["spec"], format!("{at}.spec"));
    if spec["automountServiceAccountToken"] != false {
        return Err(field(&format!("{at}.automountServiceAccountToken"), "set it to false: such a pod holds no token"));
    }
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec.get(key).is_some_and(|value| *value != false) {
            return Err(field(&format!("{at}.{key}"), DECIDED));
        }
    }
    if let Some((key, _)) = said(spec).find(|(key, _)| PLACED.contains(&key.as_str())) {
        return Err(field(&format!("{at}.{key}"), DECIDED));
    }
    only(spec, &POD, &at)?;
    grace(spec, &at)?;
    if listed(&spec["imagePullSecrets"]).next().is_some() {
        return Err(field(&format!("{at}.imagePullSecrets"), NO_SECRET));
    }
    for (number, volume) in listed(&spec["volumes"]).enumerate() {
        if !map(volume).all(|(key, _)| key == "name" || MOUNTED.contains(&key.as_str())) {
            return Err(field(&format!("{at}.volumes[{number}]"), MOUNTS));
        }
    }
    for kind in ["containers", "initContainers"] {
        for (number, one) in listed(&spec[kind]).enumerate() {
            container(one, &format!("{at}.{kind}[{number}]"))?;
        }
    }
    Ok(())
}

fn container(container: &Value, at: &str) -> Result<(), Unchangeable> {
    only(container, &CONTAINER, at)?;
    variables(container, at)?;
    each(&container["ports"], &["containerPort", "name", "protocol"], &format!("{at}.ports"))?;
    let mount = ["mountPath", "name", "readOnly", "subPath", "subPathExpr"];
    each(&container["volumeMounts"], &mount, &format!("{at}.volumeMounts"))?;
    only(&container["resources"], &["limits", "requests"], &format!("{at}.resources"))?;
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let (said, at) = (&container[probe], format!("{at}.{probe}"));
        grace(said, &at)?;
        asks(said, &PROBE, &at)?;
    }
    let (lifecycle, at) = (&container["lifecycle"], format!("{at}.lifecycle"));
    only(lifecycle, &["postStart", "preStop"], &at)?;
    map(lifecycle).try_for_each(|(hook, said)| asks(said, &HOOK, &format!("{at}.{hook}")))
}

fn variables(container: &Value, at: &str) -> Result<(), Unchangeable> {
    for (number, variable) in listed(&container["env"]).enumerate() {
        if variable["valueFrom"].get("secretKeyRef").is_some() {
            return Err(field(&format!("{at}.env"), NO_SECRET));
        }
        let at = format!("{at}.env[{number}]");
        only(variable, &["name", "value", "valueFrom"], &at)?;
        let sources = ["configMapKeyRef", "fieldRef", "resourceFieldRef"];
        only(&variable["valueFrom"], &sources, &format!("{at}.valueFrom"))?;
    }
    if listed(&container["envFrom"]).any(|source| source.get("secretRef").is_some()) {
        return Err(field(&format!("{at}.envFrom"), NO_SECRET));
    }
    each(&container["envFrom"], &["configMapRef", "prefix"], &format!("{at}.envFrom"))
}

/// What the node does for a probe or a hook stays with the pod.
fn asks(said: &Value, taken: &[&str], at: &str) -> Result<(), Unchangeable> {
    only(said, taken, at)?;
    for way in ["httpGet", "tcpSocket"] {
        if said[way].get("host").is_some_and(|host| !host.is_null()) {
            return Err(field(&format!("{at}.{way}.host"), OWN_POD));
        }
    }
    only(&said["httpGet"], &["httpHeaders", "path", "port", "scheme"], &format!("{at}.httpGet"))?;
    only(&said["tcpSocket"], &["port"], &format!("{at}.tcpSocket"))?;
    only(&said["grpc"], &["port", "service"], &format!("{at}.grpc"))
}

fn grace(said: &Value, at: &str) -> Result<(), Unchangeable> {
    let seconds = &said[GRACE];
    let is_short = seconds.is_null() || seconds.as_i64().is_some_and(|seconds| seconds <= LONGEST_GRACE);
    if is_short { Ok(()) } else { Err(field(&format!("{at}.{GRACE}"), SOON)) }
}

fn each(parts: &Value, taken: &[&str], at: &str) -> Result<(), Unchangeable> {
    listed(parts).enumerate().try_for_each(|(number, part)| only(part, taken, &format!("{at}[{number}]")))
}

/// The first field that nobody has looked at is refused by its name.
fn only(part: &Value, taken: &[&str], at: &str) -> Result<(), Unchangeable> {
    match said(part).find(|(key, _)| !taken.contains(&key.as_str())) {
        Some((key, _)) => Err(field(&format!("{at}.{key}"), LEAVE)),
        None => Ok(()),
    }
}

fn said(part: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map(part).filter(|(_, value)| !value.is_null())
}
