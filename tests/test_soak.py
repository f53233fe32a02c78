"""What `make soak` judges by: each wrong world is seen, and a seed always plays the same."""

import http.client
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import marked
import pytest
from alertmanagers import Alertmanager, Release
from proxy import Answer, Delay, FaultProxy, Request, Reset, Truncate, always
from soaking import courses, faults, kills, table
from soaking.definitions import DEFINITIONS
from soaking.episodes import Episode, Job, Notice, read_job
from soaking.memory import BOUND, growth
from soaking.oracle import LONGEST, Tally, Verdict, World, count, judge
from soaking.play import Play, Result
from soaking.relay import Relay
from soaking.stage import Stage
from wire import stalled

from function.rails import read_rails

SINCE = "2026-01-01T00:00:00.000+00:00"
LATER = "2026-01-01T00:01:00.000+00:00"


def an_episode(
    alertname: str = "SoakPlain", pod: str = "pod-0", since: str = SINCE, status: str = "firing"
) -> Episode:
    labels = {"alertname": alertname, "app": "web", "namespace": "shop", "pod": pod}
    return Episode(tuple(sorted(labels.items())), since, status)


def ended(episode: Episode) -> Episode:
    return replace(episode, status="resolved")


def told(
    at: float, *episodes: Episode, status: int = 200, takes: float = 0.5, names: str = ""
) -> Notice:
    """Return a notification that was answered within so many seconds, and what Jobs it named."""
    return Notice(at, at + takes, status, episodes, frozenset(names.split()))


def a_job(episode: Episode, created: float, run: int = 1, **fields: bool) -> Job:
    return Job(f"job-{dict(episode.labels)['pod']}-{run}", episode, created, run, **fields)


def a_world(notices: list[Notice], *jobs: Job) -> World:
    """Return one in which all fired, or ended, that was told."""
    episodes = sorted({each for notice in notices for each in notice.episodes}, key=str)
    fired = [each for each in episodes if each.status == "firing"]
    return World(fired, [each for each in episodes if each not in fired], notices, jobs)


def verdict(notices: list[Notice], *jobs: Job) -> Verdict:
    return judge(a_world(notices, *jobs))


class TestLost:
    def test_an_episode_that_has_its_job_is_not_lost(self) -> None:
        assert verdict([told(100, an_episode())], a_job(an_episode(), 100)).is_good

    def test_an_episode_without_a_job_is_named(self) -> None:
        other = an_episode(pod="pod-1")

        found = verdict([told(100, an_episode(), other)], a_job(an_episode(), 100))

        assert found == Verdict(lost=(f"{other}: answered 200 and no Job",))

    def test_one_that_fires_again_needs_another_job(self) -> None:
        again = an_episode(since=LATER)

        found = verdict([told(100, an_episode()), told(160, again)], a_job(an_episode(), 100))

        assert found == Verdict(lost=(f"{again}: answered 200 and no Job",))

    def test_an_answer_before_the_job_is_there_is_seen_though_it_comes_later(self) -> None:
        notices = [told(100, an_episode()), told(110, an_episode())]

        found = verdict(notices, a_job(an_episode(), 110))

        assert found == Verdict(lost=(f"{an_episode()}: answered 200 and late Job",))

    def test_what_was_never_answered_200_is_lost_whether_or_not_it_has_a_job(self) -> None:
        found = verdict([told(100, an_episode(), status=503)], a_job(an_episode(), 100))

        assert found == Verdict(lost=(f"{an_episode()}: never answered 200",))

    def test_an_end_is_due_a_job_where_there_is_a_definition_for_it(self) -> None:
        plain, cancelled = an_episode(), an_episode("SoakCancelled")
        notices = [told(100, plain, cancelled), told(160, ended(plain), ended(cancelled))]

        found = verdict(notices, a_job(plain, 100), a_job(cancelled, 100, is_ended=True))

        assert found == Verdict(lost=(f"{ended(plain)}: answered 200 and no Job",))


