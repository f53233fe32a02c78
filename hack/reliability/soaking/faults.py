"""What goes wrong on the two ways, and when: from Alertmanager to the function, and on to the API.

Which comes when is the same for the same seed; which request it hits is chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from proxy import QUOTA_CONFLICT, Delay, Fault, Hang, Request, Reset, Rule, Truncate, status

REFUSING = "refusing"
"""Nobody listens: the one that is no rule."""

Chance = tuple[float, Callable[[Random], Fault | None]]


@dataclass(frozen=True)
class Period:
    """What goes wrong for a while; seconds after the beginning of the soak."""

    begins: float
    seconds: float
    kind: str


def _delay(longest: float) -> Callable[[Random], Fault]:
    return lambda random: Delay(random.uniform(0.1, longest))


def _some(*faults: Fault) -> Callable[[Random], Fault]:
    return lambda random: random.choice(faults)


_BUSY = (status(429, "TooManyRequests"), status(500, "InternalError"), status(503))
_CUTS = (Reset(), Reset(after_storing=True))

# Of a request to the API, and of one that creates a Job: often enough that all the function's
# own tries at it are used up, and Alertmanager's are needed.
KINDS: dict[str, tuple[Chance, Chance]] = {
    "calm": ((0, _some(*_CUTS)), (0, _some(*_CUTS))),
    "slow": ((0.4, _delay(3)), (0.4, _delay(3))),
    "cutting": ((0.4, _some(*_CUTS, Truncate())), (0.7, _some(*_CUTS, Truncate()))),
    "busy": ((0.6, _some(*_BUSY)), (0.7, _some(*_BUSY))),
    "quota": ((0, _some(QUOTA_CONFLICT)), (0.9, _some(QUOTA_CONFLICT))),
    "hanging": ((0.05, _some(Hang())), (0.1, _some(Hang()))),
    REFUSING: ((0, _some(*_CUTS)), (0, _some(*_CUTS))),
}

LONGEST = 6.0
"""Seconds of a period; less, if otherwise not all would come."""


def plan(seed: int, seconds: float) -> tuple[Period, ...]:
    """Return the periods, one after the other until the end; each kind comes before one comes again."""
    random = Random(f"faults {seed}")
    periods: list[Period] = []
    begins, bag = 0.0, list[str]()
    while begins < seconds:
        bag = bag or random.sample(sorted(KINDS), len(KINDS))
        lasts = min(random.uniform(1, min(LONGEST, seconds / len(KINDS))), seconds - begins)
        periods.append(Period(begins, lasts, bag.pop()))
        begins += lasts
    return tuple(periods)


def before_the_api(kind: str, random: Random) -> Rule:
    """Return what is played for the requests of the function."""
    any_request, create = KINDS[kind]

    def rule(request: Request) -> Fault | None:
        chance, fault = create if request.is_create else any_request
        return fault(random) if random.random() < chance else None

    return rule


def before_the_function(random: Random) -> Rule:
    """Return what is played for the notifications: few are cut or late, all the time."""

    def rule(_: Request) -> Fault | None:
        faults: Sequence[Fault] = (*_CUTS, Delay(random.uniform(0.1, 2)))
        return random.choice(faults) if random.random() < 0.1 else None

    return rule
