"""One notification to its outcomes: every alert is tried, side by side, until the deadline.

The shell around the pure modules: it asks the cluster, and writes a log line per
alert. An alert that cannot be settled never stops the others.
"""

import logging
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from http import HTTPStatus
from threading import Semaphore

from function.alerts import Alert, Notification
from function.cluster import Cluster
from function.definitions import definition_name
from function.errand import Errand
from function.log import log
from function.outcomes import Kind, Outcome, count
from function.rails import MODES
from function.recorder import Recorder
from function.transport import MAX_CONNECTIONS

# Alerts of one notification that are worked on at once: half of the pool, so that a
# large notification leaves room for the others.
AT_ONCE = MAX_CONNECTIONS // 2
# Seconds that the cluster gets less than the sender, so that its failure is told by name.
MARGIN = 0.1


class Settler:
    """Settles the alerts of notifications in one cluster."""

    def __init__(self, cluster: Cluster, mode: str = MODES[0]) -> None:
        self._cluster = cluster
        self._recorder = Recorder(cluster)
        self._mode = mode
        # One pool for all notifications; it makes its threads when they are needed.
        self._pool = ThreadPoolExecutor(MAX_CONNECTIONS, thread_name_prefix="settle")

    def settle(self, notification: Notification, deadline: float) -> list[Outcome]:
        """Return what became of each alert, in their order.

        `deadline` is a time of time.monotonic(). What is not settled by then is
        unavailable; should it be settled a moment later, the retry finds it.
        """
        started = time.monotonic()
        with self._recorder.held():
            futures = self._start(notification, deadline)
            wait(futures.values(), timeout=_left(deadline))
            outcomes = [
                _outcome(futures.get(index), alert)
                for index, alert in enumerate(notification.alerts)
            ]
            _log(notification, outcomes, time.monotonic() - started)
        return outcomes

    def _start(self, notification: Notification, deadline: float) -> dict[int, Future[Outcome]]:
        """Start the alerts, a few at a time, as long as there is time; return them by index.

        In any order: what a slow cluster leaves over shall not be the same at each retry.
        """
        errand = Errand(self._cluster, self._recorder, self._mode, notification, deadline - MARGIN)
        free = Semaphore(AT_ONCE)
        futures = {}
        count = len(notification.alerts)
        for index in random.sample(range(count), count):
            if not free.acquire(timeout=_left(deadline)):
                break
            futures[index] = self._pool.submit(errand.settle, notification.alerts[index])
            futures[index].add_done_callback(lambda _: free.release())
        return futures


def _log(notification: Notification, outcomes: list[Outcome], seconds: float) -> None:
    """Write a line for each alert, and one for all of them."""
    trace = {"traceparent": notification.traceparent} if notification.traceparent else {}
    for outcome in outcomes:
        fields = outcome.fields() | {"duration": round(outcome.seconds, 3)} | trace
        log.log(_level(outcome), "alert", extra={"fields": fields})
    whole = {"alerts": len(outcomes), "outcomes": count(outcomes), "duration": round(seconds, 3)}
    cut = {"truncated": notification.truncated} if notification.truncated else {}
    level = logging.WARNING if cut else logging.INFO
    log.log(level, "notification", extra={"fields": whole | cut | trace})


def _level(outcome: Outcome) -> int:
    if outcome.kind.status != HTTPStatus.OK:
        return logging.ERROR
    return logging.WARNING if outcome.is_warning else logging.INFO


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
