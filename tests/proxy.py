"""A loopback proxy that stands before any Kubernetes API and plays what goes wrong there.

Faults happen at the wire, so what is tested is the very program that users run. A
rule looks at each request and returns a fault, or None to hand the request on.
"""

import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from function_process import steady_port


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    arrived: float = field(default_factory=time.time, compare=False)

    @property
    def is_create(self) -> bool:
        return self.method == "POST" and self.path.split("?")[0].endswith("/jobs")

    @property
    def is_look_up(self) -> bool:
        return self.method == "GET" and "/configmaps/" in self.path


@dataclass(frozen=True)
class Answer:
    """Answer without asking the API."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


@dataclass(frozen=True)
class Delay:
    """Hand the request on, but only after some seconds."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Say nothing until the proxy is released, then cut the connection."""


@dataclass(frozen=True)
class Drip:
    """Hand the request on, and let the answer come byte by byte, until the proxy is released."""


@dataclass(frozen=True)
class Reset:
    """Cut the connection, before the API gets the request or after it has answered."""

    after_storing: bool = False


@dataclass(frozen=True)
class Truncate:
    """Hand the request on, and cut the connection amid the answer's body."""


@dataclass(frozen=True)
class Amend:
    """Hand the request on, and set headers of the answer."""

    headers: tuple[tuple[str, str], ...]


Fault = Answer | Delay | Drip | Hang | Reset | Truncate | Amend
Rule = Callable[[Request], Fault | None]


def status(code: int, reason: str = "", message: str = "", **details: Any) -> Answer:
    """A Status object, as the API server sends one."""
    content = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }
    return Answer(code, json.dumps(content).encode())


QUOTA_CONFLICT = status(
    409,
    "Conflict",
    'Operation cannot be fulfilled on resourcequotas "q": the object has been modified',
    name="q",
    kind="resourcequotas",
)


def first(times: int, fault: Fault, matches: Callable[[Request], bool] = lambda _: True) -> Rule:
    """Play a fault for the first matching requests, then none."""
    lock, left = threading.Lock(), [times]

    def rule(request: Request) -> Fault | None:
        with lock:
            if not matches(request) or left[0] == 0:
                return None
            left[0] -= 1
            return fault

    return rule


def always(fault: Fault, matches: Callable[[Request], bool] = lambda _: True) -> Rule:
    return lambda request: fault if matches(request) else None


@dataclass
class FaultProxy:
    """Listens on loopback; `with` starts and stops it."""

    upstream: str
    authority: str | None = None
    """The file with the certificate that an https upstream is trusted by."""
    requests: list[Request] = field(default_factory=list)
    hanging: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Counts the requests that hang: acquire it once for each that is waited for."""

    def __enter__(self) -> "FaultProxy":
        self._rule: Rule = lambda _: None
        self.released = threading.Event()
        self._server = self._listen(steady_port())
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _listen(self, port: int) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", port), _Handler)
        server.proxy = self
        self._port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.cut()
        self._server.server_close()

    @contextmanager
    def playing(self, rule: Rule) -> Iterator[None]:
        """Play the rule's faults inside the block; what hangs is cut at its end."""
        self._rule = rule
        try:
            yield
        finally:
            self._rule = lambda _: None
            self.released.set()
            self.released = threading.Event()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections inside the block, as a stopped API server does."""
        port = self._port
        self._stop()
        try:
            yield
        finally:
            self._server = self._listen(port)

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection to the API."""
        upstream = urlsplit(self.upstream)
        if upstream.scheme == "http":
            return http.client.HTTPConnection(upstream.netloc)
        context = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection(upstream.netloc, context=context)

    def fault_for(self, request: Request) -> Fault | None:
        self.requests.append(request)
        return self._rule(request)

    def answered(self, request: Request, answer: Answer, fault: Fault | None) -> None:
        """Told of each answer of the API, before the rest of the fault is played."""

    def wait(self, seconds: float | None) -> None:
        self.hanging.release()
        self.released.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    proxy: FaultProxy
    stopped = False

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        self.stopped = True
        for connection in list(self._open):
            _reset(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Cut connections are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # Linux still hands over what comes before the handler's thread has closed its end.
        if self.server.stopped:
            return self._cut()
        request = Request(self.command, self.path, dict(self.headers), body)
        fault = self.server.proxy.fault_for(request)
        if isinstance(fault, Answer):
            return self._send(fault.status, fault.body, fault.headers)
        if isinstance(fault, Hang):
            self.server.proxy.wait(None)
            return self._cut()
        if isinstance(fault, Delay):
            self.server.proxy.wait(fault.seconds)
        if fault == Reset():
            return self._cut()
        answer = self._forward(request)
        self.server.proxy.answered(request, answer, fault)
        if isinstance(fault, Reset):
            return self._cut()
        if isinstance(fault, Drip):
            return self._drip(answer.body)
        if isinstance(fault, Truncate):
            return self._truncate(answer)
        extra = fault.headers if isinstance(fault, Amend) else ()
        kept = [each for each in answer.headers if each[0] not in dict(extra)]
        return self._send(answer.status, answer.body, (*kept, *extra))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def _forward(self, request: Request) -> Answer:
        connection = self.server.proxy.connect()
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            kept = ("content-type", "warning", "date", "retry-after")
            headers = tuple(
                header
                for header in response.getheaders()
                if header[0].lower() in kept or header[0].lower().startswith("ce-")
            )
            return Answer(response.status, response.read(), headers)
        finally:
            connection.close()

    def _send(self, code: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        self._send_head(code, len(body), headers)
        self.wfile.write(body)

    def _send_head(self, code: int, length: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response_only(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _truncate(self, answer: Answer) -> None:
        self._send_head(answer.status, len(answer.body), answer.headers)
        self.wfile.write(answer.body[: len(answer.body) // 2])
        self._cut()

    def _drip(self, body: bytes) -> None:
        self._send_head(200, len(body))
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.proxy.released.wait(0.05):
                return self._cut()
        return None

    def _cut(self) -> None:
        self.close_connection = True
        _reset(self.connection)


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN, as a killed process or a dropped route does."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()
    except OSError:
        pass
