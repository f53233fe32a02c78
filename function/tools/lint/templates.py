"""Template syntax that nothing renders: a Prometheus rule's, Alertmanager's, Helm's.

The command line of a container may be in some program's own syntax, as that of `kubectl -o
go-template` or `docker --format`; there only names that no such program knows are told.
"""

import re
from collections.abc import Iterator
from typing import Any

from function.tools.documents import Path
from function.tools.findings import Finding
from function.tools.lint.containers import find_in
from function.tools.lint.written import Written

_TEMPLATE_OR_BARE = re.compile(r"\{\{.*?\}\}|(?<![\w$\\])\$(labels|externalLabels)\.\w+", re.DOTALL)
# Not as the end of a longer name, such as `.Config.Labels.x`.
_OF_ALERTS = re.compile(
    r"(?<![\w.)\]])(?:\$(?:labels|externalLabels)\.\w|\$value\b"
    r"|\$?\.(?:Common|Group)(?:Labels|Annotations)\b|\$?\.(?:Labels|Annotations)\.\w"
    r"|\$?\.Alerts\b|\$?\.ExternalURL\b|\$?\.(?:Values|Release|Chart)\.\w)"
)
_LABEL = re.compile(r"[lL]abels\.(\w+)")


def templates(manifest: Written) -> Iterator[Finding]:
    """Return the templates of a manifest, each at its line."""
    for path, text in _texts((), manifest.value):
        for offset, found in _in_text(path, text):
            yield find_in(manifest, "template-syntax", path, offset, _message(found))


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts((*path, name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts((*path, index), item)


def _in_text(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Return where templates stand in a text, and what they say."""
    for match in _TEMPLATE_OR_BARE.finditer(text):
        if match[1]:
            is_wrong = not _assigns(match[1], text)
        else:
            is_wrong = not _may_be_meant(path) or _names_an_alert(match[0], text)
        if is_wrong:
            yield match.start(), match[0]


def _may_be_meant(path: Path) -> bool:
    """Say whether another program may read a template here: one that runs, or watches pods."""
    words = {"command", "args", "annotations"} & set(map(str, path))
    return bool(words) or ("env" in path and path[-1] == "value")


def _names_an_alert(template: str, text: str) -> bool:
    return any(
        not _assigns(match[0].lstrip("$").partition(".")[0], text)
        for match in _OF_ALERTS.finditer(template)
    )


def _assigns(name: str, text: str) -> bool:
    """Say whether a text itself has a variable of this name, as templates and shells have."""
    return bool(name) and bool(re.search(rf"\$?\b{name}\s*(:=|=)|\bfor {name} in\b", text))


def _message(found: str) -> str:
    label = _LABEL.search(found)
    told = " ".join(found.split())
    shown = told if len(told) <= 60 else f"{told[:57]}..."
    if not label:
        return f"nothing renders {shown}: what the alert says is in OPENFERO_... and in its file"
    name = f"OPENFERO_{label[1].upper()}"
    return f'nothing renders {shown}: write "${name}" in a shell, $({name}) for any other program'
