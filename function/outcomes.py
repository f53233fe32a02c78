"""Outcome → answer and log line: one vocabulary for everything that is told.

Pure. Alertmanager retries 5xx at once and 4xx at its next group interval; a Knative
broker retries 404, 409 and 5xx, and takes a non-empty 2xx body that is no CloudEvent
for a failure. So the status is chosen by whether trying again can help.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from function.alerts import SETTLED, Alert
from function.errors import Broken, Refused, Unavailable

# Alertmanager copies the text of a failure into its own log line.
MAX_LINE = 200
# For the log and the answer: the longest message that still helps.
MAX_MESSAGE = 1024
# And the longest name: a line of the log must not be split by whoever collects it.
MAX_NAME = 200
RETRY_AFTER_SECONDS = 5
# Of a settled CloudEvent so many outcomes go back; a broker may take no more than a megabyte.
MAX_REPLY = 100


class Kind(StrEnum):
    """What became of one alert; the words stand in the log, the answer and the docs."""

    CREATED = "created"
    EXISTS = "exists"
    NO_DEFINITION = "no-definition"
    DISABLED = "disabled"
    NO_MATCH = "no-match"
    COOLING_DOWN = "cooling-down"
    NEEDS_APPROVAL = "needs-approval"
    WOULD_CREATE = "would-create"
    WOULD_REFUSE = "would-refuse"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    BROKEN = "broken"
    UNAVAILABLE = "unavailable"

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status of a notification in which this is the worst."""
        return _STATUS.get(self, HTTPStatus.OK)


_STATUS = {
    Kind.BROKEN: Broken.status,
    Kind.UNAVAILABLE: Unavailable.status,
}


@dataclass(frozen=True)
class Outcome:
    """What became of one alert; `definition` is the name looked up, None without one."""

    alert: Alert
    kind: Kind
    definition: str | None = None
    job: str | None = None
    message: str = ""
    waits: bool = False
    """Its Job waits for a person."""
    is_cut: bool = False
    """It is of a group whose sender cut alerts off."""
    seconds: float = 0
    """How long it took."""

    @property
    def needs_a_person(self) -> bool:
        """Whether nothing goes on without one."""
        return self.waits or self.kind in _FOR_A_PERSON

    @property
    def is_warning(self) -> bool:
        """Whether a person should look at it."""
        return self.needs_a_person or self.is_cut

    def fields(self) -> dict[str, Any]:
        """Return what is told about it, in the answer as in the log."""
        return {
            "alert": self.alert.name[:MAX_NAME],
            "status": self.alert.status,
            "fingerprint": self.alert.fingerprint[:MAX_NAME],
            "definition": self.definition,
            "outcome": str(self.kind),
            "job": self.job,
            "message": one_line(self.message, MAX_MESSAGE),
        }


_FOR_A_PERSON = frozenset({Kind.BROKEN, Kind.NEEDS_APPROVAL, Kind.WOULD_REFUSE})


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> dict[str, str]:
        """The headers, with the length of the body."""
        return {**self.headers, "Content-Length": str(len(self.body))}


def answer(outcomes: Sequence[Outcome], reply_id: str = "") -> Answer:
    """Return the answer to a notification: its worst outcome decides, 503 before 422 before 200.

    `reply_id` is the id of the CloudEvent to answer a settled CloudEvent with.
    """
    worst = max((outcome.kind.status for outcome in outcomes), default=HTTPStatus.OK)
    if worst != HTTPStatus.OK:
        return _failure(
            worst,
            [outcome for outcome in outcomes if outcome.kind.status == worst],
            len(outcomes),
        )
    if reply_id:
        return _reply(outcomes, reply_id)
    told = {"outcomes": [outcome.fields() for outcome in outcomes]}
    return Answer(HTTPStatus.OK, json.dumps(told).encode(), {"Content-Type": "application/json"})


def _reply(outcomes: Sequence[Outcome], reply_id: str) -> Answer:
    """Return a CloudEvent in binary mode; a broker takes it, and any other body for a failure."""
    told = {
        "counts": count(outcomes),
        "outcomes": [outcome.fields() for outcome in outcomes[:MAX_REPLY]],
    }
    headers = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": reply_id,
        "ce-source": "/openfero",
        "ce-type": SETTLED,
    }
    return Answer(HTTPStatus.OK, json.dumps(told).encode(), headers)


def count(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return how many alerts had each outcome."""
    return dict(Counter(str(outcome.kind) for outcome in outcomes))


def _failure(status: HTTPStatus, failed: Sequence[Outcome], total: int) -> Answer:
    first = failed[0]
    return text(
        status,
        f"{len(failed)} of {total} alerts {first.kind}: "
        f"{first.definition or first.alert.name}: {first.message}",
    )


def refusal(error: Refused) -> Answer:
    """Return the answer to a request that is not taken."""
    return text(error.status, str(error), error.headers)


def text(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer of one line of at most 200 bytes."""
    told = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        told["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Answer(status, one_line(message, MAX_LINE).encode(), told)


def one_line(message: str, limit: int) -> str:
    """Return a text as one line of at most `limit` bytes of UTF-8, without control characters."""
    printable = "".join(char if char.isprintable() else " " for char in message[: 4 * limit])
    line = " ".join(printable.split())
    raw = line.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - 3].decode("utf-8", "ignore") + "…"
