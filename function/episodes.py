"""Which alert is which: the identity of an alert and of its episode.

Pure, and a public contract: the name of a Job is derived from it, so that every
repeat, retry and replica meets the same Job. A change here makes a second Job for
every alert that is firing at the time.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from function.alerts import Alert

_TIME = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?"
    r"(?P<zone>[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)


# Nanoseconds and a zone fit; more is no time that Alertmanager wrote.
_LONGEST_TIME = 40


def digest(*parts: str) -> str:
    """Return 12 hex digits of the SHA-256 over the parts, separated by newlines."""
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:12]


def alert_id(labels: Mapping[str, str]) -> str:
    """Return the identity of an alert through all its episodes: that of its labels.

    Alertmanager's own `fingerprint` is the same idea, but old senders have none.
    """
    return digest(_canonical(labels))


def episode(definition: str, alert: Alert) -> str:
    """Return the identity of one firing (or resolving) of one alert for one definition.

    startsAt counts because an alert that fires again starts again; ce-id does not,
    because Alertmanager can only send a constant one.
    """
    return digest(definition, _canonical(alert.labels), starts_at(alert), alert.status)


def starts_at(alert: Alert) -> str:
    """Return startsAt in UTC, its fraction without trailing zeros.

    As it stands if it is no RFC 3339 time, empty if there is none.
    """
    return _in_utc(alert.starts_at) or alert.starts_at


def ended_at(alert: Alert) -> str:
    """Return endsAt in the same form; empty if it is no time."""
    return _in_utc(str(alert.source.get("endsAt") or "")[:_LONGEST_TIME])


def _in_utc(text: str) -> str:
    """The fraction stays text: a datetime would drop the nanoseconds that Go writes."""
    match = _TIME.fullmatch(text)
    if not match:
        return ""
    try:
        zone = match["zone"].upper().replace("Z", "+00:00")
        moment = datetime.fromisoformat(match["seconds"].upper() + zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    seconds = moment.replace(tzinfo=None).isoformat(timespec="seconds")
    fraction = (match["fraction"] or "").rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"


def job_name(definition: str, alert: Alert) -> str:
    """Return the name of the episode's Job, where no guard rail counts runs."""
    return _name(definition, episode(definition, alert))


def run_name(definition: str, subject: str, number: int) -> str:
    """Return the name of a subject's run, so that of two that count alike one is refused.

    `subject` is the alert_id() of the labels that say what is repaired.
    """
    return _name(definition, digest(definition, subject, str(number)))


def _name(definition: str, suffix: str) -> str:
    """Return a DNS label of at most 52 characters.

    An Indexed Job appends its index to the names of its pods, which may have 63.
    """
    readable = definition.replace(".", "-")[:39].rstrip("-")
    return f"{readable}-{suffix}"


def _canonical(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))
