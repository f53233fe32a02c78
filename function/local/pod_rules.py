"""The API server's own rules for what a pod is made of, its containers and volumes included.

Pure. The same rules hold for a Pod and for the template that a Job makes pods from;
each finding begins with the path of where the spec stands.
"""

from collections.abc import Iterator
from typing import Any

from function.local.container_rules import (
    MAX_ID,
    container_rules,
    probe_rules,
    resource_rules,
    rights_rules,
)
from function.local.env_rules import env_from_rules, env_rules
from function.local.findings import Finding, Kind, forbidden, invalid, required, unsupported
from function.local.metadata_rules import annotation_rules, label_rules
from function.local.syntax import (
    why_not_dns_label,
    why_not_label_value,
    why_not_qualified_name,
    why_not_subdomain,
)
from function.local.volume_rules import mount_rules, name_rules, volume_rules

Manifest = dict[str, Any]

_DNS_POLICIES = "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"
_NAMES = {
    "serviceAccountName": why_not_subdomain,
    "nodeName": why_not_subdomain,
    "priorityClassName": why_not_subdomain,
    "runtimeClassName": why_not_subdomain,
    "hostname": why_not_dns_label,
    "subdomain": why_not_dns_label,
}


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
    yield from volume_rules(f"{path}.volumes", volumes)
    yield from label_rules(f"{path}.nodeSelector", spec.get("nodeSelector", {}))
    for field, why_not in _NAMES.items():
        if name := spec.get(field):
            yield from (invalid(f"{path}.{field}", name, why) for why in why_not(name))
    yield from _choices(path, spec)
    yield from rights_rules(f"{path}.securityContext", spec.get("securityContext", {}))
    yield from resource_rules(f"{path}.resources", spec.get("resources", {}))
    for index, toleration in enumerate(_dicts(spec.get("tolerations"))):
        yield from _toleration(f"{path}.tolerations[{index}]", toleration)
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    seen: list[str] = []
    for place, container in _containers(path, spec):
        yield from name_rules(f"{place}.name", container.get("name", ""), seen)
        seen.append(container.get("name", ""))
        yield from _container(place, container, [each.get("name", "") for each in volumes])
        yield from probe_rules(place, container, ".initContainers[" in place)


def pod_spec_warnings(path: str, spec: Manifest) -> Iterator[Finding]:
    """What the API server takes in the spec of a pod, but remarks upon."""
    for place, container in _containers(path, spec):
        yield from _hidden_env(place, container)


def _choices(path: str, spec: Manifest) -> Iterator[Finding]:
    if (policy := spec.get("dnsPolicy")) not in (None, "", *_DNS_POLICIES):
        yield unsupported(f"{path}.dnsPolicy", policy, _DNS_POLICIES)
    if policy == "None" and not spec.get("dnsConfig"):
        why = "must provide `dnsConfig` when `dnsPolicy` is None"
        yield required(f"{path}.dnsConfig", why)
    policies = "PreemptLowerPriority", "Never"
    if (policy := spec.get("preemptionPolicy")) not in (None, "", *policies):
        yield unsupported(f"{path}.preemptionPolicy", policy, policies)
    seconds = spec.get("activeDeadlineSeconds")
    if seconds is not None and not 1 <= seconds <= MAX_ID:
        why = f"must be between 1 and {MAX_ID}, inclusive"
        yield invalid(f"{path}.activeDeadlineSeconds", seconds, why)
    if spec.get("ephemeralContainers"):
        why = "ephemeral containers not allowed in pod template"
        yield forbidden(f"{path}.ephemeralContainers", why)


def _toleration(path: str, toleration: Manifest) -> Iterator[Finding]:
    key, value = toleration.get("key", ""), toleration.get("value", "")
    operator, effect = toleration.get("operator") or "Equal", toleration.get("effect", "")
    effects = "NoSchedule", "PreferNoSchedule", "NoExecute"
    yield from (
        invalid(f"{path}.key", key, why) for why in (why_not_qualified_name(key) if key else ())
    )
    if not key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(f"{path}.operator", toleration.get("operator", ""), why)
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{path}.effect", effect, why)
    if operator == "Exists" and value:
        yield invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")
    elif operator == "Equal":
        yield from (invalid(f"{path}.operator", value, why) for why in why_not_label_value(value))
    elif operator != "Exists":
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists"))
    if effect and effect not in effects:
        yield unsupported(f"{path}.effect", effect, effects)


def _container(path: str, container: Manifest, volumes: list[str]) -> Iterator[Finding]:
    if not container.get("image"):
        yield required(f"{path}.image")
    policies = "Always", "IfNotPresent", "Never"
    if (policy := container.get("imagePullPolicy")) not in (None, "", *policies):
        yield unsupported(f"{path}.imagePullPolicy", policy, policies)
    for index, variable in enumerate(_dicts(container.get("env"))):
        yield from env_rules(f"{path}.env[{index}]", variable)
    for index, source in enumerate(_dicts(container.get("envFrom"))):
        yield from env_from_rules(f"{path}.envFrom", index, source)
    mounts = _dicts(container.get("volumeMounts"))
    for index, mount in enumerate(mounts):
        before = [each.get("mountPath") for each in mounts[:index]]
        yield from mount_rules(f"{path}.volumeMounts[{index}]", mount, volumes, before)
    yield from container_rules(path, container)


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
