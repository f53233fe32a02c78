"""A process for each kind: should one die, or not come back, it is known at which case."""

import multiprocessing
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from fuzzing.batches import Batches
from fuzzing.report import Tally
from fuzzing.subject import a_subject

# Seconds after which a case will not come back.
HANGS = 30.0
# So many processes of a kind are replaced; then the rest of its cases is left out.
DEATHS = 5
# What grows without end ends here, and not the machine.
MOST_MEMORY = 4 * 1024**3

_FORK = multiprocessing.get_context("fork")


@dataclass
class Worker:
    """A process that runs the cases of a kind, from `first` to before `end`."""

    seed: int
    kind: str
    first: int
    end: int

    def __post_init__(self) -> None:
        self._current: Any = _FORK.Value("q", self.first)
        self._since = (self.first, time.monotonic())
        self.told, theirs = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=self._work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _work(self, told: Connection) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        with a_subject() as subject:
            tally = Batches(subject, self.seed, self.kind, self._begin).run(self.first, self.end)
        told.send(tally)

    def _begin(self, number: int) -> None:
        self._current.value = number

    @property
    def at(self) -> int:
        """The number of the case that runs."""
        return int(self._current.value)

    def hangs(self) -> bool:
        """Say whether it has been at the same case for too long."""
        now = time.monotonic()
        if self._since[0] != self.at:
            self._since = (self.at, now)
        return now - self._since[1] > HANGS

    def ending(self, why: str = "") -> Tally:
        """Return what it found, when it has ended or is ended here."""
        if why:
            self._process.kill()
        try:
            return self.told.recv()  # type: ignore[no-any-return]
        except EOFError:
            self._process.join()
            why = why or f"the process ended with {self._process.exitcode}"
            return Tally(failed={str(self.at): [why]})
        finally:
            self._process.join()


def run(seed: int, counts: dict[str, int], at_once: int) -> Iterator[tuple[str, Tally]]:
    """Run so many cases of each kind, in this order; return what each process found at its end."""
    waiting = [(kind, 0) for kind in reversed(counts)]
    deaths = dict.fromkeys(counts, 0)
    working: list[Worker] = []
    while waiting or working:
        while waiting and len(working) < at_once:
            kind, first = waiting.pop()
            working.append(Worker(seed, kind, first, counts[kind]))
        for worker, tally in _ended(working):
            working.remove(worker)
            if not tally.cases and worker.at + 1 < worker.end and deaths[worker.kind] < DEATHS:
                deaths[worker.kind] += 1
                waiting.append((worker.kind, worker.at + 1))
                tally.cases = worker.at + 1 - worker.first
            yield worker.kind, tally


def _ended(working: list[Worker]) -> Iterator[tuple[Worker, Tally]]:
    """Wait a moment; return those that have ended, or have to be."""
    ready = wait([worker.told for worker in working], timeout=1.0)
    for worker in [*working]:
        if worker.told in ready:
            yield worker, worker.ending()
        elif worker.hangs():
            yield worker, worker.ending(f"it did not come back within {HANGS:.0f} s")
