"""The embedded API as a server on this machine: sockets, threads and TLS, and nothing else.

What is answered is decided in `answers.py`, what happens to Jobs in `controller.py`.
It listens on 127.0.0.1 only: whoever reaches it may do everything.
"""

import copy
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from function.local.answers import BODY_LIMIT, Answer, Answering, Permission, Request, encode
from function.local.controller import Controller
from function.local.kubeconfig import build_kubeconfig, write_kubeconfig
from function.local.resources import NAMESPACES, RESOURCES
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
        self._server = _Server(port, self._answering, tls)
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


class _Server(ThreadingHTTPServer):
    """Threads per connection; every one can be ended, so that a stop waits for nobody."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 1024

    def __init__(
        self, port: int, answering: Answering, tls: tuple[str | Path, str | Path] | None
    ) -> None:
        self.answering = answering
        self._context = _tls_context(tls) if tls else None
        self._open: set[socket.socket] = set()
        self._opening = threading.Lock()
        self._ending = False
        super().__init__(("127.0.0.1", port), _Handler)

    def serve(self) -> None:
        """Take connections until `end`."""
        while not self._ending:
            self.handle_request()

    def end(self) -> None:
        """Take no more connections; nothing polls, so the loop is woken by one last."""
        self._ending = True
        socket.create_connection(("127.0.0.1", self.server_port)).close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection before its thread begins, so that none is missed at the end."""
        with self._opening:
            self._open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, in its own thread: a slow TLS handshake holds up no other."""
        try:
            if self._context is None:
                _Handler(request, client_address, self)
                return
            with self._context.wrap_socket(request.dup(), server_side=True) as secured:
                _Handler(secured, client_address, self)
        except OSError:
            # The client is gone, or its handshake failed: its own affair.
            return

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has been served."""
        with self._opening:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Hang up on everybody."""
        with self._opening:
            for connection in self._open:
                _hang_up(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """Answer any method; which ones a path takes is for the API to say."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._read_body())
        answer = self.server.answering.answer(request)
        if isinstance(answer.content, (dict, str)):
            self._send(answer, encode(answer.content))
        else:
            self._stream(answer, answer.content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `requests` tells what came."""

    def _read_body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, BODY_LIMIT + 1))
        left = length - len(body)
        # A client that is cut off while it sends would never read why.
        while left > 0 and (more := self.rfile.read(min(left, 65536))):
            left -= len(more)
        return body

    def _send(self, answer: Answer, body: bytes) -> None:
        text = isinstance(answer.content, str)
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        for warning in answer.warnings:
            self.send_header("Warning", _warning(warning))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, answer: Answer, events: Iterator[Manifest | None]) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for event in events:
            if event is not None:
                line = encode(event) + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            elif _is_gone(self.connection):
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")


def _tls_context(files: tuple[str | Path, str | Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


def _warning(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    # UTF-8 on the wire; http.server encodes headers as latin-1.
    return f'299 - "{quoted}"'.encode().decode("latin-1")


def _is_gone(connection: socket.socket) -> bool:
    # Nobody sends anything while he watches, so whatever there is to read is the end. That
    # holds for TLS as well, whose sockets cannot peek.
    timeout = connection.gettimeout()
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        connection.settimeout(timeout)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It was hung up already.
        return
