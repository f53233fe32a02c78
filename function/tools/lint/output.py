"""A report as text for people, and as JSON for programs."""

import json
from collections import Counter

import click

from function.tools.findings import Finding
from function.tools.lint.check import Report
from function.tools.lint.codes import Severity, severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def count(report: Report) -> Counter[Severity]:
    """Return how many errors and warnings there are."""
    return Counter(severity(each.code) for each in report.findings)


def as_line(finding: Finding) -> str:
    """Return a finding in one line; a terminal understands nothing in it but our colour."""
    level = severity(finding.code)
    shown = click.style(f"{level}:", fg=_COLOURS[level], bold=True)
    return (
        f"{_printable(str(finding.place))}: {shown} {_printable(finding.message)} [{finding.code}]"
    )


def _printable(text: str) -> str:
    words = " ".join(text.split())
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in words)


def summary(report: Report) -> str:
    """Return how much of what was found."""
    found = count(report)
    parts = [_number(found[level], level) for level in Severity]
    return f"{', '.join(parts)} in {_number(len(report.definitions), 'definition')}"


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def as_json(report: Report) -> str:
    """Return the findings and their counts: a public contract, to which names may be added."""
    found = count(report)
    content = {
        "findings": [
            {
                "file": each.place.source,
                "line": each.place.line,
                "code": each.code,
                "severity": severity(each.code),
                "message": each.message,
            }
            for each in report.findings
        ],
        "errors": found[Severity.ERROR],
        "warnings": found[Severity.WARNING],
        "definitions": len(report.definitions),
    }
    return json.dumps(content, indent=2)
