"""What a container runs: which of its arguments are code, and which nothing will expand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from function.tools.documents import Path
from function.tools.lint.languages import CommandLine

# `-c` for a program that only the image knows: a script, if it is more than one word.
_OF_THE_IMAGE = re.compile(r"-[a-zA-Z]*c")
_NOT_EXPANDED = re.compile(r"(?:[^$\s]*[/=:,])?\$(\{)?(OPENFERO_[A-Z0-9_]+)(?(1)\})")
# These expand what they are given, each in its own way.
_EXPANDS = re.compile(r"envsubst|-[a-zA-Z]*S|--split-string(?:=.*)?|.*entrypoint.*|eval")


@dataclass(frozen=True)
class Code:
    """An argument that is code: where it stands, the program that reads it, and how safely."""

    path: Path
    text: str
    program: str
    is_shell: bool
    variable: str
    """How it reads a variable; `{}` is the name."""


def words(path: Path, container: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Return the command line of a container as far as the manifest says it."""
    for field in ("command", "args"):
        listed = container.get(field)
        for index, word in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(word, str):
                yield (*path, field, index), word


def codes(path: Path, container: dict[str, Any]) -> Iterator[Code]:
    """Return what of a container's command line is code."""
    line = CommandLine()
    for place, word in words(path, container):
        if language := line.code(word):
            yield Code(place, word, line.program, language.is_shell, language.variable)
        line.take(word)
    yield from _of_the_image(path, container)


def _of_the_image(path: Path, container: dict[str, Any]) -> Iterator[Code]:
    found = list(words(path, container))[:2]
    if container.get("command") or len(found) < 2:
        return
    (_, option), (place, text) = found
    if _OF_THE_IMAGE.fullmatch(option) and re.search(r"\s", text):
        yield Code(place, text, "the program of the image", False, '"${}"')


def not_expanded(path: Path, container: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Return the words that a shell would expand, where none runs, and the variable of each."""
    line = list(words(path, container))
    reads = any(_EXPANDS.fullmatch(word) for _, word in line)
    may_be_shell = not container.get("command") and line and _OF_THE_IMAGE.fullmatch(line[0][1])
    if reads or may_be_shell or _has_interpreter(word for _, word in line):
        return
    for place, word in line:
        if match := _NOT_EXPANDED.fullmatch(word):
            yield place, match[2]


def _has_interpreter(line: Iterator[str]) -> bool:
    """Say whether a program that reads code is anywhere: what it makes of a word is its affair."""
    found = CommandLine()
    for word in line:
        found.take(word)
    return bool(found.program)
