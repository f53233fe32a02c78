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
CUT, LATE = 0, -1


def send(url: str, bodies: Sequence[bytes], tries: int = TRIES) -> Counter[int]:
    """Send all of these at once, each until it is settled; return how often which answer came."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        return sum(threads.map(lambda body: _send(url, body, tries), bodies), Counter())


def _send(url: str, body: bytes, tries: int) -> Counter[int]:
    told: Counter[int] = Counter()
    while True:
        told[post(url, body)] += 1
        if told[200] or told.total() == tries:
            return told
        # As Alertmanager does, which goes on to a minute.
        time.sleep(min(10.0, 0.5 * 1.5 ** told.total()) * random.uniform(0.5, 1.5))


def post(url: str, body: bytes) -> int:
    """Return the status of the answer: CUT if the connection ends first, LATE if nothing comes."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
    try:
        connection.request("POST", "/alerts", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    except TimeoutError:
        return LATE
    except (OSError, http.client.HTTPException):
        return CUT
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


def nobodys(alerts: int, name: str, **fields: str) -> bytes:
    """Return a notification of alerts for which there is no definition."""
    alert = {"status": "firing", "startsAt": "2026-11-23T13:52:24Z", **fields}
    each = ({**alert, "labels": {"alertname": name, "pod": f"web-{n}"}} for n in range(alerts))
    whole = {"version": "4", "status": "firing", "alerts": list(each)}
    return json.dumps(whole, ensure_ascii=False).encode()
