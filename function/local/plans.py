"""What is to be done for a Job, decided from the Job and its pods alone. Pure.

Plays the Job controller's head; its hands are in `controller.py`. A pod never fails
here, so that a Job ends complete, or by its deadline.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from function.local.tables import conditions_of

OVERDUE = "DeadlineExceeded", "Job was active longer than specified deadline"
"""The one reason, and its message, of which a Job's event warns."""

Manifest = dict[str, Any]

_COMPLETE = "CompletionsReached", "Reached expected number of succeeded pods"
_SUSPENDED = "JobSuspended", "Job suspended"
_RESUMED = "JobResumed", "Job resumed"


@dataclass(frozen=True)
class Plan:
    """What to do for one Job: pods to make, pods to end, its new status, whether to delete it.

    `event` is (reason, message) to be told; `again` the seconds until time alone may
    change the plan, None if it cannot.
    """

    create: int = 0
    end: tuple[str, ...] = ()
    status: Manifest | None = None
    event: tuple[str, str] | None = None
    delete: bool = False
    again: float | None = None


def plan(job: Manifest, pods: list[Manifest], now: datetime) -> Plan:
    """The next step for a Job, from the Job and its pods alone."""
    spec, status = job["spec"], job["status"]
    ended = _condition(job, "Complete") or _condition(job, "Failed")
    if ended:
        return _after_end(spec, ended, now)
    active = [pod for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
    if spec["suspend"]:
        return _suspend(job, active, now)
    if "startTime" not in status:
        return _start(job, now)
    deadline = spec.get("activeDeadlineSeconds")
    left = None if deadline is None else deadline - _since(status["startTime"], now)
    if left is not None and left <= 0:
        return _overdue(status, active, now)
    return _advance(job, pods, active, now, left)


def _start(job: Manifest, now: datetime) -> Plan:
    status: Manifest = {"startTime": _text(now), "uncountedTerminatedPods": {}}
    if not _condition(job, "Suspended"):
        return Plan(status=status)
    status["conditions"] = [_new_condition("Suspended", "False", *_RESUMED, now)]
    return Plan(status=status, event=("Resumed", "Job resumed"))


def _suspend(job: Manifest, active: list[Manifest], now: datetime) -> Plan:
    if _condition(job, "Suspended"):
        return Plan(end=_names(active))
    condition = _new_condition("Suspended", "True", *_SUSPENDED, now)
    status = {"conditions": [condition], "uncountedTerminatedPods": {}}
    return Plan(end=_names(active), status=status, event=("Suspended", "Job suspended"))


def _overdue(status: Manifest, active: list[Manifest], now: datetime) -> Plan:
    new = _ended(status, ("FailureTarget", "Failed"), OVERDUE, now)
    if active:
        new["failed"] = len(active)
    return Plan(end=_names(active), status=new, event=OVERDUE)


def _advance(
    job: Manifest, pods: list[Manifest], active: list[Manifest], now: datetime, left: float | None
) -> Plan:
    spec, status = job["spec"], job["status"]
    succeeded = sum(1 for pod in pods if pod["status"]["phase"] == "Succeeded")
    wanted = spec.get("completions", spec["parallelism"])
    if succeeded >= wanted and not active:
        return _complete(status, succeeded, now)
    missing = min(spec["parallelism"], wanted - succeeded) - len(active)
    counted = {key: status[key] for key in ("startTime", "conditions") if key in status}
    ready = sum(1 for pod in active if pod["status"]["phase"] == "Running")
    counts = {"active": len(active), "ready": ready, "succeeded": succeeded}
    counted |= {key: count for key, count in counts.items() if count}
    counted["uncountedTerminatedPods"] = {}
    return Plan(create=max(0, missing), status=counted, again=left)


def _complete(status: Manifest, succeeded: int, now: datetime) -> Plan:
    new = _ended(status, ("SuccessCriteriaMet", "Complete"), _COMPLETE, now)
    new |= {"completionTime": _text(now), "succeeded": succeeded}
    return Plan(status=new, event=("Completed", "Job completed"))


def _ended(
    status: Manifest, types: tuple[str, ...], why: tuple[str, str], now: datetime
) -> Manifest:
    ends = [_new_condition(type_, "True", *why, now) for type_ in types]
    conditions = [*status.get("conditions", []), *ends]
    kept = {"startTime": status["startTime"], "uncountedTerminatedPods": {}}
    return {**kept, "conditions": conditions}


def _after_end(spec: Manifest, ended: Manifest, now: datetime) -> Plan:
    if "ttlSecondsAfterFinished" not in spec:
        return Plan()
    left = spec["ttlSecondsAfterFinished"] - _since(ended["lastTransitionTime"], now)
    return Plan(delete=True) if left <= 0 else Plan(again=left)


def _condition(job: Manifest, type_: str) -> Manifest | None:
    found = (c for c in conditions_of(job) if c["type"] == type_ and c["status"] == "True")
    return next(found, None)


def _new_condition(type_: str, status: str, reason: str, message: str, now: datetime) -> Manifest:
    moment = _text(now)
    times = {"lastProbeTime": moment, "lastTransitionTime": moment}
    return {"type": type_, "status": status, "reason": reason, "message": message, **times}


def _names(pods: list[Manifest]) -> tuple[str, ...]:
    return tuple(pod["metadata"]["name"] for pod in pods)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(text: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(text)).total_seconds()