class TestDoubled:
    @pytest.mark.parametrize("alertname", ["SoakPlain", "SoakCancelled"])
    def test_two_jobs_for_one_episode_are_named(self, alertname: str) -> None:
        episode = an_episode(alertname)

        found = verdict([told(100, episode)], a_job(episode, 100), a_job(episode, 100, 2))

        assert found == Verdict(doubled=(f"{episode}: 2 Jobs, job-pod-0-1, job-pod-0-2",))

    def test_a_job_for_which_nobody_asked_is_named(self) -> None:
        other = an_episode(pod="pod-1")

        found = verdict([told(100, an_episode())], a_job(an_episode(), 100), a_job(other, 100))

        assert found == Verdict(doubled=(f"{other}: job-pod-1-1, which nobody asked for",))


class TestACooldown:
    """Of SoakCooling, 10 s: alerts of one app are one subject."""

    ONE, OTHER = (an_episode("SoakCooling", pod) for pod in ("pod-0", "pod-1"))

    def test_what_it_holds_back_is_not_lost(self) -> None:
        assert verdict([told(100, self.ONE), told(109.9, self.OTHER)], a_job(self.ONE, 100)).is_good

    def test_what_comes_after_it_needs_a_job(self) -> None:
        notices = [told(100, self.ONE), told(109.9, self.OTHER), told(110, self.OTHER)]

        found = verdict(notices, a_job(self.ONE, 100))

        assert found == Verdict(lost=(f"{self.OTHER}: answered 200 and no Job",))

    def test_what_is_decided_after_it_needs_a_job_though_it_came_within_it(self) -> None:
        notices = [told(100, self.ONE), told(109, self.OTHER, takes=3)]

        found = verdict(notices, a_job(self.ONE, 100))

        assert found == Verdict(lost=(f"{self.OTHER}: answered 200 and no Job",))

    def test_what_comes_within_it_may_have_waited_for_others_to_be_answered(self) -> None:
        plain = an_episode()
        notices = [told(100, self.ONE), told(109, self.OTHER, plain, takes=3)]

        assert verdict(notices, a_job(self.ONE, 100), a_job(plain, 109)).is_good

    def test_another_subject_is_no_excuse(self) -> None:
        elsewhere = Episode(
            tuple((name, "db" if name == "app" else text) for name, text in self.OTHER.labels),
            SINCE,
        )

        found = verdict([told(100, self.ONE), told(101, elsewhere)], a_job(self.ONE, 100))

        assert found == Verdict(lost=(f"{elsewhere}: answered 200 and no Job",))

    @pytest.mark.parametrize(("created", "kept"), [(100, False), (109, False), (110, True)])
    def test_two_runs_within_it_are_seen(self, created: float, kept: bool) -> None:
        notices = [told(100, self.ONE), told(created, self.OTHER)]

        found = verdict(notices, a_job(self.ONE, 100), a_job(self.OTHER, created, 2))

        about = f"openfero-soakcooling-firing of shop/web: job-pod-1-2 ({self.OTHER})"
        wrong = f"{about} within the cooldown, after {created - 100:g} s"
        assert found == (Verdict() if kept else Verdict(passed=(wrong,)))


