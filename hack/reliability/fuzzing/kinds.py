"""The kinds of cases: how many of a hundred are of each, and what makes one."""

from collections.abc import Callable

from fuzzing import alerts, bodies, events, heads, manifests, rails
from fuzzing.cases import Case
from fuzzing.dice import Dice

# What takes longest comes first, so that all processes have something to do until the end.
KINDS: dict[str, tuple[int, Callable[[Dice], Case]]] = {
    "alerts": (15, alerts.make),
    "manifests": (20, manifests.make),
    "rails": (15, rails.make),
    "events": (15, events.make),
    "bodies": (25, bodies.make),
    "heads": (10, heads.make),
}


def make_case(seed: int, kind: str, number: int) -> Case:
    """Return the case of that number; it depends on nothing else."""
    return KINDS[kind][1](Dice(f"{seed}:{kind}:{number}"))


def counts(cases: int) -> dict[str, int]:
    """Return how many of so many cases are of each kind, at least one."""
    return {kind: max(1, cases * share // 100) for kind, (share, _) in KINDS.items()}
