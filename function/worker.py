"""gunicorn's worker for the function: only a whole head gets a thread.

gunicorn gives a thread to whoever has sent one byte, until the rest of the head is there,
and its main loop waits for whoever is answered and does not hang up. So as many senders
that stall as there are threads would keep out the health probes, and so would one that stays.
"""

import socket
import time
from contextlib import suppress
from threading import Semaphore

from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

# Seconds in which the head of a request arrives, and then its body.
HEAD_SECONDS = 5.0
BODY_SECONDS = 25.0
MAX_HEAD = 64 * 1024
# Bytes of a body that are read at once; gunicorn's mebibyte, for each thread, is memory.
PIECE = 64 * 1024
# Seconds for a sender to read what it was told, and to hang up.
MOMENT = 0.2
# So many at once are given them.
MAX_PARTING = 32

_moments = Semaphore(MAX_PARTING)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"


class Worker(ThreadWorker):  # type: ignore[misc]
    """A ThreadWorker that looks whether there is something to read before it reads."""

    def murder_pending(self) -> None:
        """Close who waited too long, and where there is room for no more, the oldest who waits."""
        waiting = self.pending_conns or self.keepalived_conns
        if self.nr_conns >= self.worker_connections and waiting:
            waiting[0].timeout = 0.0
            self.murder_keepalived()
        super().murder_pending()

    def handle(self, conn: TConn) -> object:
        """Answer one request, or find that it is not there yet; return what becomes of the connection."""
        keep = self._handle_or_defer(conn)
        if not keep:
            part(conn.sock)
        return keep

    def _handle_or_defer(self, conn: TConn) -> object:
        deadline, seen = getattr(conn, "awaited", None) or (time.monotonic() + HEAD_SECONDS, -1)
        arrived = _peek(conn.sock)
        if b"\r\n\r\n" in _read_ahead(conn) + arrived:
            conn.awaited, conn.data_ready = None, True
            _wake_after(conn.sock, 1)
            return super().handle(conn)
        # Woken without anything new: the sender has hung up.
        if len(arrived) <= seen or time.monotonic() > deadline or not self.alive:
            return False
        if len(arrived) == MAX_HEAD:
            conn.sock.send(_TOO_LARGE)
            return False
        conn.awaited = deadline, len(arrived)
        _wake_after(conn.sock, len(arrived) + 1)
        return _DEFER

    def handle_request(self, req: object, conn: TConn) -> object:
        """Let the function answer; an answer that nobody reads is given up."""
        unreader = conn.parser.unreader
        unreader.sock = Body(conn.sock, time.monotonic() + BODY_SECONDS)
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            return False
        finally:
            unreader.sock = conn.sock


class Body:
    """A connection as a body is read from it: a piece at a time, and until a deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def recv(self, size: int) -> bytes:
        """Return what has arrived, at most a piece of it; raises TimeoutError after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv(min(size, PIECE))


def _read_ahead(conn: TConn) -> bytes:
    """Return what was read beyond the end of the request before."""
    return bytes(conn.parser.unreader.buf.getvalue()) if conn.parser else b""


def _peek(connection: socket.socket) -> bytes:
    """Return what can be read, and leave it there."""
    connection.setblocking(False)
    try:
        return connection.recv(MAX_HEAD, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


def _wake_after(connection: socket.socket, count: int) -> None:
    """Let a poller hear of the connection when that many bytes can be read, or it has ended."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)


def part(connection: socket.socket) -> None:
    """End a connection, after a moment in which its sender can read why.

    Only then is nothing left for which gunicorn's main loop would wait. Where many part
    at a time there is no moment for the others: they would take the threads.
    """
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        if _moments.acquire(blocking=False):
            try:
                _discard(connection, time.monotonic() + MOMENT)
            finally:
                _moments.release()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


def _discard(connection: socket.socket, until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(65536):
            return
