"""What YAML makes of a value that has no quotes, and what another reader makes of it."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from function.errors import Broken
from function.local.findings import Kind
from function.manifests import read_yaml
from function.rails import read_rails
from function.tools.documents import Path, Text
from function.tools.findings import Finding
from function.tools.lint.config_map import ConfigMap
from function.tools.lint.containers import to_path, value_at
from function.tools.lint.names import is_text
from function.tools.lint.reading import PLAIN

_TAG = "tag:yaml.org,2002:"
_BOOL = re.compile(r"(?i:yes|no|on|off)")
_LETTER = re.compile(r"[yYnN]")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_NO_OCTAL = re.compile(r"[-+]?0[0-9]*[89][0-9]*")
_NEW_OCTAL = re.compile(r"[-+]?0o[0-7]+")
_GROUPED = re.compile(r"[-+]?[1-9][0-9]*_[0-9_.]*")


def findings(config_map: ConfigMap) -> Iterator[Finding]:
    """Return what stands in the ConfigMap itself and is not what it looks like."""
    yield from _types(config_map)
    yield from trap_findings(config_map.document.text, config_map.document.path)


def trap_findings(text: Text, below: Path = ()) -> Iterator[Finding]:
    """Return the values of a text, those below a path, that readers of YAML disagree upon."""
    for path, (key, value) in text.nodes.items():
        if path[: len(below)] != below:
            continue
        for node in {id(key): key, id(value): value}.values():
            message = _trap(node, path) if isinstance(node, yaml.ScalarNode) else ""
            if message:
                yield Finding(text.place(node.start_mark.line + 1), "yaml-trap", message)


def _types(config_map: ConfigMap) -> Iterator[Finding]:
    """Return the labels, annotations and data that must be text and are something else."""
    document = config_map.document
    for verdict in config_map.unreadable:
        path = to_path(verdict.field, document.value)
        if verdict.kind is Kind.TYPE and is_text(path):
            raw = _raw(document, path)
            message = _no_text(str(path[-1]), value_at(document.value, *path), raw)
            if (
                raw
                and path[1] == "annotations"
                and (why := _why_not(str(path[-1]), raw, config_map))
            ):
                message = f"{message.partition(': write')[0]}; as text it is wrong, too: {why}"
            yield config_map.find("yaml-type", path, message)


def _why_not(name: str, text: str, config_map: ConfigMap) -> str:
    """Return why a guard rail cannot be read even if it were text; empty if it can be."""
    try:
        read_rails({name: text}, config_map.status)
    except Broken as exc:
        return str(exc)
    return ""


def _raw(document: Any, path: Path) -> str:
    _, node = document.text.nodes.get((*document.path, *path), (None, None))
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _no_text(key: str, value: Any, raw: str) -> str:
    if isinstance(value, dict):
        return f"{key} must be text, and this is a mapping: put | after {key}:"
    if isinstance(value, list):
        return f'{key} must be text, and this is a list: write it in quotes, such as "a, b"'
    what = "true or false" if isinstance(value, bool) else "a number"
    return f'{key} must be text, and {raw} is {what} to YAML: write "{raw or value}"'


def _trap(node: yaml.ScalarNode, path: Path) -> str:
    """Return why a scalar is not what it looks like, empty if it is."""
    raw, tag = node.value, node.tag.removeprefix(_TAG)
    if node.style not in PLAIN:
        return ""
    if tag == "bool" and _BOOL.fullmatch(raw):
        meant = "true" if raw.lower() in ("yes", "on") else "false"
        return f'{raw} is {meant} here, and text to newer YAML: write {meant}, or "{raw}" for text'
    if tag == "timestamp":
        return f'{raw} is text here, and a date to other readers of YAML: write "{raw}"'
    if _SEXAGESIMAL.fullmatch(raw) and tag in ("int", "float"):
        return (
            f'{raw} is text here, and {_sexagesimal(raw)} to other readers of YAML: write "{raw}"'
        )
    if tag == "str" and _LETTER.fullmatch(raw):
        meant = "true" if raw in "yY" else "false"
        return f'{raw} is text here, and {meant} to other readers of YAML: write "{raw}" or {meant}'
    return _number(raw, tag, str(path[-1]) if path else "")


def _number(raw: str, tag: str, key: str) -> str:
    if tag == "int" and _OCTAL.fullmatch(raw) and not key.lower().endswith("mode"):
        return f"{raw} is octal, and so {_value(raw)}: write {_value(raw)}, or {raw.lstrip('+-0_') or 0} if that is meant"
    if tag == "str" and _NEW_OCTAL.fullmatch(raw) and not key.lower().endswith("mode"):
        return f"{raw} is {_value(raw)} here, and text to older YAML: write {_value(raw)}"
    if tag == "str" and _NO_OCTAL.fullmatch(raw):
        return f'{raw} is text here, and a number to other readers of YAML: write "{raw}"'
    if tag in ("int", "float") and _GROUPED.fullmatch(raw):
        return f"{raw} is {_value(raw)} here, and text to newer YAML: write {_value(raw)}"
    return ""


def _value(raw: str) -> str:
    try:
        return str(read_yaml(raw))
    except Broken:
        return raw


def _sexagesimal(raw: str) -> str:
    return str(yaml.safe_load(raw))
