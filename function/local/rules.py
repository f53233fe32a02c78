"""The API server's own rules for Jobs, ConfigMaps and Events, all findings at once.

Pure: manifests in, findings out, no HTTP, so that the embedded API and an offline
check share it. Only rules that a definition's author or the function can run into;
the order and the words are the API server's.
"""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

from function.local.defaults import NAME_LABELS, UID_LABELS, default_job
from function.local.fields import read_fields
from function.local.findings import (
    Finding,
    Kind,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    too_long,
    unsupported,
)
from function.local.syntax import (
    why_not_config_key,
    why_not_dns_label,
    why_not_env_name,
    why_not_label_value,
    why_not_qualified_name,
    why_not_subdomain,
)

ANNOTATIONS_LIMIT = 262_144
"""Bytes of an object's annotations, keys and values together."""
CONFIG_MAP_LIMIT = 1_048_576
"""Bytes of a ConfigMap's values, the binary ones decoded."""

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


def check_job(manifest: Manifest) -> list[Finding]:
    """Everything that the API would say to this Job, as its author wrote it.

    Unknown fields and wrong types first, then broken rules, then warnings. The manifest
    is not changed. A rule about a field that could not even be read is left out.
    """
    readable, found = read_fields("Job", manifest)
    unreadable = tuple(finding.field for finding in found if finding.kind is Kind.TYPE)
    judged = [*job_rules(default_job(readable), new=True), *job_warnings(readable)]
    return found + [finding for finding in judged if not finding.field.startswith(unreadable)]


def job_rules(job: Manifest, new: bool = False) -> list[Finding]:
    """The rules that a readable Job breaks, defaults filled in; a `new` one has more of them."""
    spec = job["spec"]
    return [
        *metadata_rules(job.get("metadata", {}), why_not_subdomain),
        *(_generated_labels(job) if new else ()),
        *_selector(spec),
        *_numbers(spec),
        *_completion_mode(spec),
        *_template(spec["template"]),
        *_host_names(job),
    ]


def job_warnings(job: Manifest) -> list[Finding]:
    """What the API server takes, but remarks upon."""
    spec = job.get("spec", {}).get("template", {}).get("spec", {})
    return [finding for path, each in _containers(spec) for finding in _hidden_env(path, each)]


def job_change_rules(old: Manifest, new: Manifest) -> list[Finding]:
    """What may not change once a Job exists; the template may while it waits to start."""
    before, after = old["spec"], new["spec"]
    fixed = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy"]
    if not (before.get("suspend") and not old.get("status", {}).get("startTime")):
        fixed.append("template")
    if before.get("completionMode") != "Indexed":
        fixed.append("completions")
    changed = [field for field in fixed if before.get(field) != after.get(field)]
    return [invalid(f"spec.{field}", after.get(field), "field is immutable") for field in changed]


def config_map_rules(config_map: Manifest) -> list[Finding]:
    """The rules that a readable ConfigMap breaks."""
    data, binary = config_map.get("data", {}), config_map.get("binaryData", {})
    found = metadata_rules(config_map.get("metadata", {}), why_not_subdomain)
    for field, values in ("data", data), ("binaryData", binary):
        for key in values:
            found += [invalid(f"{field}[{key}]", key, why) for why in why_not_config_key(key)]
    why = "duplicate of key present in binaryData"
    found += [invalid(f"data[{key}]", key, why) for key in data if key in binary]
    size = sum(len(text.encode()) for text in data.values())
    size += sum(len(base64.b64decode(text)) for text in binary.values())
    if size > CONFIG_MAP_LIMIT:
        found.append(too_long("[]", CONFIG_MAP_LIMIT))
    return found


def config_map_change_rules(old: Manifest, new: Manifest) -> list[Finding]:
    """An immutable ConfigMap can still be labelled and annotated, and nothing else."""
    if not old.get("immutable"):
        return []
    why = "field is immutable when `immutable` is set"
    fields = "immutable", "data", "binaryData"
    return [forbidden(each, why) for each in fields if old.get(each) != new.get(each)]


def event_rules(event: Manifest) -> list[Finding]:
    """The rules that a readable Event breaks."""
    metadata = event.get("metadata", {})
    found = metadata_rules(metadata, why_not_subdomain)
    about = event.get("involvedObject", {}).get("namespace", "")
    # Cluster-wide objects have their events in the default namespace.
    if about != metadata.get("namespace") and (about or metadata.get("namespace") != "default"):
        why = "does not match event.namespace"
        found.append(invalid("involvedObject.namespace", about, why))
    return found


def pod_rules(pod: Manifest) -> list[Finding]:
    """The rules that a readable Pod breaks."""
    found = metadata_rules(pod.get("metadata", {}), why_not_subdomain)
    return [*found, *_pod_spec("spec", pod.get("spec", {}))]


def namespace_rules(namespace: Manifest) -> list[Finding]:
    """The rules that a readable Namespace breaks."""
    return metadata_rules(namespace.get("metadata", {}), why_not_dns_label)


def metadata_rules(metadata: Manifest, why_not: Callable[[str], list[str]]) -> list[Finding]:
    """The rules for names, labels and annotations; `why_not` is that for the name."""
    name = metadata.get("name", "")
    base = metadata.get("generateName", "")
    # What follows is added to it, so a hyphen may end it.
    whys = why_not(re.sub("-$", "a", base)) if base else []
    found = [invalid("metadata.generateName", base, why) for why in whys]
    found += [invalid("metadata.name", name, why) for why in (why_not(name) if name else [])]
    if not name:
        found.append(required("metadata.name", "name or generateName is required"))
    found += _annotations("metadata.annotations", metadata.get("annotations", {}))
    return [*found, *_labels("metadata.labels", metadata.get("labels", {}))]


