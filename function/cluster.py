"""The Kubernetes API: the verbs that the function needs, and what they say was done.

All may be repeated: a Job's name is derived, and a patch says how things are to be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from function.errors import Broken, Conflict, QuotaExceeded, Unavailable
from function.replies import Object, Reply
from function.settings import Settings
from function.transport import TOO_MANY_WARNINGS, TooLarge, Transport, UnreadableHeaders, configure

# Jobs in one answer to a list. Each may have a megabyte, and more where the API server
# writes `<` as `\u003c`.
PAGE = 8


@dataclass(frozen=True)
class Creation:
    """The Job is there: certainly made just now, or before; and what was said about it."""

    is_new: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Past:
    """The Jobs of a selector, and the time by the API server's clock: seconds of the epoch."""

    jobs: tuple[Object, ...]
    now: float


class Cluster:
    """One cluster, and in it the namespace of definitions and Jobs."""

    def __init__(self, transport: Transport, namespace: str, strict: bool) -> None:
        self.host = transport.host
        self.namespace = namespace
        self._ask = transport.ask
        self._validation = "Strict" if strict else "Warn"
        self._jobs = f"/apis/batch/v1/namespaces/{quote(namespace)}/jobs"
        self._events = f"/api/v1/namespaces/{quote(namespace)}/events"
        self._config_maps = f"/api/v1/namespaces/{quote(namespace)}/configmaps"

    def find_definition(self, name: str, deadline: float) -> Object | None:
        """Return the ConfigMap of that name, or None if there is none.

        `deadline` is a time of time.monotonic(). Raises Unavailable for every answer
        that says neither.
        """
        reply = self._ask("GET", f"{self._config_maps}/{quote(name)}", deadline)
        if reply.is_object("ConfigMap", name):
            return reply.content
        if reply.is_about("NotFound", "configmaps", name):
            return None
        raise Unavailable(f"cannot read the definition: {reply.text}")

    def list_jobs(self, labels: Mapping[str, str], deadline: float) -> Past:
        """Return the Jobs that have all these labels, as the API server knows them now.

        Without their pod templates, which are nearly all of their size.
        """
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        query: dict[str, object] = {"labelSelector": selector, "limit": PAGE}
        jobs: list[Object] = []
        while True:
            try:
                reply = self._page(query, deadline)
            except TooLarge:
                if query["limit"] == 1:
                    raise
                query["limit"] = 1  # for the rest of the list, too
                continue
            for job in reply.items("JobList") or ():
                job["spec"].pop("template", None)
                jobs.append(job)
            if reply.date is None:
                raise Unavailable("the API server does not say what time it is")
            if not reply.next_page:
                return Past(tuple(jobs), reply.date)
            query["continue"] = reply.next_page

    def _page(self, query: Mapping[str, object], deadline: float) -> Reply:
        reply = self._ask("GET", f"{self._jobs}?{urlencode(query)}", deadline)
        if reply.items("JobList") is None:
            raise Unavailable(f"cannot list jobs: {reply.text}")
        return reply

    def create_event(self, event: Object, deadline: float) -> None:
        """Make an Event, unless it is there already; raises Unavailable if it cannot be made."""
        name = event["metadata"]["name"]
        reply = self._ask("POST", self._events, deadline, event)
        is_there = reply.is_object("Event", name) or reply.is_about("AlreadyExists", "events", name)
        if not is_there:
            raise Unavailable(f"cannot create an event: {reply.text}")

    def patch_job(self, name: str, patch: Object, deadline: float) -> Object | None:
        """Merge a patch into a Job and return it as it is then; None if there is no such Job.

        Raises Conflict if the patch names a version that it no longer has.
        """
        reply = self._ask("PATCH", f"{self._jobs}/{quote(name)}", deadline, patch)
        if reply.is_object("Job", name):
            return reply.content
        if reply.is_about("NotFound", "jobs", name):
            return None
        message = f"cannot patch the job {name}: {reply.text}"
        if reply.is_about("Conflict", "jobs", name):
            raise Conflict(message)
        raise Unavailable(message)

    def create_job(self, job: Object, deadline: float, dry_run: bool = False) -> Creation:
        """Make a Job, unless it is there already; with `dry_run` only ask whether it could be.

        Raises Broken if the API server will never take this Job, Unavailable if it may
        take it later.
        """
        query = "&dryRun=All" if dry_run else ""
        try:
            return self._create(job, self._validation + query, deadline)
        except UnreadableHeaders:
            # The Job may have been made all the same, now or before; only a look can tell.
            if self._exists(job, deadline):
                return Creation(is_new=False, warnings=(TOO_MANY_WARNINGS,))
            if self._validation == "Strict":
                raise
        return self._create(job, "Ignore" + query, deadline)

    def _create(self, job: Object, validation: str, deadline: float) -> Creation:
        name = job["metadata"]["name"]
        reply = self._ask("POST", f"{self._jobs}?fieldValidation={validation}", deadline, job)
        if reply.is_object("Job", name):
            return Creation(is_new=True, warnings=reply.warnings)
        if reply.is_about("AlreadyExists", "jobs", name):
            return Creation(is_new=False, warnings=reply.warnings)
        if reply.is_refusal:
            raise Broken(f"the API server refuses the job: {_reason(reply, name)}")
        # A quota is looked at before the name: a full one hides the Job that exists.
        if "exceeded quota" not in reply.text:
            raise Unavailable(f"cannot create the job: {reply.text}")
        if self._exists(job, deadline):
            return Creation(is_new=False, warnings=reply.warnings)
        raise QuotaExceeded(f"cannot create the job: {reply.text}")

    def _exists(self, job: Object, deadline: float) -> bool:
        name = job["metadata"]["name"]
        return self._ask("GET", f"{self._jobs}/{quote(name)}", deadline).is_object("Job", name)


def _reason(reply: Reply, name: str) -> str:
    """Return why a Job is refused, without its name, which would fill half of a short answer."""
    text = reply.text.removeprefix(f'Job.batch "{name}" is invalid: ')
    return text.removeprefix(f'jobs.batch "{name}" is forbidden: ')


def connect(settings: Settings) -> Cluster:
    """Return the cluster that the settings name, and no other; raises BadSettings."""
    configuration, namespace = configure(settings)
    return Cluster(Transport(configuration), namespace, settings.strict)
