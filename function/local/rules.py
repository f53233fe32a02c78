"""The API server's own rules for whole objects: Jobs, ConfigMaps, Events, all findings at once.

Pure: manifests in, findings out, no HTTP, so that the embedded API and an offline
check share it. Only rules that a definition's author or the function can run into;
the order and the words are the API server's.
"""

import base64
from collections.abc import Iterator
from typing import Any

from function.local.defaults import NAME_LABELS, UID_LABELS, default_job
from function.local.fields import read_fields
from function.local.findings import (
    Finding,
    Kind,
    forbidden,
    invalid,
    required,
    too_long,
    unsupported,
)
from function.local.job_policies import policy_rules
from function.local.metadata_rules import metadata_rules
from function.local.pod_rules import pod_spec_rules, pod_spec_warnings, template_rules
from function.local.syntax import (
    why_not_config_key,
    why_not_dns_label,
    why_not_path_segment,
    why_not_subdomain,
)

CONFIG_MAP_LIMIT = 1_048_576
"""Bytes of a ConfigMap's values, the binary ones decoded."""

Manifest = dict[str, Any]


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
        *policy_rules(spec),
        *template_rules(spec["template"]),
        *_host_names(job),
    ]


def job_warnings(job: Manifest) -> list[Finding]:
    """What the API server takes, but remarks upon."""
    spec = job.get("spec", {}).get("template", {}).get("spec", {})
    return list(pod_spec_warnings("spec.template.spec", spec))


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
    return [*found, *pod_spec_rules("spec", pod.get("spec", {}))]


def namespace_rules(namespace: Manifest) -> list[Finding]:
    """The rules that a readable Namespace breaks."""
    return metadata_rules(namespace.get("metadata", {}), why_not_dns_label)


def service_account_rules(account: Manifest) -> list[Finding]:
    """The rules that a readable ServiceAccount breaks."""
    return metadata_rules(account.get("metadata", {}), why_not_subdomain)


def role_rules(role: Manifest) -> list[Finding]:
    """The rules for the names of a readable Role or RoleBinding; what it grants is not judged."""
    return metadata_rules(role.get("metadata", {}), why_not_path_segment)


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
