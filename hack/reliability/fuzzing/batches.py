"""Cases one after the other, and what is told beside their answers once for many of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fuzzing import memory
from fuzzing.cases import Case
from fuzzing.checks import of_case, of_cost, of_told
from fuzzing.kinds import make_case
from fuzzing.subject import Run, Subject

SIZE = 100
# So many are told apart; who wants to see more mends these first.
MOST = 20


@dataclass
class Tally:
    """What came of the cases of one kind."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0
    """Seconds for one request."""
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
        run = self._subject.run(case)
        if [*of_cost(run)]:  # perhaps the machine did something else
            memory.give_back()
            run = _cheaper(run, self._subject.run(case))
        self._count(case, run)
        return of_case(case, run)

    def _count(self, case: Case, run: Run) -> None:
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


def _cheaper(first: Run, second: Run) -> Run:
    """Return the second run, with the better of both figures."""
    faster = min(first, second, key=lambda run: run.slowness)
    return replace(faster, seen=second.seen, mib=min(first.mib, second.mib))


def replayed(subject: Subject, seed: int, kind: str, numbers: Sequence[int]) -> Iterator[str]:
    """Run cases by themselves; return a line for what was sent, answered and found."""
    batches = Batches(subject, seed, kind, lambda _: None)
    for number in numbers:
        case = make_case(seed, kind, number)
        yield f"{kind}:{number} {str(case)[:4000]}"
        for seen in subject.run(case).seen:
            yield f"  {seen.status} {seen.body[:1000]!r}"
        yield from (f"  FAILED {why}" for why in batches.found_in([number]))
