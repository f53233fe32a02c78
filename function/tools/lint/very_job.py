"""The very Job that the function would make of a definition, for an alert such as it expects.

Pure, and through the function's own core.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from function.definitions import ALERTNAME, FALLBACK_KEY, Definition, read_definition
from function.errors import Broken
from function.guards import Create, decide
from function.jobs import Job, build_job
from function.tools.documents import Document, Text
from function.tools.lint.config_map import named, split_name
from function.tools.notifications import build_notification


@dataclass(frozen=True)
class VeryJob:
    """A Job, the definition that it is of, and where its manifest stands."""

    job: Job
    definition: Definition
    text: Text


def build_very_job(document: Document, namespace: str) -> VeryJob | None:
    """Return the first Job of a definition; None if it is none, or none can be made of it.

    Why not is for the other rules to say.
    """
    parts = split_name(document.name)
    if document.kind != "ConfigMap" or not parts or not _has_texts(document.value):
        return None
    try:
        return _build(document, *parts, namespace)
    except Broken:
        return None


def _build(document: Document, mapped: str, status: str, namespace: str) -> VeryJob:
    config_map = document.value
    alertname = _alertname(config_map, mapped, status)
    notification = build_notification(alertname, status, {}, {document.name: config_map})
    [alert] = notification.alerts
    definition = read_definition(config_map, alert)
    plan = decide(definition.rails, "", ()) if definition.rails.is_guarded else None
    first = plan if isinstance(plan, Create) else None
    job, _ = build_job(definition, alert, notification, namespace, first)
    key = alertname if alertname in config_map["data"] else FALLBACK_KEY
    return VeryJob(job, definition, document.inner("data", key))


def _alertname(config_map: Mapping[str, Any], mapped: str, status: str) -> str:
    """Return the alert that is meant; where nothing says which, one that finds the definition."""
    annotations = config_map["metadata"].get("annotations") or {}
    if ALERTNAME in annotations:
        return str(annotations[ALERTNAME])
    for key in config_map.get("data") or {}:
        if named(key, status) == config_map["metadata"]["name"]:
            return str(key)
    return mapped


def _has_texts(config_map: Mapping[str, Any]) -> bool:
    """Say whether an API server would store it: then its labels, annotations and data are texts."""
    metadata = config_map["metadata"]
    places = (metadata.get("labels"), metadata.get("annotations"), config_map.get("data"))
    return all(
        isinstance(place or {}, dict)
        and all(isinstance(text, str) for text in (place or {}).values())
        for place in places
    )
