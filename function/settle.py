"""One notification to its outcomes: every alert is tried, side by side, until the deadline.

The shell around the pure modules: it asks the cluster, and writes a log line per
alert. An alert that cannot be settled never stops the others.
"""

import logging
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock, Semaphore

from function.alerts import Alert, Notification
from function.cluster import MAX_CONNECTIONS, Cluster
from function.definitions import (
    Manifest,
    definition_name,
    is_disabled,
    is_for,
    read_manifest,
)
from function.errors import Broken, Unavailable
from function.jobs import build_job
from function.log import log
from function.outcomes import Kind, Outcome

# Alerts of one notification that are worked on at once: half of the pool, so that a
# large notification leaves room for the others.
AT_ONCE = MAX_CONNECTIONS // 2
# Seconds that the cluster gets less than the sender, so that its failure is told by name.
MARGIN = 0.1

_LEVELS = {Kind.BROKEN: logging.ERROR, Kind.UNAVAILABLE: logging.ERROR}


class Settler:
    """Settles the alerts of notifications in one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        # One pool for all notifications; it makes its threads when they are needed.
        self._pool = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="settle")

    def settle(self, notification: Notification, deadline: float) -> list[Outcome]:
        """Return what became of each alert, in their order.

        `deadline` is a time of time.monotonic(). What is not settled by then is
        unavailable; should it be settled a moment later, the retry finds it.
        """
        futures = self._start(notification, deadline)
        wait(futures.values(), timeout=_left(deadline))
        outcomes = [
            _outcome(futures.get(index), alert) for index, alert in enumerate(notification.alerts)
        ]
        for outcome in outcomes:
            level = _LEVELS.get(outcome.kind, logging.INFO)
            log.log(level, "alert", extra={"fields": outcome.fields()})
        return outcomes

    def _start(self, notification: Notification, deadline: float) -> dict[int, Future[Outcome]]:
        """Start the alerts, a few at a time, as long as there is time; return them by index.

        In any order: what a slow cluster leaves over shall not be the same at each retry.
        """
        errand = _Errand(self._cluster, notification, deadline - MARGIN)
        free = Semaphore(AT_ONCE)
        futures = {}
        count = len(notification.alerts)
        for index in random.sample(range(count), count):
            if not free.acquire(timeout=_left(deadline)):
                break
            futures[index] = self._pool.submit(errand.settle, notification.alerts[index])
            futures[index].add_done_callback(lambda _: free.release())
        return futures


class _Errand:
    """What the alerts of one notification share: the deadline, and each look-up."""

    def __init__(self, cluster: Cluster, notification: Notification, deadline: float) -> None:
        self._cluster = cluster
        self._notification = notification
        self._deadline = deadline
        self._lock = Lock()
        self._look_ups: dict[tuple[str, str], Future[Manifest | Kind]] = {}

    def settle(self, alert: Alert) -> Outcome:
        """Return what became of one alert; whatever goes wrong is an outcome."""
        definition = definition_name(alert)
        if definition is None:
            return Outcome(alert, Kind.NO_DEFINITION, message="no name is left of the alert name")
        try:
            return self._settle(alert, definition)
        except Broken as exc:
            return Outcome(alert, Kind.BROKEN, definition, message=str(exc))
        except Unavailable as exc:
            return Outcome(alert, Kind.UNAVAILABLE, definition, message=str(exc))
        except Exception:
            log.exception("a defect in OpenFero: please report it")
            return Outcome(alert, Kind.UNAVAILABLE, definition, message="a defect; see the log")

    def _settle(self, alert: Alert, definition: str) -> Outcome:
        manifest = self._manifest(alert, definition)
        if isinstance(manifest, Kind):
            return Outcome(alert, manifest, definition)
        job, warnings = build_job(
            manifest, alert, self._notification, definition, self._cluster.namespace
        )
        creation = self._cluster.create_job(job, self._deadline)
        return Outcome(
            alert,
            Kind.CREATED if creation.is_new else Kind.EXISTS,
            definition,
            job["metadata"]["name"],
            "; ".join([*warnings, *creation.warnings]),
        )

    def _manifest(self, alert: Alert, definition: str) -> Manifest | Kind:
        """Look a definition up once, however many alerts share it."""
        mine: Future[Manifest | Kind] = Future()
        with self._lock:
            future = self._look_ups.setdefault((definition, alert.name), mine)
        if future is mine:
            try:
                mine.set_result(self._look_up(alert, definition))
            except BaseException as exc:
                mine.set_exception(exc)
        return future.result()

    def _look_up(self, alert: Alert, definition: str) -> Manifest | Kind:
        config_map = self._cluster.find_definition(definition, self._deadline)
        if config_map is None or not is_for(config_map, alert):
            return Kind.NO_DEFINITION
        if is_disabled(config_map):
            return Kind.DISABLED
        return read_manifest(config_map, alert)


def _outcome(future: Future[Outcome] | None, alert: Alert) -> Outcome:
    if future is None or future.cancel() or not future.done():
        return Outcome(
            alert,
            Kind.UNAVAILABLE,
            definition_name(alert),
            message="not settled in time",
        )
    return future.result()


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
