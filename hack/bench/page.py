"""The tables within docs/performance.md: between marks, the words around them stay."""

import re
from pathlib import Path
from typing import Any

from tables import tables

_MARKED = "<!-- {0} -->\n{1}<!-- /{0} -->"


def write(path: Path, data: dict[str, Any]) -> None:
    """Put each table between its marks."""
    path.write_text(fill(path.read_text(), data))


def fill(text: str, data: dict[str, Any]) -> str:
    """Return the page with the tables that the data makes."""
    for name, table in tables(data).items():
        pattern = _MARKED.format(re.escape(name), ".*?")
        text, count = re.subn(
            pattern,
            lambda _, n=name, t=table: _MARKED.format(n, f"{t}\n"),
            text,
            flags=re.DOTALL,  # type: ignore[misc]
        )
        assert count == 1, f"the page has no place for the table {name}"
    return text
