"""The notification of a simulation: one that is given, or one of an alert that has that name."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from function.alerts import STATUSES, Alert, Notification, read_notification
from function.definitions import definition_name, guard_rails
from function.errors import Broken, Refused
from function.rails import Rails
from function.tools.documents import SUFFIXES
from function.tools.findings import Unusable, check_text
from function.tools.given import as_stored
from function.tools.standard_input import STDIN, read_stdin

Object = dict[str, Any]

# The same each time, so that the same question has the same answer.
STARTS_AT = "2026-01-01T00:00:00Z"
ENDS_AT = {"firing": "0001-01-01T00:00:00Z", "resolved": "2026-01-01T01:00:00Z"}
FINGERPRINT = "0123456789abcdef"


def is_alert_name(text: str) -> bool:
    """Say whether an alert is meant, and not a file: there is none, nor is it called like one."""
    is_there = os.path.exists(text) and not os.path.isdir(text)
    return not (is_there or text == STDIN or text.endswith(SUFFIXES))


def read_file(name: str) -> Notification:
    """Return the notification in a file or `-`, bare or as a structured CloudEvent.

    Raises Unusable, in the function's own words if it would not take it.
    """
    try:
        body = read_stdin() if name == STDIN else Path(name).read_bytes()
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


def check_alert_name(text: str, definitions: Iterable[str]) -> None:
    """Refuse an alert for which no definition is given: perhaps it is a misspelt file."""
    check_text("the alert name", text)
    names = _names(text).values()
    if not set(names) & set(definitions):
        looked_for = " nor ".join(names) or "of that name"
        raise Unusable(
            f"the alert {text} has no definition: there is no ConfigMap {looked_for}, "
            f"nor is there a file {text}"
        )


def build_notification(
    name: str, status: str, labels: Mapping[str, str], definitions: Mapping[str, Object]
) -> Notification:
    """Return one of a single alert, as Alertmanager would send it.

    It has the labels that its definitions ask for, unless they are given.
    """
    named = {"alertname": name}
    labels = named | _asked_for(name, definitions) | dict(labels)
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


def _asked_for(alertname: str, definitions: Mapping[str, Object]) -> dict[str, str]:
    """Return labels that fit the guard rails of both definitions of an alert."""
    fitting = [
        each
        for status, name in _names(alertname).items()
        if name in definitions
        for each in _fitting(_rails(definitions[name], status))
    ]
    return {label: value for label, value in fitting if label != "alertname"}


def _names(alertname: str) -> dict[str, str]:
    """Return the names of the definitions of an alert by status; none if it can have none."""
    alerts = [Alert(status, {"alertname": alertname}, "", "", {}) for status in STATUSES]
    return {alert.status: name for alert in alerts if (name := definition_name(alert))}


def _rails(definition: Object, status: str) -> Rails:
    try:
        return guard_rails(as_stored(definition), status, "run")
    except Broken:  # that it is broken is what the simulation will say
        return Rails()


def _fitting(rails: Rails) -> Iterable[tuple[str, str]]:
    for label in rails.subject:
        yield label, f"some-{label}"
    for matcher in rails.match:
        if matcher.is_equal and matcher.value:
            yield matcher.label, matcher.value
        elif not matcher.is_equal and not matcher.value:  # any text will do
            yield matcher.label, f"some-{matcher.label}"
