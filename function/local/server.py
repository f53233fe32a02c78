"""The embedded API as a whole: a store, who answers on a port, and who plays the controller.

What is answered is decided in `answers.py`, what happens to Jobs in `controller.py`;
`sockets.py` brings requests and answers over the wire.
"""

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from function.local.answers import Answering, Permission
from function.local.controller import Controller
from function.local.kubeconfig import build_kubeconfig, write_kubeconfig
from function.local.resources import NAMESPACES, RESOURCES
from function.local.sockets import Server
from function.local.store import Store

Manifest = dict[str, Any]
Manifests = list[Manifest]


class LocalAPI:
    """A Kubernetes API for a `with` block, or between `start` and `stop`.

    `port` 0 takes a free one. With a `token`, requests must carry it; kubectl sends one
    only over TLS, for which `tls` names the files of a certificate and its key, in PEM.
    `controller` False leaves Jobs and pods alone, for tests that play both; else a pod
    "runs" for `pod_seconds` and succeeds. `namespaces` exist from the start. `allowed`
    plays RBAC; see `answers.Permission`.
    """

    def __init__(
        self,
        port: int = 0,
        token: str | None = None,
        tls: tuple[str | Path, str | Path] | None = None,
        controller: bool = True,
        namespaces: Iterable[str] = ("default",),
        pod_seconds: float = 0.2,
        allowed: Permission | None = None,
    ) -> None:
        self._store = Store()
        self._answering = Answering(self._store, token, allowed)
        self._verbs = self._answering.verbs
        for name in namespaces:
            self._verbs.create(NAMESPACES, "", {"metadata": {"name": name}})
        self._tls = tls
        self._server = Server(port, self._answering, tls)
        self._controller = Controller(self._verbs, pod_seconds) if controller else None
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> deque[tuple[str, str]]:
        """(method, path without query) of the last requests, oldest first; clear it at will."""
        return self._answering.requests

    def start(self) -> None:
        """Begin to answer; requests that came since the port was taken are answered now."""
        work: list[Callable[[], None]] = [self._server.serve]
        if self._controller:
            work.append(self._controller.run)
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End watches, close every connection and wait for the threads."""
        self._store.close()
        if self._threads:
            self._server.end()
            self._threads[0].join()
        self._server.close_connections()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "LocalAPI":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def write_kubeconfig(self, path: str | Path, namespace: str = "default") -> Path:
        """Write a kubeconfig for this API and return its path."""
        authority = Path(self._tls[0]).read_bytes() if self._tls else None
        config = build_kubeconfig(self.url, namespace, self._answering.token, authority)
        write_kubeconfig(Path(path), config)
        return Path(path)

    def get(self, plural: str, name: str, namespace: str = "default") -> Manifest:
        """The object; raises `statuses.Refusal`, as the methods below do."""
        return copy.deepcopy(self._verbs.get(RESOURCES[plural], _scope(plural, namespace), name))

    def list(self, plural: str, namespace: str = "default") -> Manifests:
        """The objects of a namespace, of all for "", by name."""
        found = self._verbs.select(RESOURCES[plural], _scope(plural, namespace))
        return copy.deepcopy([*found["items"]])

    def create(self, plural: str, manifest: Manifest, namespace: str = "default") -> Manifest:
        """Create an object and return it as it is stored."""
        place = RESOURCES[plural], _scope(plural, namespace)
        return copy.deepcopy(self._verbs.create(*place, manifest)[0])

    def patch(
        self,
        plural: str,
        name: str,
        patch: Manifest,
        namespace: str = "default",
        subresource: str = "",
    ) -> Manifest:
        """Apply a JSON merge patch to an object, or to its "status"; the result."""
        place = RESOURCES[plural], _scope(plural, namespace), name
        return copy.deepcopy(self._verbs.patch(*place, patch, subresource))

    def delete(self, plural: str, name: str, namespace: str = "default") -> None:
        """Delete an object and all that it owns."""
        self._verbs.delete(RESOURCES[plural], _scope(plural, namespace), name)


def _scope(plural: str, namespace: str) -> str:
    return namespace if RESOURCES[plural].namespaced else ""
