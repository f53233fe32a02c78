"""Text → manifest: the YAML of a job definition as plain values, as kubectl reads it.

Pure. The only importer of yaml. A text is walked as a stream of events before any
value is made of it, because what hurts (depth, aliases that multiply, a key that
stands twice) is over by the time the values are there.
"""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from function.errors import Broken

# More than any Job needs. libyaml's loader recurses in C: 100,000 open brackets in a
# definition would take the process down with it.
MAX_DEPTH = 100
# Characters, aliases expanded, and some for each value: more than a Job may have (1 MiB).
MAX_SIZE = 1024 * 1024
_VALUE = 8
# JSON has no limit; the API server reads 64 bits, and Python writes no 4,301 digits.
MAX_INTEGER = 2**64


# Alerts come in storms, and those of a storm need the same definition.
@lru_cache(maxsize=1)
def read_yaml(text: str) -> Any:
    """Return the one document in a text as dicts with text keys, lists and scalars.

    The last one is remembered, so it is not to be changed.

    Raises Broken, with line and column where they are known, for what is no YAML, has
    no JSON form, or is too deep or too large to be meant.
    """
    try:
        _check_structure(text)
        return _plain(yaml.load(text, Loader=_Loader))
    except yaml.MarkedYAMLError as exc:
        raise Broken(f"YAML: {_place(exc)}{exc.problem}") from exc
    except (yaml.YAMLError, ValueError, LookupError) as exc:  # of a value, or of its tag
        raise Broken(f"YAML: {exc}") from exc


def _place(exc: yaml.MarkedYAMLError) -> str:
    mark = exc.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.1, but to Kubernetes 2026-01-01, 1:30:00 and = are strings.

    The C loader, where libyaml is there, is eight times faster.
    """

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        if ":" in node.value:  # sexagesimal
            return node.value
        if node.tag.endswith(":int"):
            return self.construct_yaml_int(node)
        return self.construct_yaml_float(node)


_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?0o[0-7]+$"), list("-+0"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)
_Loader.add_constructor("tag:yaml.org,2002:value", _Loader.construct_yaml_str)


@dataclass
class _Collection:
    """A mapping or list whose end has not been read yet."""

    anchor: str | None = None
    is_mapping: bool = False
    size: int = _VALUE
    height: int = 1
    children: int = 0
    keys: set[str] = field(default_factory=set)

    def add(self, event: Event, size: int, height: int) -> None:
        """Count a child, its aliases expanded, and refuse a key that was there before."""
        if self.is_mapping and self.children % 2 == 0:
            self._add_key(event)
        self.children += 1
        self.size += size
        self.height = max(self.height, height + 1)

    def _add_key(self, event: Event) -> None:
        key = event.value if isinstance(event, ScalarEvent) else None
        if key is None:
            raise _at(event, "a key must be text, written out")
        if key in self.keys and key != "<<":
            raise _at(event, f"the key {key} stands twice in one mapping")
        self.keys.add(key)


def _check_structure(text: str) -> None:
    """Refuse keys that stand twice, and what would grow or nest without bounds."""
    anchors: dict[str | None, tuple[int, int]] = {}
    unfinished = [_Collection()]
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, CollectionStartEvent):
            unfinished.append(_Collection(event.anchor, isinstance(event, MappingStartEvent)))
        elif isinstance(event, CollectionEndEvent):
            finished = unfinished.pop()
            anchors[finished.anchor] = (finished.size, finished.height)
            unfinished[-1].add(event, finished.size, finished.height)
        elif isinstance(event, ScalarEvent):
            anchors[event.anchor] = (_VALUE + len(event.value), 0)
            unfinished[-1].add(event, *anchors[event.anchor])
        elif isinstance(event, AliasEvent):
            if event.anchor not in anchors:
                raise _at(event, f"the alias *{event.anchor} has no finished anchor")
            unfinished[-1].add(event, *anchors[event.anchor])
        if len(unfinished) + unfinished[-1].height > MAX_DEPTH:
            raise Broken(f"YAML: nested deeper than {MAX_DEPTH}")
        if unfinished[-1].size > MAX_SIZE:
            raise Broken("YAML: larger than any job may be")


def _at(event: Event, problem: str) -> Broken:
    return Broken(f"YAML: line {event.start_mark.line + 1}: {problem}")  # type: ignore[union-attr]


def _plain(value: Any) -> Any:
    """Return the value in its JSON form, or raise Broken where it has none."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise Broken(f"YAML: the key {key} is not text; quote it")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int | float):
        return _number(value)
    if value is None or isinstance(value, str):
        return value
    raise Broken(f"YAML: a {type(value).__name__} has no JSON form")


def _number(value: int | float) -> int | float:
    """Return a number as Go writes it: 1e3 and 1.0 without a fraction."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Broken(f"YAML: {value} has no JSON form; quote it")
    if abs(value) > MAX_INTEGER:
        raise Broken("YAML: a number is too large; quote it")
    return int(value) if isinstance(value, float) and value.is_integer() else value
