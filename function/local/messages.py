"""What goes in and out of the embedded API: a request and what it asks for, an answer. Pure.

Knows their form, and nothing of how the one leads to the other; which object a path
means is in `routes.py`, how bytes become an object in `bodies.py`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from function.local.bodies import read_body
from function.local.resources import Resource
from function.local.selectors import Predicate, read_field_selector, read_label_selector
from function.local.statuses import malformed
from function.local.verbs import Options

BODY_LIMIT = 3 * 1024 * 1024
"""Bytes of a request's body, as for a real API server."""

Manifest = dict[str, Any]
Query = Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """What came in; header names are lower case, `target` is path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query; of a parameter that is given twice, the last one."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def wants_table(self) -> bool:
        """Whether the client asks for columns to print instead of objects."""
        return "as=Table" in self.headers.get("accept", "")


@dataclass(frozen=True)
class Answer:
    """What goes out: an object, a text, or the events of a watch as they happen.

    Among the events may be None: nothing happened for a while, look whether the client
    still listens.
    """

    status: HTTPStatus
    content: Manifest | str | Iterator[Manifest | None]
    warnings: list[str] = field(default_factory=list)


def read_manifest(request: Request) -> Manifest:
    """The object in the body; raises refusals 400 and 415."""
    body = read_body(request.body, request.headers.get("content-type", ""))
    if not isinstance(body, dict):
        raise malformed("the object provided is unrecognized: it must be an object with a kind")
    return body


def read_options(query: Query) -> Options:
    """How a write is meant."""
    return Options(query.get("dryRun") == "All", query.get("fieldValidation") or "Warn")


def read_delete_options(request: Request, query: Query) -> Manifest:
    """The DeleteOptions in the body, which may be absent; the query overrules them."""
    sent = read_manifest(request) if request.body else {}
    named = {key: query[key] for key in ("dryRun", "propagationPolicy") if key in query}
    return {**sent, **named}


def read_selectors(resource: Resource, query: Query) -> Predicate:
    """What both selectors of the query let through; raises a 400 refusal."""
    by_label = read_label_selector(query.get("labelSelector", ""))
    by_field = read_field_selector(resource, query.get("fieldSelector", ""))
    return lambda manifest: by_label(manifest) and by_field(manifest)


def read_number(query: Query, name: str) -> int:
    """A parameter that is a number, 0 if it is absent; raises a 400 refusal."""
    try:
        return int(query.get(name) or 0)
    except ValueError:
        raise malformed(f"{name}: not a number: {query[name]}") from None


def encode(content: Manifest | str) -> bytes:
    """The bytes of an object or text, as they go over the wire."""
    if isinstance(content, str):
        return content.encode("utf-8")
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
