"""May this job run now? The Jobs of its subject are the only memory, and this decides.

Pure: what the API server lists becomes runs, and from guard rails and runs comes one plan.
Ages are measured by the API server's own clock, on both ends.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from function.labels import APPROVAL, EPISODE, REQUIRED, RESOLVED_AT, RUN
from function.outcomes import Kind
from function.rails import Rails

Job = dict[str, Any]

_WAITS = "it waits for a person to approve or decline it"
# The deadline that is over at once: the Job ends, and makes no other pod.
_END = {"activeDeadlineSeconds": 0}
_DECLINE = {"activeDeadlineSeconds": 0, "suspend": False}


@dataclass(frozen=True)
class Run:
    """A Job of ours, as far as it counts for what may happen next."""

    job: str
    number: int
    episode: str
    age: float
    """Seconds since it was created, never negative."""
    is_finished: bool = False
    """It has ended, or is being ended."""
    is_waiting: bool = False
    """It was created suspended, and no person has started or declined it."""
    is_declined: bool = False
    """It was ended before it ever made a pod."""
    is_resolved: bool = False
    """It is marked already: its alert has resolved."""
    version: str = ""
    """What a person who starts it changes."""


@dataclass(frozen=True)
class Create:
    """Create this run; suspended, if a person is to decide, because of `reason`."""

    number: int
    is_suspended: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Hold:
    """Create nothing: what becomes of the alert, and the Job that stands for it."""

    kind: Kind
    job: str
    reason: str = ""
    waits: bool = False
    """That Job waits for a person."""


@dataclass(frozen=True)
class Ending:
    """End a Job whose alert has resolved, by this patch."""

    kind: Kind
    job: str
    patch: Job


def read_run(job: Job, now: float) -> Run:
    """Return a listed Job as a run; `now` is the API server's time in seconds of the epoch."""
    metadata, spec = job["metadata"], job["spec"]
    labels = metadata.get("labels") or {}
    created = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()
    asks = labels.get(APPROVAL) == REQUIRED
    is_waiting = asks and spec.get("suspend") is True and not is_over(job)
    is_ended = spec.get("activeDeadlineSeconds") == 0 and not is_waiting
    return Run(
        job=metadata["name"],
        number=_number(labels.get(RUN, "")),
        episode=labels.get(EPISODE, ""),
        age=max(0.0, now - created),
        is_finished=is_over(job) or is_ended,
        is_waiting=is_waiting,
        is_declined=asks and is_ended and not _had_a_pod(job),
        is_resolved=RESOLVED_AT in (metadata.get("annotations") or {}),
        version=metadata.get("resourceVersion", ""),
    )


def is_over(job: Job) -> bool:
    """Say whether a Job has ended, well or not."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(
        each.get("type") in ("Complete", "Failed") and each.get("status") == "True"
        for each in conditions
    )


def _had_a_pod(job: Job) -> bool:
    status = job.get("status") or {}
    return any(status.get(count) for count in ("active", "succeeded", "failed", "terminating"))


def _number(text: str) -> int:
    """Return the number of a run; a label that a person has broken counts as the first."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else 1


def last_run(runs: Sequence[Run]) -> Run:
    """Return the youngest; numbers alone start again where a subject was defined anew."""
    return min(runs, key=lambda run: (run.age, -run.number))


def decide(rails: Rails, episode: str, runs: Sequence[Run]) -> Create | Hold:
    """Return what is to be done for an episode, given the runs of its subject so far."""
    return (
        _has_its_run(rails, [run for run in runs if run.episode == episode])
        or _waits_for_a_person(runs)
        or _is_cooling_down(rails, [run for run in runs if not run.is_declined])
        or _create(rails, runs)
    )


def _has_its_run(rails: Rails, own: Sequence[Run]) -> Hold | None:
    if not own:
        return None
    last = last_run(own)
    if rails.rerun_after and _is_due(last, rails.rerun_after):
        return None
    if last.is_waiting:
        return Hold(Kind.EXISTS, last.job, _WAITS, waits=True)
    return Hold(Kind.EXISTS, last.job)


def _is_due(last: Run, rerun_after: float) -> bool:
    return last.is_finished and not last.is_declined and last.age >= rerun_after


def _waits_for_a_person(runs: Sequence[Run]) -> Hold | None:
    for run in runs:
        if run.is_waiting:
            return Hold(Kind.NEEDS_APPROVAL, run.job, _WAITS)
    return None


def _is_cooling_down(rails: Rails, runs: Sequence[Run]) -> Hold | None:
    if not rails.cooldown or not runs:
        return None
    last = last_run(runs)
    left = rails.cooldown - last.age
    if left <= 0:
        return None
    reason = f"its subject had a run {last.age:.0f} s ago; {left:.0f} s of the cooldown are left"
    return Hold(Kind.COOLING_DOWN, last.job, reason)


def _create(rails: Rails, runs: Sequence[Run]) -> Create:
    number = 1 + max((run.number for run in runs), default=0)
    if rails.approves:
        return Create(number, True, "every job of its definition is")
    if rails.max_runs and rails.window:
        recent = [run for run in runs if run.age < rails.window and not run.is_declined]
        if len(recent) >= rails.max_runs:
            reason = f"its subject had {len(recent)} runs in {rails.window:.0f} s"
            return Create(number, True, reason)
    return Create(number)


def ending(rails: Rails, runs: Sequence[Run]) -> Ending | None:
    """Return how to end the last run of an alert that has resolved, if it is to be ended."""
    if not runs:
        return None
    last = last_run(runs)
    if last.is_waiting:
        # Not if a person starts it at this moment: then it is another version of itself.
        seen = {"metadata": {"resourceVersion": last.version}}
        return Ending(Kind.DECLINED, last.job, {"spec": _DECLINE, **seen})
    if rails.cancels and not last.is_finished:
        return Ending(Kind.CANCELLED, last.job, {"spec": _END})
    return None
