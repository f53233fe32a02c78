"""What the API server fills in when an object is created. Pure.

Only what the function, kubectl or the Job controller here can see is filled in.
"""

import copy
from typing import Any

NAME_LABELS = "batch.kubernetes.io/job-name", "job-name"
UID_LABELS = "batch.kubernetes.io/controller-uid", "controller-uid"

_JOB = {
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "manualSelector": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}
_POD = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def default_job(job: dict[str, Any]) -> dict[str, Any]:
    """A copy of a new job with selector, labels and defaults; what the author wrote stays."""
    job = copy.deepcopy(job)
    default_job_fields(job)
    if not job["spec"]["manualSelector"]:
        _default_selector(job["spec"], job.setdefault("metadata", {}))
    return job


def default_job_fields(job: dict[str, Any]) -> None:
    """Fill in a job in place, all but the selector: that is made once, when it is created."""
    spec = job.setdefault("spec", {})
    default_labels(job)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    for field, value in {"parallelism": 1, **_JOB}.items():
        spec.setdefault(field, value)
    default_pod(spec.setdefault("template", {}))


def default_labels(job: dict[str, Any]) -> None:
    """A job without labels takes those of its pods, in place."""
    metadata = job.setdefault("metadata", {})
    labels = job["spec"].get("template", {}).get("metadata", {}).get("labels")
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def default_pod(pod: dict[str, Any]) -> None:
    """Fill in a pod, or the template of one, in place."""
    spec = pod.setdefault("spec", {})
    for field, value in _POD.items():
        spec.setdefault(field, copy.copy(value))
    # The old name of the field still works; the rules speak of the new one.
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec |= {"serviceAccountName": account, "serviceAccount": account}
    for container in containers_of(spec):
        if not container.get("imagePullPolicy"):
            container["imagePullPolicy"] = _pull_policy(container.get("image", ""))
        for field, value in _CONTAINER.items():
            container.setdefault(field, copy.copy(value))


def containers_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The init containers of a pod's spec, then its containers."""
    listed = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return [container for container in listed if container is not None]


def _default_selector(spec: dict[str, Any], metadata: dict[str, Any]) -> None:
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    for label in UID_LABELS:
        labels.setdefault(label, metadata.get("uid", ""))
    for label in NAME_LABELS:
        labels.setdefault(label, metadata.get("name", ""))
    selected = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    selected.setdefault(UID_LABELS[0], metadata.get("uid", ""))


def _pull_policy(image: str) -> str:
    name = image.rsplit("/", 1)[-1]
    unpinned = "@" not in name and (":" not in name or name.endswith(":latest"))
    return "Always" if unpinned else "IfNotPresent"
