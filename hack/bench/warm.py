"""Case 2: a function that runs: one alert, a group, a storm, each beside the bare API calls."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from clients import Bare, bare
from environments import Environment
from machine import cpu
from notifications import jobs, notification
from records import Record, Records
from servers import OURS, Server, program, running
from targets import Embedded

from function.settle import AT_ONCE
from function.transport import MAX_CONNECTIONS

BLOCK = 100
GROUPS = (1, 10, 100, 1000)
STORM = 50
"""Notifications at once."""


@dataclass
class Bench:
    """A function and its comparison, both before the same API."""

    environment: str
    server: Server
    bare: Bare
    target: Embedded
    records: Records

    def keep(self, case: str, variant: str, value: float) -> None:
        """Keep a value of this environment."""
        self.records.add(Record(case, self.environment, variant), value)

    def ours(self, count: int) -> None:
        """Send alerts one by one on one connection, before which nobody hangs up."""
        connection = self.server.connect()
        for _ in range(count):
            body = notification()
            started = time.perf_counter()
            self.server.post(connection, body)
            self.keep("warm", OURS, (time.perf_counter() - started) * 1000)

    def calls(self, count: int) -> None:
        """Make the calls of as many alerts, one by one on one connection."""
        _, each = self.bare.create(jobs(notification(count)), reads=True)
        for microseconds in each:
            self.keep("warm", "bare calls", microseconds / 1000)

    def group(self, alerts: int) -> None:
        """Send one notification with that many alerts."""
        body, connection = notification(alerts), self.server.connect()
        started = time.perf_counter()
        self.server.post(connection, body)
        self.keep(f"group of {alerts}", OURS, (time.perf_counter() - started) * 1000)

    def group_of_calls(self, alerts: int) -> None:
        """Create as many Jobs on as many connections as one notification may use."""
        seconds, _ = self.bare.create(jobs(notification(alerts)), AT_ONCE)
        self.keep(f"group of {alerts}", "bare client", seconds * 1000)

    def storm(self, alerts: int) -> None:
        """Send notifications all at once."""
        bodies = [notification(alerts // STORM) for _ in range(STORM)]
        before, started = cpu(self.target.pid), time.perf_counter()
        with ThreadPoolExecutor(STORM) as threads:
            list(threads.map(lambda body: self.server.post(self.server.connect(), body), bodies))
        seconds = time.perf_counter() - started
        self.keep("storm", OURS, seconds * 1000)
        self.keep("storm", f"{OURS}: the API's share of its core", self._share(before, seconds))

    def storm_of_calls(self, alerts: int) -> None:
        """Create as many Jobs on as many connections as the function has."""
        made = jobs(notification(alerts))
        before = cpu(self.target.pid)
        seconds, _ = self.bare.create(made, MAX_CONNECTIONS)
        self.keep("storm", "bare client", seconds * 1000)
        self.keep("storm", "bare client: the API's share of its core", self._share(before, seconds))

    def _share(self, before: float, seconds: float) -> float:
        return (cpu(self.target.pid) - before) / seconds


def measure(
    environments: list[Environment],
    target: Embedded,
    folder: Path,
    requests: int,
    rounds: int,
    records: Records,
) -> None:
    """Measure in each environment: function and comparison in turns, in an order of their own."""
    target.lay_account()
    for each in random.sample(environments, len(environments)):
        started = program(each, OURS, **target.environ)
        with (
            running(started, folder / "server.log") as server,
            bare(each, target, folder) as client,
        ):
            _warm_up(Bench(each.label, server, client, target, Records()))
            bench = Bench(each.label, server, client, target, records)
            _in_turns(requests // BLOCK or 1, (bench.ours, bench.calls), min(BLOCK, requests))
            for alerts in GROUPS:
                _in_turns(rounds, (bench.group, bench.group_of_calls), alerts)
                target.clear()
            for _ in range(rounds):
                _in_turns(1, (bench.storm, bench.storm_of_calls), 1000)
                target.clear()
        records.progress(f"warm: {each.label}")


def _warm_up(bench: Bench) -> None:
    for work in (bench.ours, bench.calls, bench.group, bench.group_of_calls):
        work(BLOCK)


def _in_turns(rounds: int, works: tuple[Callable[[int], None], ...], count: int) -> None:
    for _ in range(rounds):
        for work in random.sample(works, len(works)):
            work(count)