class TestMaxRuns:
    """Of SoakCounted, two in 20 s."""

    EPISODES = tuple(an_episode("SoakCounted", f"pod-{number}") for number in range(4))

    def world(self, *jobs: Job) -> Verdict:
        notices = [told(100 + number, each) for number, each in enumerate(self.EPISODES)]
        return verdict(notices, *jobs)

    def runs(self, count: int) -> list[Job]:
        return [
            a_job(each, 100 + number, number + 1)
            for number, each in enumerate(self.EPISODES[:count])
        ]

    def test_the_next_job_waits_and_excuses_what_comes_later(self) -> None:
        waiting = a_job(self.EPISODES[2], 102, 3, asks=True)

        assert self.world(*self.runs(2), waiting).is_good

    def test_without_a_job_that_waits_nothing_is_excused(self) -> None:
        late = (f"{each}: answered 200 and no Job" for each in self.EPISODES[2:])

        assert self.world(*self.runs(2)) == Verdict(lost=tuple(late))

    def test_one_run_too_many_is_seen(self) -> None:
        found = self.world(*self.runs(3), a_job(self.EPISODES[3], 103, 4, asks=True))

        about = f"openfero-soakcounted-firing of shop/web: job-pod-2-3 ({self.EPISODES[2]})"
        assert found == Verdict(passed=(f"{about} is one too many, after 2 runs",))

    def test_a_run_that_is_old_enough_does_not_count(self) -> None:
        third = self.EPISODES[2]
        notices = [told(100, self.EPISODES[0]), told(101, self.EPISODES[1]), told(120, third)]

        assert verdict(notices, *self.runs(2), a_job(third, 120, 3)).is_good

    def test_two_that_wait_are_one_too_many(self) -> None:
        waiting = [
            a_job(each, 102 + number, 3 + number, asks=True)
            for number, each in enumerate(self.EPISODES[2:])
        ]

        found = self.world(*self.runs(2), *waiting)

        assert found.passed == (
            "openfero-soakcounted-firing of shop/web: 2 wait, job-pod-2-3, job-pod-3-4",
        )

    def test_what_was_declined_is_no_excuse_any_more(self) -> None:
        third, fourth = self.EPISODES[2:]
        declined = a_job(third, 102, 3, asks=True, is_ended=True)
        notices = [
            told(100, self.EPISODES[0]),
            told(101, self.EPISODES[1]),
            told(102, third),
            told(105, ended(third)),
            told(107, fourth),
        ]

        found = verdict(notices, *self.runs(2), declined)

        assert found == Verdict(lost=(f"{fourth}: answered 200 and no Job",))

    @pytest.mark.parametrize(
        ("comes", "is_lost"), [(102.5 + LONGEST - 1, False), (102.5 + LONGEST + 1, True)]
    )
    def test_what_was_declined_as_it_was_made_is_no_excuse_for_ever(
        self, comes: float, is_lost: bool
    ) -> None:
        third, fourth = self.EPISODES[2:]
        notices = [
            told(100, self.EPISODES[0]),
            told(101, self.EPISODES[1]),
            told(102, third),
            told(102.5, ended(third)),
            told(comes, fourth),
        ]

        found = verdict(notices, *self.runs(2), a_job(third, 102, 3, asks=True, is_ended=True))

        assert bool(found.lost) == is_lost

    def test_what_was_shown_and_declined_in_its_first_second_is_no_excuse(self) -> None:
        third, fourth = self.EPISODES[2:]
        notices = [
            told(100, self.EPISODES[0]),
            told(101, self.EPISODES[1]),
            told(102, third, takes=0.1, names="job-pod-2-3"),
            told(102.5, ended(third)),
            told(103.1, fourth),
        ]

        found = verdict(notices, *self.runs(2), a_job(third, 102, 3, asks=True, is_ended=True))

        assert found == Verdict(lost=(f"{fourth}: answered 200 and no Job",))


