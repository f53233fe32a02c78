"""Looks at a function from outside, in a process of its own: does it answer, and what does it take?"""

import http.client
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from machine import status, tree

EVERY = 0.05
"""Seconds between two probes."""
PATIENCE = 10.0
"""Seconds for which a probe waits; a kubelet waits for one."""


@dataclass
class Seen:
    """The slowest health probe in seconds, and the most of what the processes took at once."""

    probe: float = 0.0
    memory: int = 0
    threads: int = 0
    sockets: int = 0


@contextmanager
def watched(url: str, pid: int) -> Iterator[Seen]:
    """Watch the function as long as the block; what was seen is there when it has ended."""
    seen = Seen()
    ours, theirs = multiprocessing.Pipe()
    watcher = multiprocessing.get_context("spawn").Process(target=_watch, args=(theirs, url, pid))
    watcher.start()
    ours.recv()
    try:
        yield seen
    finally:
        ours.send("enough")
        seen.__dict__.update(ours.recv().__dict__)
        watcher.join()


def _watch(parent: multiprocessing.connection.Connection, url: str, pid: int) -> None:
    seen, pids = Seen(), tree(pid)
    parent.send("watching")
    while not parent.poll(EVERY):
        seen.probe = max(seen.probe, _probe(url))
        seen.threads = max(seen.threads, status(pids, "Threads"))
        seen.sockets = max(seen.sockets, sum(map(_sockets, pids)))
    # The kernel has kept the peak of each.
    seen.memory = status(pids, "VmHWM") * 1024
    parent.send(seen)


def _probe(url: str) -> float:
    """Return how long a health probe took; one that fails took for ever."""
    started = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request("GET", "/health/readiness")
        assert connection.getresponse().status == 200
    except (OSError, http.client.HTTPException, AssertionError):
        return float("inf")
    finally:
        connection.close()
    return time.monotonic() - started


def _sockets(pid: int) -> int:
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found += file.readlink().name.startswith("socket:")
    return found
