"""Sees the first Job from the side of the API server, whoever makes it, and however it answers."""

import http.client
import ssl
import threading
import time
from contextlib import suppress

from notifications import NAMESPACE
from servers import SECONDS, Server
from targets import TOKEN, Target

JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"


def await_job(server: Server, target: Target, body: bytes) -> float:
    """Send a notification until it is taken; return the milliseconds from exec to its Job."""
    watch = _watch(target)
    sender = threading.Thread(target=_send, args=(server, body), daemon=True)
    sender.start()
    try:
        line = watch.readline()
    except TimeoutError:
        raise TimeoutError(f"there is no Job: {server.log.read_text()}") from None
    seen = time.perf_counter()
    assert b'"ADDED"' in line, (line, server.log.read_text())
    watch.close()
    return (seen - server.started) * 1000


def _send(server: Server, body: bytes) -> None:
    while time.perf_counter() - server.started < SECONDS:
        with suppress(OSError, http.client.HTTPException, AssertionError):
            server.post(server.connect(), body)
            return
        time.sleep(0.002)


def _watch(target: Target) -> http.client.HTTPResponse:
    """Open a watch of the Jobs that come from now on."""
    version = target.ask("GET", f"{JOBS}?limit=1")["metadata"]["resourceVersion"]
    context = ssl.create_default_context(cafile=str(target.authority))
    address = target.url.removeprefix("https://")
    connection = http.client.HTTPSConnection(address, context=context, timeout=SECONDS)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    path = f"{JOBS}?watch=1&resourceVersion={version}"
    connection.request("GET", path, headers=headers)
    return connection.getresponse()
