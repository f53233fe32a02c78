"""Which fields an object may have, and of what type, by the API's own table.

`fields.json` is derived from the Kubernetes 1.37 OpenAPI definitions (Apache-2.0) by
`make_fields.py`. Pure; knows no rule beyond names and types: those are in `rules.py`.
"""

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from function.local.findings import Finding, Kind
from function.local.quantities import why_not_quantity

_TABLE: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("fields.json").read_text("utf-8")
)
_LIST, _MAP = "[]", "map[string]"
_SCALARS: dict[str, Any] = {
    "string": str,
    "bool": bool,
    "int32": int,
    "int64": int,
    "IntOrString": (int, str),
    "Time": str,
    "MicroTime": str,
}
_LIMITS = {"int32": 2**31, "int64": 2**63}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_BAD_TIME = 'parsing time "{}" as "2006-01-02T15:04:05Z07:00": it is written otherwise'
_GO_TYPES = {"Time": "string", "MicroTime": "string", "IntOrString": "int32"}


def read_fields(kind: str, manifest: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """A copy of the manifest with only what the API can read, and findings on the rest.

    `kind` is a kind of the table (Job, ConfigMap, ServiceAccount…). All unknown
    fields and wrong types are found at once, in the order in which they are written. A
    null is an absent field, as it is for the API server.
    """
    reader = _Reader()
    return reader.read_structure(manifest, kind, _Place("", kind, "")), reader.findings


class _Place(NamedTuple):
    """Where a value stands: `path` for people, `owner` and `plain` as Go puts it in refusals."""

    path: str
    owner: str
    plain: str

    def field(self, name: str, owner: str) -> "_Place":
        plain = f"{self.plain}.{name}" if self.plain else name
        return _Place(f"{self.path}.{name}" if self.path else name, owner, plain)

    def item(self, key: object) -> "_Place":
        return self._replace(path=f"{self.path}[{key}]")


class _Reader:
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def read(self, value: Any, type_: str, place: _Place) -> Any:
        """The value as the API would hold it, or None if it cannot."""
        if value is None:
            return None
        if type_ in _TABLE:
            return self.read_structure(value, type_, place)
        if type_.startswith(_MAP):
            return self.read_map(value, type_.removeprefix(_MAP), place)
        if type_.startswith(_LIST) and type_ != "[]byte":
            return self.read_list(value, type_.removeprefix(_LIST), place)
        return self.read_scalar(value, type_, place)

    def read_structure(self, value: Any, type_: str, place: _Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.refuse(value, f"v1.{type_}", place)
            return {}
        known, read = _TABLE[type_], {}
        for name, each in value.items():
            if name not in known:
                self.add_unknown(place.field(name, type_).path)
            elif (taken := self.read(each, known[name], place.field(name, type_))) is not None:
                read[name] = taken
        return read

    def read_map(self, value: Any, type_: str, place: _Place) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            self.refuse(value, _MAP + _go_name(type_), place)
            return None
        # Go reads a null in a map of strings as the empty string, in one of quantities as none.
        nothing = "0" if type_ == "Quantity" else ""
        items = {key: nothing if each is None else each for key, each in value.items()}
        read = {key: self.read(each, type_, place.item(key)) for key, each in items.items()}
        return {key: each for key, each in read.items() if each is not None}

    def read_list(self, value: Any, type_: str, place: _Place) -> list[Any] | None:
        if not isinstance(value, list):
            self.refuse(value, _LIST + _go_name(type_), place)
            return None
        return [self.read(each, type_, place.item(index)) for index, each in enumerate(value)]

    def read_scalar(self, value: Any, type_: str, place: _Place) -> Any:
        if type_ == "Quantity":
            return self.read_quantity(value, place)
        if type_ == "[]byte":
            return self.read_bytes(value, place)
        if not _fits(value, type_):
            self.refuse(value, _GO_TYPES.get(type_, type_), place)
            return None
        if type_ in ("Time", "MicroTime") and not _TIME.fullmatch(value):
            self.findings.append(Finding(place.path, Kind.TYPE, _BAD_TIME.format(value)))
            return None
        return value

    def read_quantity(self, value: Any, place: _Place) -> str | None:
        why = why_not_quantity(str(value))
        if not why:
            return str(value)
        self.findings.append(Finding(place.path, Kind.TYPE, why))
        return None

    def read_bytes(self, value: Any, place: _Place) -> str | None:
        if not isinstance(value, str):
            self.refuse(value, "[]uint8", place)
            return None
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            self.findings.append(Finding(place.path, Kind.TYPE, "illegal base64 data"))
            return None
        return value

    def add_unknown(self, path: str) -> None:
        self.findings.append(Finding(path, Kind.UNKNOWN, f'unknown field "{path}"'))

    def refuse(self, value: Any, type_: str, place: _Place) -> None:
        target = f"Go struct field {place.owner}.{place.plain}" if place.plain else "Go value"
        message = f"json: cannot unmarshal {_json_name(value, type_)} into {target} of type {type_}"
        self.findings.append(Finding(place.path, Kind.TYPE, message))


def _fits(value: Any, type_: str) -> bool:
    expected = _SCALARS.get(type_, dict)
    if not isinstance(value, expected) or (isinstance(value, bool) and type_ != "bool"):
        return False
    limit = _LIMITS.get(type_)
    return limit is None or -limit <= value < limit


def _go_name(type_: str) -> str:
    return f"v1.{type_}" if type_ in _TABLE else type_


def _json_name(value: Any, type_: str) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return f"number {value}" if type_ in _LIMITS else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
