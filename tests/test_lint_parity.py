"""Lint and the API server agree: what one refuses, the other calls an error, for each rule that
lint claims.

Each line changes one value of a good manifest. The very Job that the function would build goes to
the API as a dry run with strict fields. On a real API (`--api=real`) is where it counts.
"""

import copy
import json
import re
from typing import Any

import pytest
from kube import Kube
from make import a_container, a_manifest, a_notification, an_alert

from function.definitions import Definition
from function.errors import Broken
from function.jobs import build_job
from function.local.fields import read_fields
from function.local.rules import config_map_rules
from function.tools.documents import Text
from function.tools.lint import fields
from function.tools.lint.codes import Severity, severity
from function.tools.lint.written import Written

POD = "spec.template.spec"
MAIN = f"{POD}.containers[0]"
TEMPLATE = "spec.template.metadata"
A_SCRATCH = {"name": "scratch", "emptyDir": {}}
LONG = "x" * 263_000


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good manifest with one value changed."""
    manifest = a_manifest({"volumes": [A_SCRATCH]})
    *parents, last = path.replace("]", "").replace("[", ".").split(".")
    holder: Any = manifest
    for step in parents:
        holder = holder[int(step)] if step.isdigit() else holder.setdefault(step, {})
    holder[int(last) if last.isdigit() else last] = value
    return manifest


def volume(**source: Any) -> list[Any]:
    return [A_SCRATCH, {"name": "it", **source}]


def mounts(*fields: dict[str, Any]) -> list[Any]:
    return [{"name": "scratch", "mountPath": "/scratch", **each} for each in fields]


def variable(**source: Any) -> list[Any]:
    return [{"name": "A", "valueFrom": source}]


def toleration(**fields: Any) -> list[Any]:
    return [{"key": "a", "operator": "Exists", **fields}]


def a_pod(**fields: Any) -> dict[str, Any]:
    return {"restartPolicy": "Never", "containers": [a_container()], **fields}


REFUSED = [
    # What cannot be read.
    ("unknown-field", "spec.schedule", "0 0 * * *"),
    ("unknown-field", f"{MAIN}.imagepullpolicy", "Always"),
    ("misplaced-field", "spec.template.labels", {"a": "b"}),
    ("misplaced-field", f"{POD}.imagePullPolicy", "Always"),
    ("misplaced-field", "spec.restartPolicy", "Never"),
    ("misplaced-field", f"{MAIN}.resources", {"memory": "64Mi"}),
    ("wrong-type", "spec.backoffLimit", "3"),
    ("wrong-type", "spec.backoffLimit", 1.5),
    ("wrong-type", "spec.backoffLimit", 2**31),
    ("wrong-type", "spec.activeDeadlineSeconds", "10m"),
    ("wrong-type", "spec.suspend", "true"),
    ("wrong-type", "metadata.labels", {"a": 1}),
    ("wrong-type", "metadata.annotations", {"a": True}),
    ("wrong-type", "metadata.creationTimestamp", "yesterday"),
    ("wrong-type", f"{MAIN}.env", [{"name": "A", "value": 8080}]),
    ("wrong-type", f"{MAIN}.env", {"A": "b"}),
    ("wrong-type", f"{MAIN}.env", ["A=b"]),
    ("wrong-type", f"{MAIN}.command", "sh -c true"),
    ("wrong-type", f"{MAIN}.args", [7]),
    ("wrong-type", f"{MAIN}.ports", [{"containerPort": "80"}]),
    ("wrong-type", f"{MAIN}.volumeMounts", "/scratch"),
    ("wrong-type", f"{POD}.containers", a_container()),
    ("wrong-type", f"{POD}.imagePullSecrets", ["registry"]),
    ("wrong-type", f"{POD}.securityContext", {"runAsUser": "root"}),
    ("wrong-type", f"{MAIN}.resources", {"limits": {"memory": "64 Mi"}}),
    ("wrong-type", f"{MAIN}.resources", {"limits": {"memory": "64MB"}}),
    ("wrong-type", f"{MAIN}.resources", {"limits": {"memory": "1K"}}),
    ("wrong-type", f"{MAIN}.resources", {"limits": {"memory": "1.2.3"}}),
    # Metadata.
    ("refused", "metadata.labels", {"a b": "c"}),
    ("refused", "metadata.labels", {"a": "b c"}),
    ("refused", "metadata.labels", {"a": "b" * 64}),
    ("refused", "metadata.labels", {"a/b/c": "d"}),
    ("refused", "metadata.annotations", {"a b": "c"}),
    ("refused", "metadata.annotations", {"a": LONG}),
    ("refused", f"{TEMPLATE}.labels", {"a": "b c"}),
    ("refused", f"{TEMPLATE}.annotations", {"a b": "c"}),
    # The Job.
    ("refused", "spec.backoffLimit", -1),
    ("refused", "spec.parallelism", -1),
    ("refused", "spec.completions", -1),
    ("refused", "spec.activeDeadlineSeconds", -1),
    ("refused", "spec.ttlSecondsAfterFinished", -1),
    ("refused", "spec.completionMode", "Indexes"),
    ("refused", "spec.podReplacementPolicy", "Never"),
    ("refused", "spec.backoffLimitPerIndex", 1),
    ("refused", "spec.maxFailedIndexes", 1),
    ("refused", "spec.successPolicy", {"rules": [{"succeededCount": 1}]}),
    ("refused", "spec.podFailurePolicy", {"rules": [{"action": "FailJob"}]}),
    (
        "refused",
        "spec.podFailurePolicy",
        {"rules": [{"onExitCodes": {"operator": "In", "values": [1]}}]},
    ),
    (
        "refused",
        "spec",
        {
            "template": {"spec": a_pod(restartPolicy="OnFailure")},
            "podFailurePolicy": {
                "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]
            },
        },
    ),
    (
        "refused",
        "spec",
        {
            "template": {"spec": a_pod()},
            "completionMode": "Indexed",
            "completions": 2,
            "backoffLimitPerIndex": -1,
        },
    ),
    (
        "refused",
        "spec",
        {
            "template": {"spec": a_pod()},
            "completionMode": "Indexed",
            "completions": 2,
            "maxFailedIndexes": 1,
        },
    ),
    (
        "refused",
        "spec.podFailurePolicy",
        {"rules": [{"action": "Stop", "onExitCodes": {"operator": "In", "values": [1]}}]},
    ),
    (
        "refused",
        "spec.podFailurePolicy",
        {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [0]}}]},
    ),
    # The pod.
    ("refused", POD, None),
    ("refused", POD, {"restartPolicy": "Never", "containers": []}),
    ("refused", f"{POD}.restartPolicy", "Always"),
    ("refused", f"{POD}.restartPolicy", None),
    ("refused", f"{POD}.restartPolicy", "never"),
    ("refused", f"{POD}.dnsPolicy", "Cluster"),
    ("refused", f"{POD}.dnsPolicy", "None"),
    ("refused", f"{POD}.preemptionPolicy", "Always"),
    ("refused", f"{POD}.serviceAccountName", "Not Legal"),
    ("refused", f"{POD}.serviceAccount", "Not Legal"),
    ("refused", f"{POD}.nodeName", "a b"),
    ("refused", f"{POD}.nodeSelector", {"a b": "c"}),
    ("refused", f"{POD}.nodeSelector", {"a": "b c"}),
    ("refused", f"{POD}.priorityClassName", "a b"),
    ("refused", f"{POD}.runtimeClassName", "a b"),
    ("refused", f"{POD}.hostname", "a_b"),
    ("refused", f"{POD}.subdomain", "a_b"),
    ("refused", f"{POD}.activeDeadlineSeconds", 0),
    ("refused", f"{POD}.ephemeralContainers", [a_container(name="debug")]),
    ("refused", f"{POD}.resources", {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
    ("refused", f"{POD}.tolerations", toleration(value="b")),
    ("refused", f"{POD}.tolerations", toleration(operator="Equals")),
    ("refused", f"{POD}.tolerations", toleration(key="", operator="Equal")),
    ("refused", f"{POD}.tolerations", toleration(key="a b")),
    ("refused", f"{POD}.tolerations", toleration(effect="Never")),
    ("refused", f"{POD}.tolerations", toleration(effect="NoSchedule", tolerationSeconds=5)),
    ("refused", f"{POD}.tolerations", toleration(operator="Equal", value="b c")),
    ("refused", f"{POD}.securityContext", {"runAsUser": -1}),
    ("refused", f"{POD}.securityContext", {"fsGroup": -1}),
    ("refused", f"{POD}.securityContext", {"supplementalGroups": [-1]}),
    ("refused", f"{POD}.securityContext", {"seccompProfile": {}}),
    ("refused", f"{POD}.securityContext", {"seccompProfile": {"type": "runtime/default"}}),
    ("refused", f"{POD}.securityContext", {"seccompProfile": {"type": "Localhost"}}),
    ("refused", f"{POD}.securityContext", {"appArmorProfile": {"type": "default"}}),
    # Containers.
    ("refused", POD, a_pod(containers=[a_container(), a_container()])),
    ("refused", POD, a_pod(initContainers=[a_container()])),
    ("refused", POD, a_pod(initContainers=[a_container(name="first", image="")])),
    (
        "refused",
        POD,
        a_pod(
            initContainers=[a_container(name="first", readinessProbe={"tcpSocket": {"port": 1}})]
        ),
    ),
    ("refused", f"{MAIN}.name", None),
    ("refused", f"{MAIN}.name", "Repair"),
    ("refused", f"{MAIN}.name", "free_quota"),
    ("refused", f"{MAIN}.name", "a" * 64),
    ("refused", f"{MAIN}.image", ""),
    ("refused", f"{MAIN}.imagePullPolicy", "always"),
    ("refused", f"{MAIN}.terminationMessagePolicy", "Log"),
    ("refused", f"{MAIN}.env", [{"name": "", "value": "a"}]),
    ("refused", f"{MAIN}.env", [{"name": "A=B"}]),
    ("refused", f"{MAIN}.env", variable()),
    ("refused", f"{MAIN}.env", variable(fieldRef={})),
    ("refused", f"{MAIN}.env", variable(resourceFieldRef={})),
    ("refused", f"{MAIN}.env", variable(fieldRef={"fieldPath": "metadata.foo"})),
    ("refused", f"{MAIN}.env", variable(fieldRef={"fieldPath": "metadata.labels['a b']"})),
    ("refused", f"{MAIN}.env", variable(configMapKeyRef={"name": "x"})),
    ("refused", f"{MAIN}.env", variable(configMapKeyRef={"key": "x"})),
    ("refused", f"{MAIN}.env", variable(secretKeyRef={"name": "X Y", "key": "a"})),
    ("refused", f"{MAIN}.env", variable(secretKeyRef={"name": "x", "key": "a/b"})),
    ("refused", f"{MAIN}.env", variable(resourceFieldRef={"resource": "limit.cpu"})),
    (
        "refused",
        f"{MAIN}.env",
        variable(secretKeyRef={"name": "x", "key": "a"}, fieldRef={"fieldPath": "metadata.name"}),
    ),
    (
        "refused",
        f"{MAIN}.env",
        [{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    ),
    ("refused", f"{MAIN}.envFrom", [{}]),
    ("refused", f"{MAIN}.envFrom", [{"configMapRef": {}}]),
    ("refused", f"{MAIN}.envFrom", [{"prefix": "A=", "secretRef": {"name": "x"}}]),
    ("refused", f"{MAIN}.envFrom", [{"secretRef": {"name": "X Y"}}]),
    (
        "refused",
        f"{MAIN}.envFrom",
        [{"secretRef": {"name": "x"}, "configMapRef": {"name": "x"}}],
    ),
    ("refused", f"{MAIN}.ports", [{"containerPort": 0}]),
    ("refused", f"{MAIN}.ports", [{"containerPort": 70_000}]),
    ("refused", f"{MAIN}.ports", [{"containerPort": 80, "name": "A_B"}]),
    ("refused", f"{MAIN}.ports", [{"containerPort": 80, "name": "1234"}]),
    (
        "refused",
        f"{MAIN}.ports",
        [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}],
    ),
    ("refused", f"{MAIN}.ports", [{"containerPort": 80, "name": "longer-than-fifteen"}]),
    ("refused", f"{MAIN}.ports", [{"containerPort": 80, "protocol": "http"}]),
    ("refused", f"{MAIN}.ports", [{"containerPort": 80, "hostPort": -1}]),
    ("refused", f"{MAIN}.livenessProbe", {}),
    ("refused", f"{MAIN}.livenessProbe", {"exec": {}}),
    ("refused", f"{MAIN}.livenessProbe", {"httpGet": {"path": "/"}}),
    ("refused", f"{MAIN}.livenessProbe", {"tcpSocket": {"port": "a_b"}}),
    (
        "refused",
        f"{MAIN}.livenessProbe",
        {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}},
    ),
    ("refused", f"{MAIN}.livenessProbe", {"exec": {"command": ["a"]}, "successThreshold": 2}),
    ("refused", f"{MAIN}.readinessProbe", {"exec": {"command": ["a"]}, "periodSeconds": -1}),
    ("refused", f"{MAIN}.lifecycle", {"preStop": {}}),
    ("refused", f"{MAIN}.resources", {"requests": {"cpu": "1"}, "limits": {"cpu": "100m"}}),
    ("refused", f"{MAIN}.resources", {"limits": {"memory": "-1Mi"}}),
    ("refused", f"{MAIN}.resources", {"limits": {"ram": "1Mi"}}),
    ("refused", f"{MAIN}.resources", {"limits": {"storage": "1Gi"}}),
    ("refused", f"{MAIN}.resources", {"requests": {"example.com/gpu": "1"}}),
    ("refused", f"{MAIN}.resources", {"limits": {"example.com/gpu": "0.5"}}),
    ("refused", f"{MAIN}.resources", {"limits": {"example.com/a b": "1"}}),
    (
        "refused",
        f"{MAIN}.resources",
        {"requests": {"example.com/gpu": 1}, "limits": {"example.com/gpu": 2}},
    ),
    ("refused", f"{MAIN}.resources", {"limits": {"hugepages-2Mi": "2Mi"}}),
    ("refused", f"{MAIN}.securityContext", {"runAsGroup": -1}),
    ("refused", f"{MAIN}.securityContext", {"procMount": "None"}),
    (
        "refused",
        f"{MAIN}.securityContext",
        {"privileged": True, "allowPrivilegeEscalation": False},
    ),
    (
        "refused",
        f"{MAIN}.securityContext",
        {"seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "x"}},
    ),
    (
        "refused",
        f"{MAIN}.securityContext",
        {"capabilities": {"add": ["CAP_SYS_ADMIN"]}, "allowPrivilegeEscalation": False},
    ),
    ("refused", f"{MAIN}.volumeMounts", [{"name": "missing", "mountPath": "/a"}]),
    ("refused", f"{MAIN}.volumeMounts", [{"name": "scratch"}]),
    ("refused", f"{MAIN}.volumeMounts", [{"mountPath": "/a"}]),
    ("refused", f"{MAIN}.volumeMounts", mounts({}, {})),
    ("refused", f"{MAIN}.volumeMounts", mounts({"subPath": "/x"})),
    ("refused", f"{MAIN}.volumeMounts", mounts({"subPath": "../x"})),
    ("refused", f"{MAIN}.volumeMounts", mounts({"subPath": "x", "subPathExpr": "y"})),
    # Volumes.
    ("refused", f"{POD}.volumes", [{"emptyDir": {}}]),
    ("refused", f"{POD}.volumes", [A_SCRATCH, A_SCRATCH]),
    ("refused", f"{POD}.volumes", [{"name": "A", "emptyDir": {}}]),
    ("refused", f"{POD}.volumes", volume(emptyDir={}, secret={"secretName": "x"})),
    ("refused", f"{POD}.volumes", volume(emptyDir={"sizeLimit": "-1"})),
    ("refused", f"{POD}.volumes", volume(configMap={})),
    ("refused", f"{POD}.volumes", volume(configMap={"name": "x", "defaultMode": 1000})),
    ("refused", f"{POD}.volumes", volume(configMap={"name": "x", "items": [{"key": "a"}]})),
    ("refused", f"{POD}.volumes", volume(secret={})),
    ("refused", f"{POD}.volumes", volume(secret={"secretName": "x", "defaultMode": 755})),
    (
        "refused",
        f"{POD}.volumes",
        volume(secret={"secretName": "x", "items": [{"key": "a", "path": "b", "mode": 888}]}),
    ),
    ("refused", f"{POD}.volumes", volume(secret={"secretName": "x", "items": [{"path": "b"}]})),
    (
        "refused",
        f"{POD}.volumes",
        volume(secret={"secretName": "x", "items": [{"key": "a", "path": "../b"}]}),
    ),
    ("refused", f"{POD}.volumes", volume(hostPath={})),
    ("refused", f"{POD}.volumes", volume(hostPath={"path": "/a/../b"})),
    ("refused", f"{POD}.volumes", volume(hostPath={"path": "/a", "type": "Dir"})),
    ("refused", f"{POD}.volumes", volume(persistentVolumeClaim={})),
    ("refused", f"{POD}.volumes", volume(nfs={"server": "x", "path": "a"})),
    ("refused", f"{POD}.volumes", volume(csi={})),
    ("refused", f"{POD}.volumes", volume(ephemeral={})),
    ("refused", f"{POD}.volumes", volume(downwardAPI={"items": [{"path": "x"}]})),
    (
        "refused",
        f"{POD}.volumes",
        volume(downwardAPI={"items": [{"fieldRef": {"fieldPath": "metadata.labels"}}]}),
    ),
]

TAKEN = [
    ("metadata.name", "Not_A_Name"),
    ("metadata", None),
    ("metadata.labels", {"a.b/c": "", "d": "e" * 63}),
    ("metadata.annotations", {"Example.com/a": "any: text\n"}),
    ("metadata.creationTimestamp", None),
    ("spec.backoffLimit", None),
    ("spec.backoffLimit", 0),
    ("spec.parallelism", 0),
    ("spec.activeDeadlineSeconds", 0),
    ("spec.ttlSecondsAfterFinished", 0),
    ("spec.selector", {"matchLabels": {"a": "b"}}),
    ("spec.suspend", True),
    ("spec.managedBy", "example.com/another"),
    (
        "spec.podFailurePolicy",
        {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]},
    ),
    (f"{POD}.restartPolicy", "OnFailure"),
    (f"{POD}.activeDeadlineSeconds", 10),
    (f"{POD}.dnsPolicy", ""),
    (f"{POD}.serviceAccountName", ""),
    (f"{POD}.hostNetwork", True),
    (f"{POD}.imagePullSecrets", [{}]),
    (f"{POD}.tolerations", [{"operator": "Exists"}]),
    (f"{POD}.tolerations", toleration(effect="NoExecute", tolerationSeconds=5)),
    (f"{POD}.tolerations", [{"key": "a", "value": "b"}]),
    (f"{POD}.securityContext", {"runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}),
    (POD, a_pod(initContainers=[a_container(name="first")])),
    (
        POD,
        a_pod(
            initContainers=[
                a_container(
                    name="side", restartPolicy="Always", readinessProbe={"tcpSocket": {"port": 1}}
                )
            ]
        ),
    ),
    (f"{MAIN}.image", "UPPER/case and spaces"),
    (f"{MAIN}.imagePullPolicy", ""),
    (f"{MAIN}.command", None),
    (f"{MAIN}.env", [{"name": "any-thing.at all"}]),
    (f"{MAIN}.env", variable(fieldRef={"fieldPath": "metadata.labels['a/b']"})),
    (f"{MAIN}.env", variable(resourceFieldRef={"resource": "limits.cpu"})),
    (f"{MAIN}.envFrom", [{"prefix": "A_", "secretRef": {"name": "x", "optional": True}}]),
    (f"{MAIN}.ports", [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]),
    (f"{MAIN}.livenessProbe", {"httpGet": {"port": "http"}, "successThreshold": 0}),
    (f"{MAIN}.readinessProbe", {"exec": {"command": ["a"]}, "successThreshold": 3}),
    (f"{MAIN}.lifecycle", {"preStop": {"sleep": {"seconds": 1}}}),
    (f"{MAIN}.resources", {"limits": {"cpu": 0.5, "memory": "1.5Gi", "example.com/gpu": 1}}),
    (f"{MAIN}.resources", {"limits": {"cpu": "1e-3"}, "requests": {"cpu": "+1m"}}),
    (f"{MAIN}.resources", {"limits": {"memory": "."}}),
    (f"{MAIN}.resources", {"limits": {"cpu": None}}),
    (f"{MAIN}.resources", {"requests": {"memory": "1024Ki"}, "limits": {"memory": "1Mi"}}),
    (f"{MAIN}.volumeMounts", mounts({"subPath": "a/b"}, {"mountPath": "relative"})),
    (f"{POD}.volumes", [A_SCRATCH, {"name": "nothing-said"}]),
    (f"{POD}.volumes", volume(emptyDir={"medium": "Memory", "sizeLimit": "1Mi"})),
    (f"{POD}.volumes", volume(secret={"secretName": "x", "defaultMode": 0o777})),
    (f"{POD}.volumes", volume(hostPath={"path": "/var/log", "type": ""})),
]

CONFIG_MAPS = [
    ({"data": {"a b": "c"}}, False),
    ({"data": {"..a": "c"}}, False),
    ({"data": {"a": "x" * 1_048_577}}, False),
    ({"data": {"a": "b"}, "binaryData": {"a": "Yg=="}}, False),
    ({"data": {"a": {"kind": "Job"}}}, False),
    ({"data": {"a": 1}}, False),
    ({"metadata": {"name": "Capital"}}, False),
    ({"metadata": {"labels": {"a": "b c"}}}, False),
    ({"data": {"Any_Key-1.yaml": ""}}, True),
    ({"data": None}, True),
]


def titles(cases: list[Any]) -> list[Any]:
    return [pytest.param(*case, id=" ".join(str(part)[:60] for part in case)) for case in cases]


def lint_codes(manifest: dict[str, Any]) -> list[str]:
    text = Text("-", json.dumps(manifest))
    return [each.code for each in fields.findings(Written(text, manifest), None)]


def errors(codes: list[str]) -> list[str]:
    return [code for code in codes if severity(code) is Severity.ERROR]


def refusal(kube: Kube, path: str, content: Any) -> str:
    """Why the API would not take an object in a dry run with strict fields; empty if it would."""
    url = f"{path.format(kube.namespace)}?dryRun=All&fieldValidation=Strict"
    try:
        kube.text("POST", url, content)
    except AssertionError as exc:
        if re.search(r": (400|422) ", str(exc)):
            return str(exc)
        raise
    return ""


def job_of(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The Job that the function would build; where it refuses to, the manifest with a name."""
    definition = Definition("openfero-kubequotaalmostfull-firing", manifest)
    try:
        return build_job(definition, an_alert(), a_notification(), namespace)[0]
    except Broken:
        return copy.deepcopy(manifest)


