"""The door for kn func: an ASGI function that func-python serves.

func-python answers the health probes itself, and breaks the connection when an
exception leaves `handle`; none does.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from function.start import start
from function.webhook import ANSWERING, MAX_AT_ONCE, Reception

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Function:
    """The instance that func-python serves."""

    def __init__(self) -> None:
        self._webhook = start(os.environ)
        # As many threads as places, so that whoever has a place need not wait for one.
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="notification")

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; what waits, waits in a thread."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        with self._webhook.receive(scope["method"], scope["path"], headers) as reception:
            if not await _feed(reception, receive):
                return
            loop = asyncio.get_running_loop()
            answer = reception.known  # what is known need not wait for a thread
            if answer is None:
                answer = await loop.run_in_executor(self._threads, reception.settle)
            # Still in flight: an answer that nobody reads is memory, too.
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWERING):
                    await _send(send, answer.status, answer.head, answer.body)


async def _send(send: Send, status: int, head: Mapping[str, str], body: bytes) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in head.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _feed(reception: Reception, receive: Receive) -> bool:
    """Hand over the body as it comes; return False if the sender hung up meanwhile."""
    try:
        async with asyncio.timeout(reception.seconds_left):
            while reception.wants_body:
                event = await receive()
                if event["type"] == "http.disconnect":
                    return False
                reception.feed(event.get("body", b""))
                if not event.get("more_body", False):
                    return True
    except TimeoutError:
        reception.time_out()
    return True
