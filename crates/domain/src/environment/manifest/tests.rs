//! What is taken of agents, and what is refused.

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
    assert_eq!(other("v1\n", "v2\n"), Err(Unchangeable::Version { kind: Kind::ConfigMap, expected: expected.clone() }));
    assert_eq!(other("ConfigMap", "configmaps"), Err(Unchangeable::Version { kind: Kind::ConfigMap, expected }));
    assert_eq!(Manifest::read("[]", "own"), Err(Unchangeable::NotAnObject));
    assert_eq!(Manifest::read("kind: 7", "own"), Err(Unchangeable::NotAnObject));
    let read = |text: &str| Manifest::read(text, "own");
    assert!(matches!(read("a: [b"), Err(Unchangeable::NotRead(_))));
    assert!(matches!(read(&format!("{SETTINGS}---\n{SETTINGS}")), Err(Unchangeable::NotRead(_))));
    assert_eq!(read(&" ".repeat(MOST_MANIFEST + 1)), Err(Unchangeable::TooLarge));
}

#[test]
fn what_an_object_must_not_say_of_itself() {
    let table = [
        ("/status", json!({}), "status"),
        ("/metadata/finalizers", json!(["example.com/keep"]), "metadata.finalizers"),
        ("/metadata/labels", json!({ "app": "we\u{202E}b" }), "metadata.labels.app"),
        ("/metadata/annotations", json!({ "no\u{200B}te": "a" }), "metadata.annotations"),
        ("/metadata/ownerReferences", json!([{}]), "metadata.ownerReferences"),
        ("/metadata/resourceVersion", json!("7"), "metadata.resourceVersion"),
        ("/metadata/labels", json!({ "codex-k8s.dev/run-id": "1" }), "metadata.labels"),
        ("/metadata/labels", json!({ "app.kubernetes.io/part-of": "codex-k8s" }), "metadata.labels"),
        ("/metadata/annotations", json!({ "codex-k8s.dev/restarted-by": "1" }), "metadata.annotations"),
        (
            "/metadata/annotations",
            json!({ "kubectl.kubernetes.io/last-applied-configuration": "{}" }),
            "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration",
        ),
        (
            "/metadata/annotations",
            json!({ "note": "a", "replicator.example/to": "all" }),
            "metadata.annotations.replicator.example/to",
        ),
        (
            "/spec/template/metadata",
            json!({ "annotations": { "sidecar.istio.io/inject": "true" } }),
            "spec.template.metadata.annotations.sidecar.istio.io/inject",
        ),
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
    let token = json!({ "name": "s", "projected": { "sources": [{ "serviceAccountToken": { "path": "token" } }] } });
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
        ("/spec/template/spec/initContainers", json!([{ "name": "i", "envFrom": all }]), "initContainers[0].envFrom"),
        ("/spec/template/spec/imagePullSecrets", json!([{ "name": "registry" }]), "imagePullSecrets"),
        ("/spec/template/spec/automountServiceAccountToken", json!(true), "automountServiceAccountToken"),
        ("/spec/template/spec/automountServiceAccountToken", json!(null), "automountServiceAccountToken"),
    ];
    let table = table.map(|(place, value, at)| (place, value, format!("{spec}.{at}")));
    let table: Vec<_> = table.iter().map(|(place, value, at)| (*place, value.clone(), at.as_str())).collect();
    refused(deployment, &table);
}

#[test]
fn a_pod_says_what_it_runs_and_nothing_about_where() {
    let table = [
        ("nodeName", json!("node-1"), "nodeName"),
        ("priorityClassName", json!("system-node-critical"), "priorityClassName"),
        ("hostNetwork", json!(true), "hostNetwork"),
        ("nodeSelector", json!({ "disk": "fast" }), "nodeSelector"),
        ("affinity", json!({}), "affinity"),
        ("tolerations", json!([{ "operator": "Exists" }]), "tolerations"),
        ("topologySpreadConstraints", json!([]), "topologySpreadConstraints"),
        ("schedulerName", json!("another"), "schedulerName"),
        ("runtimeClassName", json!("runc"), "runtimeClassName"),
        ("serviceAccountName", json!("agent-changes"), "serviceAccountName"),
        ("ephemeralContainers", json!([{ "name": "i" }]), "ephemeralContainers"),
        ("comesLater", json!(1), "comesLater"),
        ("terminationGracePeriodSeconds", json!(61), "terminationGracePeriodSeconds"),
        ("terminationGracePeriodSeconds", json!(1e9), "terminationGracePeriodSeconds"),
        ("initContainers", json!([{ "stdinOnce": true }]), "initContainers[0].stdinOnce"),
    ];
    for (key, value, at) in table {
        refusal(with(deployment(), &format!("/spec/template/spec/{key}"), value), &format!("spec.template.spec.{at}"));
    }
}

