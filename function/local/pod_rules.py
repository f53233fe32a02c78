"""The API server's own rules for what a pod is made of: its volumes, containers, env, mounts.

Pure. The same rules hold for a Pod and for the template that a Job makes pods from;
each finding begins with the path of where the spec stands.
"""

import re
from collections.abc import Iterator
from typing import Any

from function.local.findings import (
    Finding,
    Kind,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from function.local.metadata_rules import annotation_rules, label_rules
from function.local.syntax import why_not_dns_label, why_not_env_name, why_not_subdomain

Manifest = dict[str, Any]

_DNS_POLICIES = "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"
_NO_SOURCE = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` "
    "or `fileKeyRef`"
)
_FIELD_PATH = re.compile(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['.*'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)",
    re.DOTALL,
)


def template_rules(template: Manifest) -> Iterator[Finding]:
    """The rules that the pod template of a Job breaks."""
    metadata, spec = template.get("metadata", {}), template.get("spec", {})
    # `spec.template.labels`, without `metadata`, is how the API server names the place.
    yield from label_rules("spec.template.labels", metadata.get("labels", {}))
    yield from annotation_rules("spec.template.annotations", metadata.get("annotations", {}))
    yield from pod_spec_rules("spec.template.spec", spec)
    field, policy = "spec.template.spec.restartPolicy", spec.get("restartPolicy", "")
    if policy in ("", "Always"):
        yield required(field, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        # Once as a pod's, once as a job's.
        yield unsupported(field, policy, ("Always", "OnFailure", "Never"))
        yield unsupported(field, policy, ("OnFailure", "Never"))


def pod_spec_rules(path: str, spec: Manifest) -> Iterator[Finding]:
    """The rules that the spec of a pod breaks, which stands at `path`."""
    volumes = _dicts(spec.get("volumes"))
    yield from _volumes(f"{path}.volumes", volumes)
    yield from label_rules(f"{path}.nodeSelector", spec.get("nodeSelector", {}))
    if account := spec.get("serviceAccountName"):
        field = f"{path}.serviceAccountName"
        yield from (invalid(field, account, why) for why in why_not_subdomain(account))
    if spec.get("dnsPolicy") not in (None, *_DNS_POLICIES):
        yield unsupported(f"{path}.dnsPolicy", spec["dnsPolicy"], _DNS_POLICIES)
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    seen: list[str] = []
    for place, container in _containers(path, spec):
        yield from _name(f"{place}.name", container.get("name", ""), seen)
        seen.append(container.get("name", ""))
        yield from _container(place, container, [each.get("name", "") for each in volumes])


def pod_spec_warnings(path: str, spec: Manifest) -> Iterator[Finding]:
    """What the API server takes in the spec of a pod, but remarks upon."""
    for place, container in _containers(path, spec):
        yield from _hidden_env(place, container)


def _volumes(path: str, volumes: list[Manifest]) -> Iterator[Finding]:
    names = [each.get("name", "") for each in volumes]
    for index, volume in enumerate(volumes):
        yield from _name(f"{path}[{index}].name", names[index], names[:index])
        if len(volume) > 2:
            second = [field for field in volume if field != "name"][1]
            yield forbidden(f"{path}[{index}].{second}", "may not specify more than 1 volume type")
        if "configMap" in volume and not volume["configMap"].get("name"):
            yield required(f"{path}[{index}].configMap.name")


def _container(path: str, container: Manifest, volumes: list[str]) -> Iterator[Finding]:
    if not container.get("image"):
        yield required(f"{path}.image")
    policies = "Always", "IfNotPresent", "Never"
    if container.get("imagePullPolicy", "Always") not in policies:
        yield unsupported(f"{path}.imagePullPolicy", container["imagePullPolicy"], policies)
    for index, variable in enumerate(_dicts(container.get("env"))):
        yield from _env(f"{path}.env[{index}]", variable)
    mounts = _dicts(container.get("volumeMounts"))
    for index, mount in enumerate(mounts):
        before = [each.get("mountPath") for each in mounts[:index]]
        yield from _mount(f"{path}.volumeMounts[{index}]", mount, volumes, before)


def _env(path: str, variable: Manifest) -> Iterator[Finding]:
    name = variable.get("name", "")
    if not name:
        yield required(f"{path}.name")
    else:
        yield from (invalid(f"{path}.name", name, why) for why in why_not_env_name(name))
    if "valueFrom" in variable:
        yield from _source(f"{path}.valueFrom", variable["valueFrom"], variable.get("value"))


def _source(path: str, source: Manifest, value: str | None) -> Iterator[Finding]:
    if value:
        yield invalid(path, "", "may not be specified when `value` is not empty")
    if not source:
        yield invalid(path, "", _NO_SOURCE)
    for field in "configMapKeyRef", "secretKeyRef":
        if field in source and not source[field].get("key"):
            yield required(f"{path}.{field}.key")
    where = source.get("fieldRef", {}).get("fieldPath", "")
    if "fieldRef" in source and not where:
        yield required(f"{path}.fieldRef.fieldPath")
    elif where and not _FIELD_PATH.fullmatch(where):
        why = f"error converting fieldPath: field label not supported: {where}"
        yield invalid(f"{path}.fieldRef.fieldPath", where, why)


def _mount(path: str, mount: Manifest, volumes: list[str], before: list[Any]) -> Iterator[Finding]:
    name, where = mount.get("name", ""), mount.get("mountPath", "")
    if not name:
        yield required(f"{path}.name")
    if name not in volumes:
        yield not_found(f"{path}.name", name)
    if not where:
        yield required(f"{path}.mountPath")
    elif where in before:
        yield invalid(f"{path}.mountPath", where, "must be unique")


def _name(field: str, name: str, before: list[str]) -> Iterator[Finding]:
    if not name:
        yield required(field)
    elif found := why_not_dns_label(name):
        yield from (invalid(field, name, why) for why in found)
    elif name in before:
        yield duplicate(field, name)


def _hidden_env(path: str, container: Manifest) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, variable in enumerate(_dicts(container.get("env"))):
        name, value = variable.get("name", ""), variable.get("value", "")
        # A value that builds on the earlier one hides nothing.
        if name in seen and f"$({name})" not in value:
            place = f"{path}.env[{index}]"
            message = f'{place}: hides previous definition of "{name}", which may be dropped when using apply'
            yield Finding(place, Kind.WARNING, message)
        seen.add(name)


def _containers(path: str, spec: Manifest) -> Iterator[tuple[str, Manifest]]:
    for field in "containers", "initContainers":
        for index, container in enumerate(_dicts(spec.get(field))):
            yield f"{path}.{field}[{index}]", container


def _dicts(values: Any) -> list[Manifest]:
    """The elements of a list that may be absent; one that could not be read counts as empty."""
    return [each or {} for each in values or []]
