"""The function as its doors have it, whole, and what it makes of a case."""

import gc
import io
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzzing import memory
from fuzzing.cases import TOKEN, Case, Request
from fuzzing.wire import Call, WellAPI

from function.cluster import Cluster, connect
from function.log import start as start_log
from function.outcomes import Answer
from function.settings import Settings
from function.settle import Settler
from function.webhook import Webhook

CHUNK = 65536


@dataclass(frozen=True)
class Seen:
    """What came of one request."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    lines: tuple[str, ...] = ()
    """Of the log."""
    calls: tuple[Call, ...] = ()
    """Of the API, those of the request and some that are told beside an earlier one."""
    refused: tuple[str, ...] = ()
    """Why a definition of the case could not be there."""


@dataclass(frozen=True)
class Run:
    """A case that was run: what came of each request, and what it took."""

    seen: tuple[Seen, ...]
    seconds: float = 0
    """Of CPU time, for the request that took most."""
    elapsed: float = 0
    """Seconds on the clock, for the one that took longest."""
    mib: float = 0


def cheapest(runs: Sequence[Run]) -> Run:
    """Return the last run, with the best of each figure."""
    best = {name: min(getattr(run, name) for run in runs) for name in ("seconds", "elapsed", "mib")}
    return replace(runs[-1], **best)


class Log(io.TextIOBase):
    """Where the log is written to; each piece is taken once, whoever writes meanwhile."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def write(self, text: str) -> int:
        """Keep a piece."""
        self._pieces.append(text)
        return len(text)

    def take(self) -> tuple[str, ...]:
        """Return the lines since this was last asked."""
        taken, self._pieces = self._pieces, []
        return tuple("".join(taken).splitlines())


@dataclass
class Subject:
    """The function, connected to an API server that is well."""

    api: WellAPI
    cluster: Cluster
    folder: Path
    log: Log
    webhooks: dict[tuple[str, bool], Webhook] = field(default_factory=dict)

    def run(self, case: Case) -> Run:
        """Hand over the requests of a case, and return what came of it."""
        refused = self.api.hold(case.definitions)
        webhook = self._webhook(case)
        memory.forget_peak()
        before = memory.resident()
        answers, seconds, elapsed = zip(
            *(
                self._timed(webhook, request, tuple(refused))
                for request in case.requests
                for _ in range(2 if case.is_repeated else 1)
            ),
            strict=True,
        )
        return Run(answers, max(seconds), max(elapsed), memory.peak() - before)

    def _webhook(self, case: Case) -> Webhook:
        key = (case.mode, case.asks_for_token)
        if key not in self.webhooks:
            token_file = str(self.folder / "token") if case.asks_for_token else ""
            self.webhooks[key] = Webhook(Settler(self.cluster, case.mode), token_file)
        return self.webhooks[key]

    def _timed(
        self, webhook: Webhook, request: Request, refused: tuple[str, ...]
    ) -> tuple[Seen, float, float]:
        """Return what came of a request, its CPU time, and its time on the clock."""
        worked, started = time.process_time(), time.perf_counter()
        seen = self._send(webhook, request, refused)
        return seen, time.process_time() - worked, time.perf_counter() - started

    def _send(self, webhook: Webhook, request: Request, refused: tuple[str, ...]) -> Seen:
        """Go through the webhook; what it lets out, a door answers with 500."""
        try:
            answer = _answer(webhook, request)
        except Exception:
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, traceback.format_exc().encode())
        return Seen(
            *(int(answer.status), answer.body, answer.head, self.log.take()),
            *(tuple(self.api.take_calls()), refused),
        )

    def rest(self) -> Seen:
        """Let everything be told that is told beside the answers; return what came of that."""
        self.webhooks.clear()
        # Without its pool a thread ends when it has done what waits; an alert that is still
        # worked on may hold the pool for longer.
        for thread in threading.enumerate():
            while thread.name.startswith("recorder") and thread.is_alive():
                gc.collect()
                thread.join(1.0)
        return Seen(200, b"", {}, self.log.take(), tuple(self.api.take_calls()))


def _answer(webhook: Webhook, request: Request) -> Answer:
    """Go the way of a door."""
    with webhook.receive(request.method, request.path, request.headers) as reception:
        position = 0
        while reception.wants_body and position < len(request.body):
            reception.feed(request.body[position : position + CHUNK])
            position += CHUNK
        return reception.settle()


@contextmanager
def a_subject() -> Iterator[Subject]:
    """The function with its cluster, for a `with` block."""
    log = Log()
    with TemporaryDirectory() as name, WellAPI() as api, redirect_stderr(log):
        folder = Path(name)
        api.write_kubeconfig(folder / "kubeconfig")
        (folder / "token").write_text(f"{TOKEN}\n")
        start_log("INFO")
        cluster = connect(Settings(kubeconfig=str(folder / "kubeconfig")))
        subject = Subject(api, cluster, folder, log)
        try:
            yield subject
        finally:
            subject.rest()