class TestWhatIsToEnd:
    EPISODE = an_episode("SoakCancelled")
    NOTICES = (told(100, EPISODE), told(110, ended(EPISODE)))

    def test_a_job_that_goes_on_after_its_alert_is_named(self) -> None:
        found = verdict([*self.NOTICES], a_job(self.EPISODE, 100))

        assert found.left == (f"{self.EPISODE}: job-pod-0-1 goes on, though it has resolved",)

    @pytest.mark.parametrize(("names", "is_left"), [("", False), ("job-pod-0-1", True)])
    def test_a_job_of_the_same_second_is_named_where_an_answer_has_shown_it(
        self, names: str, is_left: bool
    ) -> None:
        notices = [
            told(100, self.EPISODE, takes=0.1, names=names),
            told(100.5, ended(self.EPISODE)),
        ]

        assert bool(verdict(notices, a_job(self.EPISODE, 100)).left) == is_left

    def test_a_job_that_was_ended_is_not_named(self) -> None:
        assert verdict([*self.NOTICES], a_job(self.EPISODE, 100, is_ended=True)).is_good

    def test_a_job_whose_end_was_told_when_the_next_was_there_is_not_named(self) -> None:
        again = an_episode("SoakCancelled", since=LATER)
        notices = [*self.NOTICES, told(109, again)]

        assert verdict(notices, a_job(self.EPISODE, 100), a_job(again, 109, 2)).is_good


class TestTheTally:
    def test_each_episode_has_its_job_or_was_held_back(self) -> None:
        one, other = TestACooldown.ONE, TestACooldown.OTHER
        notices = [told(100, one), told(101, other), told(103, other, an_episode())]

        found = count(a_world(notices, a_job(one, 100), a_job(an_episode(), 103)))

        assert found == Tally(3, 2, 1, 0, 0, 0)

    def test_what_was_held_back_at_first_and_has_its_job_counts_once(self) -> None:
        one, other = TestACooldown.ONE, TestACooldown.OTHER
        notices = [told(100, one), told(101, other), told(111, other)]

        found = count(a_world(notices, a_job(one, 100), a_job(other, 111)))

        assert found == Tally(2, 2, 0, 0, 0, 0)

    def test_each_end_that_is_due_a_job_has_it_or_was_untold(self) -> None:
        one, other, cancelled = an_episode(), an_episode(pod="pod-1"), an_episode("SoakCancelled")
        notices = [
            told(100, one, other, cancelled),
            told(110, ended(one)),
            told(110, ended(other), status=503),
            told(110, ended(cancelled), status=503),
        ]
        jobs = [a_job(each, 100) for each in (one, other, cancelled)]

        found = count(a_world(notices, *jobs, a_job(ended(one), 110)))

        assert found == Tally(3, 3, 0, 2, 1, 1)


def test_the_function_reads_the_guard_rails_as_the_numbers_by_which_it_is_judged() -> None:
    for each in DEFINITIONS:
        rails = read_rails(each.annotations, each.status)

        assert (rails.cooldown or 0, rails.max_runs or 0) == (each.cooldown, each.max_runs)
        assert ((rails.window or 0), rails.cancels) == (each.window, each.cancels)


def test_a_job_is_recognized_by_the_alert_that_it_carries() -> None:
    alert = (
        '{"status": "firing", "labels": {"alertname": "A", "pod": "b"},'
        ' "startsAt": "2026-01-01T00:00:00.5Z"}'
    )
    content = {
        "metadata": {
            "name": "a-job",
            "creationTimestamp": "2026-01-01T00:00:01Z",
            "labels": {"openfero.io/run": "2", "openfero.io/approval": "required"},
        },
        "spec": {
            "activeDeadlineSeconds": 0,
            "template": {"metadata": {"annotations": {"openfero.io/alert": alert}}},
        },
    }

    episode = Episode((("alertname", "A"), ("pod", "b")), "2026-01-01T00:00:00.500+00:00")
    assert read_job(content) == Job("a-job", episode, 1767225601, 2, asks=True, is_ended=True)


