"""Requests over real sockets: no redirects are followed, nothing is repaired."""

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        return json.loads(self.body)["outcomes"]

    @property
    def words(self) -> list[str]:
        return [outcome["outcome"] for outcome in self.outcomes]

    @property
    def text(self) -> str:
        return self.body.decode()


def request(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    seconds: float = 40,
) -> Response:
    """Send one request; an iterable body goes out in chunks."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        connection.request(method, parts.path or "/", body, headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, found, response.read())
    finally:
        connection.close()


def get(url: str, seconds: float = 5) -> Response:
    return request("GET", url, seconds=seconds)


def post(url: str, notification: Any, **headers: str) -> Response:
    """Post JSON as Alertmanager does; `content_type=…` becomes Content-Type: …."""
    body = notification if isinstance(notification, bytes) else json.dumps(notification).encode()
    told = {"content_type": "application/json", **headers}
    return request(
        "POST", url, body, {name.replace("_", "-"): text for name, text in told.items() if text}
    )


def stalled(url: str, beginning: bytes) -> socket.socket:
    """Send the beginning of a request, and no more."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=10)
    connection.sendall(beginning)
    return connection
