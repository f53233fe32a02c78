"""Ways through a manifest, whatever stands there: to its containers, and as the API writes them."""

import re
from collections.abc import Iterator
from typing import Any

from function.tools.documents import Path
from function.tools.findings import Finding
from function.tools.lint.written import Written

POD: Path = ("spec", "template", "spec")


def value_at(value: Any, *path: str | int) -> Any:
    """Return what stands below a value, None if nothing does or if the way is another."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def objects(value: Any, *path: str | int) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Return the objects of the list at a path, each with its own path."""
    found = value_at(value, *path)
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield (*path, index), item


def containers(manifest: Written) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Return the init containers and containers, each with its path."""
    for kind in ("initContainers", "containers"):
        yield from objects(manifest.value, *POD, kind)


def marks(manifest: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Return labels and annotations of the Job and of its pod, each with its path."""
    for metadata in (("metadata",), (*POD[:-1], "metadata")):
        for kind in ("labels", "annotations"):
            texts = value_at(manifest, *metadata, kind)
            if isinstance(texts, dict):
                yield (*metadata, kind), texts


def written(path: Path) -> str:
    """Return a path as the API server writes it."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def to_path(text: str, value: Any) -> Path:
    """Return the way to a place that is written as the API server does, as far as it exists.

    Keys may hold dots and brackets themselves, so what is there decides how it is read.
    """
    if not text:
        return ()
    if isinstance(value, list):
        match = re.match(r"\[(\d+)\]\.?", text)
        if not match or int(match[1]) >= len(value):
            return ()
        index = int(match[1])
        return (index, *to_path(text[match.end() :], value[index]))
    for key in sorted(value, key=len, reverse=True) if isinstance(value, dict) else ():
        for form in (f"[{key}]", key):
            rest = text.removeprefix(form)
            if rest != text and (not rest or rest[0] in ".["):
                return (key, *to_path(rest.removeprefix("."), value[key]))
    return ()


def find_in(manifest: Written, code: str, path: Path, offset: int, message: str) -> Finding:
    """Return a finding about what stands in a text, such as a script, at an offset."""
    # What comes by a merge key has no place of its own.
    if path not in manifest.text.nodes:
        return manifest.find(code, path, message)
    inner = manifest.text.inner(path)
    return Finding(inner.place(inner.text.count("\n", 0, offset) + 1), code, message)
