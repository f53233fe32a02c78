"""Lets the alerts fire, flap and resolve while all goes wrong, and waits until it is settled."""

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alertmanagers import Release
from soaking import courses
from soaking.chaos import Chaos
from soaking.courses import Course
from soaking.episodes import Episode, moment, read_job
from soaking.memory import Memory
from soaking.oracle import Tally, Verdict, World, count, judge
from soaking.stage import Stage, set_up
from waiting import until

TICK = 0.1
PATIENCE = 30.0
"""Seconds after which an alert may fire again although its end was not told: see `Tally.untold`."""
TO_SETTLE = 120.0

Post = dict[str, Any]
# What goes on: each step yields what is posted, if anything.
Acting = Iterator[Post | None]
_DONE: Post = {}


@dataclass(frozen=True)
class Result:
    """What a soak has shown."""

    seconds: float
    notifications: int
    retries: int
    kills: int
    tally: Tally
    pending: int
    """Groups of alerts of which the Alertmanagers still have to tell something."""
    growth: float | None
    verdict: Verdict
    defects: tuple[str, ...] = ()
    """What the functions say of themselves, or that they have ended."""


def soak(folder: Path, release: Release, seed: int, seconds: float) -> Result:
    """Play it with this Alertmanager; leave the logs in the folder."""
    with set_up(folder, release) as stage:
        play, chaos = Play(stage, seconds), Chaos(stage, seed, seconds)
        acting = [play.follow(course) for course in courses.plan(seed, seconds)]
        with chaos.playing():
            acting = play.go_on([*acting, play.spend(seconds)], seconds)
        play.go_on(acting, play.clock() + TO_SETTLE)
        return _result(play, chaos)


def _result(play: "Play", chaos: Chaos) -> Result:
    pending = play.await_nothing_pending()
    jobs = [read_job(job) for job in play.stage.kube.list("jobs")]
    world = World(play.fired, play.ended, play.stage.relay.notices, jobs)
    notifications = sum(each.notifications() for each in play.stage.pair)
    return Result(
        seconds=play.seconds,
        notifications=notifications,
        retries=sum(each.requests() for each in play.stage.pair) - notifications,
        kills=chaos.kills,
        tally=count(world),
        pending=pending,
        growth=play.memory.growth,
        verdict=judge(world),
        defects=tuple(line for each in play.stage.functions for line in each.defects()),
    )


@dataclass
class Play:
    """The alerts on a stage; what begins after these seconds is left out."""

    stage: Stage
    seconds: float
    fired: list[Episode] = field(default_factory=list)
    ended: list[Episode] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    _began: float = field(default_factory=time.monotonic)
    _looks: float = 0

    def clock(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    def go_on(self, acting: list[Acting], end: float) -> list[Acting]:
        """Let all act until that time, or until all are done; return who is not."""
        while acting and self.clock() < end:
            steps = [(each, next(each, _DONE)) for each in acting]
            self._post([post for _, post in steps if post])
            self._look()
            acting = [each for each, post in steps if post is not _DONE]
            time.sleep(TICK)
        return acting

    def follow(self, course: Course) -> Acting:
        """Let an alert fire and resolve, each time when Alertmanager was told of the last."""
        yield from self.spend(course.begins)
        for flap in course.flaps:
            if self.clock() > self.seconds:
                return
            firing = Episode(course.labels, moment(datetime.now(UTC)))
            self.fired.append(firing)
            post = {"labels": dict(course.labels), "startsAt": firing.starts_at}
            yield post
            yield from self._await_told(firing)
            yield from self.spend(flap.burns)
            end = replace(firing, status="resolved")
            self.ended.append(end)
            yield {**post, "endsAt": moment(datetime.now(UTC))}
            yield from self._await_told(end, PATIENCE)
            yield from self.spend(flap.rests)

    def spend(self, seconds: float) -> Acting:
        """Do nothing for these seconds."""
        end = self.clock() + seconds
        while self.clock() < end:
            yield None

    def _await_told(self, episode: Episode, patience: float = math.inf) -> Acting:
        end = self.clock() + patience
        while episode not in self.stage.relay.delivered and self.clock() < end:
            yield None

    def _post(self, alerts: list[Post]) -> None:
        """Post the same to both, as Prometheus does."""
        for alertmanager in self.stage.pair if alerts else ():
            alertmanager.post(alerts)

    def _look(self) -> None:
        """Look at the memory each second, and forget what the proxy keeps for tests."""
        if self.clock() > self._looks:
            self._looks = self.clock() + 1
            self.memory.sample(self.stage.functions)
            self.stage.proxy.requests.clear()

    def await_nothing_pending(self) -> int:
        """Wait until the Alertmanagers have told everything; return how many groups are left."""

        def pending() -> int:
            return sum(alertmanager.groups() for alertmanager in self.stage.pair)

        with suppress(AssertionError):
            until(lambda: not pending(), "nothing is pending", TO_SETTLE)
        return pending()
