"""What was promised, what was measured, and by how much it was missed."""

from collections.abc import Iterator
from dataclasses import dataclass

from figures import Part, at, median, ratio

OURS = "OpenFero"
DOORS = ("func-python", "functions-framework")


@dataclass(frozen=True)
class Goal:
    """A figure and its limit; of a rate the limit is the least, else the most."""

    text: str
    limit: float
    measured: float | None
    unit: str = "×"
    is_least: bool = False

    @property
    def verdict(self) -> str:
        """Say whether it is met, and by how much not."""
        if self.measured is None:
            return "not measured"
        missed = (self.limit - self.measured) if self.is_least else (self.measured - self.limit)
        return "met" if missed <= 0 else f"missed by {missed / self.limit:.0%}"


def goals(cold: Part, warm: Part) -> Iterator[Goal]:
    """Return all goals with what was measured."""
    yield from _against_the_floor(cold)
    yield from _against_the_client(cold)
    for environment in _marks(warm, "warm"):
        yield from _of_one_alert(warm, environment)
        for case, text in (("group of 100", "a group of 100"), ("storm", "the storm of 1,000")):
            rate = ratio(
                warm.values(case, environment, "bare client"), warm.values(case, environment, OURS)
            )
            text = f"{environment}: rate of {text}, to the bare concurrent client's"
            yield Goal(text, 0.8, rate, is_least=True)


def _marks(part: Part, case: str) -> list[str]:
    found = part.environments(case)
    return [next(label for label in found if label.startswith(door + ",")) for door in DOORS if any(
        label.startswith(door + ",") for label in found
    )]  # fmt: skip


def _against_the_floor(cold: Part) -> Iterator[Goal]:
    for door, mib in zip(DOORS, (36, 50), strict=True):
        label = f"{door}, 3.15 lazy"
        ours = cold.values("cold", label, OURS)
        floor = cold.values("cold", label, "floor")
        yield Goal(f"{label}: exec → first Job, to the floor", 1.25, ratio(ours, floor))
        memory = cold.values("cold", label, OURS, of="mib")
        text = f"{label}: memory after the first Job"
        yield Goal(text, mib, median(memory) if memory else None, "MiB")


def _against_the_client(cold: Part) -> Iterator[Goal]:
    for door in DOORS:
        label = f"{door}, 3.11"
        ours, raw = cold.values("cold", label, OURS), cold.values("cold", label, "raw")
        yield Goal(f"{label}: exec → first Job, to bare `RESTClientObject`", 1.15, ratio(ours, raw))


def _of_one_alert(warm: Part, environment: str) -> Iterator[Goal]:
    ours = warm.values("warm", environment, OURS)
    calls = warm.values("warm", environment, "bare calls")
    for percent, limit in ((50, 3), (99, 6)):
        cost = at(ours, percent) - at(calls, percent) if ours and calls else None
        text = f"{environment}: a warm alert beyond its API calls, p{percent}"
        yield Goal(text, limit, cost, "ms")
