"""What is printed: a table of all kinds, and for each failure the command that shows it alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import marked

# MiB that a process may have more at the end than after its first tenth.
GROWTH = 64.0
# So many are told apart; who wants to see more mends these first.
MOST = 20
HEAD = ("kind", "cases", "answers", "slowest ms", "peak MiB", "grown MiB", "failed")


@dataclass
class Tally:
    """What came of the cases of one kind."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0
    """Seconds of CPU time for one request."""
    mib: float = 0
    """The most that one case took."""
    grown: float = 0
    """MiB that the process has more than after the first tenth."""
    failed: dict[str, list[str]] = field(default_factory=dict)
    """Number, or numbers, to findings."""

    def add(self, other: "Tally") -> None:
        """Count another part of the same kind."""
        self.cases += other.cases
        self.statuses += other.statuses
        self.slowest = max(self.slowest, other.slowest)
        self.mib = max(self.mib, other.mib)
        self.grown = max(self.grown, other.grown)
        self.failed |= other.failed


def table(tallies: Mapping[str, Tally]) -> str:
    """Return the table in Markdown."""
    rows = (_row(kind, tally) for kind, tally in tallies.items())
    return marked.table(HEAD, (*rows, _sum(tallies)))


def _row(kind: str, tally: Tally) -> tuple[str, ...]:
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(tally.statuses.items()))
    return (
        *(kind, f"{tally.cases:,}", answers, f"{tally.slowest * 1000:.0f}", f"{tally.mib:.0f}"),
        *(f"{tally.grown:.0f}", str(len(findings(tally)))),
    )


def _sum(tallies: Mapping[str, Tally]) -> tuple[str, ...]:
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    failed = sum(len(findings(tally)) for tally in tallies.values())
    return (*_row("together", whole)[:-1], str(failed))


def findings(tally: Tally) -> dict[str, list[str]]:
    """Return what failed, by number; a process that grows is one of them."""
    grown = {"0": [f"the process grew by {tally.grown:.0f} MiB"]} if tally.grown > GROWTH else {}
    return {**tally.failed, **grown}


def failures(command: str, seed: int, tallies: Mapping[str, Tally]) -> Iterator[str]:
    """Return a few lines for each failure."""
    for kind, tally in tallies.items():
        for number, whys in [*findings(tally).items()][:MOST]:
            yield f"{command} --seed {seed} --case {kind}:{number}"
            yield from (f"  {why}" for why in dict.fromkeys(whys))
