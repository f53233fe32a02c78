"""What comes in: the data of a request becomes a notification with its alerts.

Pure. A notification is the body of Alertmanager's webhook (version 4). Fields we do
not know are ignored, for new versions add some; fields we know must have the type
that Alertmanager gives them, or the request is refused as a whole.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from function.envelope import open_envelope
from function.errors import Refused, bad_request

STATUSES = ("firing", "resolved")

SETTLED = "io.openfero.notification.settled"
"""The type of the CloudEvent with which a CloudEvent is answered."""

# What of the notification goes into the alert file, beside the alert itself.
DETAILS = (
    "groupKey",
    "groupLabels",
    "receiver",
    "externalURL",
    "notification_reason",  # since Alertmanager 0.32
    "truncatedAlerts",
    "routeLabels",  # since Alertmanager 0.34
)

_LABELS = "an object of strings"
_TEXT = "a string"
_COUNT = "a number"

_NOTIFICATION_FIELDS = {
    "version": _TEXT,
    "groupKey": _TEXT,
    "status": _TEXT,
    "receiver": _TEXT,
    "externalURL": _TEXT,
    "notification_reason": _TEXT,
    "truncatedAlerts": _COUNT,
    "groupLabels": _LABELS,
    "commonLabels": _LABELS,
    "commonAnnotations": _LABELS,
    "routeLabels": _LABELS,
}
_ALERT_FIELDS = {
    "status": _TEXT,
    "labels": _LABELS,
    "annotations": _LABELS,
    "startsAt": _TEXT,
    "endsAt": _TEXT,
    "generatorURL": _TEXT,
    "fingerprint": _TEXT,
}

# Each costs a turn of a thread, a line in the log and one in the answer.
MAX_ALERTS = 10_000

# Deeper than any real field, and far from the interpreter's own limit.
_MAX_DEPTH = 32

# W3C Trace Context: version ff and identifiers of nothing but zeros are invalid.
_TRACEPARENT = r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"


@dataclass(frozen=True)
class Alert:
    """One alert as Alertmanager sent it; `status` is its own, not the group's."""

    status: str
    labels: Mapping[str, str]
    starts_at: str
    fingerprint: str
    source: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The label `alertname`; empty if the alert has none, which is legal."""
        return self.labels.get("alertname", "")

    @property
    def runbook(self) -> str:
        """What its rule says a person should read; empty if it says nothing."""
        annotations = self.source.get("annotations") or {}
        return str(annotations.get("runbook_url", ""))

    def as_firing(self) -> "Alert":
        """Return the alert as it was before it resolved."""
        return replace(self, status="firing")


@dataclass(frozen=True)
class Notification:
    """One webhook call: its alerts, what is told about their group, and how it came."""

    alerts: tuple[Alert, ...]
    details: Mapping[str, Any]
    is_event: bool
    traceparent: str
    is_ours: bool = False
    """It is what the function itself once answered, and comes back."""

    @property
    def truncated(self) -> int:
        """How many alerts of the group were cut off by the sender."""
        return min(max(0, int(self.details.get("truncatedAlerts", 0))), 10**9)


def read_notification(headers: Mapping[str, str], body: bytes) -> Notification:
    """Return the notification in a request; header names are in lower case.

    Raises Refused: 415 for a content type that cannot be read, 413 for more than 10,000
    alerts or 320,000 values, 400 for everything that is no notification.
    """
    envelope = open_envelope(headers, body)
    traceparent = _traceparent(headers)
    if envelope.event_type == SETTLED:
        return Notification((), {}, True, traceparent, is_ours=True)
    message = _checked(envelope.data, _NOTIFICATION_FIELDS, "the notification")
    group_status = message.get("status")
    if group_status is not None:
        _check_status(group_status, "status")
    alerts = message.get("alerts")
    if not isinstance(alerts, list):
        raise bad_request("not a notification of Alertmanager: alerts must be a list")
    if len(alerts) > MAX_ALERTS:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"more than {MAX_ALERTS} alerts: group them by more labels, or set max_alerts",
        )
    return Notification(
        alerts=tuple(
            _read_alert(item, group_status, f"alerts[{index}]") for index, item in enumerate(alerts)
        ),
        details={name: message[name] for name in DETAILS if message.get(name) is not None},
        is_event=envelope.is_event,
        traceparent=traceparent,
    )


def _read_alert(item: Any, group_status: str | None, where: str) -> Alert:
    source = _checked(item, _ALERT_FIELDS, where)
    status = source.get("status")
    if status is None:  # as in the notifications that the first OpenFero was written for
        status = group_status
    _check_status(status, f"{where}.status")
    unknown = [value for name, value in source.items() if name not in _ALERT_FIELDS]
    if _is_deeper(unknown, _MAX_DEPTH):
        raise bad_request(f"{where} is nested deeper than {_MAX_DEPTH}")
    return Alert(
        status=str(status),
        labels=source.get("labels") or {},
        starts_at=source.get("startsAt") or "",
        fingerprint=source.get("fingerprint") or "",
        source=source,
    )


def _check_status(status: Any, where: str) -> None:
    if status not in STATUSES:
        raise bad_request(f"{where} must be firing or resolved")


def _checked(value: Any, fields: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return an object whose known fields are null or of their type."""
    if not isinstance(value, dict):
        raise bad_request(f"{where} must be an object")
    for name, expected in fields.items():
        found = value.get(name)
        if found is not None and not _is_a(found, expected):
            raise bad_request(f"{where}: {name} must be {expected}")
    return value


def _is_a(value: Any, expected: str) -> bool:
    if expected == _LABELS:
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    if expected == _COUNT:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in inner)


def _traceparent(headers: Mapping[str, str]) -> str:
    """Return the W3C trace context of the request, or nothing if it is not well formed."""
    text = headers.get("traceparent", "").strip()
    return text if re.fullmatch(_TRACEPARENT, text) else ""
