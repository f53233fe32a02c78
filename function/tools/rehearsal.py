"""A cluster in which nothing is changed: the function's own verbs, and a memory of what it did.

What it creates and patches is judged by an API server, in dry runs, and kept here alone, so
that the next alert meets it.
"""

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from function.cluster import Cluster, Creation, Past
from function.local.admission import merge
from function.replies import Object, Reply
from function.tools.given import as_stored
from function.transport import Transport


class DryRun(Transport):
    """Another way to an API server: whatever would write there is a dry run."""

    def __init__(self, way: Transport) -> None:
        self.host = way.host
        self._way = way

    def ask(self, method: str, path: str, deadline: float, body: Object | None = None) -> Reply:
        """Send a request that changes nothing."""
        if method != "GET":
            path += f"{'&' if '?' in path else '?'}dryRun=All"
        return self._way.ask(method, path, deadline, body)


class Rehearsal(Cluster):
    """Definitions and past Jobs as they are given, everything else as the API server says."""

    def __init__(
        self,
        transport: DryRun,
        namespace: str,
        strict: bool,
        definitions: Mapping[str, Object],
        past: Iterable[Object] = (),
    ) -> None:
        super().__init__(transport, namespace, strict)
        self._definitions = definitions
        self._known = {job["metadata"]["name"]: job for job in past}
        self.built: list[Object] = []
        """The Jobs that the API server would have taken, as they were sent."""

    def find_definition(self, name: str, deadline: float) -> Object | None:
        """Return the ConfigMap of that name, if one is given; raises Broken if it can be none."""
        found = self._definitions.get(name)
        return as_stored(found) if found else None

    def list_jobs(self, labels: Mapping[str, str], deadline: float) -> Past:
        """Return the Jobs with these labels: those of the server, and those known here."""
        there = super().list_jobs(labels, deadline)
        others = [job for job in there.jobs if job["metadata"]["name"] not in self._known]
        ours = [_dated(job, there.now) for job in self._known.values() if _has(job, labels)]
        return Past((*others, *ours), there.now)

    def create_job(self, job: Object, deadline: float, dry_run: bool = False) -> Creation:
        """Ask whether a Job could be made, unless it is known; with `dry_run` forget it again."""
        name = job["metadata"]["name"]
        if name in self._known:
            return Creation(is_new=False)
        creation = super().create_job(job, deadline)
        if creation.is_new:
            self.built.append(copy.deepcopy(job))
            if not dry_run:
                self._known[name] = job
        return creation

    def patch_job(self, name: str, patch: Object, deadline: float) -> Object | None:
        """Merge a patch into a Job that is known, or ask what another one would become.

        A mark alone, which only people read, is left out.
        """
        if "spec" not in patch:
            return None
        known = self._known.get(name)
        patched = merge(known, patch) if known else super().patch_job(name, patch, deadline)
        if patched is not None:
            self._known[name] = patched
        return copy.deepcopy(patched)

    def create_event(self, event: Object, deadline: float) -> None:
        """Tell nobody."""


def _has(job: Object, labels: Mapping[str, str]) -> bool:
    return labels.items() <= (job["metadata"].get("labels") or {}).items()


def _dated(job: Object, now: float) -> Object:
    """Return a Job with its age: what was created here was created just now."""
    created = {"creationTimestamp": datetime.fromtimestamp(now, UTC).isoformat()}
    return {**job, "metadata": created | job["metadata"]}
