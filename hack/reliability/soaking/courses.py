"""What fires, flaps and resolves, and when: pure, and the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from soaking.definitions import DEFINITIONS

NAMES = sorted({definition.alertname for definition in DEFINITIONS})
NAMESPACES = ("shop", "bar", "mill")
APPS = ("web", "db")

BURSTS = (1, 1, 2, 4, 20)
"""How many alerts may fire at once."""
MEAN_PAUSE = 2.0
"""Seconds between two bursts."""
LAST_BURST = 0.8
"""Share of the time after which no other alert fires for the first time."""


@dataclass(frozen=True)
class Flap:
    """One episode: how many seconds it fires once it was told, and rests once its end was."""

    burns: float
    rests: float


@dataclass(frozen=True)
class Course:
    """One alert through all its episodes; it begins so many seconds after the soak."""

    begins: float
    labels: tuple[tuple[str, str], ...]
    flaps: tuple[Flap, ...]


def plan(seed: int, seconds: float) -> tuple[Course, ...]:
    """Return the courses of a soak, in the order in which they begin."""
    random = Random(f"courses {seed}")
    return tuple(
        _course(random, begins, number)
        for number, begins in enumerate(_beginnings(random, seconds * LAST_BURST))
    )


def _beginnings(random: Random, end: float) -> Iterator[float]:
    begins = random.uniform(0, 1)
    while begins < end:
        for _ in range(random.choice(BURSTS)):
            yield begins
        begins += random.expovariate(1 / MEAN_PAUSE)


def _course(random: Random, begins: float, number: int) -> Course:
    labels = {
        "alertname": random.choice(NAMES),
        "namespace": random.choice(NAMESPACES),
        "app": random.choice(APPS),
        "pod": f"pod-{number}",
    }
    flaps = random.choice((1, 1, 2, 3, 6))
    return Course(begins, tuple(sorted(labels.items())), tuple(_flaps(random, flaps)))


def _flaps(random: Random, count: int) -> Iterator[Flap]:
    for _ in range(count):
        # One in six fires for longer than a cooldown, and is told again.
        longest = 20 if random.random() < 1 / 6 else 4
        yield Flap(random.uniform(0, longest), random.uniform(0, 3))
