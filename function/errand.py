"""One alert to its outcome: find its definition, ask its guard rails, create its Job.

Of several alerts about one subject each waits for its turn.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from threading import Lock

from function.alerts import Alert, Notification
from function.cluster import Cluster
from function.definitions import Definition, definition_name
from function.episodes import alert_id, ended_at, episode, job_name
from function.errors import Broken, Conflict, QuotaExceeded, Unavailable
from function.events import event_name, is_told
from function.guards import Create, Ending, Hold, Run, decide, ending, is_over, last_run, read_run
from function.jobs import build_job
from function.labels import of_alert, of_subject
from function.log import log
from function.look_ups import LookUps
from function.outcomes import Kind, Outcome
from function.recorder import Recorder

# Seconds at most before looking again, when another writer was faster.
PAUSE = 0.1


class _Subject:
    """What several alerts of one notification are about: whose turn it is, and what is known."""

    def __init__(self) -> None:
        self.turn = Lock()
        self.runs: list[Run] | None = None
        """As listed; None once something may have been made since."""


class Errand:
    """The alerts of one notification, each settled by itself."""

    def __init__(
        self,
        cluster: Cluster,
        recorder: Recorder,
        mode: str,
        notification: Notification,
        deadline: float,
    ) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._notification = notification
        self._deadline = deadline
        self._lock = Lock()
        self._look_ups = LookUps(cluster, mode, deadline)
        self._subjects: dict[str, _Subject] = {}

    def settle(self, alert: Alert) -> Outcome:
        """Return what became of one alert, and record it; whatever goes wrong is an outcome."""
        started = time.monotonic()
        name = definition_name(alert)
        if name is None:
            return Outcome(alert, Kind.NO_DEFINITION, message="no name is left of the alert name")
        ended, outcome = self._try(alert, name)
        try:
            for each in filter(None, (ended, outcome)):
                self._tell(each)
        except Exception:  # it never decides the answer
            log.exception("a defect in OpenFero: please report it")
        return replace(_with_ending(outcome, ended), seconds=time.monotonic() - started)

    def _try(self, alert: Alert, name: str) -> tuple[Outcome | None, Outcome]:
        """Return what was ended, and what became of the alert."""
        ended = None
        try:
            ended = self._end(alert) if alert.status == "resolved" else None
            if ended and ended.kind == Kind.BROKEN:  # what is to be ended is not known
                return None, self._with_truncation(ended)
            outcome = self._settle(alert, name)
        except Broken as exc:
            outcome = Outcome(alert, Kind.BROKEN, name, message=str(exc))
        except Unavailable as exc:
            outcome = Outcome(alert, Kind.UNAVAILABLE, name, message=str(exc))
        except Exception:
            log.exception("a defect in OpenFero: please report it")
            outcome = Outcome(alert, Kind.UNAVAILABLE, name, message="a defect; see the log")
        return ended and self._with_truncation(ended), self._with_truncation(outcome)

    def _with_truncation(self, outcome: Outcome) -> Outcome:
        """Say where it is read that there were more alerts, of which nothing is known."""
        cut = self._notification.truncated
        if not cut:
            return outcome
        told = f"{cut} alerts of its group were cut off: set max_alerts to 0"
        return replace(outcome, message=_joined(outcome.message, told), is_cut=True)

    def _tell(self, outcome: Outcome) -> None:
        """Write an Event about it, once for all alerts of which it says the same."""
        name = outcome.definition
        if name and is_told(outcome) and (config_map := self._look_ups.config_map(name)):
            tell = partial(self._recorder.tell, outcome, config_map)
            self._look_ups.once(("event", event_name(outcome)), tell)

    def _settle(self, alert: Alert, name: str) -> Outcome:
        definition = self._look_ups.definition(alert, name)
        if isinstance(definition, Kind):
            return Outcome(alert, definition, name)
        if not definition.rails.matches(alert.labels):
            return Outcome(alert, Kind.NO_MATCH, name)
        if not definition.rails.is_guarded:
            return self._create(alert, definition)
        selector = of_subject(name, definition.rails, alert)
        with self._lock:
            subject = self._subjects.setdefault(str(selector), _Subject())
        # At once they would only get into each other's way.
        with subject.turn:
            return self._settle_guarded(alert, definition, selector, subject)

    def _settle_guarded(
        self, alert: Alert, definition: Definition, selector: Mapping[str, str], subject: _Subject
    ) -> Outcome:
        """Decide on what is there, and again when another writer was faster."""
        taken = 0
        while True:
            runs = self._runs(selector) if subject.runs is None else subject.runs
            plan = decide(definition.rails, episode(definition.name, alert), runs)
            subject.runs = runs if isinstance(plan, Hold) or definition.rails.audits else None
            if isinstance(plan, Hold):
                return Outcome(alert, plan.kind, definition.name, plan.job, plan.reason, plan.waits)
            if plan.number == taken:  # lists are consistent, so it will never be among them
                raise Unavailable(f"run {taken} is there, but somebody has changed its labels")
            outcome = self._create(alert, definition, plan)
            if outcome.kind != Kind.EXISTS:
                return outcome
            taken, subject.runs = plan.number, None
            time.sleep(random.uniform(0, PAUSE))

    def _create(self, alert: Alert, definition: Definition, plan: Create | None = None) -> Outcome:
        """Create the Job, or in audit ask whether it could be."""
        job, warnings = build_job(
            definition, alert, self._notification, self._cluster.namespace, plan
        )
        try:
            creation = self._cluster.create_job(job, self._deadline, definition.rails.audits)
        except (Broken, QuotaExceeded) as exc:
            if not definition.rails.audits:
                raise
            return Outcome(alert, Kind.WOULD_REFUSE, definition.name, message=str(exc))
        made = Kind.WOULD_CREATE if definition.rails.audits else Kind.CREATED
        return Outcome(
            alert,
            made if creation.is_new else Kind.EXISTS,
            definition.name,
            job["metadata"]["name"],
            _joined(*_reasons(plan), *warnings, *creation.warnings),
            waits=bool(plan and plan.is_suspended),
        )

    def _end(self, alert: Alert) -> Outcome | None:
        """End or mark the Job that the alert, now resolved, left behind; None if it is not ended.

        Once, however often the notification holds the alert.
        """
        key = ("end", alert_id(alert.labels), alert.starts_at)
        ended = self._look_ups.once(key, lambda: self._end_once(alert))
        return ended and replace(ended, alert=alert)

    def _end_once(self, alert: Alert) -> Outcome | None:
        """Look for it and end it, and again when another writer was faster, until the deadline."""
        while True:
            try:
                return self._end_it(alert)
            except Conflict:
                time.sleep(random.uniform(0, PAUSE))

    def _end_it(self, alert: Alert) -> Outcome | None:
        fired = alert.as_firing()
        name = definition_name(fired)
        try:
            rails = self._look_ups.rails(fired, name) if name else None
        except Broken as exc:
            return Outcome(alert, Kind.BROKEN, name, message=str(exc))
        if name is None or rails is None or rails.audits or not rails.matches(fired.labels):
            return None
        if not rails.is_guarded:
            self._recorder.mark(job_name(name, fired), ended_at(alert))
            return None
        runs = self._runs(of_alert(name, fired))
        if plan := ending(rails, runs):
            return self._carry_out(plan, alert, name)
        own = [run for run in runs if run.episode == episode(name, fired)]
        if own and not last_run(own).is_resolved:
            self._recorder.mark(last_run(own).job, ended_at(alert))
        return None

    def _carry_out(self, plan: Ending, alert: Alert, name: str) -> Outcome | None:
        patched = self._cluster.patch_job(plan.job, plan.patch, self._deadline)
        self._recorder.mark(plan.job, ended_at(alert))
        if patched is None or is_over(patched):  # it has ended by itself in the meantime
            return None
        return Outcome(alert, plan.kind, name, plan.job)

    def _runs(self, selector: Mapping[str, str]) -> list[Run]:
        past = self._cluster.list_jobs(selector, self._deadline)
        return [read_run(job, past.now) for job in past.jobs]


def _reasons(plan: Create | None) -> list[str]:
    if plan and plan.is_suspended:
        return [f"suspended until a person approves it: {plan.reason}"]
    return []


def _with_ending(outcome: Outcome, ended: Outcome | None) -> Outcome:
    """Tell what was ended: by itself, or beside what its own definition led to."""
    if ended is None:
        return outcome
    if outcome.kind == Kind.NO_DEFINITION:
        return ended
    return replace(outcome, message=_joined(outcome.message, f"{ended.kind} {ended.job}"))


def _joined(*texts: str) -> str:
    return "; ".join(filter(None, texts))