class TestTheRelay:
    def test_a_notice_says_when_its_request_came_and_which_jobs_its_answer_names(self) -> None:
        alert = {"labels": {"alertname": "A"}, "startsAt": SINCE, "status": "firing"}
        posted = json.dumps({"alerts": [alert]}).encode()
        outcomes = [{"job": "a-job"}, {"job": None}]
        answer = Answer(200, json.dumps({"outcomes": outcomes}).encode())
        request = Request("POST", "/alerts", {}, posted, arrived=7)

        with Relay("") as relay:
            relay.fault_for(request)
            relay.answered(request, answer, None)

        assert [(each.arrived, each.status, each.named) for each in relay.notices] == [
            (7, 0, frozenset()),
            (7, 200, frozenset({"a-job"})),
        ]

    def test_a_cut_amid_the_answer_comes_after_its_head_and_half_of_its_body(self) -> None:
        with (
            FaultProxy("") as api,
            FaultProxy(api.url) as proxy,
            api.playing(always(Answer(201, b"12345678"))),
            proxy.playing(always(Truncate())),
        ):
            connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"))
            connection.request("GET", "/")
            answer = connection.getresponse()

            assert (answer.status, answer.read(4)) == (201, b"1234")
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                answer.read()
            connection.close()

    def test_whoever_refuses_takes_nothing_more_that_was_sent_before(self) -> None:
        sent = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(2))
        with (
            FaultProxy("") as api,
            FaultProxy(api.url) as proxy,
            api.playing(always(Answer(200, b""))),
            proxy.playing(always(Delay(0.2))),
            stalled(proxy.url, sent) as connection,
        ):
            assert proxy.hanging.acquire(timeout=10)
            with proxy.refusing(), suppress(ConnectionResetError):
                while connection.recv(1024):
                    pass

            assert [request.path for request in proxy.requests] == ["/0"]

    def test_creates_are_cut_in_every_way(self) -> None:
        create = Request("POST", "/jobs", {}, b"")
        rule = faults.before_the_api("cutting", Random(1))

        assert {rule(create) for _ in range(99)} == {None, Reset(), Reset(True), Truncate()}


class TestTheMetrics:
    """Of an Alertmanager that has, or has not, what is read."""

    def read(self, text: str) -> tuple[int, int]:
        with FaultProxy("") as proxy, proxy.playing(always(Answer(200, text.encode()))):
            alertmanager = Alertmanager(Release(Path(), Path()), proxy.url, Path())
            return alertmanager.groups(), alertmanager.notifications()

    GROUPS = "# HELP a\n# TYPE alertmanager_dispatcher_aggregation_groups gauge\n"
    SENT = "# TYPE alertmanager_notifications_total counter\n"

    def test_a_sum_is_that_of_all_that_have_the_label(self) -> None:
        groups = "alertmanager_dispatcher_aggregation_groups 3\n"
        sent = "".join(
            f'alertmanager_notifications_total{{integration="{name}",receiver="{number}"}} 2\n'
            for name, number in (("webhook", 1), ("webhook", 2), ("email", 3))
        )

        assert self.read(self.GROUPS + groups + self.SENT + sent) == (3, 4)

    def test_one_without_a_value_is_none(self) -> None:
        assert self.read(self.GROUPS + self.SENT) == (0, 0)

    @pytest.mark.parametrize("text", [GROUPS, f"# HELP b\n{SENT}"])
    def test_one_that_is_not_there_is_an_error(self, text: str) -> None:
        with pytest.raises(AssertionError, match="alertmanager_"):
            self.read(text)


class TestACourse:
    def test_an_alert_fires_again_only_after_its_own_end_was_told(self) -> None:
        with Relay("") as relay:
            play = Play(Stage(*[None] * 4, relay, None), seconds=60)
            flaps = (courses.Flap(0, 0),) * 2
            one, other = (play.follow(courses.Course(0, pod, flaps)) for pod in ((), (("a", "b"),)))

            for _ in range(9):
                next(one)
                next(other, None)
                relay.delivered.update(play.fired[:2], (each for each in play.ended if each.labels))

        assert [bool(each.labels) for each in play.fired] == [False, True, True]