def ask_about(kube: Kube, manifest: dict[str, Any]) -> str:
    path = "/apis/batch/v1/namespaces/{}/jobs"
    return refusal(kube, path, job_of(manifest, kube.namespace))


@pytest.mark.parametrize(("code", "path", "value"), titles(REFUSED))
def test_what_the_api_refuses_lint_calls_an_error(
    kube: Kube, code: str, path: str, value: Any
) -> None:
    manifest = changed(path, value)

    assert ask_about(kube, manifest)
    assert code in errors(lint_codes(manifest))


@pytest.mark.parametrize(("path", "value"), titles(TAKEN))
def test_what_lint_calls_no_error_the_api_takes(kube: Kube, path: str, value: Any) -> None:
    manifest = changed(path, value)

    assert errors(lint_codes(manifest)) == []
    assert ask_about(kube, manifest) == ""


@pytest.mark.parametrize(("parts", "is_taken"), titles(CONFIG_MAPS))
def test_config_maps_are_judged_alike(kube: Kube, parts: dict[str, Any], is_taken: bool) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", **parts}
    config_map["metadata"] = {"name": "openfero-x-firing", **parts.get("metadata", {})}
    readable, found = read_fields("ConfigMap", config_map)

    judged = not found and not config_map_rules(readable)
    asked = refusal(kube, "/api/v1/namespaces/{}/configmaps", config_map) == ""
    assert (judged, asked) == (is_taken, is_taken)
