"""Text → what it says, and all slips of YAML in it: told at once, and read past where possible.

The function and kubectl stop at the first; here a key that stands twice hides nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from function.errors import Broken
from function.manifests import MAX_DEPTH, read_yaml
from function.tools.documents import LOADER, Text
from function.tools.findings import Finding

_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_LINE = re.compile(r"YAML: line (\d+)(?:, column \d+)?: ")
_TEMPLATE = re.compile(r"\{\{.*?(\}\}|$)")

PLAIN = (None, "")
"""The style of a scalar without quotes, as the two loaders put it."""


@dataclass(frozen=True)
class Reading:
    """What a text says, None if it cannot be read, and the slips in it."""

    value: Any
    findings: tuple[Finding, ...] = ()
    is_yaml: bool = True
    """Its syntax is right, whatever it says."""


def read(text: Text) -> Reading:
    """Return what a text says, if need be without the keys that stand twice."""
    try:
        if _depth(text) > MAX_DEPTH:
            raise Broken(f"YAML: nested deeper than {MAX_DEPTH}")
        root = yaml.compose(text.text, Loader=LOADER)
        slips = tuple(_mend(text, root)) if root else ()
        value = read_yaml(yaml.serialize(root, Dumper=yaml.SafeDumper)) if slips else text.value()
        return Reading(value, slips)
    except yaml.YAMLError as exc:
        return Reading(None, (_syntax(text, exc),), is_yaml=False)
    except Broken as exc:
        return Reading(None, tuple(_unreadable(text, str(exc))))


def _depth(text: Text) -> int:
    """Return how deep it is nested, before anything recurses in it: not every libyaml has a limit."""
    depth = deepest = 0
    for event in yaml.parse(text.text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


def _mend(text: Text, root: yaml.Node) -> Iterator[Finding]:
    """Find the keys that stand twice or are no text, and make of them what was meant."""
    for mapping in (node for node in _collections(root) if isinstance(node, yaml.MappingNode)):
        kept: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in mapping.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Broken(_at(key, "a key must be text, written out"))
            if key.value in kept and key.tag != _MERGE:
                yield _twice(text, kept[key.value][0], key)
            if key.tag not in (_STR, _MERGE):
                yield _no_text(text, key)
                key.tag = _STR
            kept[key.value if key.tag != _MERGE else f"<< {len(kept)}"] = (key, value)
        mapping.value = list(kept.values())


def _collections(root: yaml.Node) -> Iterator[yaml.Node]:
    """Return each mapping and list once, however many aliases it has, before what is in it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        yield node
        is_mapping = isinstance(node, yaml.MappingNode)
        waiting += [each[1] for each in node.value] if is_mapping else node.value


def _twice(text: Text, first: yaml.Node, key: yaml.Node) -> Finding:
    here, there = (text.place(node.start_mark.line + 1) for node in (key, first))
    where = f"in line {there.line}" if there != here else "before"
    message = f"the key {key.value} stands {where} already: only one of them counts; leave one out"
    return Finding(here, "duplicate-key", message)


def _no_text(text: Text, key: yaml.Node) -> Finding:
    message = f'the key {key.value} is {kind(key.tag)} to YAML, not text: write "{key.value}"'
    return Finding(text.place(key.start_mark.line + 1), "yaml-type", message)


def kind(tag: str) -> str:
    """Return what YAML takes a scalar for, in words."""
    names = {"bool": "true or false", "int": "a number", "float": "a number", "null": "nothing"}
    return names.get(tag.rpartition(":")[2], tag.rpartition(":")[2])


def _syntax(text: Text, exc: yaml.YAMLError) -> Finding:
    mark = getattr(exc, "problem_mark", None)
    problem = getattr(exc, "problem", None) or " ".join(str(exc).split())
    context, began = getattr(exc, "context", None), getattr(exc, "context_mark", None)
    if context:
        problem += f", {context}"
    line = mark.line + 1 if mark else 1
    if "another document" in problem:
        return Finding(text.place(line), "yaml", "a second document begins here; only one is read")
    if began and began.line + 1 != line:
        problem += f" that begins in line {text.place(began.line + 1).line}"
    if "tab" not in problem and "\t" in _line(text, line):
        problem += "; there is a tab, and YAML is indented with spaces"
    return _template(text, line) or Finding(text.place(line), "yaml", f"this is no YAML: {problem}")


def _unreadable(text: Text, reason: str) -> Iterator[Finding]:
    """Return the places of what the function cannot read, though its syntax is right."""
    if match := _LINE.match(reason):
        line = int(match[1])
        yield _template(text, line) or Finding(text.place(line), "yaml", reason[match.end() :])
        return
    found = False
    for line, problem in _unreadable_scalars(text):
        found = True
        yield Finding(text.place(line), "yaml", problem)
    if not found:
        yield Finding(text.place(), "yaml", reason.removeprefix("YAML: "))


def _unreadable_scalars(text: Text) -> Iterator[tuple[int, str]]:
    for event in yaml.parse(text.text, Loader=LOADER):
        if isinstance(event, yaml.ScalarEvent) and event.style in PLAIN:
            try:
                read_yaml(event.value)
            except Broken as exc:
                line = event.start_mark.line + 1  # type: ignore[union-attr]
                yield line, str(exc).removeprefix("YAML: ")


def _template(text: Text, line: int) -> Finding | None:
    """Say so if it is a template that makes a line unreadable."""
    match = _TEMPLATE.search(_line(text, line))
    if not match:
        return None
    message = f"nothing renders {match[0]}: labels of the alert are in variables, OPENFERO_…"
    return Finding(text.place(line), "template-syntax", message)


def _line(text: Text, line: int) -> str:
    return "".join(text.text.split("\n")[line - 1 : line])


def _at(node: yaml.Node, problem: str) -> str:
    return f"YAML: line {node.start_mark.line + 1}: {problem}"
