"""What must be true afterwards, of what the documentation promises alone.

Pure: from the episodes that fired, the notifications that were answered, and the Jobs that are
there, to what is wrong. It knows nothing of how the function decides.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from soaking.definitions import DEFINITIONS, Definition, Subject
from soaking.episodes import Episode, Job, Notice

LONGEST = 25.0
"""Seconds that the function takes at most for a notification."""
TO_ANSWER = 2.0
"""Seconds from the decision about a single alert to its answer, on a machine that has much to do."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong, each with its episode; nothing, if all is well."""

    lost: tuple[str, ...] = ()
    """It was due a Job and has none, or was answered 200 before it had it."""
    doubled: tuple[str, ...] = ()
    """It has two Jobs, or one for which nobody asked."""
    passed: tuple[str, ...] = ()
    """A limit that was not kept."""
    left: tuple[str, ...] = ()
    """A Job that should have been ended when its alert resolved."""

    @property
    def is_good(self) -> bool:
        return self == Verdict()


@dataclass(frozen=True)
class World:
    """What happened: what fired, which ends were posted, what the function answered, and what is there."""

    fired: Sequence[Episode]
    ended: Sequence[Episode]
    notices: Sequence[Notice]
    jobs: Sequence[Job]

    @property
    def settled(self) -> Iterator[tuple[Notice, Episode]]:
        """Each episode with each notification of it that was answered 200."""
        for notice in self.notices:
            if notice.is_settled:
                for episode in notice.episodes:
                    yield notice, episode


@dataclass(frozen=True)
class Tally:
    """How the figures add up; where nothing is wrong, each sum is that of its parts."""

    episodes: int
    """= `jobs` + `held_back`"""
    jobs: int
    held_back: int
    """Answered 200 without a Job, because of a guard rail."""
    ends: int
    """Those that are due a Job = `jobs_of_ends` + `untold`"""
    jobs_of_ends: int
    untold: int
    """Ends without a Job that were never answered 200, for Alertmanager may keep one to itself: what it has told,
    it knows by labels alone. Where its peer's late notification of the end before is written down
    after that of the firing, this end is told already, to all that it knows. So is one where the alert fires again first.
    """


def count(world: World) -> Tally:
    """Return how many there are of each."""
    settled = {episode for _, episode in world.settled}
    with_job = set(_by_episode(world.jobs))
    due = [episode for episode in world.ended if definition_of(episode)]
    jobs_of_ends = sum(job.episode.status == "resolved" for job in world.jobs)
    return Tally(
        episodes=len(world.fired),
        jobs=len(world.jobs) - jobs_of_ends,
        held_back=len(_held_back(world)),
        ends=len(due),
        jobs_of_ends=jobs_of_ends,
        untold=len(set(due) - settled - with_job),
    )


def judge(world: World) -> Verdict:
    """Return everything that is wrong."""
    return Verdict(
        lost=tuple(dict.fromkeys((*_never_settled(world), *_lost(world)))),
        doubled=(*_doubled(world), *_unasked(world)),
        passed=tuple(_passed(world)),
        left=tuple(dict.fromkeys(_left(world))),
    )


def definition_of(episode: Episode) -> Definition | None:
    """Return the one of an episode; many an alert has none for its end."""
    wanted = dict(episode.labels)["alertname"], episode.status
    return next((each for each in DEFINITIONS if (each.alertname, each.status) == wanted), None)


def _never_settled(world: World) -> Iterator[str]:
    settled = {episode for _, episode in world.settled}
    for episode in world.fired:
        if episode not in settled:
            yield f"{episode}: never answered 200"


def _lost(world: World) -> Iterator[str]:
    """An answer is late by no second: the Job's is rounded down, of the same clock."""
    own = _by_episode(world.jobs)
    for episode, is_excused in _without_job(world):
        if not is_excused:
            yield f"{episode}: answered 200 and {'late' if own[episode] else 'no'} Job"


def _held_back(world: World) -> set[Episode]:
    excused = {episode for episode, is_excused in _without_job(world) if is_excused}
    return excused - set(_by_episode(world.jobs))


def _without_job(world: World) -> Iterator[tuple[Episode, bool]]:
    """Return each that is due a Job and was answered 200 before it had one; whether that is excused."""
    own = _by_episode(world.jobs)
    excuses = _Excuses(world)
    for notice, episode in world.settled:
        definition = definition_of(episode)
        if definition and not any(job.created <= notice.answered for job in own[episode]):
            yield episode, definition.holds_back and excuses.hold(definition, episode, notice)


