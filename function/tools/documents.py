"""Files, folders and standard input → the objects in them, each value with its line.

Read as kubectl does: a line that begins with `---` ends a document, a List holds others.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as File
from typing import Any

import yaml

from function.errors import Broken
from function.manifests import read_yaml
from function.tools.findings import Place, Unusable
from function.tools.standard_input import STDIN, read_stdin

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists."""

SUFFIXES = (".yaml", ".yml", ".json")

MAX_FILE = 10 * 1024 * 1024
"""So much of one file is read; no definition has a tenth of it."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""What the function reads with, as far as structure goes: it has the same opinion of a text."""


@dataclass(frozen=True)
class Text:
    """YAML, and where its first line stands; `has_lines` False: every line of it stands there."""

    source: str
    text: str
    first_line: int = 1
    has_lines: bool = True
    is_named: bool = True
    """Its file was asked for, and is not only one of a folder."""

    def place(self, line: int = 1) -> Place:
        """Return where a line of it stands, counted from 1; what lies behind it, at its last."""
        line = min(line, self._count) if self.has_lines else 1
        return Place(self.source, self.first_line + line - 1)

    @cached_property
    def _count(self) -> int:
        return max(1, self.text.count("\n") + (not self.text.endswith("\n")))

    def value(self) -> Any:
        """Return what it says; raises Broken, as the function does."""
        return read_yaml(self.text)

    @cached_property
    def nodes(self) -> dict[Path, tuple[yaml.Node, yaml.Node]]:
        """The key, or the item itself, and the value at each path; only for what can be read."""
        root = yaml.compose(self.text, Loader=LOADER)
        return dict(_walk((), root, root)) if root else {}

    def at(self, path: Path) -> Place:
        """Return where a value stands; if it is not there, what it would belong to."""
        while path and path not in self.nodes:
            path = path[:-1]
        found = self.nodes.get(path)
        return self.place(found[0].start_mark.line + 1 if found else 1)

    def inner(self, path: Path, content: str | None = None) -> "Text":
        """Return a text within this one, such as a manifest in a ConfigMap.

        In a literal block each line of it has its own; of any other only the first is known, and
        of what came by a merge key, which needs its content, only what it belongs to.
        """
        _, node = self.nodes.get(path, (None, None))
        content = str(node.value) if content is None and node else content or ""
        if not node or not self.has_lines or getattr(node, "style", "") != "|":
            return Text(self.source, content, self.at(path).line, has_lines=False)
        return Text(self.source, content, self.place(node.start_mark.line + 2).line)


def _walk(path: Path, key: yaml.Node, node: yaml.Node) -> Iterator[tuple[Path, Any]]:
    yield path, (key, node)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _walk((*path, name.value), name, value)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk((*path, index), value, value)


@dataclass(frozen=True)
class Document:
    """An object of a text, below `path` if it is one of a List."""

    text: Text
    value: dict[str, Any]
    path: Path = field(default=())

    @property
    def kind(self) -> str:
        """Its kind; empty if it says none."""
        return str(self.value.get("kind") or "")

    @property
    def name(self) -> str:
        """Its name; empty if it has none."""
        metadata = self.value.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""

    def at(self, *path: str | int) -> Place:
        """Return where a value of it stands."""
        return self.text.at((*self.path, *path))

    def inner(self, *path: str | int) -> Text:
        """Return a text within it."""
        return self.text.inner((*self.path, *path), self.content(path))

    def style(self, *path: str | int) -> str:
        """Return how a text within it is written: `|`, `>`, a quote, or nothing."""
        _, node = self.text.nodes.get((*self.path, *path), (None, None))
        return getattr(node, "style", "") or ""

    def content(self, path: Path) -> str:
        """Return the text at a path."""
        value: Any = self.value
        for step in path:
            value = value[step]
        return str(value)


@dataclass(frozen=True)
class Unread:
    """A file that cannot be read: why, and as much as could be."""

    source: str
    problem: str
    content: bytes = b""

    def __str__(self) -> str:
        return f"cannot read {self.source}: {self.problem}"


def read_texts(names: Iterable[str]) -> list[Text]:
    """Return the YAML documents of files, of folders with all below, and of `-`.

    What is named twice is read once. Raises Unusable for what cannot be read, and for a folder
    without any.
    """
    texts, unread = read_what_can_be(names)
    if unread:
        raise Unusable(str(unread[0]))
    return texts


def read_what_can_be(names: Iterable[str]) -> tuple[list[Text], list[Unread]]:
    """Return YAML documents, and of folders what cannot be read; raises Unusable for the rest."""
    unread: list[Unread] = []
    files: dict[File, tuple[File, bool]] = {}
    for name in names:
        is_named = name == STDIN or not File(name).is_dir()
        for file in [File(name)] if is_named else _files(name, unread):
            files.setdefault(file if name == STDIN else file.resolve(), (file, is_named))
    texts: list[Text] = []
    for file, is_named in files.values():
        content = _content(file)
        if isinstance(content, str):
            texts += _split(str(file), content, is_named)
        elif is_named:
            raise Unusable(str(content))
        else:
            unread.append(content)
    return texts, unread


def _files(folder: str, unread: list[Unread]) -> list[File]:
    """Return the files below a folder, but for folders that are hidden, such as .git."""

    def note(exc: OSError) -> None:
        unread.append(Unread(str(exc.filename), str(exc.strerror)))

    found: list[File] = []
    for path, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += (File(path, name) for name in names if name.endswith(SUFFIXES))
    found = sorted(each for each in found if each.is_file())
    if not found and not unread:
        raise Unusable(f"{File(folder)} has no file that ends in {', '.join(SUFFIXES)}")
    return found


def _content(file: File) -> str | Unread:
    content = b""
    try:
        content = read_stdin() if str(file) == STDIN else _start_of(file)
        if len(content) > MAX_FILE:
            return Unread(str(file), f"it is larger than {MAX_FILE} bytes", content)
        return content.decode()
    except OSError as exc:
        return Unread(str(file), str(exc.strerror))
    except UnicodeDecodeError:
        return Unread(str(file), "it is not UTF-8", content)


def _start_of(file: File) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_FILE + 1)


def _split(source: str, content: str, is_named: bool) -> Iterator[Text]:
    """Return the documents that say anything, as kubectl tells them apart."""
    # By \n alone, as editors count: a script may hold a form feed.
    first, lines = 1, re.findall(r".*\n|.+\Z", content)
    for number, line in enumerate([*lines, "---"], 1):
        if line.startswith("---"):
            text = "".join(lines[first - 1 : number - 1])
            if re.search(r"^[^\S\n]*[^\s#%]", text, re.MULTILINE):
                yield Text(source, text, first, is_named=is_named)
            first = number + 1


def read_documents(text: Text) -> list[Document]:
    """Return the objects of a text, those of a List by themselves; raises Broken."""
    value = text.value()
    if not isinstance(value, dict):
        raise Broken("this is no Kubernetes object: a mapping with apiVersion and kind")
    return objects_in(text, value)


def objects_in(text: Text, value: Any) -> list[Document]:
    """Return the objects of a text that says this; those of a List by themselves."""
    if not isinstance(value, dict):
        return []
    items = value.get("items")
    if not str(value.get("kind")).endswith("List") or not isinstance(items, list):
        return [Document(text, value)]
    return [
        Document(text, item, ("items", index))
        for index, item in enumerate(items)
        if isinstance(item, dict)
    ]
