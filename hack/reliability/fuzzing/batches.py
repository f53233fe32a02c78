"""Cases of each kind, one after the other; what is told beside the answers, once for many of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from fuzzing import alerts, bodies, events, heads, manifests, memory, rails
from fuzzing.cases import Case
from fuzzing.checks import of_answers, of_case, of_cost, of_told
from fuzzing.dice import Dice
from fuzzing.report import MOST, Tally
from fuzzing.subject import Run, Subject, cheapest

SIZE = 100
# How many of a hundred are of each kind, and what makes one.
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


class Batches:
    """Runs cases of one kind."""

    def __init__(
        self, subject: Subject, seed: int, kind: str, begins: Callable[[int], None]
    ) -> None:
        self._subject = subject
        self._seed = seed
        self._kind = kind
        self._begins = begins
        self.tally = Tally()

    def run(self, first: int, end: int) -> Tally:
        """Run the cases from `first` to before `end`."""
        early = 0.0
        for start in range(first, end, SIZE):
            numbers = range(start, min(start + SIZE, end))
            found = self.found_in(numbers)
            if found and len(self.tally.failed) < MOST:
                self._look_closer(numbers, found)
            if not early and start - first >= (end - first) // 10:
                memory.give_back()
                early = memory.resident()
        memory.give_back()
        self.tally.grown = max(0.0, memory.resident() - early) if early else 0.0
        return self.tally

    def found_in(self, numbers: Sequence[int]) -> list[str]:
        """Return all that was found in these cases, and in what was told beside them."""
        found = [why for number in numbers for why in self._one(number)]
        return [*found, *of_told(self._subject.rest())]

    def _one(self, number: int) -> list[str]:
        self._begins(number)
        case = make_case(self._seed, self._kind, number)
        runs = [self._subject.run(case)]
        if [*of_cost(runs[0])]:  # perhaps for what earlier cases left
            memory.give_back()
            runs.append(self._subject.run(case))
        self._count(cheapest(runs))
        return of_case(case, *runs)

    def _count(self, run: Run) -> None:
        self.tally.cases += 1
        self.tally.statuses += Counter(seen.status for seen in run.seen)
        self.tally.slowest = max(self.tally.slowest, run.seconds)
        self.tally.mib = max(self.tally.mib, run.mib)

    def _look_closer(self, numbers: Sequence[int], whys: list[str]) -> None:
        """Run each by itself, so that what is found belongs to it."""
        again = Batches(self._subject, self._seed, self._kind, self._begins)
        alone = {str(number): again.found_in([number]) for number in numbers}
        found = {number: told for number, told in alone.items() if told}
        together = {f"{numbers[0]}-{numbers[-1]}": ["no case shows it alone:", *whys]}
        self.tally.failed |= found or together


def replayed(subject: Subject, seed: int, kind: str, numbers: Sequence[int]) -> Iterator[str]:
    """Run cases by themselves; return a line for what was sent, answered and found."""
    batches = Batches(subject, seed, kind, lambda _: None)
    for number in numbers:
        case = make_case(seed, kind, number)
        yield f"{kind}:{number} {str(case)[:4000]}"
        run = subject.run(case)
        yield from (f"  {seen.status} {seen.body[:1000]!r}" for seen in run.seen)
        found = [*of_answers(case, run), *batches.found_in([number])]
        yield from (f"  FAILED {why}" for why in dict.fromkeys(found))
