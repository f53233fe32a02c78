"""What goes out: a manifest and an alert become the Job to create.

Pure. The manifest stays the author's: what we add never overwrites it, except for
the Job's name, the label `app.kubernetes.io/managed-by` and what begins with
`openfero.io/`, which are always ours. What would stop a Job that was exported from
a cluster is taken out.
"""

import copy
import json
import math
from typing import Any

from function.alerts import Alert, Notification
from function.definitions import Definition
from function.episodes import alert_id, job_name, run_name
from function.errors import Broken
from function.guards import Create
from function.injection import (
    FILE_ANNOTATION,
    Warnings,
    alert_file,
    tell_containers,
    variables,
)
from function.labels import APPROVAL, EPISODE, MANAGED_BY, REQUIRED, RUN, labels_of
from function.rails import DAY, OURS, Rails

Job = dict[str, Any]

# Kueue starts what is suspended and has this label.
QUEUE = "kueue.x-k8s.io/queue-name"

# etcd takes about 1.5 MiB, and the API server's words for it then point elsewhere.
MAX_JOB = 1024 * 1024

_SERVER_FIELDS = (
    "generateName",
    "ownerReferences",
    "finalizers",
    "uid",
    "resourceVersion",
)
_SELECTION = ("selector", "manualSelector")
_CONTROLLER_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)


def build_job(
    definition: Definition,
    alert: Alert,
    notification: Notification,
    namespace: str,
    plan: Create | None = None,
) -> tuple[Job, Warnings]:
    """Return the Job of an episode, and what its author should know about it.

    `plan` says which run of its subject this is, if the definition is guarded.
    Raises Broken if the manifest cannot become a Job: a field that has to be added to is
    of another type, it belongs into another namespace, it is a copy of a Job of ours, or
    the result is over 1 MiB.
    """
    job = copy.deepcopy(definition.manifest)
    warnings: Warnings = []
    metadata = _child(job, "metadata", "metadata")
    spec = _child(job, "spec", "spec")
    template = _child(spec, "template", "spec.template")
    template_metadata = _child(template, "metadata", "spec.template.metadata")
    pod = _child(template, "spec", "spec.template.spec")
    _check_namespace(metadata, namespace)
    _take_out(job, metadata, spec, template_metadata, warnings)
    metadata["name"], labels = _identity(definition, alert, notification, plan)
    if plan and plan.is_suspended:
        spec["suspend"] = True
    for place, where in (
        (metadata, "metadata"),
        (template_metadata, "spec.template.metadata"),
    ):
        _mark(place, where, labels, warnings)
    _check_waiting(metadata, spec, definition.rails)
    metadata["namespace"] = namespace
    _keep(spec, definition.rails.longest, warnings)
    text = alert_file(alert, notification, warnings)
    template_metadata["annotations"][FILE_ANNOTATION] = text
    tell_containers(pod, variables(alert, notification, definition.name, warnings), warnings)
    _check_size(job)
    return job, warnings


def _child(parent: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """Return the object under a name, made if it is absent or null."""
    if parent.get(name) is None:
        parent[name] = {}
    if not isinstance(parent[name], dict):
        raise Broken(f"{where} must be an object")
    child: dict[str, Any] = parent[name]
    return child


def _check_namespace(metadata: dict[str, Any], namespace: str) -> None:
    found = metadata.get("namespace") or namespace
    if found != namespace:
        raise Broken(f"metadata.namespace is {found}, but jobs are created in {namespace}")


def _take_out(
    job: Job,
    metadata: dict[str, Any],
    spec: dict[str, Any],
    template_metadata: dict[str, Any],
    warnings: Warnings,
) -> None:
    """Take out what would stop a Job that was copied from a cluster.

    ownerReferences to something gone have it collected within a second, a finalizer
    keeps it beyond its time, the controller's labels contradict the new selector.
    """
    template_labels = _child(template_metadata, "labels", "spec.template.metadata.labels")
    removed = [
        f"{where}{name}"
        for parent, where, names in (
            (metadata, "metadata.", _SERVER_FIELDS),
            (spec, "spec.", _SELECTION),
            (template_labels, "spec.template.metadata.labels.", _CONTROLLER_LABELS),
            (job, "", ("status",)),
        )
        for name in names
        if parent.pop(name, None) is not None
    ]
    if removed:
        warnings.append(f"taken out of the manifest: {', '.join(removed)}")


def _mark(metadata: dict[str, Any], where: str, labels: dict[str, str], warnings: Warnings) -> None:
    """Set our labels; what the author wrote under our prefix goes."""
    for kind in ("labels", "annotations"):
        texts = _child(metadata, kind, f"{where}.{kind}")
        if EPISODE in texts:
            raise Broken(f"{where}.{kind} has {EPISODE}: the manifest is a copy of a job of ours")
        for name in [name for name in texts if name.startswith(OURS)]:
            del texts[name]
            warnings.append(f"taken out of the manifest: {where}.{kind}.{name}")
    manager = metadata["labels"].get(MANAGED_BY)
    if manager not in (None, labels[MANAGED_BY]):
        warnings.append(f"replaced in the manifest: {where}.labels.{MANAGED_BY}: {manager}")
    metadata["labels"].update(labels)


def _identity(
    definition: Definition, alert: Alert, notification: Notification, plan: Create | None
) -> tuple[str, dict[str, str]]:
    """Return the name of the Job, and the labels of it and its pod."""
    subject = alert_id(definition.rails.subject_of(alert.labels))
    labels = labels_of(alert, notification, definition.name, subject)
    if plan is None:
        return job_name(definition.name, alert), labels
    labels[RUN] = str(plan.number)
    if plan.is_suspended:
        labels[APPROVAL] = REQUIRED
    return run_name(definition.name, subject, plan.number), labels


def _check_waiting(metadata: dict[str, Any], spec: dict[str, Any], rails: Rails) -> None:
    """Refuse what would start, or end, a Job that waits for a person without that person."""
    if not rails.may_wait:
        return
    if QUEUE in metadata["labels"] or QUEUE in metadata["annotations"]:
        raise Broken(
            f"{QUEUE}: Kueue would start a job that waits for a person; "
            "leave it out, or the mode approve and max-runs"
        )
    if spec.get("activeDeadlineSeconds") == 0:
        raise Broken("activeDeadlineSeconds is 0: a job that is approved would end at once")


def _keep(spec: dict[str, Any], longest: float, warnings: Warnings) -> None:
    """Keep the finished Job, which is the memory: a day, and as long as a guard rail looks back."""
    needed = math.ceil(longest)
    seconds = spec.get("ttlSecondsAfterFinished")
    if seconds is None:
        spec["ttlSecondsAfterFinished"] = max(DAY, needed)
    elif type(seconds) is not int or seconds < 0:  # the API server says what is wrong with it
        return
    elif seconds < needed:
        spec["ttlSecondsAfterFinished"] = needed
        warnings.append(
            f"ttlSecondsAfterFinished is raised from {seconds} to {needed}, "
            "which is how far the guard rails look back"
        )
    elif seconds < DAY:
        warnings.append(
            f"ttlSecondsAfterFinished is {seconds}, less than a day: "
            "once the job is gone, the same alert gets another"
        )


def _check_size(job: Job) -> None:
    size = len(json.dumps(job))
    if size > MAX_JOB:
        raise Broken(f"the job would have {size} bytes; at most {MAX_JOB} are sent")
