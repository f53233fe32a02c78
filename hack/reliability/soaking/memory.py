"""Whether the functions' memory is flat: sampled from outside, each life of a process by itself."""

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from machine import status, tree
from soaking.stage import Function

SHORTEST = 60.0
"""Seconds of a life that can be judged."""
BOUND = 10.0
"""MiB that it may grow in the second half of a life.

In the first it is still being warmed up: it rises until as many threads as ever have worked at
once, which takes some hundred notifications. In the second it rises with the largest of them, and
those come last.
"""

Samples = list[tuple[float, float]]


@dataclass
class Memory:
    """The samples of each process, as (seconds, MiB)."""

    lives: dict[int, Samples] = field(default_factory=lambda: defaultdict(list))

    def sample(self, functions: Sequence[Function]) -> None:
        for function in functions:
            process = function.process
            with suppress(OSError, IndexError):  # it may be killed just now
                if process:
                    pid = process.process.pid
                    self.lives[pid].append((time.monotonic(), resident(pid)))

    @property
    def growth(self) -> float | None:
        """The largest of all lives that can be judged."""
        found = [growth(samples) for samples in self.lives.values()]
        return max((each for each in found if each is not None), default=None)


def growth(samples: Samples) -> float | None:
    """Return how many MiB a process has grown in the second half of its life.

    From the median of the tenth after the middle to that of the last: one sample says little.
    """
    begins, lasts = samples[0][0], samples[-1][0] - samples[0][0]
    if lasts < SHORTEST:
        return None
    shares = [((at - begins) / lasts, mib) for at, mib in samples]
    middle = [mib for share, mib in shares if 0.5 <= share <= 0.6]
    return median(mib for share, mib in shares if share >= 0.9) - median(middle)


def resident(pid: int) -> float:
    """Return the MiB that a tree of processes has in memory."""
    return status(tree(pid), "VmRSS") / 1024
