"""Plays Job controller and kubelet just enough for `kubectl wait`, `logs` and `suspend`.

It runs no container: a pod is Running for a moment and then has succeeded. What is to
be done for a Job is decided in `plans.py`, and done here.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from function.local.admission import now_text
from function.local.plans import OVERDUE, Plan, plan
from function.local.resources import EVENTS, JOBS, PODS, Resource
from function.local.statuses import Refusal
from function.local.store import Change
from function.local.verbs import Verbs

Manifest = dict[str, Any]

_IDLE = 3600.0


@dataclass
class Controller:
    """Follows the store and carries out plans; `pod_seconds` is how long a pod runs."""

    verbs: Verbs
    pod_seconds: float
    _due: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def run(self) -> None:
        """Work until the store is closed."""
        store, revision = self.verbs.store, 0
        while not store.closed:
            wait = min(self._due.values(), default=_IDLE + time.monotonic()) - time.monotonic()
            for change in store.changes_after(revision, max(0.0, wait)):
                revision = change.revision
                self._notice(change)
            self._work()

    def _notice(self, change: Change) -> None:
        if change.resource is JOBS and change.after is not None:
            self._look_at(change.after["metadata"])
        elif change.resource is PODS:
            self._notice_pod(change)

    def _notice_pod(self, change: Change) -> None:
        metadata = change.latest["metadata"]
        if change.before is None:
            self._due["pods", metadata["namespace"], metadata["name"]] = time.monotonic()
        for owner in metadata.get("ownerReferences", []):
            if owner["kind"] == "Job":
                self._look_at({"namespace": metadata["namespace"], "name": owner["name"]})

    def _look_at(self, metadata: Manifest) -> None:
        self._due["jobs", metadata["namespace"], metadata["name"]] = time.monotonic()

    def _work(self) -> None:
        now = time.monotonic()
        for key in [key for key, moment in self._due.items() if moment <= now]:
            del self._due[key]
            plural, namespace, name = key
            try:
                again = (self._step_job if plural == "jobs" else self._step_pod)(namespace, name)
            except Refusal as refusal:
                # It has been deleted meanwhile, or its namespace: nothing is left to do.
                if refusal.code != HTTPStatus.NOT_FOUND:
                    raise
                continue
            if again is not None:
                self._due[key] = time.monotonic() + again

    def _step_job(self, namespace: str, name: str) -> float | None:
        with self.verbs.store.lock:
            job = self.verbs.get(JOBS, namespace, name)
            step = plan(job, self._pods_of(job), datetime.now(UTC))
            if step.delete:
                self.verbs.delete(JOBS, namespace, name)
            else:
                self._carry_out(step, job)
        return step.again

    def _carry_out(self, step: Plan, job: Manifest) -> None:
        for pod in step.end:
            self.verbs.delete(PODS, job["metadata"]["namespace"], pod)
        for _ in range(step.create):
            self._create_pod(job)
        if step.status is not None:
            self._write_status(JOBS, job, step.status)
        if step.event:
            self._tell(job, *step.event)

    def _step_pod(self, namespace: str, name: str) -> float | None:
        with self.verbs.store.lock:
            pod = self.verbs.get(PODS, namespace, name)
            phase = pod["status"]["phase"]
            if phase == "Pending":
                self._write_status(PODS, pod, _running(pod))
                return self.pod_seconds
            if phase == "Running":
                self._write_status(PODS, pod, _succeeded(pod))
        return None

    def _pods_of(self, job: Manifest) -> list[Manifest]:
        owned = self.verbs.store.owned_by(job["metadata"]["uid"])
        return [each for resource, each in owned if resource is PODS]

    def _create_pod(self, job: Manifest) -> None:
        metadata, template = job["metadata"], job["spec"]["template"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"]}
        owner |= {"uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}
        own = {"generateName": f"{metadata['name'][:57]}-", "ownerReferences": [owner]}
        pod = {**template, "metadata": {**template["metadata"], **own}}
        created, _ = self.verbs.create(PODS, metadata["namespace"], pod)
        self._tell(job, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")

    def _write_status(self, resource: Resource, old: Manifest, status: Manifest) -> None:
        metadata = old["metadata"]
        place = resource, metadata["namespace"], metadata["name"]
        self.verbs.update(*place, lambda latest: {**latest, "status": status}, subresource="status")

    def _tell(self, job: Manifest, reason: str, message: str) -> None:
        event = _event(job["metadata"], reason, message)
        self.verbs.create(EVENTS, job["metadata"]["namespace"], event)


def _event(job: Manifest, reason: str, message: str) -> Manifest:
    about = {key: job[key] for key in ("name", "namespace", "uid", "resourceVersion")}
    now = now_text()
    return {
        "metadata": {"name": f"{job['name']}.{time.time_ns():x}"},
        "involvedObject": {"apiVersion": "batch/v1", "kind": "Job", **about},
        "type": "Warning" if reason == OVERDUE[0] else "Normal",
        "reason": reason,
        "message": message,
        "source": {"component": "job-controller"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def _running(pod: Manifest) -> Manifest:
    state = {"running": {"startedAt": now_text()}}
    statuses = [_container_status(each, state, ready=True) for each in pod["spec"]["containers"]]
    started = {"startTime": now_text(), "containerStatuses": statuses}
    return {**pod["status"], "phase": "Running", **started}


def _succeeded(pod: Manifest) -> Manifest:
    times = {"startedAt": pod["status"]["startTime"], "finishedAt": now_text()}
    state = {"terminated": {"exitCode": 0, "reason": "Completed", **times}}
    statuses = [_container_status(each, state, ready=False) for each in pod["spec"]["containers"]]
    return {**pod["status"], "phase": "Succeeded", "containerStatuses": statuses}


def _container_status(container: Manifest, state: Manifest, ready: bool) -> Manifest:
    named = {"name": container["name"], "image": container["image"], "imageID": ""}
    return {**named, "ready": ready, "restartCount": 0, "state": state}
