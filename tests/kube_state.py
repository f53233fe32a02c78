"""The series that kube-state-metrics shows of a Job, as its source was read.

It cannot be had here as a program. What is written down is its internal/store/job.go and
utils.go, at the commits that docs/monitoring.md names, of the series that our rules ask.
"""

import re
from datetime import datetime
from typing import Any

LABELS = "--metric-labels-allowlist=jobs="
ANNOTATIONS = "--metric-annotations-allowlist=jobs="

Series = dict[str, float]

# Others are shown as an empty reason.
_REASONS = ("BackoffLimitExceeded", "DeadlineExceeded", "Evicted")


def allowed(flags: str, flag: str) -> tuple[str, ...]:
    """Return what a flag allows, of a text in which it stands."""
    found = re.search(rf"{re.escape(flag)}\[(.*?)\]", flags)
    return tuple(found[1].split(",")) if found else ()


def series(job: dict[str, Any], labels: tuple[str, ...], annotations: tuple[str, ...]) -> Series:
    """Return each series with its value: as text with its labels, the way Prometheus writes it."""
    metadata, spec, status = job["metadata"], job["spec"], job.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    found: Series = {}

    def show(name: str, value: float, **more: str) -> None:
        of_the_job = {"namespace": metadata["namespace"], "job_name": metadata["name"]}
        found[written(name, **of_the_job, **more)] = float(value)

    show("kube_job_info", 1)
    show("kube_job_created", _seconds(metadata["creationTimestamp"]))
    if labels:
        show("kube_job_labels", 1, **_mapped("label", metadata.get("labels", {}), labels))
    if annotations:
        told = _mapped("annotation", metadata.get("annotations", {}), annotations)
        show("kube_job_annotations", 1, **told)
    if "activeDeadlineSeconds" in spec:
        show("kube_job_spec_active_deadline_seconds", spec["activeDeadlineSeconds"])
    show("kube_job_status_active", status.get("active", 0))
    show("kube_job_status_succeeded", status.get("succeeded", 0))
    for reason, count in _failed(status.get("failed", 0), conditions.get("Failed")).items():
        show("kube_job_status_failed", count, **({"reason": reason} if reason else {}))
    for kind in ("Complete", "Failed"):
        if kind in conditions:
            for value in ("true", "false", "unknown"):
                is_so = conditions[kind]["status"].lower() == value
                show(f"kube_job_{kind.lower()}", is_so, condition=value)
    for field, name in (("startTime", "start_time"), ("completionTime", "completion_time")):
        if field in status:
            show(f"kube_job_status_{name}", _seconds(status[field]))
    return found


def written(name: str, **labels: str) -> str:
    """Return a series as text; a label that is empty is none."""
    pairs = [f'{key}="{value}"' for key, value in sorted(labels.items()) if value]
    return f"{name}{{{','.join(pairs)}}}"


def _failed(count: int, condition: Any) -> dict[str, float]:
    """Return how many pods failed, by reason: once one is known, it is only whether it is that."""
    if not count or not condition:
        return {"": count}
    told: dict[str, float] = {reason: condition.get("reason") == reason for reason in _REASONS}
    return told if any(told.values()) else {**told, "": count}


def _mapped(prefix: str, values: dict[str, str], allowed: tuple[str, ...]) -> dict[str, str]:
    """Return the allowed ones under the names that Prometheus takes."""
    return {
        f"{prefix}_{re.sub('[^a-zA-Z0-9_]', '_', key)}": values[key]
        for key in allowed
        if key in values
    }


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
