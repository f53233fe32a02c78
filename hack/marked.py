"""Tables within a page of docs/: between marks, and the words around them stay."""

import re
from collections.abc import Mapping
from pathlib import Path

_MARKED = "<!-- {0} -->\n{1}<!-- /{0} -->"


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
