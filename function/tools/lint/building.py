"""What the function makes of a manifest: it builds the Job for a sample alert, and is listened to.

Where it refuses, the reason is noted and taken away, until it builds: so all is found at once.
"""

import copy
import re
from dataclasses import dataclass, field, replace
from typing import Any

from function.alerts import Alert, Notification
from function.definitions import ALERTNAME, Definition
from function.errors import Broken
from function.jobs import QUEUE, build_job
from function.labels import EPISODE
from function.rails import ANNOTATIONS, OURS, Rails
from function.tools.documents import Path
from function.tools.lint.containers import POD, marks, to_path, value_at, written

Note = tuple[str, Path, str]
"""A code, the way to what it is about, and what is said."""

REPEAT_INTERVAL = 4 * 60 * 60
"""Alertmanager's default, in seconds."""

_NAME = "openfero-sample-firing"
_DEADLINE = "activeDeadlineSeconds"
_TTL = ("spec", "ttlSecondsAfterFinished")

_GUARD_RAILS = {(name,) for name in (*ANNOTATIONS, ALERTNAME)}

_NO_OBJECT = re.compile(r"(\S+) must be (?:an object|a list of objects)")
_COPIED = re.compile(r"(\S+) has openfero\.io/episode: the manifest is a copy")
_TAKEN_OUT = "taken out of the manifest: "
_REPLACED = re.compile(r"replaced in the manifest: (\S+): ")
_NO_FILE = re.compile(rf"({re.escape(written(POD))}\S+) has no ")


@dataclass
class Built:
    """The Job that the function would build, what is to be said of it, and what it lacks."""

    job: dict[str, Any]
    rails: Rails
    notes: list[Note] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Places where the function cannot add what it must: the API's rules say what is wrong there."""


def build(manifest: dict[str, Any], rails: Rails, namespace: str) -> Built:
    """Return the Job for a sample alert, with all that the function would say.

    The namespace is that of the Jobs; empty: any that the manifest names.
    """
    built = Built(copy.deepcopy(manifest), rails)
    while (reason := _try(built, namespace)) and _mend(built, reason):
        pass
    return built


def _try(built: Built, namespace: str) -> str:
    """Build the Job and note the warnings, or return why it cannot be built."""
    manifest, own = built.job, value_at(built.job, "metadata", "namespace")
    where = namespace or (own if isinstance(own, str) else "") or "default"
    labels = {"alertname": "Sample"} | dict.fromkeys(built.rails.subject, "sample")
    alert = Alert("firing", labels, "", "", {})
    definition = Definition(_NAME, manifest, built.rails)
    notification = Notification((alert,), {}, False, "")
    try:
        built.job, warnings = build_job(definition, alert, notification, where)
    except Broken as exc:
        return str(exc)
    for warning in warnings:
        built.notes += _notes(warning, manifest, built.rails)
    return ""


def _mend(built: Built, reason: str) -> bool:
    """Note why the Job cannot be built and take that away; False if it cannot be."""
    if copied := _COPIED.match(reason):
        path = (*to_path(copied[1], built.job), EPISODE)
        built.notes.append(("copied-job", path, reason))
        _forget_our_marks(built.job)
    elif reason.startswith("metadata.namespace is "):
        built.notes.append(("namespace", ("metadata", "namespace"), reason))
        del built.job["metadata"]["namespace"]
    elif refused := _NO_OBJECT.match(reason):
        *parents, last = to_path(refused[1], built.job)
        built.left_out.append(refused[1])
        del value_at(built.job, *parents)[last]
    elif reason.startswith((QUEUE, _DEADLINE)):
        # Only where a person approves. Kueue there is found with the guard rails.
        if reason.startswith(_DEADLINE):
            built.notes.append(("broken", ("spec", _DEADLINE), reason))
        built.rails = replace(built.rails, approves=False, max_runs=None)
    else:
        built.notes.append(("broken", (), reason))
        built.job["metadata"] = {**(built.job.get("metadata") or {}), "name": "sample"}
        return False
    return True


def _forget_our_marks(job: dict[str, Any]) -> None:
    for _, texts in marks(job):
        for name in [*texts]:
            if name.startswith(OURS):
                del texts[name]


def _notes(warning: str, manifest: dict[str, Any], rails: Rails) -> list[Note]:
    """Return what a warning means to the author; most are about the alert, and mean nothing."""
    if warning.startswith(_TAKEN_OUT):
        names = warning.removeprefix(_TAKEN_OUT).split(", ")
        paths = ((to_path(name, manifest), name) for name in names)
        # A guard rail among them is an error of its own.
        return [
            ("taken-out", path, _why_taken_out(name))
            for path, name in paths
            if path[-1:] not in _GUARD_RAILS
        ]
    if replaced := _REPLACED.match(warning):
        return [("replaced", to_path(replaced[1], manifest), warning)]
    if lacking := _NO_FILE.match(warning):
        return [("no-alert-file", (*to_path(lacking[1], manifest), "volumeMounts"), warning)]
    if warning.startswith(_TTL[1]):
        return _short_ttl(warning, value_at(manifest, *_TTL), rails)
    return []


def _why_taken_out(name: str) -> str:
    if OURS in name:
        return f"{name} is taken out: what begins with {OURS} is the function's to set"
    return f"{name} is taken out: it belongs to the job that this one was copied from"


def _short_ttl(warning: str, seconds: int, rails: Rails) -> list[Note]:
    if seconds < rails.longest:
        return [("short-ttl", _TTL, warning)]
    if seconds >= REPEAT_INTERVAL:
        return []
    message = (
        f"ttlSecondsAfterFinished is {seconds}, less than four hours: once the job is gone, the "
        "next repeat of the same alert makes it again"
    )
    return [("short-ttl", _TTL, message)]
