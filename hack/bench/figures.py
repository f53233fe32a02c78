"""From raw values to the figures of a table."""

import statistics
from collections.abc import Sequence
from typing import Any


class Part:
    """The rows of one part, found by name; `missing` where nothing was measured."""

    def __init__(self, part: dict[str, Any] | None) -> None:
        self.rows = part["rows"] if part else []

    def environments(self, case: str) -> list[str]:
        """Return those in which a case was measured, the mark first."""
        found = {row["environment"] for row in self.rows if row["case"] == case}
        return sorted(found, key=_order)

    def variants(self, case: str) -> list[str]:
        """Return what was measured in a case, in the order in which it is explained."""
        found = dict.fromkeys(row["variant"] for row in self.rows if row["case"] == case)
        return sorted(found)

    def values(self, case: str, environment: str, variant: str, of: str = "values") -> list[float]:
        """Return raw values; none where it was not measured."""
        wanted = (case, environment, variant)
        for row in self.rows:
            if (row["case"], row["environment"], row["variant"]) == wanted:
                return list(row[of])
        return []


def _order(environment: str) -> tuple[bool, bool, str]:
    return "lazy" not in environment, "3.15" not in environment, environment


def median(values: Sequence[float]) -> float:
    """Return the one in the middle."""
    return statistics.median(values)


def at(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def spread(values: Sequence[float]) -> str:
    """Say median, minimum, and between which values the middle half lies."""
    if not values:
        return "–"
    middle = f"{at(values, 25):.0f}–{at(values, 75):.0f}"
    return f"{median(values):.0f} / {min(values):.0f} ({middle})"


def ratio(values: Sequence[float], others: Sequence[float]) -> float | None:
    """Return the ratio of the medians."""
    return median(values) / median(others) if values and others else None
