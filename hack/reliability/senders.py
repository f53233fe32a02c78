"""Whoever sends in a storm: those who want an answer, and those who keep the function waiting."""

import http.client
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

SECONDS = 60.0
"""Within which a sender is answered once, whatever the answer is."""
TRIES = 30


def settle_all(url: str, bodies: Sequence[bytes]) -> Counter[int]:
    """Send all of these at once, each again until it is settled; return how often which answer came."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        return sum(threads.map(lambda body: _settle(url, body), bodies), Counter())


def send_all(url: str, bodies: Sequence[bytes]) -> Counter[int]:
    """Send all of these at once, each once; return how often which answer came."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        return Counter(threads.map(lambda body: post(url, body), bodies))


def _settle(url: str, body: bytes) -> Counter[int]:
    told: Counter[int] = Counter()
    while not told[200] and told.total() < TRIES:
        told[post(url, body)] += 1
        if not told[200]:
            # As Alertmanager does, which goes on to a minute.
            time.sleep(min(10.0, 0.5 * 1.5 ** told.total()) * random.uniform(0.5, 1.5))
    return told


def post(url: str, body: bytes) -> int:
    """Return the status of the answer; 0 if there is none."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
    try:
        connection.request("POST", "/alerts", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@contextmanager
def crowd(url: str, count: int, beginning: bytes, buffer: int = 0) -> Iterator[None]:
    """Keep so many connections that send this, and neither more nor read an answer."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            if buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            connection.settimeout(SECONDS)
            connection.connect(("127.0.0.1", urlsplit(url).port or 80))
            with suppress(OSError):  # it need not take all
                connection.sendall(beginning)
        yield


def request(body: bytes, length: int = 0) -> bytes:
    """Return a request as bytes, with the length that it says it has."""
    head = f"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


def empty_lists(size: int) -> bytes:
    """Return JSON of that size of which each three bytes become an object."""
    return b'{"alerts": [%s]}' % b",".join([b"[]"] * ((size - 20) // 3))


def numbers(size: int) -> bytes:
    """Return JSON of that size that is one object with as many keys as can be."""
    pairs = (b'"%x":1e9' % number for number in range(size // 13))
    return b'{"alerts": [], "x": {%s}}' % b",".join(pairs)


def nobodys(alerts: int, name: str) -> bytes:
    """Return a notification of alerts for which there is no definition."""
    alert = {
        "status": "firing",
        "startsAt": "2026-11-23T13:52:24Z",
        "annotations": {"a": "b" * 120},
    }
    each = ({**alert, "labels": {"alertname": name, "pod": f"web-{n}"}} for n in range(alerts))
    return json.dumps({"version": "4", "status": "firing", "alerts": list(each)}).encode()
