"""What an answer of the API server means, by its reason and details, never by its bare code.

Pure. A 409 can be a quota conflict that stored nothing, a 404 a wrong path, a 200
the wrong object; a 403 is a refusal for good only in the words of an admission policy.
"""

import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

Object = dict[str, Any]

# 4xx that say nothing against the object: an operator, or time, can mend them.
_NOT_REFUSALS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,  # RBAC, a full quota, a terminating namespace
        HTTPStatus.NOT_FOUND,  # the namespace, or a wrong path
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,  # two writers at one quota
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
# The words of a ValidatingAdmissionPolicy, and of a webhook.
_DENIED = r"denied (the )?request"
_WARNING = r'299 \S+ "((?:[^"\\]|\\.)*)"'


@dataclass(frozen=True)
class Reply:
    """An answer of the API server; `content` is empty unless it was a JSON object."""

    status: int
    content: Object
    warnings: tuple[str, ...]
    date: float | None = None
    """The API server's time, in seconds of the epoch, if it tells one."""

    def is_object(self, kind: str, name: str) -> bool:
        """Say whether this is the object that was asked for, and not just a 2xx."""
        metadata = self.content.get("metadata")
        found = metadata.get("name") if isinstance(metadata, dict) else None
        return self.status // 100 == 2 and (self.content.get("kind"), found) == (
            kind,
            name,
        )

    def items(self, kind: str) -> list[Object] | None:
        """Return the objects of a list of that kind; None if this is no such list."""
        items = self.content.get("items")
        if self.status // 100 != 2 or self.content.get("kind") != kind:
            return None
        return items if isinstance(items, list) else None

    @property
    def next_page(self) -> str:
        """What to ask for the rest of a list with; empty if this was all."""
        metadata = self.content.get("metadata")
        return str(metadata.get("continue") or "") if isinstance(metadata, dict) else ""

    def is_about(self, reason: str, resource: str, name: str) -> bool:
        """Say whether this is a Status with that reason about that very object."""
        found = (self._details.get("kind"), self._details.get("name"))
        return self.content.get("reason") == reason and found == (resource, name)

    @property
    def _details(self) -> Object:
        details = self.content.get("details")
        return details if isinstance(details, dict) else {}

    @property
    def is_refusal(self) -> bool:
        """Whether the object itself was judged, so that no other try can help.

        Only a Status object says so; a bare 4xx comes from something before the API server.
        """
        if self.status // 100 != 4 or self.content.get("kind") != "Status":
            return False
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return False
        return self.status not in _NOT_REFUSALS or bool(re.search(_DENIED, self.text))

    @property
    def is_worth_another_try(self) -> bool:
        """Whether the same request may be answered otherwise in a moment."""
        if self.status == HTTPStatus.CONFLICT:
            # Of two writers at one quota; what is said of the Job itself stays as it is.
            is_about_it = (
                self._details.get("kind") == "jobs" or self.content.get("reason") == "AlreadyExists"
            )
            return not is_about_it and not self.is_refusal
        return self.status >= 500 or self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def text(self) -> str:
        """What the API server says, or what it answered where it says nothing."""
        message = self.content.get("message")
        return message if isinstance(message, str) and message else f"it answered {self.status}"


def read_reply(status: int, body: bytes, warnings: list[str], date: str = "") -> Reply:
    """Return an answer, whatever it holds; the rest are its headers Warning and Date."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    return Reply(
        status,
        content if isinstance(content, dict) else {},
        tuple(text for header in warnings for text in _texts(header)),
        _seconds(date),
    )


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _texts(header: str) -> list[str]:
    """Return the texts of a Warning header; a proxy may fold several into one.

    They are UTF-8 that was read as latin-1.
    """
    quoted = [re.sub(r"\\(.)", r"\1", text) for text in re.findall(_WARNING, header)]
    return [
        text.encode("latin-1", "replace").decode("utf-8", "replace") for text in quoted or [header]
    ]
