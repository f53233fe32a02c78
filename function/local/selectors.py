"""Label and field selectors: a text in, a predicate on manifests out. Pure."""

import re
from collections.abc import Callable
from typing import Any

from function.local.resources import Resource
from function.local.statuses import malformed

Predicate = Callable[[dict[str, Any]], bool]

_PARTS = re.compile(r"(?:[^,(]|\([^)]*\))+")
_SET = re.compile(r"(\S+)\s+(in|notin)\s*\(([^)]*)\)")
_EQUALITY = re.compile(r"([^=!\s]+)\s*(==|=|!=)\s*([^\s=!]*)")
_PRESENCE = re.compile(r"(!?)\s*([^=!\s(),]+)")


def read_label_selector(text: str) -> Predicate:
    """The predicate of `a=b,c!=d,e in (f,g),h notin (i),j,!k`; empty text takes everything.

    Raises a 400 refusal if a requirement cannot be parsed.
    """
    tests = [_label_test(part.strip()) for part in _PARTS.findall(text)]
    return lambda manifest: all(test(manifest["metadata"].get("labels", {})) for test in tests)


def read_field_selector(resource: Resource, text: str) -> Predicate:
    """The predicate of `metadata.name=x,type!=y`; empty text takes everything.

    Raises a 400 refusal for a field that this resource cannot be selected by.
    """
    tests = [_field_test(resource, part.strip()) for part in text.split(",") if part]
    return lambda manifest: all(test(manifest) for test in tests)


def _label_test(part: str) -> Callable[[dict[str, str]], bool]:
    if found := _SET.fullmatch(part):
        key, wanted = found[1], {value.strip() for value in found[3].split(",")}
        inside = found[2] == "in"
        return lambda labels: ((key in labels) and labels[key] in wanted) == inside
    if found := _EQUALITY.fullmatch(part):
        key, operator, value = found.groups()
        return lambda labels: (labels.get(key) == value) == (operator != "!=")
    if found := _PRESENCE.fullmatch(part):
        present, key = not found[1], found[2]
        return lambda labels: (key in labels) == present
    raise malformed(f"unable to parse requirement: found '{part}'")


def _field_test(resource: Resource, part: str) -> Predicate:
    found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
    if found is None:
        raise malformed(f"invalid selector: '{part}'; can't understand '{part}'")
    field, operator, value = found.groups()
    if field not in ("metadata.name", "metadata.namespace", *resource.selectable):
        raise malformed(_unsupported(resource, field))
    return lambda manifest: (_text_at(manifest, field) == value) == (operator != "!=")


def _unsupported(resource: Resource, field: str) -> str:
    """In the words of each kind's own code."""
    if resource.kind == "Job":
        return f'field label "{field}" not supported for Job'
    if not resource.selectable:
        known = '"metadata.name", "metadata.namespace"'
        return f'"{field}" is not a known field selector: only {known}'
    return f"field label not supported: {field}"


def _text_at(manifest: Any, field: str) -> str:
    if field == "status.successful":
        return str(manifest.get("status", {}).get("succeeded", 0))
    if field == "source":
        field = "source.component"
    for step in field.split("."):
        manifest = manifest.get(step, "") if isinstance(manifest, dict) else ""
    return str(manifest)
