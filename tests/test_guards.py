"""May this job run now? Every row of the tables is a sentence of the specification."""

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.guards import Create, Ending, Hold, Run, decide, ending, is_over, read_run
from function.outcomes import Kind
from function.rails import Rails

HOUR = 3600.0
THIS = "this-episode"
OTHER = "other-episode"

MANY = Rails(max_runs=2, window=24 * HOUR)
ALL = Rails(cooldown=HOUR, rerun_after=2 * HOUR, max_runs=2, window=24 * HOUR)


def a_run(number: int, episode: str, age: float, *, ended: bool = True, **is_: bool) -> Run:
    """Return a run, whose job is called by its number."""
    return Run(f"job-{number}", number, episode, age, is_finished=ended, **is_)


def waiting(number: int, episode: str, age: float = 60) -> Run:
    return a_run(number, episode, age, ended=False, is_waiting=True)


def declined(number: int, episode: str, age: float = 60) -> Run:
    return a_run(number, episode, age, is_declined=True)


RUN_1, RUN_2, RUN_3 = "run 1", "run 2", "run 3"
SUSPENDED_1, SUSPENDED_2, SUSPENDED_3 = "run 1, suspended", "run 2, suspended", "run 3, suspended"

# (guard rails, the subject's runs so far) → what happens to THIS episode.
DECISIONS: dict[str, tuple[Rails, list[Run], str]] = {
    "the first episode of a subject runs": (Rails(cooldown=HOUR), [], RUN_1),
    "an episode that has its job gets no other": (
        Rails(cooldown=HOUR),
        [a_run(1, THIS, 5)],
        "exists job-1",
    ),
    "nor does it when the job has failed long ago": (
        Rails(cooldown=HOUR),
        [a_run(1, THIS, 9 * HOUR)],
        "exists job-1",
    ),
    # cooldown
    "another episode within the cooldown gets none": (
        Rails(cooldown=HOUR),
        [a_run(1, OTHER, HOUR - 1)],
        "cooling-down job-1",
    ),
    "once the cooldown is over it runs": (Rails(cooldown=HOUR), [a_run(1, OTHER, HOUR)], RUN_2),
    "the cooldown counts from the last run": (
        Rails(cooldown=HOUR),
        [a_run(1, OTHER, 9 * HOUR), a_run(2, "a third", 60)],
        "cooling-down job-2",
    ),
    "a run that has not ended cools down as well": (
        Rails(cooldown=HOUR),
        [a_run(1, OTHER, 60, ended=False)],
        "cooling-down job-1",
    ),
    "a declined job is no run": (Rails(cooldown=HOUR), [declined(1, OTHER)], RUN_2),
    "the last run is the youngest, whatever a person wrote on it": (
        Rails(cooldown=HOUR),
        [a_run(7, OTHER, 2 * HOUR), a_run(2, "a third", 60)],
        "cooling-down job-2",
    ),
    # rerun-after
    "the same episode runs again when its last run has ended and is old enough": (
        Rails(rerun_after=HOUR),
        [a_run(1, THIS, HOUR)],
        RUN_2,
    ),
    "not while it is younger": (
        Rails(rerun_after=HOUR),
        [a_run(1, THIS, HOUR - 1)],
        "exists job-1",
    ),
    "not while it has not ended": (
        Rails(rerun_after=HOUR),
        [a_run(1, THIS, 9 * HOUR, ended=False)],
        "exists job-1",
    ),
    "the age of the last run counts, not of the first": (
        Rails(rerun_after=HOUR),
        [a_run(1, THIS, 9 * HOUR), a_run(2, THIS, 60)],
        "exists job-2",
    ),
    "a declined episode gets no other, however old": (
        Rails(rerun_after=HOUR),
        [declined(1, THIS, 9 * HOUR)],
        "exists job-1",
    ),
    "a run of another episode does not make it due": (
        Rails(rerun_after=HOUR),
        [a_run(1, THIS, 60), a_run(2, OTHER, 9 * HOUR)],
        "exists job-1",
    ),
    "a re-run that is due still cools down": (
        Rails(rerun_after=HOUR, cooldown=3 * HOUR),
        [a_run(1, THIS, 2 * HOUR)],
        "cooling-down job-1",
    ),
    # max-runs
    "fewer runs than max-runs leave the next one free": (MANY, [a_run(1, OTHER, HOUR)], RUN_2),
    "after max-runs the next one is suspended": (
        MANY,
        [a_run(1, OTHER, 2 * HOUR), a_run(2, "a third", HOUR)],
        SUSPENDED_3,
    ),
    "a run older than the time of max-runs does not count": (
        MANY,
        [a_run(1, OTHER, 24 * HOUR), a_run(2, "a third", HOUR)],
        RUN_3,
    ),
    "nor does a declined one": (MANY, [declined(1, OTHER), a_run(2, "a third", HOUR)], RUN_3),
    "re-runs count like any run": (
        Rails(rerun_after=HOUR, max_runs=2, window=24 * HOUR),
        [a_run(1, THIS, 3 * HOUR), a_run(2, THIS, 2 * HOUR)],
        SUSPENDED_3,
    ),
    # one waits
    "while one of the subject waits, other episodes get none": (
        MANY,
        [waiting(3, OTHER)],
        "needs-approval job-3",
    ),
    "the episode whose job waits has its job": (MANY, [waiting(3, THIS)], "exists job-3"),
    "that one waits is said before the cooldown": (
        ALL,
        [waiting(1, OTHER)],
        "needs-approval job-1",
    ),
    # approve
    "with approve the first run is suspended": (Rails(approves=True), [], SUSPENDED_1),
    "and the next one, once the first was started and has ended": (
        Rails(approves=True),
        [a_run(1, OTHER, HOUR)],
        SUSPENDED_2,
    ),
    "with approve a cooldown holds as well": (
        Rails(approves=True, cooldown=HOUR),
        [a_run(1, OTHER, 60)],
        "cooling-down job-1",
    ),
    # numbers
    "the next number is one more than the highest, whatever the order": (
        Rails(cooldown=1),
        [a_run(7, OTHER, 60), a_run(2, OTHER, 3600)],
        "run 8",
    ),
    "a declined job has its number, too": (Rails(cooldown=1), [declined(4, OTHER)], "run 5"),
}


