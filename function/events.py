"""Outcome → Event: what `kubectl describe configmap` shows below a definition.

Pure. An Event lives for an hour by default: it says what happens now. Its name is derived, so
a retry adds none.
"""

from typing import Any

from function.episodes import digest
from function.outcomes import MAX_MESSAGE, MAX_NAME, Kind, Outcome, one_line

Event = dict[str, Any]

COMPONENT = "openfero"

# Something was changed, or would have been, or a person has to act.
_TOLD = frozenset(
    {
        Kind.CREATED,
        Kind.NEEDS_APPROVAL,
        Kind.WOULD_CREATE,
        Kind.WOULD_REFUSE,
        Kind.CANCELLED,
        Kind.DECLINED,
        Kind.BROKEN,
    }
)
_MAX_DEFINITION = 200
_MAX_REASON = 500


def is_told(outcome: Outcome) -> bool:
    """Say whether an outcome is worth an Event."""
    return outcome.kind in _TOLD or outcome.waits


def event_name(outcome: Outcome) -> str:
    """Return the name of the Event, the same for all that says the same of a definition."""
    about = outcome.job or outcome.message
    definition = str(outcome.definition)[:_MAX_DEFINITION].rstrip("-.")
    return f"{definition}.{digest(outcome.kind, about)}"


def build_event(outcome: Outcome, config_map: dict[str, Any], now: str) -> Event:
    """Return the Event for an outcome; `now` is an RFC 3339 time.

    With the uid of the ConfigMap, without which `kubectl describe` does not show it.
    """
    metadata = config_map["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": event_name(outcome), "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "reason": "".join(word.capitalize() for word in outcome.kind.split("-")),
        "type": "Warning" if outcome.is_warning else "Normal",
        "message": _message(outcome),
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def _message(outcome: Outcome) -> str:
    alert = outcome.alert
    # Each cut by itself, so that none takes the place of the last.
    name, message = one_line(alert.name, MAX_NAME), one_line(outcome.message, _MAX_REASON)
    parts = [f"alert {name} is {alert.status}", outcome.job, message]
    if outcome.needs_a_person and alert.runbook:
        parts.append(f"runbook: {one_line(alert.runbook, MAX_NAME)}")
    return one_line("; ".join(part for part in parts if part), MAX_MESSAGE)
