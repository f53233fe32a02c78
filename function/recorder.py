"""Tells in the cluster what was done: Events, and on a Job when its alert resolved.

Best effort, beside the answer: it delays none and decides none.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock, Semaphore
from typing import Any

from function.cluster import Cluster
from function.errors import Unavailable
from function.events import build_event
from function.labels import RESOLVED_AT
from function.log import log
from function.outcomes import Outcome

# Seconds for one request, which is not tried again.
SECONDS = 2.0
# What waits to be told; beyond it nothing more is taken.
MOST = 1000


class Recorder:
    """Records in one cluster, in the background."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        # Its threads end with the process, after what waits has been told.
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="recorder")
        self._room = Semaphore(MOST)
        self._lock = Lock()
        self._failed: set[str] = set()

    def tell(self, outcome: Outcome, config_map: dict[str, Any]) -> None:
        """Write an Event on a definition."""

        def tell() -> None:
            self._cluster.create_event(build_event(outcome, config_map, _now()), _soon())

        self._submit("events", tell)

    def mark(self, job: str, resolved_at: str) -> None:
        """Write on a Job, if it is still there, when its alert resolved: then, or now."""
        patch = {"metadata": {"annotations": {RESOLVED_AT: resolved_at or _now()}}}
        self._submit("marks", lambda: self._cluster.patch_job(job, patch, _soon()))

    def _submit(self, what: str, act: Callable[[], object]) -> None:
        if self._room.acquire(blocking=False):
            self._pool.submit(self._do, what, act)

    def _do(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Unavailable as exc:
            self._log_once(what, exc)
        except Exception:
            log.exception("a defect in OpenFero: please report it")
        finally:
            self._room.release()

    def _log_once(self, what: str, exc: Unavailable) -> None:
        """Say once in the life of the process what cannot be told, and why."""
        with self._lock:
            is_new = what not in self._failed
            self._failed.add(what)
        if is_new:
            fields = {"what": what, "message": str(exc)}
            log.log(logging.WARNING, "cannot record", extra={"fields": fields})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _soon() -> float:
    return time.monotonic() + SECONDS