def told(plan: Create | Hold) -> str:
    if isinstance(plan, Hold):
        return f"{plan.kind} {plan.job}"
    return f"run {plan.number}{', suspended' if plan.is_suspended else ''}"


@pytest.mark.parametrize(("rails", "runs", "expected"), DECISIONS.values(), ids=DECISIONS)
def test_decision(rails: Rails, runs: list[Run], expected: str) -> None:
    for order in itertools.permutations(runs):
        assert told(decide(rails, THIS, order)) == expected


def test_whoever_is_held_back_is_told_for_how_long() -> None:
    plan = decide(Rails(cooldown=HOUR), THIS, [a_run(1, OTHER, 600)])

    assert plan == Hold(
        Kind.COOLING_DOWN,
        "job-1",
        "its subject had a run 600 s ago; 3000 s of the cooldown are left",
    )


def test_whoever_has_to_decide_is_told_why() -> None:
    runs = [a_run(1, OTHER, 60), a_run(2, OTHER, 50)]

    assert decide(Rails(approves=True), THIS, []) == Create(
        1, True, "every job of its definition is"
    )
    assert decide(MANY, THIS, runs) == Create(3, True, "its subject had 2 runs in 86400 s")


# What is ended when an alert resolves.

CANCEL = Rails(cancels=True)

ENDINGS: dict[str, tuple[Rails, list[Run], str]] = {
    "no job, nothing to end": (CANCEL, [], "nothing"),
    "with cancel, a running job is cancelled": (
        CANCEL,
        [a_run(1, THIS, 60, ended=False)],
        "cancelled job-1",
    ),
    "without it, it goes on": (MANY, [a_run(1, THIS, 60, ended=False)], "nothing"),
    "a job that has ended is left alone": (CANCEL, [a_run(1, THIS, 60)], "nothing"),
    "a job that waits is declined": (MANY, [waiting(1, THIS)], "declined job-1"),
    "with cancel as well": (CANCEL, [waiting(1, THIS)], "declined job-1"),
    "a declined one is not declined again": (CANCEL, [declined(1, THIS)], "nothing"),
    "only the last run counts": (
        CANCEL,
        [a_run(1, OTHER, 60, ended=False), a_run(2, THIS, 30)],
        "nothing",
    ),
    "the last run is the youngest, whatever its number": (
        CANCEL,
        [a_run(3, OTHER, 60), a_run(1, THIS, 30, ended=False)],
        "cancelled job-1",
    ),
    "of two that are as young, the one with the higher number": (
        CANCEL,
        [a_run(1, OTHER, 30), a_run(2, THIS, 30, ended=False)],
        "cancelled job-2",
    ),
}