class _Excuses:
    """Why a guarded episode may be answered 200 without a Job."""

    def __init__(self, world: World) -> None:
        self._jobs = by_subject(world.jobs)
        self._there = _there(world)
        self._ends: dict[tuple[tuple[str, str], ...], list[Notice]] = defaultdict(list)
        for notice in world.notices:
            for episode in notice.episodes:
                if episode.status == "resolved":
                    self._ends[episode.labels].append(notice)

    def hold(self, definition: Definition, episode: Episode, notice: Notice) -> bool:
        """Say whether its subject had a run within the cooldown, or a Job that waits."""
        subject = definition.subject_of(dict(episode.labels))
        jobs = [job for job in self._jobs[definition, subject] if job.created <= notice.answered]
        now = _decided(notice)
        return any(
            now <= self._waits_until(job)
            if job.asks
            else max(0, math.floor(now) - job.created) < definition.cooldown
            for job in jobs
        )

    def _waits_until(self, job: Job) -> float:
        """Return the time of the first answer to an end that found it; what came as it was made may not have.

        Whichever has ended it, it was one that came: that bounds it, too.
        """
        ends = self._ends[job.episode.labels]
        found = [end for end in ends if end.is_settled and end.arrived > self._there[job.name]]
        last = max((end.arrived + LONGEST for end in ends), default=0) if job.is_ended else math.inf
        return min([last, *(end.answered for end in found)])


def _decided(notice: Notice) -> float:
    """Return the earliest time at which it may have been decided: with others, it may wait for them."""
    alone = len(notice.episodes) == 1
    return max(notice.arrived, notice.answered - TO_ANSWER) if alone else notice.arrived


def _there(world: World) -> dict[str, float]:
    """Return since when each Job is certainly there: the second of its creation is over, or it is named."""
    there = {job.name: job.created + 1 for job in world.jobs}
    for notice in world.notices:
        for name in notice.named & there.keys():
            there[name] = min(there[name], notice.answered)
    return there


def _doubled(world: World) -> Iterator[str]:
    for episode, jobs in _by_episode(world.jobs).items():
        if len(jobs) > 1:
            yield f"{episode}: {len(jobs)} Jobs, {', '.join(job.name for job in jobs)}"


def _unasked(world: World) -> Iterator[str]:
    told = {episode for notice in world.notices for episode in notice.episodes}
    told.update(world.fired)
    for job in world.jobs:
        if job.episode not in told:
            yield f"{job.episode}: {job.name}, which nobody asked for"


def _passed(world: World) -> Iterator[str]:
    for (definition, subject), jobs in by_subject(world.jobs).items():
        about = f"{definition.name} of {'/'.join(subject)}"
        for number, job in enumerate(jobs):
            ages = [job.created - each.created for each in jobs[:number] if not each.asks]
            if any(age < definition.cooldown for age in ages):
                yield f"{about}: {job.name} ({job.episode}) within the cooldown, after {min(ages):g} s"
            recent = sum(age < definition.window for age in ages)
            if definition.max_runs and not job.asks and recent >= definition.max_runs:
                yield f"{about}: {job.name} ({job.episode}) is one too many, after {recent} runs"
        waiting = [job.name for job in jobs if job.asks and not job.is_ended]
        if len(waiting) > 1:
            yield f"{about}: {len(waiting)} wait, {', '.join(waiting)}"


def _left(world: World) -> Iterator[str]:
    """Only the last Job of an alert is ended: where another came at that time, either may be."""
    there = _there(world)
    of_alert: dict[object, list[Job]] = defaultdict(list)
    for job in sorted(world.jobs, key=_order):
        if job.episode.status == "firing":
            of_alert[job.episode.labels].append(job)
    for notice, episode in world.settled:
        jobs = [job for job in of_alert[episode.labels] if job.created <= notice.answered]
        if episode.status == "firing" or not jobs or there[jobs[-1].name] > notice.arrived:
            continue
        if jobs[-1].episode.starts_at == episode.starts_at and _is_to_end(jobs[-1]):
            yield f"{jobs[-1].episode}: {jobs[-1].name} goes on, though it has resolved"


def _is_to_end(job: Job) -> bool:
    definition = definition_of(job.episode)
    return bool(definition) and (definition.cancels or job.asks) and not job.is_ended


def by_subject(jobs: Iterable[Job]) -> dict[tuple[Definition, Subject], list[Job]]:
    """Return the Jobs that count together, in the order in which they were made."""
    found: dict[tuple[Definition, Subject], list[Job]] = defaultdict(list)
    for job in sorted(jobs, key=_order):
        if definition := definition_of(job.episode):
            found[definition, definition.subject_of(dict(job.episode.labels))].append(job)
    return found


def _order(job: Job) -> tuple[float, int]:
    return job.created, job.run


def _by_episode(jobs: Iterable[Job]) -> dict[Episode, list[Job]]:
    found: dict[Episode, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.episode].append(job)
    return found
