"""What the API's rules found in an object. Values only: no rule and no HTTP lives here."""

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a finding means for the object it is about."""

    UNKNOWN = "unknown field"
    """The API drops the field; under strict field validation it refuses the object."""
    TYPE = "wrong type"
    """The object cannot be read at all (400 BadRequest)."""
    INVALID = "invalid"
    """The object is read and refused (422 Invalid)."""
    WARNING = "warning"
    """The object is taken, and the client is told."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what it means, and the API server's own words.

    `field` is a path such as `spec.template.spec.containers[0].image`; `reason` is the
    API's word for the cause (`FieldValueRequired`), empty unless the kind is INVALID.
    """

    field: str
    kind: Kind
    message: str
    reason: str = ""

    def __str__(self) -> str:
        return self.message if self.kind is not Kind.INVALID else f"{self.field}: {self.message}"


def required(field: str, hint: str = "") -> Finding:
    """A value that must be there is missing or empty."""
    message = f"Required value: {hint}" if hint else "Required value"
    return Finding(field, Kind.INVALID, message, "FieldValueRequired")


def invalid(field: str, value: Any, why: str) -> Finding:
    """A value breaks a rule, which `why` tells."""
    return Finding(
        field, Kind.INVALID, f"Invalid value: {_quoted(value)}: {why}", "FieldValueInvalid"
    )


def unsupported(field: str, value: Any, supported: tuple[str, ...]) -> Finding:
    """A value is not among the `supported` ones."""
    choices = ", ".join(f'"{each}"' for each in supported)
    message = f"Unsupported value: {_quoted(value)}: supported values: {choices}"
    return Finding(field, Kind.INVALID, message, "FieldValueNotSupported")


def duplicate(field: str, value: Any) -> Finding:
    """A value that must be unique was there before."""
    message = f"Duplicate value: {_quoted(value)}"
    return Finding(field, Kind.INVALID, message, "FieldValueDuplicate")


def not_found(field: str, value: Any) -> Finding:
    """A value names something that is not there."""
    return Finding(field, Kind.INVALID, f"Not found: {_quoted(value)}", "FieldValueNotFound")


def forbidden(field: str, why: str) -> Finding:
    """A field must not be set, or not be changed."""
    return Finding(field, Kind.INVALID, f"Forbidden: {why}", "FieldValueForbidden")


def too_long(field: str, limit: int) -> Finding:
    """A value is larger than `limit` bytes."""
    message = f"Too long: may not be more than {limit} bytes"
    return Finding(field, Kind.INVALID, message, "FieldValueTooLong")


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return re.sub(r"\\u00([01][0-9a-f])", r"\\x\1", text)
