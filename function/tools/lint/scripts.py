"""What the alert's text could do in a script: where it would be code, or fall apart.

Labels come from anyone who can raise an alert. Kubernetes expands `$(NAME)` before a shell reads
its script; the shell itself splits and globs what is not in quotes.
"""

import re
from collections.abc import Iterator
from typing import Any

from function.tools.documents import Path
from function.tools.findings import Finding
from function.tools.lint.containers import containers, find_in, objects, value_at
from function.tools.lint.programs import Code, codes, not_expanded
from function.tools.lint.shell import uses
from function.tools.lint.templates import templates
from function.tools.lint.written import Written

# `$$` is how Kubernetes is told to leave a `$` alone.
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
# What the function itself writes is one plain word whatever the alert says.
_HARMLESS = frozenset({"OPENFERO_ALERT_STATUS", "OPENFERO_ALERT_FILE", "OPENFERO_DEFINITION"})
_TRACE = "TRACEPARENT"
_ALERT_FILE = "openfero.io/alert'"


def findings(manifest: Written) -> Iterator[Finding]:
    """Return where a script of the Job reads the alert's text as code."""
    for path, container in containers(manifest):
        variables = _Variables(manifest, path)
        for code in codes(path, container):
            yield from _expanded(manifest, code, variables)
            if code.is_shell:
                yield from _unquoted(manifest, code, variables)
        for place, name in not_expanded(path, container):
            message = f"nothing expands ${name} where no shell runs: write $({name})"
            yield manifest.find("not-expanded", place, message)
    yield from templates(manifest)


class _Variables:
    """Which variables of a container hold what the alert says."""

    def __init__(self, manifest: Written, container: Path) -> None:
        self._authors: dict[str, bool] = {}
        # In their order: Kubernetes expands what stands before.
        for _, variable in objects(manifest.value, *container, "env"):
            if isinstance(name := variable.get("name"), str):
                self._authors[name] = self._is_told(variable)

    def holds(self, name: str) -> bool:
        """Say whether a variable has a text of the alert; the author's own comes first."""
        ours = name.startswith("OPENFERO_") and name not in _HARMLESS
        return self._authors.get(name, ours or name == _TRACE)

    def _is_told(self, variable: dict[str, Any]) -> bool:
        value = variable.get("value")
        if isinstance(value, str) and value:
            return any(self.holds(name) for _, name in references(value))
        field = value_at(variable, "valueFrom", "fieldRef", "fieldPath")
        return isinstance(field, str) and _ALERT_FILE in field


def references(text: str) -> list[tuple[int, str]]:
    """Return where Kubernetes would expand a variable, and which."""
    return [(match.start(), match[1]) for match in _REFERENCE.finditer(text) if match[1]]


def _expanded(manifest: Written, code: Code, variables: _Variables) -> Iterator[Finding]:
    for offset, name in references(code.text):
        if variables.holds(name):
            why = (
                f"Kubernetes puts the alert's text for $({name}) into what {code.program} runs, so "
                "whoever raises an alert writes code"
            )
            if name == _TRACE:
                why = f"where a request has no trace, $({name}) stays, and {code.program} reads it"
            message = f"{why}: use {code.variable.format(name)}"
            yield find_in(manifest, "shell-expansion", code.path, offset, message)


def _unquoted(manifest: Written, code: Code, variables: _Variables) -> Iterator[Finding]:
    for use in uses(code.text):
        if not variables.holds(use.name):
            continue
        message = f'${use.name} is not quoted: its text is split and globbed; write "${use.name}"'
        if use.is_code:
            message = f"${use.name} is read as code here, whether quoted or not: pass it as a word"
        yield find_in(manifest, "unquoted-variable", code.path, use.offset, message)
