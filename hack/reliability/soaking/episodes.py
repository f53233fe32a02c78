"""Episodes, and who knows of them: the notification that tells one, the Job that was made for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Episode:
    """One firing, or one resolving, of an alert."""

    labels: tuple[tuple[str, str], ...]
    starts_at: str
    status: str = "firing"

    def __str__(self) -> str:
        labels = dict(self.labels)
        return f"{labels['alertname']}/{labels['pod']} {self.status}, since {self.starts_at}"


def read_episode(alert: Mapping[str, Any]) -> Episode:
    """Return the episode of an alert as Alertmanager writes it, in a notification or on a Job."""
    labels = tuple(sorted(alert["labels"].items()))
    return Episode(labels, moment(datetime.fromisoformat(alert["startsAt"])), alert["status"])


def moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Notice:
    """A notification that the function has answered; times in seconds of the epoch."""

    arrived: float
    answered: float
    status: int
    episodes: tuple[Episode, ...]
    named: frozenset[str] = frozenset()
    """The Jobs of which the answer speaks: they are there."""

    @property
    def is_settled(self) -> bool:
        return self.status == 200


def read_named(answer: bytes) -> frozenset[str]:
    """Return the names of the Jobs in an answer."""
    return frozenset(each["job"] for each in json.loads(answer)["outcomes"] if each["job"])


@dataclass(frozen=True)
class Job:
    """What is left of a run; the API server writes whole seconds of creation."""

    name: str
    episode: Episode
    created: float
    run: int = 1
    asks: bool = False
    """It was created suspended, for a person to decide."""
    is_ended: bool = False


def read_job(content: Mapping[str, Any]) -> Job:
    """Return a Job as the API server lists it."""
    metadata, spec = content["metadata"], content["spec"]
    told = spec["template"]["metadata"]["annotations"]["openfero.io/alert"]
    return Job(
        name=metadata["name"],
        episode=read_episode(json.loads(told)),
        created=datetime.fromisoformat(metadata["creationTimestamp"]).timestamp(),
        run=int(metadata["labels"]["openfero.io/run"]),
        asks=metadata["labels"].get("openfero.io/approval") == "required",
        is_ended=spec.get("activeDeadlineSeconds") == 0,
    )
