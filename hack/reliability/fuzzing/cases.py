"""What a case is: requests, the definitions that are there, and what may be answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ConfigMap = dict[str, Any]

# What docs/answers.md knows, without what only a defect or a bad day of the cluster leads to.
REFUSED = frozenset({400, 401, 404, 405, 413, 415})
ANSWERED = REFUSED | {200, 202}
BROKEN = 422

TOKEN = "s3cr3t"


@dataclass(frozen=True)
class Request:
    """A request as a door hands it on: header names in lower case, values of latin-1."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/"

    @property
    def is_event(self) -> bool:
        """Whether it claims to be a CloudEvent."""
        structured = "cloudevents+json" in self.headers.get("content-type", "").lower()
        return structured or any(name.startswith("ce-") for name in self.headers)


@dataclass(frozen=True)
class Case:
    """Requests, one after the other, to a function in whose cluster these definitions are."""

    requests: tuple[Request, ...]
    definitions: tuple[ConfigMap, ...] = ()
    statuses: frozenset[int] = ANSWERED
    """What each may be answered."""
    says: str = ""
    """What the log must say of the last one."""
    is_sound: bool = True
    """The manifests are good ones: then the API server has nothing to refuse."""
    is_repeated: bool = False
    """Each request is sent twice: the second time there must be nothing new."""
    mode: str = "run"
    asks_for_token: bool = False
