"""Text → manifest: the YAML of a job definition as plain values, as kubectl reads it.

Pure. The only importer of yaml. A text is walked as a stream of events before any
value is made of it, because what hurts (depth, aliases that multiply, a key that
stands twice) is over by the time the values are there.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from function.errors import Broken

# More than any Job needs. libyaml's loader recurses in C: 100,000 open brackets in a
# definition would take the process down with it.
MAX_DEPTH = 100
# A Job that the API server takes has far fewer, and aliases can multiply a short text.
MAX_VALUES = 100_000


def read_yaml(text: str) -> Any:
    """Return the one document in a text as dicts with text keys, lists and scalars.

    Raises Broken, with line and column where they are known, for what is no YAML, has
    no JSON form, or is too deep or too large to be meant.
    """
    try:
        _check_structure(text)
        return _plain(yaml.load(text, Loader=_Loader))
    except yaml.MarkedYAMLError as exc:
        raise Broken(f"YAML: {_place(exc)}{exc.problem}") from exc
    except (yaml.YAMLError, ValueError) as exc:
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


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)
_Loader.add_constructor("tag:yaml.org,2002:value", _Loader.construct_yaml_str)


@dataclass
class _Collection:
    """A mapping or list whose end has not been read yet."""

    anchor: str | None = None
    is_mapping: bool = False
    values: int = 1  # itself included, aliases expanded
    children: int = 0
    keys: set[str] = field(default_factory=set)

    def add_key(self, event: ScalarEvent) -> None:
        if self.is_mapping and self.children % 2 == 0:
            if event.value in self.keys and event.value != "<<":
                raise _at(event, f"the key {event.value} stands twice in one mapping")
            self.keys.add(event.value)

    def add(self, values: int) -> None:
        self.children += 1
        self.values += values


def _check_structure(text: str) -> None:
    """Refuse keys that stand twice, and what would grow or nest without bounds."""
    sizes: dict[str | None, int] = {}
    unfinished = [_Collection()]
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, CollectionStartEvent):
            unfinished.append(_Collection(event.anchor, isinstance(event, MappingStartEvent)))
        elif isinstance(event, CollectionEndEvent):
            finished = unfinished.pop()
            sizes[finished.anchor] = finished.values
            unfinished[-1].add(finished.values)
        elif isinstance(event, AliasEvent):
            if event.anchor not in sizes:
                raise _at(event, f"the alias *{event.anchor} has no finished anchor")
            unfinished[-1].add(sizes[event.anchor])
        elif isinstance(event, ScalarEvent):
            sizes[event.anchor] = 1
            unfinished[-1].add_key(event)
            unfinished[-1].add(1)
        if len(unfinished) > MAX_DEPTH:
            raise Broken(f"YAML: nested deeper than {MAX_DEPTH}")
        if unfinished[-1].values > MAX_VALUES:
            raise Broken(f"YAML: more than {MAX_VALUES} values")


def _at(event: NodeEvent, problem: str) -> Broken:
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
    if isinstance(value, float) and not math.isfinite(value):
        raise Broken(f"YAML: {value} has no JSON form; quote it")
    if value is None or isinstance(value, str | int | float):
        return value
    raise Broken(f"YAML: a {type(value).__name__} has no JSON form")
