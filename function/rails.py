"""Guard rails: the annotations with which an author limits a definition.

Pure. What cannot be read raises Broken, with the annotation, its value and what was
expected: a guard that is silently ignored is worse than none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from function.errors import Broken

T = TypeVar("T")

OURS = "openfero.io/"
"""What every annotation and label of ours begins with."""

MATCH = f"{OURS}match"
SUBJECT = f"{OURS}subject"
COOLDOWN = f"{OURS}cooldown"
RERUN_AFTER = f"{OURS}rerun-after"
MAX_RUNS = f"{OURS}max-runs"
ON_RESOLVED = f"{OURS}on-resolved"
MODE = f"{OURS}mode"
ANNOTATIONS = frozenset({MATCH, SUBJECT, COOLDOWN, RERUN_AFTER, MAX_RUNS, ON_RESOLVED, MODE})

RUN, APPROVE, AUDIT = MODES = ("run", "approve", "audit")
"""Each stricter than the one before."""

DAY = 24 * 60 * 60
# The Jobs are the record, and nobody wants to keep them for ever.
LONGEST = 7 * DAY

# Patterns are compiled when they are first needed: most definitions have no guard rails,
# and a cold start would pay for them all.

# As Prometheus writes them: each unit at most once, the larger first.
_UNITS = {"y": 365 * DAY, "w": 7 * DAY, "d": DAY, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_DURATION = "".join(rf"(?:(?P<{unit}>[0-9]{{1,12}}){unit})?" for unit in _UNITS)
_COUNT = r"[1-9][0-9]{0,5}"
_A_DURATION = "a duration of at most 7d, such as 30m or 1h30m"

# Alertmanager's matchers, as far as both of its parsers agree on what they mean. To them,
# only these are spaces.
_SPACES = " \t\n\r\f"
_SPACE = rf"[{_SPACES}]*"
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_QUOTED = r'"(?:[^"\\\n]|\\["\\n])*"'
_BARE = r"[^\s{}!=~,\\\"'`]+"
_MATCHER = rf"{_SPACE}({_NAME}){_SPACE}(!=|=){_SPACE}({_QUOTED}|{_BARE}){_SPACE}"
_ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\"}


@dataclass(frozen=True)
class Matcher:
    """A label, and the value that it must have, or must not."""

    label: str
    value: str
    is_equal: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether an alert's labels fit; a label that is missing is an empty one."""
        return (labels.get(self.label, "") == self.value) == self.is_equal


@dataclass(frozen=True)
class Rails:
    """What limits a definition; times are in seconds, None where there is no limit."""

    match: tuple[Matcher, ...] = ()
    subject: tuple[str, ...] = ()
    """The labels that say what is repaired; empty: all of them."""
    cooldown: float | None = None
    rerun_after: float | None = None
    max_runs: int | None = None
    window: float | None = None
    """The time in which `max_runs` count."""
    cancels: bool = False
    approves: bool = False
    """A person starts every Job."""
    audits: bool = False
    """Nothing is created, only asked; stricter than `approves`."""

    @property
    def is_guarded(self) -> bool:
        """Whether it takes the past to decide."""
        return bool(self.cooldown or self.rerun_after or self.may_wait or self.cancels)

    @property
    def may_wait(self) -> bool:
        """Whether a Job may be created that waits for a person."""
        return self.approves or self.max_runs is not None

    @property
    def longest(self) -> float:
        """The longest time for which the record is needed."""
        return max(self.cooldown or 0, self.rerun_after or 0, self.window or 0)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the definition is for an alert with these labels."""
        return all(matcher.holds(labels) for matcher in self.match)

    def subject_of(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels that say what is repaired; raises Broken if the alert lacks one."""
        for label in self.subject:
            if not labels.get(label):
                raise Broken(f"annotation {SUBJECT}: the alert has no label {label}")
        return {label: labels[label] for label in self.subject or labels}


def read_rails(annotations: Mapping[str, str], status: str, mode: str = RUN) -> Rails:
    """Return the guard rails of a definition for alerts of this status.

    `mode` is the setting's. Raises Broken for what cannot be read, and for what has no
    meaning at a definition of this status.
    """

    def read(name: str, parse: Callable[[str], T | None], expected: str) -> T | None:
        return _read(annotations, name, parse, expected)

    if ON_RESOLVED in annotations and status != "firing":
        raise Broken(f"annotation {ON_RESOLVED} belongs on the firing definition")
    modes = (mode, read(MODE, _mode, "run, approve or audit"))
    max_runs, window = read(MAX_RUNS, _runs, "N/DURATION, such as 3/24h") or (None, None)
    return Rails(
        match=read(MATCH, _matchers, 'matchers, such as severity="critical"') or (),
        subject=read(SUBJECT, _labels, "label names, such as namespace, pod") or (),
        cooldown=read(COOLDOWN, _duration, _A_DURATION),
        rerun_after=read(RERUN_AFTER, _duration, _A_DURATION),
        max_runs=max_runs,
        window=window,
        cancels=read(ON_RESOLVED, {"cancel": True}.get, "cancel") or False,
        approves=APPROVE in modes,
        audits=AUDIT in modes,
    )


def _read(
    annotations: Mapping[str, str], name: str, parse: Callable[[str], T | None], expected: str
) -> T | None:
    """Return what an annotation says, None if it is not there; raises Broken."""
    text = annotations.get(name)
    if text is None:
        return None
    found = parse(text.strip(_SPACES))
    if found is None:
        raise Broken(f"annotation {name} must be {expected}, found {text!r}")
    return found


def _mode(text: str) -> str | None:
    return text if text in MODES else None


def _duration(text: str) -> float | None:
    match = re.fullmatch(_DURATION, text)
    parts = match.groupdict() if match else {}
    seconds = sum(int(count) * _UNITS[unit] for unit, count in parts.items() if count)
    return seconds if 0 < seconds <= LONGEST else None


def _runs(text: str) -> tuple[int, float] | None:
    count, _, duration = text.partition("/")
    window = _duration(duration)
    return (int(count), window) if window and re.fullmatch(_COUNT, count) else None


def _labels(text: str) -> tuple[str, ...] | None:
    names = tuple(name.strip(_SPACES) for name in text.split(","))
    return names if all(names) else None


def _matchers(text: str) -> tuple[Matcher, ...] | None:
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    matchers = []
    while match := re.match(_MATCHER, text):
        label, operator, value = match.groups()
        matchers.append(Matcher(label, _unquoted(value), operator == "="))
        if match.end() == len(text):
            return tuple(matchers)
        if text[match.end()] != ",":
            return None
        text = text[match.end() + 1 :]
    return None


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r'\\["\\n]', lambda escape: _ESCAPES[escape[0]], value[1:-1])
