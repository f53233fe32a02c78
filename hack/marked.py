"""Tables within a page of docs/: between marks, and the words around them stay."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_MARKED = "<!-- {0} -->\n{1}<!-- /{0} -->"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    head = list(head)
    return "\n".join(map(line, (head, ["---"] * len(head), *rows)))


def line(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(cells)} |"


def rows(text: str, name: str) -> list[tuple[str, ...]]:
    """Return the rows that the page has between the marks of that name."""
    [found] = re.findall(_MARKED.format(re.escape(name), "(.*?)"), text, re.DOTALL)
    return [tuple(row.strip("| ").split(" | ")) for row in found.splitlines()[2:]]


def write(path: Path, tables: Mapping[str, str]) -> None:
    """Put each table, by its name, between its marks in the page."""
    path.write_text(fill(path.read_text(), tables))


def fill(text: str, tables: Mapping[str, str]) -> str:
    """Return the page with these tables; each must have its place there."""
    for name, table in tables.items():
        pattern = _MARKED.format(re.escape(name), ".*?")
        marked = _MARKED.format(name, f"{table}\n")
        text, count = re.subn(pattern, lambda _, new=marked: new, text, flags=re.DOTALL)  # type: ignore[misc]
        assert count == 1, f"the page has no place for the table {name}"
    return text
