"""HTTP on a socket of this machine, for the embedded API: connections, threads and TLS.

Reads a request off the wire and writes its answer; what that is, is decided in
`answers.py`. It listens on 127.0.0.1 only: whoever reaches it may do everything.
"""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from function.local.answers import Answering
from function.local.messages import BODY_LIMIT, Answer, Request, encode

Manifest = dict[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Server(ThreadingHTTPServer):
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
    server: Server

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
            # As the API server does: one with control characters is not sent at all.
            if not _CONTROL.search(warning):
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
