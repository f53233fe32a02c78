"""Who is killed, when, and for how long it stays away: pure, and the same for the same seed."""

from dataclasses import dataclass
from random import Random

API_SERVER = "the API server"
FUNCTIONS = ("function 0", "function 1")

MEAN_LIFE = {API_SERVER: 40.0, FUNCTIONS[0]: 25.0, FUNCTIONS[1]: 25.0}
"""Seconds, once it has been started again."""
LAST = {API_SERVER: 0.9, FUNCTIONS[0]: 0.4, FUNCTIONS[1]: 0.4}
"""Share of the time after which it is left alive: the function's memory is judged by its last life."""
LONGEST_ABSENCE = 4.0


@dataclass(frozen=True)
class Kill:
    """After so many seconds of its life it is killed, and started again after so many more."""

    lives: float
    stays_away: float


def plan(seed: int, seconds: float, victim: str) -> tuple[Kill, ...]:
    """Return the kills of one, at least one."""
    random = Random(f"kills {seed} {victim}")
    last, kills, spent = seconds * LAST[victim], list[Kill](), 0.0
    while True:
        lives = random.uniform(0.2, 1.8) * min(MEAN_LIFE[victim], last / 2)
        if kills and spent + lives > last:
            return tuple(kills)
        kills.append(Kill(lives, random.uniform(0, LONGEST_ABSENCE)))
        spent += lives + kills[-1].stays_away
