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
    """What happened: what fired, what the function answered, and what is there."""

    fired: Sequence[Episode]
    notices: Sequence[Notice]
    jobs: Sequence[Job]

    @property
    def settled(self) -> Iterator[tuple[Notice, Episode]]:
        """Each episode with each notification of it that was answered 200."""
        for notice in self.notices:
            if notice.is_settled:
                for episode in notice.episodes:
                    yield notice, episode


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
    excuses = _Excuses(world)
    for notice, episode in world.settled:
        definition = definition_of(episode)
        if not definition or any(job.created <= notice.answered for job in own[episode]):
            continue
        if definition.holds_back and excuses.hold(definition, episode, notice):
            continue
        yield f"{episode}: answered 200 and {'late' if own[episode] else 'no'} Job"


class _Excuses:
    """Why a guarded episode may be answered 200 without a Job."""

    def __init__(self, world: World) -> None:
        self._jobs = by_subject(world.jobs)
        self._ends: dict[tuple[tuple[str, str], ...], list[Notice]] = defaultdict(list)
        for notice, episode in world.settled:
            if episode.status == "resolved":
                self._ends[episode.labels].append(notice)

    def hold(self, definition: Definition, episode: Episode, notice: Notice) -> bool:
        """Say whether its subject had a run within the cooldown, or a Job that waits."""
        subject = definition.subject_of(dict(episode.labels))
        jobs = [job for job in self._jobs[definition, subject] if job.created <= notice.answered]
        now = math.floor(notice.arrived)
        return any(
            self._waits(job, notice.arrived)
            if job.asks
            else max(0, now - job.created) < definition.cooldown
            for job in jobs
        )

    def _waits(self, job: Job, at: float) -> bool:
        """Say whether nobody had ended it by then; what came as it was made may have seen none."""
        ends = (each for each in self._ends[job.episode.labels] if each.arrived > job.created + 1)
        return all(at <= each.answered for each in ends)


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
    of_alert: dict[object, list[Job]] = defaultdict(list)
    for job in sorted(world.jobs, key=_order):
        if job.episode.status == "firing":
            of_alert[job.episode.labels].append(job)
    for notice, episode in world.settled:
        jobs = [job for job in of_alert[episode.labels] if job.created <= notice.answered]
        if episode.status == "firing" or not jobs or jobs[-1].created + 1 > notice.arrived:
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
