"""The notification of a simulation: one that is given, or one of an alert that has that name."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from function.alerts import Alert, Notification, read_notification
from function.definitions import definition_name, guard_rails
from function.errors import Broken, Refused
from function.rails import Rails
from function.tools.documents import STDIN
from function.tools.findings import Unusable

Object = dict[str, Any]

# The same each time, so that the same question has the same answer.
STARTS_AT = "2026-01-01T00:00:00Z"
ENDS_AT = {"firing": "0001-01-01T00:00:00Z", "resolved": "2026-01-01T01:00:00Z"}
FINGERPRINT = "0123456789abcdef"


def is_alert_name(text: str) -> bool:
    """Say whether an alert is meant, and not a file: no such file, nor does it look like one."""
    return text != STDIN and not ("/" in text or ".json" in text or Path(text).exists())


def read_file(name: str) -> Notification:
    """Return the notification in a file or `-`, bare or as a structured CloudEvent.

    Raises Unusable, in the function's own words if it would not take it.
    """
    try:
        body = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as exc:
        raise Unusable(f"cannot read the notification {name}: {exc.strerror}") from exc
    kind = "application/cloudevents+json" if _is_event(body) else "application/json"
    try:
        return read_notification({"content-type": kind}, body)
    except Refused as exc:
        raise Unusable(f"{name}: {exc}") from exc


def _is_event(body: bytes) -> bool:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):  # the function says what is wrong with it
        return False
    return isinstance(content, dict) and "specversion" in content


def build_notification(
    name: str, status: str, labels: Mapping[str, str], definitions: Mapping[str, Object]
) -> Notification:
    """Return one of a single alert, as Alertmanager would send it.

    It has the labels that its definitions ask for, unless they are given.
    """
    named = {"alertname": name}
    labels = named | _asked_for(Alert("", named, "", "", {}), definitions) | dict(labels)
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {},
        "startsAt": STARTS_AT,
        "endsAt": ENDS_AT[status],
        "generatorURL": "",
        "fingerprint": FINGERPRINT,
    }
    content = {
        "version": "4",
        "groupKey": f"{{}}:{{alertname={json.dumps(name)}}}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "openfero",
        "groupLabels": named,
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }
    return read_notification({}, json.dumps(content).encode())


def _asked_for(alert: Alert, definitions: Mapping[str, Object]) -> dict[str, str]:
    """Return labels that fit the guard rails of both definitions of an alert."""
    labels: dict[str, str] = {}
    for status in ENDS_AT:
        name = definition_name(replace(alert, status=status))
        if name and name in definitions:
            labels |= dict(_fitting(_rails(definitions[name], status)))
    return {label: value for label, value in labels.items() if label != "alertname"}


def _rails(definition: Object, status: str) -> Rails:
    try:
        return guard_rails(definition, status, "run")
    except (Broken, AttributeError):  # that it is broken is what the simulation will say
        return Rails()


def _fitting(rails: Rails) -> Iterable[tuple[str, str]]:
    for label in rails.subject:
        yield label, f"some-{label}"
    for matcher in rails.match:
        if matcher.is_equal and matcher.value:
            yield matcher.label, matcher.value
        elif not matcher.is_equal and not matcher.value:  # any text will do
            yield matcher.label, f"some-{matcher.label}"
