"""Plays what goes wrong, beside the alerts: the faults, and the kills."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from soaking import faults, kills
from soaking.faults import REFUSING, Period
from soaking.stage import Stage


@dataclass
class Chaos:
    """What is played on a stage, with its count of kills."""

    stage: Stage
    seed: int
    seconds: float
    kills: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Play inside the block; at its end all are alive and nothing goes wrong any more."""
        with ThreadPoolExecutor() as threads:
            parts = [threads.submit(part) for part in self._parts()]
            try:
                yield
            finally:
                self._over.set()
            for part in parts:
                part.result()

    def _parts(self) -> Iterator[Callable[[], None]]:
        one, other = self.stage.functions
        plane = self.stage.plane

        def kill_api_server() -> None:
            plane.kill("kube-apiserver")

        yield self._play_faults
        yield lambda: self._kill(kills.FUNCTIONS[0], one.kill, one.start)
        yield lambda: self._kill(kills.FUNCTIONS[1], other.kill, other.start)
        yield lambda: self._kill(kills.API_SERVER, kill_api_server, plane.start_api_server)

    def _play_faults(self) -> None:
        random = Random(f"requests {self.seed}")
        with self.stage.relay.playing(faults.before_the_function(random)):
            for period in faults.plan(self.seed, self.seconds):
                self._play(period, random)

    def _play(self, period: Period, random: Random) -> None:
        rule = faults.before_the_api(period.kind, random)
        proxy = self.stage.proxy
        with proxy.refusing() if period.kind == REFUSING else proxy.playing(rule):
            self._over.wait(period.seconds)

    def _kill(self, victim: str, kill: Callable[[], None], start: Callable[[], None]) -> None:
        for each in kills.plan(self.seed, self.seconds, victim):
            if self._over.wait(each.lives):
                return
            kill()
            with self._lock:
                self.kills += 1
            self._over.wait(each.stays_away)
            start()
