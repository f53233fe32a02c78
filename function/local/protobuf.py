"""Reads what kubectl's imperative commands send: `create configmap`, `create job`, `auth can-i`.

A message is read by the table of its fields below. A field that the table lacks is
refused rather than lost; commands with a manifest (`-f`) send JSON and need none of
this. Numbers are those of the .proto files in k8s.io/api. Pure.
"""

import base64
from collections.abc import Iterator
from typing import Any

from function.local.statuses import Refusal, malformed, unsupported_media

MAGIC = b"k8s\x00"

# Message → number → (field, type); `*` before a type is a list of it, `map:` a map to it.
_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "Unknown": {
        1: ("type", "TypeMeta"),
        2: ("raw", "raw"),
        3: ("encoding", "string"),
        4: ("media", "string"),
    },
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        11: ("labels", "map:string"),
        12: ("annotations", "map:string"),
    },
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map:string"),
        3: ("binaryData", "map:bytes"),
        4: ("immutable", "bool"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta")},
    "Job": {1: ("metadata", "ObjectMeta"), 2: ("spec", "JobSpec")},
    "JobSpec": {6: ("template", "PodTemplateSpec")},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {2: ("containers", "*Container"), 3: ("restartPolicy", "string")},
    "Container": {
        1: ("name", "string"),
        2: ("image", "string"),
        3: ("command", "*string"),
        4: ("args", "*string"),
    },
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "AccessSpec")},
    "AccessSpec": {1: ("resourceAttributes", "Attributes"), 2: ("nonResourceAttributes", "Path")},
    "Attributes": {
        1: ("namespace", "string"),
        2: ("verb", "string"),
        3: ("group", "string"),
        4: ("version", "string"),
        5: ("resource", "string"),
        6: ("subresource", "string"),
        7: ("name", "string"),
    },
    "Path": {1: ("path", "string"), 2: ("verb", "string")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "string"),
        5: ("dryRun", "*string"),
    },
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
}
_KINDS = "ConfigMap", "Namespace", "Job", "SelfSubjectAccessReview", "DeleteOptions"


def read_protobuf(raw: bytes) -> dict[str, Any]:
    """The object in a body that starts with MAGIC; raises refusals 400 and 415."""
    try:
        envelope = _read("Unknown", raw[len(MAGIC) :])
        head = envelope["type"]
        if head["kind"] not in _KINDS:
            raise _unsupported(head["kind"])
        return {**head, **_read(head["kind"], envelope.get("raw", b""))}
    except (IndexError, KeyError, ValueError) as exc:
        raise malformed(f"the protobuf body cannot be read: {exc}") from exc


def _unsupported(what: str) -> Refusal:
    return unsupported_media(
        f"the local API does not read {what} in protobuf: write the manifest with "
        "--dry-run=client -o yaml, and create it with kubectl create -f"
    )


def _read(message: str, raw: bytes) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for number, value in _split(raw):
        if number not in _MESSAGES[message]:
            _refuse_content(message, number, value)
            continue
        field, type_ = _MESSAGES[message][number]
        if type_.startswith("*"):
            read.setdefault(field, []).append(_value(type_[1:], value))
        elif type_.startswith("map:"):
            read.setdefault(field, {}).update(_entry(type_[4:], value))
        elif value:
            read[field] = _value(type_, value)
    return read


def _entry(type_: str, raw: bytes) -> dict[str, Any]:
    entry = dict(_split(raw))
    return {_value("string", entry.get(1, b"")): _value(type_, entry.get(2, b""))}


def _value(type_: str, value: Any) -> Any:
    if isinstance(value, int) != (type_ in ("int", "bool")):
        raise ValueError(f"a {type_} was expected")
    if type_ == "string":
        return value.decode()
    if type_ == "bytes":
        return base64.b64encode(value).decode()
    if type_ == "bool":
        return bool(value)
    return value if type_ in ("int", "raw") else _read(type_, value)


def _refuse_content(message: str, number: int, value: Any) -> None:
    # Kubernetes writes out empty structures, nested ones too: those may be passed over.
    if not _is_blank(value):
        raise _unsupported(f"field {number} of {message}")


def _is_blank(value: Any) -> bool:
    if not isinstance(value, bytes):
        return not value
    try:
        return all(_is_blank(each) for _, each in _split(value))
    except (IndexError, ValueError):
        return False


def _split(raw: bytes) -> Iterator[tuple[int, Any]]:
    """The (field number, value) pairs of a message: integers and bytes, all that is sent."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        value, at = _varint(raw, at)
        if tag & 7 not in (0, 2) or (tag & 7 == 2 and at + value > len(raw)):
            raise ValueError("a field is cut short, or of a type that Kubernetes never sends")
        if tag & 7 == 0:
            yield tag >> 3, value
        else:
            yield tag >> 3, raw[at : at + value]
            at += value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