#[test]
fn a_container_has_the_node_ask_and_mount_nothing_of_others() {
    let container = "/spec/template/spec/containers/0";
    let hook = |way: &str, said: Value| json!({ "preStop": { way: said } });
    let table = [
        ("comesLater", json!(1), "comesLater"),
        ("volumeDevices", json!([{}]), "volumeDevices"),
        ("ports", json!([{ "containerPort": 80 }, { "containerPort": 81, "hostPort": 81 }]), "ports[1].hostPort"),
        ("volumeMounts", json!([{ "mountPropagation": "Bidirectional" }]), "volumeMounts[0].mountPropagation"),
        ("resources", json!({ "claims": [] }), "resources.claims"),
        ("env", json!([{ "name": "A", "valueFrom": { "fileKeyRef": {} } }]), "env[0].valueFrom.fileKeyRef"),
        ("livenessProbe", json!({ "httpGet": { "port": 80, "host": "10.0.0.1" } }), "livenessProbe.httpGet.host"),
        ("startupProbe", json!({ "tcpSocket": { "port": 80, "host": "10.0.0.1" } }), "startupProbe.tcpSocket.host"),
        (
            "readinessProbe",
            json!({ "terminationGracePeriodSeconds": 61 }),
            "readinessProbe.terminationGracePeriodSeconds",
        ),
        ("lifecycle", hook("httpGet", json!({ "port": 80, "host": "10.0.0.1" })), "lifecycle.preStop.httpGet.host"),
        ("lifecycle", hook("comesLater", json!({})), "lifecycle.preStop.comesLater"),
    ];
    for (key, value, at) in table {
        let object = with(deployment(), &format!("{container}/{key}"), value);
        refusal(object, &format!("spec.template.spec.containers[0].{at}"));
    }
}

#[test]
fn what_applications_usually_say_is_taken() {
    let probe = json!({ "httpGet": { "path": "/", "port": 80, "httpHeaders": [] }, "periodSeconds": 5 });
    let container = json!({
        "name": "web", "image": "registry.example/web:1", "imagePullPolicy": "Always", "command": ["a"], "args": ["b"],
        "workingDir": "/srv", "ports": [{ "containerPort": 80, "name": "http", "protocol": "TCP" }],
        "env": [
            { "name": "A", "value": "b" },
            { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
        ],
        "resources": { "requests": { "cpu": "10m" }, "limits": { "memory": "64Mi" } },
        "volumeMounts": [{ "name": "data", "mountPath": "/data", "subPath": "a", "readOnly": true }],
        "livenessProbe": probe, "readinessProbe": { "exec": { "command": ["true"] } },
        "startupProbe": { "tcpSocket": { "port": 80 }, "terminationGracePeriodSeconds": 60 },
        "lifecycle": { "preStop": { "sleep": { "seconds": 5 } }, "postStart": null },
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
    });
    let mut said = deployment();
    said["spec"]["template"]["spec"]["containers"][0] = container.clone();
    let pod = &mut said["spec"]["template"];
    pod["metadata"]["annotations"] = json!({ "checksum/config": "1", "prometheus.io/scrape": "true" });
    pod["spec"]["initContainers"] = json!([container]);
    pod["spec"]["restartPolicy"] = json!("Always");
    pod["spec"]["terminationGracePeriodSeconds"] = json!(60);
    pod["spec"]["securityContext"] = json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    for (key, value) in [("hostNetwork", json!(false)), ("affinity", json!(null)), ("imagePullSecrets", json!([]))] {
        pod["spec"][key] = value;
    }
    assert_eq!(Manifest::judged(said.clone(), "own").map(|read| read.object), Ok(said));
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
        (of("apps/v1", "StatefulSet", json!({ "template": token })), "spec.template.spec.automountServiceAccountToken"),
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
