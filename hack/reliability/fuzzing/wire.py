"""The API server of the cases: the embedded one, on loopback, always well; and all that it was asked."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fuzzing.cases import ConfigMap

from function.local.answers import Answering
from function.local.kubeconfig import build_kubeconfig, write_kubeconfig
from function.local.messages import Answer, Request
from function.local.resources import CONFIG_MAPS, NAMESPACES, RESOURCES
from function.local.sockets import Server
from function.local.statuses import Refusal
from function.local.store import Store

NAMESPACE = "openfero-jobs"


@dataclass(frozen=True)
class Call:
    """What the function asked for, and what it was told."""

    method: str
    target: str
    body: bytes
    status: int
    told: object

    def is_for(self, method: str, plural: str) -> bool:
        """Whether it was this method on objects of this kind."""
        steps = self.target.partition("?")[0].split("/")
        return self.method == method and plural in steps


class Watched(Answering):
    """Answers as the embedded API does, and keeps what was asked."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.calls: list[Call] = []

    def answer(self, request: Request) -> Answer:
        """The answer; where the rules themselves stumble, that is told as such."""
        try:
            answer = super().answer(request)
        except Exception as exc:
            why = f"the embedded API cannot judge it: {exc!r}"
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, why)
        call = Call(
            request.method, request.target, request.body, int(answer.status), answer.content
        )
        self.calls.append(call)
        return answer


class WellAPI:
    """An API server for a `with` block, whose objects are those of one case."""

    def __init__(self) -> None:
        # No watch reads it, so no change is kept.
        self._store = Store(history=1)
        self._watched = Watched(self._store)
        self._watched.verbs.create(NAMESPACES, "", {"metadata": {"name": NAMESPACE}})
        self._server = Server(0, self._watched, None)
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    def __enter__(self) -> "WellAPI":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.end()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()

    def write_kubeconfig(self, path: Path) -> None:
        """Write the file that says where it is."""
        url = f"http://127.0.0.1:{self._server.server_port}"
        write_kubeconfig(path, build_kubeconfig(url, NAMESPACE))

    def hold(self, definitions: Iterable[ConfigMap]) -> list[str]:
        """Hold these and nothing else; return why one cannot be stored."""
        self._clear()
        refused = []
        for each in definitions:
            try:
                self._watched.verbs.create(CONFIG_MAPS, NAMESPACE, each)
            except Refusal as refusal:
                refused.append(f"no cluster could hold this definition: {refusal}"[:300])
        return refused

    def _clear(self) -> None:
        for resource in RESOURCES.values():
            if resource is not NAMESPACES:
                for each in self._store.select(resource, "")[0]:
                    self._store.remove(resource, each)

    def take_calls(self) -> list[Call]:
        """Return what it was asked since it was last asked for that."""
        taken, self._watched.calls = self._watched.calls, []
        return taken
