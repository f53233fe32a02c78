"""From the bytes of a request to the dict they mean, as the API server reads them. Pure."""

import json
import re
from typing import Any, NoReturn

from function.local.protobuf import MAGIC, read_protobuf
from function.local.statuses import malformed, unsupported_media

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_body(raw: bytes, content_type: str) -> Any:
    """The object in a body of JSON or protobuf; an empty body is None.

    Server-side apply comes as YAML by name; kubectl sends JSON, and only that is read.
    Raises refusals 400 and 415.
    """
    if not raw:
        return None
    if raw.startswith(MAGIC):
        return read_protobuf(raw)
    if "json" in content_type or "yaml" in content_type or not content_type:
        return _read_json(raw)
    raise unsupported_media(
        f"the body of the request was in an unknown format ({content_type}) - accepted media "
        "types include: application/json, application/vnd.kubernetes.protobuf"
    )


def _read_json(raw: bytes) -> Any:
    try:
        value = json.loads(raw.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        why = f"couldn't get version/kind; json parse error: {exc}"
        raise malformed(f"the object provided is unrecognized: {why}") from exc
    return _without_surrogates(value) if _ESCAPED_SURROGATE.search(raw) else value


def _without_surrogates(value: Any) -> Any:
    # As Go does: a half of a pair becomes U+FFFD. Whole pairs json.loads has joined already.
    return json.loads(_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"invalid character in {name}")
