"""From raw data to the Markdown tables of docs/performance.md, each by its name."""

from collections.abc import Iterable, Iterator
from typing import Any

from figures import Part, at, median, spread
from goals import OURS, Goal, goals
from marked import table

Data = dict[str, Any]
COLD = ("hello", "floor", OURS, "raw", "typed")
WITHOUT = "no byte code of the standard library"


def tables(data: Data) -> dict[str, str]:
    """Return every table."""
    parts = {name: Part(data.get(name)) for name in ("cold", "real", "warm", "growth", "memory")}
    return {
        "machine": _machine(data),
        "goals": _goals(goals(parts["cold"], parts["warm"])),
        "cold": _cold(parts["cold"], COLD),
        "cold-memory": _cold(parts["cold"], COLD, of="mib"),
        "byte-code": _cold(parts["cold"], ("hello", f"hello, {WITHOUT}", OURS, f"{OURS}, {WITHOUT}")),
        "real": _real(parts["real"]),
        "warm": _warm(parts["warm"]),
        "groups": _groups(parts["warm"]),
        "growth": _growth(parts["growth"]),
        "memory": _memory(parts["memory"]),
    }  # fmt: skip


def _machine(data: Data) -> str:
    rows = []
    for name, part in data.items():
        rows.append([name, part["measured"], *part["machine"].values()])
    head = ["part", "measured", "processor", "cores", "memory", "system", "pinned"]
    versions = {
        label: versions
        for part in data.values()
        for label, versions in part["environments"].items()
    }
    listed = [
        [label, ", ".join(f"{name} {version}" for name, version in each.items())]
        for label, each in versions.items()
    ]
    components = {name: v for part in data.values() for name, v in part["kubernetes"].items()}
    listed.append(["real API", ", ".join(f"{name} {v}" for name, v in components.items())])
    return table(head, rows) + "\n\n" + table(["environment", "versions"], listed)


def _goals(found: Iterable[Goal]) -> str:
    rows = []
    for goal in found:
        limit = f"{'≥' if goal.is_least else '≤'} {goal.limit:g} {goal.unit}"
        measured = "–" if goal.measured is None else f"{goal.measured:.2f} {goal.unit}"
        rows.append([goal.text, limit, measured, goal.verdict])
    return table(["goal", "limit", "measured", "verdict"], rows)


def _cold(part: Part, variants: Iterable[str], of: str = "values") -> str:
    variants = list(variants)
    rows = [
        [label, *(spread(part.values("cold", label, variant, of)) for variant in variants)]
        for label in part.environments("cold")
    ]
    return table(["environment", *variants], rows)


def _real(part: Part) -> str:
    rows = []
    for label in part.environments("real"):
        for variant in part.variants("real"):
            if values := part.values("real", label, variant):
                name = label if label == variant else f"{variant}: {label}"
                rows.append(
                    [name, spread(values), spread(part.values("real", label, variant, "mib"))]
                )
    return table(["program", "exec → first Job, ms", "PSS, MiB"], rows)


def _warm(part: Part) -> str:
    rows = []
    for label in part.environments("warm"):
        for variant in (OURS, "bare calls"):
            values = part.values("warm", label, variant)
            figures = (f"{at(values, percent):.2f}" for percent in (50, 95, 99))
            rows.append([f"{label}: {variant}", str(len(values)), *figures])
    return table(["one alert after the other", "n", "p50 ms", "p95 ms", "p99 ms"], rows)


def _groups(part: Part) -> str:
    cases = [f"group of {count}" for count in (1, 10, 100, 1000)] + ["storm"]
    rows = []
    for label in part.environments("storm"):
        for variant in (OURS, "bare client"):
            found = (spread(part.values(case, label, variant)) for case in cases)
            share = part.values("storm", label, f"{variant}: the API's share of its core")
            rows.append([f"{label}: {variant}", *found, f"{median(share):.0%}"])
    return table(["ms", *cases, "the API's core in the storm"], rows)


def _growth(part: Part) -> str:
    cases = list(dict.fromkeys(row["case"] for row in part.rows))
    rows = [
        [
            f"{label}: {variant}",
            *(_percentiles(part.values(case, label, variant)) for case in cases),
        ]
        for label in (part.environments(cases[0]) if cases else [])
        for variant in part.variants(cases[0])
    ]
    return table(["p50 / p95 ms", *cases], rows)


def _percentiles(values: list[float]) -> str:
    return f"{at(values, 50):.1f} / {at(values, 95):.1f}" if values else "–"


def _memory(part: Part) -> str:
    moments = list(dict.fromkeys(row["variant"] for row in part.rows))
    rows = [
        [label, *(f"{median(part.values('memory', label, each)):.1f}" for each in moments)]
        for label in part.environments("memory")
    ]
    return table(["PSS, MiB", *moments], rows)


def names() -> Iterator[str]:
    """Return the names of the tables."""
    yield from tables({})
