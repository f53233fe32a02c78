"""One alert to its outcome: find its definition, ask its guard rails, create its Job.

What the alerts of one notification share is here, too: the deadline, each look-up, and
whose turn it is where several are about one subject.
"""

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock
from typing import Any, TypeVar

from function.alerts import Alert, Notification
from function.cluster import Cluster
from function.definitions import (
    ConfigMap,
    Definition,
    definition_name,
    guard_rails,
    is_disabled,
    is_for,
    read_definition,
)
from function.episodes import episode
from function.errors import Broken, QuotaExceeded, Unavailable
from function.guards import Create, Hold, Run, decide, ending, is_over, read_run
from function.jobs import build_job
from function.labels import of_alert, of_subject
from function.log import log
from function.outcomes import Kind, Outcome
from function.rails import Rails

T = TypeVar("T")

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
        self, cluster: Cluster, mode: str, notification: Notification, deadline: float
    ) -> None:
        self._cluster = cluster
        self._mode = mode
        self._notification = notification
        self._deadline = deadline
        self._lock = Lock()
        self._look_ups: dict[tuple[str, ...], Future[Any]] = {}
        self._subjects: dict[str, _Subject] = {}

    def settle(self, alert: Alert) -> Outcome:
        """Return what became of one alert; whatever goes wrong is an outcome."""
        name = definition_name(alert)
        if name is None:
            return Outcome(alert, Kind.NO_DEFINITION, message="no name is left of the alert name")
        ended = None
        try:
            ended = self._end(alert) if alert.status == "resolved" else None
            outcome = self._settle(alert, name)
        except Broken as exc:
            outcome = Outcome(alert, Kind.BROKEN, name, message=str(exc))
        except Unavailable as exc:
            outcome = Outcome(alert, Kind.UNAVAILABLE, name, message=str(exc))
        except Exception:
            log.exception("a defect in OpenFero: please report it")
            outcome = Outcome(alert, Kind.UNAVAILABLE, name, message="a defect; see the log")
        return _with_ending(outcome, ended)

    def _settle(self, alert: Alert, name: str) -> Outcome:
        definition = self._once((name, alert.name), lambda: self._read(alert, name))
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
                return Outcome(alert, plan.kind, definition.name, plan.job, plan.reason)
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
            "; ".join([*_reasons(plan), *warnings, *creation.warnings]),
        )

    def _end(self, alert: Alert) -> Outcome | None:
        """End the Job that the alert, now resolved, left behind; None if there is nothing to end."""
        fired = alert.as_firing()
        name = definition_name(fired)
        rails = self._rails(fired, name) if name else None
        if name is None or rails is None or rails.audits or not rails.is_guarded:
            return None
        plan = ending(rails, self._runs(of_alert(name, fired)))
        patched = plan and self._cluster.patch_job(plan.job, plan.patch, self._deadline)
        if not plan or not patched or is_over(patched):  # it has ended by itself in the meantime
            return None
        return Outcome(alert, plan.kind, name, plan.job)

    def _rails(self, alert: Alert, name: str) -> Rails | None:
        """Return the guard rails of a definition, None if there is none for the alert."""
        config_map = self._config_map(name)
        if config_map is None or not is_for(config_map, alert):
            return None
        try:
            return guard_rails(config_map, alert.status, self._mode)
        except Broken as exc:
            if is_disabled(config_map):
                return None
            raise Broken(f"{name}: {exc}") from exc

    def _runs(self, selector: Mapping[str, str]) -> list[Run]:
        past = self._cluster.list_jobs(selector, self._deadline)
        return [read_run(job, past.now) for job in past.jobs]

    def _read(self, alert: Alert, name: str) -> Definition | Kind:
        config_map = self._config_map(name)
        if config_map is None or not is_for(config_map, alert):
            return Kind.NO_DEFINITION
        if is_disabled(config_map):
            return Kind.DISABLED
        return read_definition(config_map, alert, self._mode)

    def _config_map(self, name: str) -> ConfigMap | None:
        return self._once((name,), lambda: self._cluster.find_definition(name, self._deadline))

    def _once(self, key: tuple[str, ...], look_up: Callable[[], T]) -> T:
        """Look something up once, however many alerts need it."""
        mine: Future[T] = Future()
        with self._lock:
            future: Future[T] = self._look_ups.setdefault(key, mine)
        if future is mine:
            try:
                mine.set_result(look_up())
            except BaseException as exc:
                mine.set_exception(exc)
        return future.result()


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
    told = f"{ended.kind} {ended.job}"
    return replace(outcome, message="; ".join(filter(None, [outcome.message, told])))
