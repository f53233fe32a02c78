"""Stands between the Alertmanagers and the functions, as a Service does, and writes down what passes."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy import Answer, Fault, FaultProxy, Request, Reset
from soaking.episodes import Episode, Notice, read_episode, read_named

NONE = Answer(0, b"")


@dataclass
class Relay(FaultProxy):
    """Hands notifications to the functions in turn, whoever of them is alive."""

    addresses: Sequence[str] = ()
    notices: list[Notice] = field(default_factory=list)
    delivered: set[Episode] = field(default_factory=set)
    """What Alertmanager knows to be settled."""

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.addresses)
        self._lock = threading.Lock()

    def connect(self) -> http.client.HTTPConnection:
        with self._lock:
            return http.client.HTTPConnection(next(self._turns))

    def fault_for(self, request: Request) -> Fault | None:
        """Write down what is asked, for the answer may never come."""
        self._keep(request)
        return self._rule(request)

    def answered(self, request: Request, answer: Answer, fault: Fault | None) -> None:
        notice = self._keep(request, answer)
        if notice.is_settled and not isinstance(fault, Reset):
            self.delivered.update(notice.episodes)

    def _keep(self, request: Request, answer: Answer = NONE) -> Notice:
        episodes = tuple(map(read_episode, json.loads(request.body)["alerts"]))
        named = read_named(answer.body) if answer.status == 200 else frozenset()
        notice = Notice(request.arrived, time.time(), answer.status, episodes, named)
        self.notices.append(notice)
        return notice
