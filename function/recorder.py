"""Tells in the cluster what was done: Events, and on a Job when its alert resolved.

Best effort, beside the answer: it delays none and decides none.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Condition, Lock, Semaphore
from typing import Any

from function.cluster import Cluster
from function.errors import Unavailable
from function.events import build_event
from function.labels import RESOLVED_AT
from function.log import log
from function.outcomes import MAX_MESSAGE, Outcome, one_line
from function.transport import BESIDE

# Seconds for one of them, tries included; and after which it is not begun any more, so that
# a process that is told to stop does.
SECONDS = 2.0
AGE = 10.0
# For so long they give way to alerts, whose Jobs would else come a fifth later.
HELD = 3.0
# Of each kind so many may wait to be told; beyond that nothing more is taken.
MOST = 1000

EVENTS = "events"
MARKS = "marks"


class Recorder:
    """Records in one cluster, in the background."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        # Its threads end with the process, after what waits has been told.
        self._pool = ThreadPoolExecutor(BESIDE, thread_name_prefix="recorder")
        # Apart: an Event lives for an hour, a mark as long as its Job.
        self._room = {EVENTS: Semaphore(MOST), MARKS: Semaphore(MOST)}
        self._quiet = Condition()
        self._notifications = 0
        self._lock = Lock()
        self._logged: set[tuple[str, bool]] = set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Tell nothing while a notification is settled, unless that takes long."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._quiet:
            self._notifications += change
            self._quiet.notify_all()

    def tell(self, outcome: Outcome, config_map: dict[str, Any]) -> None:
        """Write an Event on a definition."""
        event = build_event(outcome, config_map, _now())
        self._submit(EVENTS, lambda deadline: self._cluster.create_event(event, deadline))

    def mark(self, job: str, resolved_at: str) -> None:
        """Write on a Job, if it is still there, when its alert resolved: then, or now."""
        patch = {"metadata": {"annotations": {RESOLVED_AT: resolved_at or _now()}}}
        self._submit(MARKS, lambda deadline: self._cluster.patch_job(job, patch, deadline))

    def _submit(self, what: str, act: Callable[[float], object]) -> None:
        if not self._room[what].acquire(blocking=False):
            return self._log_once(what, f"more than {MOST} wait to be told")
        try:
            self._pool.submit(self._do, what, act, time.monotonic())
        except RuntimeError as exc:  # the process ends, or has no thread left
            self._room[what].release()
            self._log_once(what, str(exc))
        return None

    def _do(self, what: str, act: Callable[[float], object], submitted: float) -> None:
        try:
            with self._quiet:
                left = submitted + HELD - time.monotonic()
                self._quiet.wait_for(lambda: not self._notifications, max(0.0, left))
            act(min(submitted + AGE, time.monotonic() + SECONDS))
        except Unavailable as exc:
            # Without a cause it is what the API server said.
            self._log_once(what, str(exc), is_answer=exc.__cause__ is None)
        except Exception:
            log.exception("a defect in OpenFero: please report it")
        finally:
            self._room[what].release()

    def _log_once(self, what: str, message: str, is_answer: bool = False) -> None:
        """Say once in the life of the process what cannot be told, and why."""
        with self._lock:
            is_new = (what, is_answer) not in self._logged
            self._logged.add((what, is_answer))
        if is_new:
            fields = {"what": what, "message": one_line(message, MAX_MESSAGE)}
            log.warning("cannot record", extra={"fields": fields})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
