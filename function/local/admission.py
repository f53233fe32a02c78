"""From a request's body to an object that may be stored, or a refusal. Pure but for uid and clock.

The three steps of every write: read what was sent, fill in what the server owns,
judge the result by the rules.
"""

import random
import uuid
from datetime import UTC, datetime
from typing import Any

from function.local.defaults import default_job, default_job_fields, default_pod
from function.local.fields import read_fields
from function.local.findings import Finding, Kind, invalid
from function.local.resources import Resource
from function.local.rules import (
    config_map_change_rules,
    config_map_rules,
    event_rules,
    job_change_rules,
    job_rules,
    job_warnings,
    namespace_rules,
    pod_rules,
    role_rules,
    service_account_rules,
)
from function.local.statuses import Unreadable, conflict, malformed, unacceptable

Manifest = dict[str, Any]

_RULES = {
    "ConfigMap": config_map_rules,
    "Event": event_rules,
    "Namespace": namespace_rules,
    "Pod": pod_rules,
    "Role": role_rules,
    "RoleBinding": role_rules,
    "ServiceAccount": service_account_rules,
}
_CHANGE_RULES = {"ConfigMap": config_map_change_rules, "Job": job_change_rules}
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
# What the server alone decides about an object that exists.
_OWNED = "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation"


def now_text() -> str:
    """The time as objects carry it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_object(resource: Resource, body: Any, validation: str) -> tuple[Manifest, list[str]]:
    """The object in a body, and warnings about fields that were dropped.

    `validation` is Strict, Warn or Ignore, as the query parameter fieldValidation. Raises
    a 400 refusal for another kind, a wrong type, or under Strict an unknown field.
    """
    if not isinstance(body, dict):
        raise malformed(f"the object provided is unrecognized (must be of type {resource.kind})")
    kind, version = body.get("kind", resource.kind), body.get("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        what = f'{kind} in version "{version}" cannot be handled as a {resource.kind}'
        raise malformed(f"{what}: unknown conversion")
    readable, found = read_fields(resource.kind, body)
    warnings = _refuse_unreadable(resource, found, validation)
    readable.setdefault("metadata", {})
    return {"kind": resource.kind, "apiVersion": resource.api_version, **readable}, warnings


def prepare_new(resource: Resource, sent: Manifest, namespace: str) -> Manifest:
    """The object with name, namespace, uid, creation time and defaults; status starts anew."""
    metadata = dict(sent["metadata"])
    if resource.namespaced and metadata.setdefault("namespace", namespace) != namespace:
        why = (
            "the namespace of the provided object does not match the namespace sent on the request"
        )
        raise malformed(why)
    if not metadata.get("name") and metadata.get("generateName"):
        # 63 less the five: the API cuts the base so that the name is a DNS label.
        suffix = "".join(random.choices(_SUFFIX, k=5))
        metadata["name"] = metadata["generateName"][:58] + suffix
    for field in ("deletionTimestamp", "resourceVersion"):
        metadata.pop(field, None)
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()}
    return _default(resource, {**sent, "metadata": metadata})


def finish_new(resource: Resource, new: Manifest, sent: Manifest) -> Manifest:
    """The object once it is judged: a Job without labels gets its pods', the generated ones too."""
    if resource.kind != "Job" or sent["metadata"].get("labels"):
        return new
    labels = new["spec"]["template"]["metadata"].get("labels", {})
    return {**new, "metadata": {**new["metadata"], "labels": labels}}


def prepare_change(resource: Resource, old: Manifest, sent: Manifest, subresource: str) -> Manifest:
    """The object after a write: status only changes through /status, and only that does there.

    Raises a 400 or 409 refusal if the body means another object than the path.
    """
    _same_object(resource, old, sent)
    if subresource == "status":
        return {**old, "status": sent.get("status", {})}
    new = {**sent, "metadata": _kept_metadata(old["metadata"], sent["metadata"])}
    if resource.kind == "Job":
        default_job_fields(new)
    if "status" in old:
        new["status"] = old["status"]
    if "generation" in new["metadata"] and new.get("spec") != old.get("spec"):
        new["metadata"]["generation"] += 1
    return new


def judge(resource: Resource, new: Manifest, old: Manifest | None = None) -> list[str]:
    """Warnings about an object; raises a 422 refusal that names every rule it breaks."""
    is_job = resource.kind == "Job"
    found = job_rules(new, new=old is None) if is_job else _RULES[resource.kind](new)
    if old is not None and resource.kind in _CHANGE_RULES:
        found += _CHANGE_RULES[resource.kind](old, new)
    if found:
        raise unacceptable(resource, new["metadata"].get("name", ""), found)
    return [str(warning) for warning in job_warnings(new)] if is_job else []


def merge(old: Any, patch: Any) -> Any:
    """`old` with a JSON merge patch (RFC 7396) applied; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def without_directives(patch: Any) -> Any:
    """A strategic merge patch without its `$setElementOrder` and the like, which merge ignores."""
    if not isinstance(patch, dict):
        return patch
    kept = {key: each for key, each in patch.items() if not key.startswith("$")}
    return {key: without_directives(each) for key, each in kept.items()}


def _refuse_unreadable(resource: Resource, found: list[Finding], validation: str) -> list[str]:
    for finding in found:
        if finding.kind is Kind.TYPE:
            raise Unreadable(resource.kind, finding.message)
    unknown = [finding.message for finding in found]
    if unknown and validation == "Strict":
        why = f"strict decoding error: {', '.join(unknown)}"
        raise Unreadable(resource.kind, why)
    return unknown if validation == "Warn" else []


def _default(resource: Resource, new: Manifest) -> Manifest:
    if resource.kind == "Job":
        new = default_job(new)
        new["metadata"]["generation"] = 1
        return {**new, "status": {}}
    if resource.kind == "Pod":
        default_pod(new)
        return {**new, "status": {"phase": "Pending", "qosClass": "BestEffort"}}
    if resource.kind == "Namespace":
        return _default_namespace(new)
    return new


def _default_namespace(new: Manifest) -> Manifest:
    metadata = new["metadata"]
    label = {"kubernetes.io/metadata.name": metadata.get("name", "")}
    metadata["labels"] = {**metadata.get("labels", {}), **label}
    return {**new, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def _kept_metadata(old: Manifest, sent: Manifest) -> Manifest:
    free = {field: value for field, value in sent.items() if field not in _OWNED}
    return {**free, **{field: old[field] for field in _OWNED if field in old}}


def _same_object(resource: Resource, old: Manifest, sent: Manifest) -> None:
    expected, metadata = old["metadata"], sent["metadata"]
    name = expected["name"]
    if metadata.setdefault("name", name) != name:
        why = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        raise malformed(why)
    if metadata.get("uid", expected["uid"]) != expected["uid"]:
        found = invalid("metadata.uid", metadata["uid"], "field is immutable")
        raise unacceptable(resource, name, [found])
    if metadata.get("resourceVersion") not in (None, "", "0", expected["resourceVersion"]):
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(resource, name, why)