@pytest.mark.parametrize(("rails", "runs", "expected"), ENDINGS.values(), ids=ENDINGS)
def test_ending(rails: Rails, runs: list[Run], expected: str) -> None:
    for order in itertools.permutations(runs):
        found = ending(rails, order)
        assert (f"{found.kind} {found.job}" if found else "nothing") == expected


def test_a_job_is_ended_before_it_makes_another_pod() -> None:
    assert ending(CANCEL, [a_run(1, THIS, 60, ended=False)]) == Ending(
        Kind.CANCELLED, "job-1", {"spec": {"activeDeadlineSeconds": 0}}
    )


def test_a_job_that_waits_is_ended_before_it_makes_its_first_unless_it_is_started_meanwhile() -> (
    None
):
    run = dataclasses.replace(waiting(1, THIS), version="7")

    assert ending(MANY, [run]) == Ending(
        Kind.DECLINED,
        "job-1",
        {
            "spec": {"activeDeadlineSeconds": 0, "suspend": False},
            "metadata": {"resourceVersion": "7"},
        },
    )


# What a Job says about itself.

NOW = 1_764_000_000.0
CREATED = "2025-11-24T15:59:00Z"  # a minute before


def a_job(*, status: Any = None, created: str = CREATED, run: str = "2", **spec: Any) -> dict:
    approval = spec.pop("approval", None)
    labels = {"openfero.io/run": run, "openfero.io/episode": THIS}
    return {
        "metadata": {
            "name": "job-2",
            "creationTimestamp": created,
            "labels": labels | ({"openfero.io/approval": approval} if approval else {}),
        },
        "spec": spec,
        "status": status or {},
    }


def condition(name: str, status: str = "True") -> dict[str, Any]:
    return {
        "conditions": [{"type": "Suspended", "status": "True"}, {"type": name, "status": status}]
    }


def test_a_listed_job_is_read() -> None:
    assert read_run(a_job(), NOW) == Run("job-2", 2, THIS, 60)


def test_a_job_from_the_future_is_of_no_age() -> None:
    assert read_run(a_job(created="2025-11-24T17:00:00Z"), NOW).age == 0


@pytest.mark.parametrize(
    ("job", "finished"),
    [
        (a_job(), False),
        (a_job(status={"active": 1}), False),
        (a_job(status=condition("Complete")), True),
        (a_job(status=condition("Failed")), True),
        (a_job(status=condition("Failed", "False")), False),
        (a_job(status=condition("FailureTarget")), False),
        (a_job(status=condition("SuccessCriteriaMet")), False),
        (a_job(status={"conditions": None}), False),
    ],
)
def test_a_job_has_ended_when_it_is_complete_or_failed(job: dict, finished: bool) -> None:
    assert read_run(job, NOW).is_finished is finished
    assert is_over(job) is finished


@pytest.mark.parametrize(
    ("job", "is_waiting"),
    [
        (a_job(suspend=True, approval="required"), True),
        (a_job(suspend=False, approval="required"), False),
        (a_job(suspend=True), False),  # its author's, or Kueue's
        (a_job(suspend=True, approval="required", status=condition("Failed")), False),
    ],
    ids=["ours", "started", "someone else's", "ended"],
)
def test_a_job_waits_if_we_suspended_it_and_nobody_has_decided(job: dict, is_waiting: bool) -> None:
    assert read_run(job, NOW).is_waiting is is_waiting


@pytest.mark.parametrize(
    ("job", "is_declined"),
    [
        (a_job(activeDeadlineSeconds=0, suspend=False, approval="required"), True),
        (
            a_job(
                activeDeadlineSeconds=0,
                approval="required",
                status={**condition("Failed"), "failed": 1},
            ),
            False,
        ),
        (a_job(activeDeadlineSeconds=0, approval="required", status={"active": 1}), False),
        (a_job(activeDeadlineSeconds=600, approval="required"), False),
        (a_job(activeDeadlineSeconds=0), False),
        (a_job(activeDeadlineSeconds=0, suspend=True, approval="required"), False),
    ],
    ids=[
        "declined",
        "approved, then cancelled",
        "being cancelled",
        "approved",
        "cancelled",
        "waits",
    ],
)
def test_a_job_was_declined_if_it_was_ended_before_it_had_a_pod(
    job: dict, is_declined: bool
) -> None:
    assert read_run(job, NOW).is_declined is is_declined


