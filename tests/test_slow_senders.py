"""Whoever is slow, says nothing or does not hang up keeps nobody else from an answer."""

import json
import socket
import time
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from make import a_body, firing, notification_json
from waiting import until
from wire import get, post, stalled

pytestmark = pytest.mark.every_server

READINESS = "/health/readiness"
HALF = b"POST / HTTP/1.1\r\nHost: "
WHOLE = b"GET /health/readiness HTTP/1.1\r\nHost: x\r\n\r\n"
# Seconds and bytes that a head may take.
HEAD_SECONDS = 5
MAX_HEAD = 64 * 1024
# Seconds that an answer may take.
ANSWERING = 10
# More than gunicorn has threads.
CROWD = 100
# More than it has connections.
MORE = 900


@pytest.fixture
def url(door: str, function: str) -> str:
    if door == "functions-framework":
        pytest.skip("its own server gives each beginning a thread: gunicorn.conf.py does not")
    return function


@pytest.fixture
def gunicorn(door: str, function: str) -> str:
    if door != "gunicorn":
        pytest.skip("needs the worker of gunicorn.conf.py")
    return function


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="that say nothing"),
        pytest.param(HALF, id="that stall in the head"),
        pytest.param(b"GET /health/readiness HTTP/1.0\r\n\r\n", id="that do not hang up"),
        pytest.param(b"no HTTP\r\n\r\n", id="that speak something else"),
    ],
)
def test_a_crowd_of_senders_keeps_no_probe_from_its_answer(url: str, beginning: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(stalled(url, beginning))

        assert get(url + READINESS, seconds=1).status == 200


def test_one_who_sends_a_head_byte_by_byte_is_answered(gunicorn: str) -> None:
    with stalled(gunicorn, b"") as connection:
        for byte in WHOLE:
            connection.sendall(bytes([byte]))

        assert answers(connection) == 1


def test_requests_that_come_together_are_answered_one_by_one(gunicorn: str) -> None:
    with stalled(gunicorn, WHOLE * 3) as connection:
        assert answers(connection, 3) == 3


def test_what_comes_ahead_of_its_rest_is_waited_for(gunicorn: str) -> None:
    body = a_body()
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with stalled(gunicorn, post + WHOLE[:20]) as connection:
        assert answers(connection) == 1
        connection.sendall(WHOLE[20:])

        assert answers(connection) == 1


def test_a_head_without_end_is_431(gunicorn: str) -> None:
    with stalled(gunicorn, b"GET / HTTP/1.1\r\nX: ") as connection:
        connection.sendall(b"x" * MAX_HEAD)

        assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("beginning", [b"", HALF])
def test_whoever_hangs_up_before_the_end_is_let_go_at_once(gunicorn: str, beginning: bytes) -> None:
    with stalled(gunicorn, beginning) as connection:
        connection.shutdown(socket.SHUT_WR)
        started = time.monotonic()

        assert connection.recv(1) == b""
        assert time.monotonic() - started < 1


def test_whoever_dribbles_is_let_go_after_some_seconds(gunicorn: str) -> None:
    with stalled(gunicorn, HALF) as connection:
        until(lambda: is_cut(connection), "it is cut", HEAD_SECONDS + 3)


def is_cut(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
        connection.settimeout(0.2)
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_more_than_it_has_connections_for_keep_no_probe_from_its_answer(gunicorn: str) -> None:
    with ExitStack() as stack:
        for _ in range(MORE):
            stack.enter_context(stalled(gunicorn, HALF))

        assert get(gunicorn + READINESS, seconds=1).status == 200


def test_a_head_that_pauses_is_waited_for(gunicorn: str) -> None:
    with stalled(gunicorn, WHOLE[:20]) as connection:
        connection.settimeout(3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(WHOLE[20:])

        assert answers(connection) == 1


def test_who_does_not_read_a_large_answer_holds_nothing_for_long(url: str) -> None:
    """The next one has a place, and its bytes, at the latest when the answer is given up."""
    alert = {**firing("é" * 200), "fingerprint": "é" * 60}
    body = json.dumps(notification_json(*[alert] * 5000), ensure_ascii=False).encode()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((urlsplit(url).hostname, urlsplit(url).port))
        reader.sendall(head + body)
        until(lambda: reader.recv(1, socket.MSG_PEEK), "the answer begins")

        assert post(url, body).status == 503
        until(lambda: post(url, body).status == 200, "it is given up", ANSWERING + 5)


def test_whoever_is_cut_may_speak_at_that_moment(gunicorn: str) -> None:
    with ExitStack() as stack:
        crowd = [stack.enter_context(stalled(gunicorn, HALF)) for _ in range(600)]
        for connection in crowd:
            stack.enter_context(stalled(gunicorn, b""))
            with suppress(OSError):
                connection.sendall(b"x")

        assert get(gunicorn + READINESS, seconds=1).status == 200


def test_where_no_more_can_come_whoever_idles_gives_way(gunicorn: str) -> None:
    with ExitStack() as stack:
        for number in range(MORE):
            connection = stack.enter_context(stalled(gunicorn, HALF if number % 2 else WHOLE))
            if not number % 2:
                assert answers(connection) == 1

        assert get(gunicorn + READINESS, seconds=1).status == 200


def test_a_body_has_one_deadline_for_all_of_its_pieces() -> None:
    worker = pytest.importorskip("function.worker", reason="needs gunicorn")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        body = worker.Body(ours, time.monotonic() + 0.3)
        with pytest.raises(TimeoutError):
            read_for_ever(body, theirs)


def read_for_ever(body: Any, theirs: socket.socket) -> None:
    while True:
        theirs.sendall(b"x")
        body.recv(65536)


def answers(connection: socket.socket, count: int = 1) -> int:
    """Read until so many answers are there, or no more come; return how many are well."""
    told = b""
    while told.count(b"HTTP/1.1 ") < count and (piece := connection.recv(65536)):
        told += piece
    return told.count(b"HTTP/1.1 200 OK\r\n")