def _labels(field: str, labels: dict[str, str]) -> Iterator[Finding]:
    for key, value in labels.items():
        yield from (invalid(field, key, why) for why in why_not_qualified_name(key))
        yield from (invalid(field, value, why) for why in why_not_label_value(value))


def _annotations(field: str, annotations: dict[str, str]) -> Iterator[Finding]:
    for key in annotations:
        # Capitals are allowed in the prefix of an annotation's key, for old times' sake.
        yield from (invalid(field, key, why) for why in why_not_qualified_name(key.lower()))
    size = sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items())
    if size > ANNOTATIONS_LIMIT:
        yield too_long(field, ANNOTATIONS_LIMIT)


def _generated_labels(job: Manifest) -> Iterator[Finding]:
    """The selector is the API's to make; a copied Job brings one that belongs to another."""
    metadata, spec = job.get("metadata", {}), job["spec"]
    if spec["manualSelector"]:
        return
    expected = dict.fromkeys(UID_LABELS, metadata.get("uid", ""))
    expected |= dict.fromkeys(NAME_LABELS, metadata.get("name", ""))
    labels = spec["template"]["metadata"]["labels"]
    for key, value in expected.items():
        if labels.get(key) != value:
            field = f"spec.template.metadata.labels[{key}]"
            yield invalid(field, labels, f"must be '{value}'")
    selected = spec["selector"].get("matchLabels", {})
    if any(expected.get(key) != value for key, value in selected.items()):
        yield invalid("spec.selector", spec["selector"], "`selector` not auto-generated")


def _selector(spec: Manifest) -> Iterator[Finding]:
    labels = spec["template"].get("metadata", {}).get("labels")
    selected = spec.get("selector", {}).get("matchLabels", {})
    if not spec.get("selector"):
        yield required("spec.selector")
    if not selected or any((labels or {}).get(key) != value for key, value in selected.items()):
        why = "`selector` does not match template `labels`"
        yield invalid("spec.template.metadata.labels", labels, why)


def _numbers(spec: Manifest) -> Iterator[Finding]:
    policies = "Failed", "TerminatingOrFailed"
    if spec["podReplacementPolicy"] not in policies:
        yield unsupported("spec.podReplacementPolicy", spec["podReplacementPolicy"], policies)
    counts = "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit"
    for field in (*counts, "ttlSecondsAfterFinished"):
        if spec.get(field, 0) < 0:
            why = "must be greater than or equal to 0"
            yield invalid(f"spec.{field}", spec[field], why)


def _completion_mode(spec: Manifest) -> Iterator[Finding]:
    modes = "NonIndexed", "Indexed"
    if spec["completionMode"] not in modes:
        yield unsupported("spec.completionMode", spec["completionMode"], modes)
    if spec["completionMode"] == "Indexed" and "completions" not in spec:
        yield required("spec.completions", "when completion mode is Indexed")


def _host_names(job: Manifest) -> Iterator[Finding]:
    """The controller makes the host name of an indexed pod from the job's: NAME-INDEX."""
    name, spec = job.get("metadata", {}).get("name", ""), job["spec"]
    completions = spec.get("completions", 0)
    host = f"{name}-{completions - 1}"
    indexed = spec["completionMode"] == "Indexed" and completions > 0
    if name and indexed and why_not_dns_label(host):
        why = f"will not able to create pod with invalid DNS label: {host}"
        yield invalid("metadata.name", name, why)


def _template(template: Manifest) -> Iterator[Finding]:
    metadata, spec = template.get("metadata", {}), template.get("spec", {})
    # `spec.template.labels`, without `metadata`, is how the API server names the place.
    yield from _labels("spec.template.labels", metadata.get("labels", {}))
    yield from _annotations("spec.template.annotations", metadata.get("annotations", {}))
    yield from _pod_spec("spec.template.spec", spec)
    field, policy = "spec.template.spec.restartPolicy", spec.get("restartPolicy", "")
    if policy in ("", "Always"):
        yield required(field, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        # Once as a pod's, once as a job's.
        yield unsupported(field, policy, ("Always", "OnFailure", "Never"))
        yield unsupported(field, policy, ("OnFailure", "Never"))


def _pod_spec(path: str, spec: Manifest) -> Iterator[Finding]:
    volumes = _dicts(spec.get("volumes"))
    yield from _volumes(f"{path}.volumes", volumes)
    yield from _labels(f"{path}.nodeSelector", spec.get("nodeSelector", {}))
    if account := spec.get("serviceAccountName"):
        field = f"{path}.serviceAccountName"
        yield from (invalid(field, account, why) for why in why_not_subdomain(account))
    if spec.get("dnsPolicy") not in (None, *_DNS_POLICIES):
        yield unsupported(f"{path}.dnsPolicy", spec["dnsPolicy"], _DNS_POLICIES)
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    seen: list[str] = []
    for place, container in _containers(spec, path):
        yield from _name(f"{place}.name", container.get("name", ""), seen)
        seen.append(container.get("name", ""))
        yield from _container(place, container, [each.get("name", "") for each in volumes])


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


def _containers(spec: Manifest, path: str = "spec.template.spec") -> Iterator[tuple[str, Manifest]]:
    for field in "containers", "initContainers":
        for index, container in enumerate(_dicts(spec.get(field))):
            yield f"{path}.{field}[{index}]", container


def _dicts(values: Any) -> list[Manifest]:
    """The elements of a list that may be absent; one that could not be read counts as empty."""
    return [each or {} for each in values or []]