def test_a_job_that_is_being_ended_counts_as_ended() -> None:
    assert read_run(a_job(activeDeadlineSeconds=0), NOW).is_finished


@pytest.mark.parametrize("count", ["active", "succeeded", "failed", "terminating"])
def test_a_job_that_had_a_pod_was_not_declined(count: str) -> None:
    job = a_job(activeDeadlineSeconds=0, approval="required", status={count: 1})

    assert not read_run(job, NOW).is_declined


@pytest.mark.parametrize("text", ["", "two", "-1", "0", "²", "9" * 10])
def test_a_number_that_a_person_has_broken_counts_as_the_first(text: str) -> None:
    assert read_run(a_job(run=text), NOW).number == 1


# Whatever the order, the repeats and the crashes.


@dataclasses.dataclass
class Subject:
    """One subject's Jobs as an API server keeps them: a name is taken once."""

    rails: Rails
    now: float = 0
    jobs: dict[int, tuple[str, float, bool]] = dataclasses.field(default_factory=dict)

    def runs(self, is_late: bool = False) -> list[Run]:
        """Return what is listed; late, it is what was there before the last write."""
        numbers = sorted(self.jobs)[:-1] if is_late else self.jobs
        return [
            Run(
                f"job-{number}",
                number,
                episode,
                self.now - created,
                is_finished=not waits,
                is_waiting=waits,
            )
            for number in numbers
            for episode, created, waits in [self.jobs[number]]
        ]

    def create(self, plan: Create, episode: str) -> bool:
        """Create a run unless its number is taken, as the name of its Job would be."""
        is_new = plan.number not in self.jobs
        if is_new:
            self.jobs[plan.number] = (episode, self.now, plan.is_suspended)
        return is_new

    def settle(self, episode: str, is_late: bool) -> Create | Hold:
        """Settle as the function does, which looks again when its number is taken."""
        while True:
            plan = decide(self.rails, episode, self.runs(is_late))
            if isinstance(plan, Hold) or self.create(plan, episode):
                return plan
            is_late = False


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),  # an episode is notified
        st.integers(0, 40),  # after so many minutes
        st.booleans(),  # by a pod that does not see what was written last
    ),
    max_size=30,
)
RAILS = st.builds(
    Rails,
    cooldown=st.sampled_from([None, HOUR / 2, HOUR]),
    rerun_after=st.sampled_from([None, HOUR, 2 * HOUR]),
    max_runs=st.sampled_from([1, 2, 3]),
    window=st.sampled_from([HOUR, 4 * HOUR]),
)


@given(rails=RAILS, steps=STEPS)
@settings(max_examples=500, deadline=None)
def test_never_more_runs_in_a_time_than_allowed_and_at_most_one_waits(
    rails: Rails, steps: list[tuple[str, int, bool]]
) -> None:
    subject = Subject(rails)
    for episode, minutes, is_late in steps:
        subject.now += minutes * 60
        subject.settle(episode, is_late)

    free = [created for _, created, waits in subject.jobs.values() if not waits]
    for start in free:
        within = [time for time in free if start <= time < start + (rails.window or 0)]
        assert len(within) <= (rails.max_runs or 0)
        if rails.cooldown:
            assert [time for time in free if start < time < start + rails.cooldown] == []
    assert sum(waits for _, _, waits in subject.jobs.values()) <= 1


@given(rails=RAILS, steps=STEPS)
@settings(max_examples=500, deadline=None)
def test_no_episode_is_lost_that_is_due_one(
    rails: Rails, steps: list[tuple[str, int, bool]]
) -> None:
    """Whoever has no Job is told why, and the reason is true."""
    subject = Subject(rails)
    for episode, minutes, is_late in steps:
        subject.now += minutes * 60
        plan = subject.settle(episode, is_late)

        has_job = any(name == episode for name, _, _ in subject.jobs.values())
        waits = any(waits for _, _, waits in subject.jobs.values())
        youngest = min((run.age for run in subject.runs()), default=float("inf"))
        if not has_job:
            assert isinstance(plan, Hold)
            assert plan.kind in ("needs-approval", "cooling-down")
            assert waits if plan.kind == "needs-approval" else youngest < (rails.cooldown or 0)