class TestASeed:
    def test_the_same_seed_always_plays_the_same(self) -> None:
        def plans(seed: int) -> tuple[object, ...]:
            whom = [*kills.FUNCTIONS, kills.API_SERVER]
            deaths = [kills.plan(seed, 300, victim) for victim in whom]
            return courses.plan(seed, 300), faults.plan(seed, 300), *deaths

        assert plans(1) == plans(1)
        assert all(one != other for one, other in zip(plans(1), plans(2), strict=True))

    @pytest.mark.parametrize("seed", range(20))
    def test_in_five_minutes_hundreds_fire_of_each_kind_and_all_are_killed(self, seed: int) -> None:
        played = courses.plan(seed, 300)

        assert sum(len(course.flaps) for course in played) > 500
        assert {dict(course.labels)["alertname"] for course in played} == set(courses.NAMES)
        assert len({course.labels for course in played}) == len(played)
        assert {each.kind for each in faults.plan(seed, 300)} == set(faults.KINDS)
        for victim, share in kills.LAST.items():
            deaths = kills.plan(seed, 300, victim)
            assert deaths
            assert sum(each.lives + each.stays_away for each in deaths) < 300 * share + 4


class TestMemory:
    def test_a_process_is_judged_by_the_second_half_of_its_life(self) -> None:
        samples = [(at, 30.0 + min(at, 50) / 10 + at / 100) for at in range(101)]

        assert growth(samples) == pytest.approx(0.4)

    @pytest.mark.parametrize("odd", [50, 55, 100])
    def test_one_sample_says_nothing(self, odd: int) -> None:
        samples = [(at, 80.0 if at == odd else 30.0) for at in range(101)]

        assert growth(samples) == 0

    def test_a_life_of_seconds_is_not_judged(self) -> None:
        assert growth([(0, 30.0), (59, 50.0)]) is None


class TestTheTable:
    GOOD = Result(300, 1200, 300, 9, Tally(500, 480, 20, 100, 97, 3), 0, 1.25, Verdict())

    def test_a_row_has_a_cell_for_each_heading(self) -> None:
        row = table.row("0.33.1", "1.36.3", 7, 5, self.GOOD)

        assert len(row) == len(table.HEAD)
        assert row[:8] == ("0.33.1", "1.36.3", "7", "5", "1,200", "300", "9", "500")
        assert row[8:13] == ("480", "20", "100", "97", "3")

    @pytest.mark.parametrize(
        ("fields", "line"),
        [
            ({"verdict": Verdict(lost=("a",))}, "lost: a"),
            ({"verdict": Verdict(doubled=("b",))}, "doubled: b"),
            ({"verdict": Verdict(passed=("c",))}, "limit passed: c"),
            ({"verdict": Verdict(left=("d",))}, "not ended: d"),
            ({"defects": ("e",)}, "defect: e"),
            ({"pending": 2}, "pending: 2 groups of alerts"),
            ({"growth": BOUND + 0.1}, f"memory: a function has grown by {BOUND + 0.1} MiB"),
            ({"growth": None}, "memory: no function has lived long enough to be judged"),
            ({"tally": Tally(500, 480, 20, 100, 96, 4)}, "untold: 4 of 100 ends"),
        ],
    )
    def test_everything_that_must_not_be_is_a_line(
        self, fields: dict[str, object], line: str
    ) -> None:
        assert table.problems(self.GOOD) == []
        assert table.problems(replace(self.GOOD, **fields)) == [line]

    def test_a_short_soak_may_leave_the_memory_alone(self) -> None:
        assert table.problems(replace(self.GOOD, growth=None, seconds=119)) == []

    def test_a_soak_with_another_alertmanager_keeps_what_is_in_the_page(self) -> None:
        one, other, again = (
            table.row(version, "1.36.3", seed, 5, self.GOOD)
            for version, seed in (("0.25.0", 1), ("0.33.1", 1), ("0.25.0", 2))
        )
        page = f"<!-- soak -->\n{marked.table(table.HEAD, [one, other])}\n<!-- /soak -->"

        assert table.merged(marked.rows(page, "soak"), again) == [again, other]
        assert table.merged(marked.rows("<!-- soak -->\n<!-- /soak -->", "soak"), one) == [one]
