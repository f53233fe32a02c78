"""Bytes → data: what the body of a request holds, bare or as the data of a CloudEvent.

Pure. The only importer of cloudevents. Everything that is not one JSON value which
any two readers would read alike is refused.
"""

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

try:
    from cloudevents.v1.http import from_http  # cloudevents 2, as func-python needs it
except ImportError:
    from cloudevents.http import from_http  # 1.12, as functions-framework needs it

from function.errors import Refused, bad_request

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_DATA = ("data", "data_base64")
# 10,000 alerts with 30 values each; a body of nothing but values takes a hundred times its size.
MAX_VALUES = 320_000
_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_CHARSET = re.compile(r'charset\s*=\s*"?([^\s";]+)')


@dataclass(frozen=True)
class Envelope:
    """The data of a request; the type of the CloudEvent it came as, empty if it came bare."""

    data: Any
    event_type: str = ""

    @property
    def is_event(self) -> bool:
        """Whether it came as a CloudEvent."""
        return bool(self.event_type)


def open_envelope(headers: Mapping[str, str], body: bytes) -> Envelope:
    """Return the data in a body; header names are in lower case.

    Raises Refused: 415 for a content type that cannot be read (a missing one is read
    as JSON), 413 for more than 320,000 values, 400 for what is no JSON or no CloudEvent.
    """
    media_type = _media_type(headers)
    if media_type == _BATCH:
        raise bad_request("a batch of CloudEvents is not taken: send one at a time")
    if media_type == _STRUCTURED:
        return _open_structured(headers, body)
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise _unsupported(f"content type {media_type[:100]}: send application/json")
    # Not the SDK's is_structured(): to it, whatever has no ce- header is structured.
    data = _read_json(body)
    if not any(name.startswith("ce-") for name in headers):
        return Envelope(data)
    # Without a body, in which the SDK would look for what the headers lack.
    return Envelope(data, _event_type(headers, b""))


def _media_type(headers: Mapping[str, str]) -> str:
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = _CHARSET.search(parameters)
    if charset and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        raise _unsupported(f"charset {charset[1]}: send UTF-8")
    return media_type.strip() or "application/json"


def _open_structured(headers: Mapping[str, str], body: bytes) -> Envelope:
    content = _read_json(body)
    if not isinstance(content, dict):
        raise bad_request("not a CloudEvent: it must be an object")
    # The SDK reads them again, and the data is most of it.
    attributes = {name: value for name, value in content.items() if name not in _DATA}
    event_type = _event_type(headers, json.dumps(attributes).encode())
    if content.get("data_base64") is None:
        return Envelope(content.get("data"), event_type)
    return Envelope(_read_json(_decode_base64(content["data_base64"])), event_type)


def _event_type(headers: Mapping[str, str], body: bytes) -> str:
    """Let the SDK judge the attributes; its reading of the data is not strict enough."""
    try:
        event = from_http(dict(headers), body, data_unmarshaller=lambda data: data)
    except Exception as exc:  # the SDK lets out whatever its own parsing meets
        raise bad_request(f"not a CloudEvent: {exc}"[:200]) from exc
    for name in ("id", "source", "type", "specversion"):
        if not isinstance(event[name], str) or not event[name]:
            raise bad_request(f"not a CloudEvent: {name} must be a text")
    return str(event["type"])


def _decode_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as exc:
        raise bad_request("data_base64 is not base64") from exc


def _read_json(body: bytes) -> Any:
    if _has_too_many_values(body):
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"more than {MAX_VALUES} values: group alerts by more labels, or set max_alerts",
        )
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError as exc:
        raise bad_request("not JSON that can be read: nested too deep") from exc
    except ValueError as exc:  # of the JSON, of its UTF-8, or one of ours below
        raise bad_request(f"not JSON: {exc}" if body else "not JSON: the body is empty") from exc


def _has_too_many_values(body: bytes) -> bool:
    if _count_values(body) <= MAX_VALUES:
        return False
    return _count_values(_TEXTS.sub(b"", body)) > MAX_VALUES


def _count_values(body: bytes) -> int:
    """Return about how many there are: each but the first of an object or a list has a comma."""
    return sum(map(body.count, (b",", b"{", b"[")))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what one reader would read as the first value, and another as the last."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _finite(digits: str) -> float:
    """Refuse what would become an infinity, which no JSON can hold."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is too large")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _unsupported(message: str) -> Refused:
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
