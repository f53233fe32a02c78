"""The table of what soaks have shown: a row for each Alertmanager."""

from collections.abc import Iterable
from dataclasses import astuple

from soaking.memory import BOUND
from soaking.play import Result

HEAD = (
    "Alertmanager",
    "Kubernetes",
    "seed",
    "minutes",
    "notifications",
    "retries",
    "kills",
    "episodes",
    "Jobs",
    "held back",
    "ends",
    "their Jobs",
    "untold",
    "lost",
    "doubled",
    "limits passed",
    "not ended",
    "pending",
    "memory, MiB",
)

UNTOLD = 0.02
"""Share of the ends that Alertmanager may keep to itself."""
JUDGED = 120.0
"""Seconds of a soak from which on the memory must be judged."""

Row = tuple[str, ...]


def row(alertmanager: str, kubernetes: str, seed: int, minutes: float, result: Result) -> Row:
    """Return what one soak has shown."""
    verdict = result.verdict
    figures = (
        *(result.notifications, result.retries, result.kills, *astuple(result.tally)),
        *map(len, (verdict.lost, verdict.doubled, verdict.passed, verdict.left)),
        result.pending,
    )
    grown = "–" if result.growth is None else f"{result.growth:+.1f}"
    told = (f"{figure:,}" for figure in figures)
    return (alertmanager, kubernetes, str(seed), f"{minutes:g}", *told, grown)


def problems(result: Result) -> list[str]:
    """Return each thing that must not be, as a line."""
    verdict = result.verdict
    found = [
        f"{word}: {text}"
        for word, texts in (
            ("lost", verdict.lost),
            ("doubled", verdict.doubled),
            ("limit passed", verdict.passed),
            ("not ended", verdict.left),
            ("defect", result.defects),
        )
        for text in texts
    ]
    if result.pending:
        found.append(f"pending: {result.pending} groups of alerts")
    tally = result.tally
    if tally.untold > 1 + UNTOLD * tally.ends:
        found.append(f"untold: {tally.untold} of {tally.ends} ends")
    if result.growth is None and result.seconds >= JUDGED:
        found.append("memory: no function has lived long enough to be judged")
    if result.growth is not None and result.growth > BOUND:
        found.append(f"memory: a function has grown by {result.growth:.1f} MiB")
    return found


def merged(old: Iterable[Row], new: Row) -> list[Row]:
    """Return the rows with a new one, instead of that of the same Alertmanager."""
    return sorted([*(each for each in old if each[0] != new[0]), new])
