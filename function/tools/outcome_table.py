"""Outcomes for people: a table, and below each line of it why."""

import shutil
import textwrap
from collections.abc import Sequence

import click

from function.outcomes import MAX_NAME, Kind, Outcome, one_line

COLUMNS = ("ALERT", "STATUS", "OUTCOME", "JOB")
# Wide enough for a Job's name, and not wider than can be read.
NARROWEST, WIDEST = 80, 120

_WHY = {
    Kind.CREATED: "by {}",
    Kind.EXISTS: "its episode has this job already",
    Kind.NO_DEFINITION: "there is no ConfigMap {}, or it is another alert's",
    Kind.DISABLED: "{} has the label openfero/job-disabled",
    Kind.NO_MATCH: "its labels do not fit openfero.io/match of {}",
    Kind.WOULD_CREATE: "{} is in the mode audit",
    Kind.CANCELLED: "its alert has resolved, and the job still ran",
    Kind.DECLINED: "its alert has resolved, and nobody had approved the job",
}
"""What the function leaves unsaid; `{}` is the definition."""

_COLOURS = {
    Kind.CREATED: "green",
    Kind.WOULD_CREATE: "green",
    Kind.BROKEN: "red",
    Kind.UNAVAILABLE: "red",
    Kind.WOULD_REFUSE: "red",
    Kind.NEEDS_APPROVAL: "yellow",
}


def build_table(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each outcome, under a line of headings, and below it why."""
    if not outcomes:
        return "no alerts are in it"
    rows = [_cells(outcome) for outcome in outcomes]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    lines = [_line(COLUMNS, widths)]
    for outcome, row in zip(outcomes, rows, strict=True):
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        padded[2] = click.style(padded[2], fg=_COLOURS.get(outcome.kind))
        lines += [_line(padded, widths), *_why(outcome)]
    return "\n".join(lines)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    alert = one_line(outcome.alert.name, MAX_NAME) or "-"
    return alert, outcome.alert.status, str(outcome.kind), outcome.job or "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "   ".join(map(str.ljust, cells, widths)).rstrip()


def _why(outcome: Outcome) -> list[str]:
    why = str(outcome.fields()["message"])
    if not why and outcome.kind in _WHY:
        why = _WHY[outcome.kind].format(outcome.definition)
    width = min(max(shutil.get_terminal_size((100, 0)).columns, NARROWEST), WIDEST)
    return textwrap.wrap(
        why, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
