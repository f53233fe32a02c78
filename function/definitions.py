"""ConfigMap → definition: which one is an alert's, and what manifest and guard rails it holds.

Pure. What stands in a definition that cannot become a Job raises Broken, with the
place and what was expected there.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from function.alerts import Alert
from function.errors import Broken
from function.manifests import read_yaml
from function.rails import ANNOTATIONS, OURS, RUN, Rails, read_rails

ConfigMap = dict[str, Any]
Manifest = dict[str, Any]

PREFIX = "openfero-"
DISABLED = "openfero/job-disabled"
ALERTNAME = f"{OURS}alertname"
FALLBACK_KEY = "job.yaml"


@dataclass(frozen=True)
class Definition:
    """What its author wrote: the manifest of a Job, and what limits it; under its name."""

    name: str
    manifest: Manifest
    rails: Rails = field(default_factory=Rails)


# A DNS subdomain, which is what the name of a ConfigMap must be: at most 253 characters.
_LEGAL_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_LONGEST = 253 - len(PREFIX) - len("-resolved")


def definition_name(alert: Alert) -> str | None:
    """Return `openfero-<alertname>-<status>` as a legal ConfigMap name.

    None if nothing legal is left of the alert name. Only ASCII letters are lowered:
    str.lower() would make an ASCII letter of the Kelvin sign.
    """
    name = alert.name.translate(_LOWER)
    literal = f"{PREFIX}{name}-{alert.status}"
    if name and _LEGAL_NAME.fullmatch(literal):
        return literal
    mapped = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:_LONGEST].strip("-")
    return f"{PREFIX}{mapped}-{alert.status}" if mapped else None


def is_for(config_map: ConfigMap, alert: Alert) -> bool:
    """Say whether a definition is meant for this alert: two alert names can map to one."""
    annotations = config_map["metadata"].get("annotations") or {}
    return bool(annotations.get(ALERTNAME, alert.name) == alert.name)


def is_disabled(config_map: ConfigMap) -> bool:
    """Say whether the author switched the definition off with a label.

    Raises Broken for a value or a place that the author may think does so.
    """
    metadata = config_map["metadata"]
    value = (metadata.get("labels") or {}).get(DISABLED, "false")
    if value not in ("true", "false"):
        raise Broken(f"label {DISABLED} must be true or false, found {value}")
    if DISABLED in (metadata.get("annotations") or {}):
        raise Broken(f"{DISABLED} is an annotation; it must be a label")
    return bool(value == "true")


def read_definition(config_map: ConfigMap, alert: Alert, mode: str = RUN) -> Definition:
    """Return what a ConfigMap defines for an alert; `mode` is the setting's.

    Raises Broken if its guard rails cannot be read, or if it has no manifest or one that
    is not the YAML of a batch/v1 Job.
    """
    rails = guard_rails(config_map, alert.status, mode)
    manifest = read_yaml(_manifest_text(config_map, alert))
    if not isinstance(manifest, dict):
        raise Broken("the manifest is not a YAML mapping")
    for name, expected in (("apiVersion", "batch/v1"), ("kind", "Job")):
        if manifest.get(name) != expected:
            raise Broken(f"{name} must be {expected}, found {manifest.get(name)}")
    return Definition(config_map["metadata"]["name"], manifest, rails)


def guard_rails(config_map: ConfigMap, status: str, mode: str) -> Rails:
    """Return the guard rails of a definition for alerts of this status; raises Broken.

    An annotation of ours that is not known is a slip of the pen, and to ignore it would
    silently switch off a guard that the author relies on.
    """
    _check_names(config_map, "annotations", ANNOTATIONS | {ALERTNAME})
    _check_names(config_map, "labels", frozenset())
    return read_rails(config_map["metadata"].get("annotations") or {}, status, mode)


def _check_names(config_map: ConfigMap, kind: str, known: frozenset[str]) -> None:
    for name in config_map["metadata"].get(kind) or {}:
        if name.startswith(OURS) and name not in known:
            told = f"; known: {', '.join(sorted(known))}" if known else ""
            raise Broken(f"{kind.rstrip('s')} {name} is not known{told}")


def _manifest_text(config_map: ConfigMap, alert: Alert) -> str:
    data = config_map.get("data") or {}
    for key in (alert.name, FALLBACK_KEY):
        if key in data:
            return str(data[key])
    found = ", ".join(sorted({*data, *(config_map.get("binaryData") or {})})) or "none"
    raise Broken(f"no key {alert.name} and no key {FALLBACK_KEY}; keys found: {found}")
