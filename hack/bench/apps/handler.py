"""A function for func-python around one of the clients beside it."""

import asyncio
from typing import Any

from client import settle


class Function:
    """The instance that func-python serves."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        while (await receive()).get("more_body"):
            pass
        await asyncio.to_thread(settle)
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"OK"})


def new() -> Function:
    """Return it."""
    return Function()
