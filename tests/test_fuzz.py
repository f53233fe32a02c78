"""`make fuzz` in small: some hundred cases hold, and what does not hold is told."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from function_process import ROOT
from fuzz import finish
from fuzzing.batches import KINDS, Batches, counts, make_case
from fuzzing.cases import Case, Request
from fuzzing.checks import of_case
from fuzzing.report import Tally
from fuzzing.subject import Run, Seen, Subject, a_subject
from fuzzing.wire import Call

from function.settle import Settler
from function.webhook import Webhook

SEED = 1
POSTED = Case((Request(),))
HEAD = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": "4"}
LINE = '{"time": "", "level": "INFO", "event": "alert"}'


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "hack" / "reliability" / "fuzz.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with a_subject() as subject:
        yield subject


@pytest.mark.parametrize(("kind", "count"), counts(500).items())
def test_the_function_withstands_the_first_cases_of_each_kind(
    subject: Subject, kind: str, count: int
) -> None:
    tally = Batches(subject, SEED, kind, lambda _: None).run(0, count)

    assert (tally.cases, tally.failed) == (count, {})


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_always_gives_the_same_cases_and_another_seed_gives_others(kind: str) -> None:
    cases, again, others = (
        [make_case(seed, kind, number) for number in range(20)] for seed in (SEED, SEED, SEED + 1)
    )

    assert cases == again
    assert cases != others


def test_all_kinds_together_are_as_many_cases_as_were_asked_for() -> None:
    assert sum(counts(100_000).values()) == 100_000


def a_run(status: int = 400, body: bytes = b"line", lines: tuple[str, ...] = (), **parts) -> Run:
    """Return what came of one request that was refused."""
    head = {**HEAD, "Content-Length": str(len(body)), **parts.pop("headers", {})}
    calls = parts.pop("calls", ())
    return Run((Seen(status, body, head, lines, calls),), **parts)


def test_a_refusal_with_one_short_line_is_no_finding() -> None:
    assert of_case(POSTED, a_run(lines=(LINE,))) == []


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (a_run(500), "it was answered 500"),
        (a_run(503, headers={"Retry-After": "5"}), "it was answered 503"),
        (a_run(405), "405 comes without Allow"),
        (a_run(body=b"two\nlines"), "no line"),
        (a_run(body=b"a" * 201), "no line"),
        (a_run(body=b"\xff"), "no line"),
        (a_run(body=b""), "400 says nothing"),
        (a_run(headers={"Allow": "a\r\nb"}), "no header"),
        (a_run(headers={"Content-Length": "7"}), "Content-Length"),
        (a_run(200, b"NaN", headers={"Content-Type": "application/json"}), "no outcomes"),
        (a_run(lines=("Traceback (most recent call last):",)), "no JSON object"),
        (a_run(lines=(LINE[:-1] + ', "traceback": "a"}',)), "traceback"),
        (a_run(lines=(LINE.replace("alert", "cannot record"),)), "cannot be told"),
        (a_run(calls=(Call("POST", "/api/v1/jobs", b"{NaN}", 400, ""),)), "no JSON"),
        (a_run(calls=(Call("POST", "/api/v1/events", b"{}", 422, ""),)), "was answered 422"),
        (a_run(calls=(Call("POST", "/api/v1/events", b'{"message": "\\n"}', 201, ""),)), "no line"),
        (a_run(calls=(Call("GET", "/api/v1/configmaps/a", b"", 500, ""),)), "answered 500"),
        (a_run(seconds=1.1), "it took 1.1 s"),
        (a_run(elapsed=11), "it came after 11 s"),
        (a_run(mib=300), "it took 300 MiB"),
    ],
)
def test_what_must_not_be_is_a_finding(run: Run, told: str) -> None:
    assert told in " ".join(of_case(POSTED, run))


def test_what_is_not_said_is_a_finding() -> None:
    case = Case((Request(),), says="the reason")

    assert of_case(case, a_run(lines=(LINE,))) == ["it does not say 'the reason': b'line'"]


def test_a_job_that_is_made_again_is_a_finding() -> None:
    case = Case((Request(),), is_repeated=True)
    outcome = '{"alert": "", "status": "", "fingerprint": "", "definition": "", "message": "", '
    body = f'{{"outcomes": [{outcome}"outcome": "created", "job": "a"}}]}}'.encode()
    [seen] = a_run(200, body, headers={"Content-Type": "application/json"}).seen

    assert of_case(case, Run((seen, seen))) == ["of the same request again came [], after ['a']"]


class Odd(Webhook):
    """A webhook that does something of its own before the first request."""

    def __init__(self, subject: Subject, does: Callable[[], object]) -> None:
        super().__init__(Settler(subject.cluster, "run"))
        self._deeds = [does]
        subject.webhooks["run", False] = self

    def receive(self, *head: Any) -> Any:
        while self._deeds:
            self._deeds.pop()()
        return super().receive(*head)


def stumble() -> None:
    raise RuntimeError("only this once")


def work() -> None:
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


def test_what_only_the_first_run_of_a_slow_case_shows_is_a_finding(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzzing.checks.SECONDS", -1.0)
    Odd(subject, stumble)

    found = Batches(subject, SEED, "heads", lambda _: None).found_in([0])

    assert "it was answered 500" in " ".join(found)


def test_a_case_that_is_run_again_is_judged_by_what_the_cheaper_run_took() -> None:
    slow, fast = a_run(seconds=1.1, mib=1), a_run(seconds=0.1, mib=300)

    assert of_case(POSTED, slow, fast) == of_case(POSTED, fast, slow) == []


def test_a_case_takes_as_long_as_its_slowest_request(subject: Subject) -> None:
    Odd(subject, work)

    run = subject.run(Case((Request(), Request())))

    assert run.seconds >= 0.2


def test_a_request_that_only_waits_takes_time_on_the_clock_alone(subject: Subject) -> None:
    Odd(subject, lambda: threading.Event().wait(0.2))

    run = subject.run(POSTED)

    assert run.seconds < 0.2 <= run.elapsed


def test_a_failure_is_printed_with_the_command_that_shows_it_alone_and_the_exit_status_is_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = finish(3, {"bodies": Tally(cases=2, failed={"7": ["it was answered 500"]})})

    assert status == 1
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| bodies | 2 |  | 0 | 0 | 0 | 1 |",
        "| together | 2 |  | 0 | 0 | 0 | 1 |",
        "hack/reliability/fuzz.py --seed 3 --case bodies:7",
        "  it was answered 500",
    ]


def test_a_process_that_grows_is_a_failure() -> None:
    assert finish(3, {"bodies": Tally(grown=65)}) == 1


def test_the_command_prints_a_row_for_each_kind_and_exits_with_0_if_all_hold() -> None:
    done = fuzz("--cases", "30")

    assert done.returncode == 0, done
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows == [f"| {name}" for name in ("kind", "---", *KINDS, "together")]


def test_a_case_can_be_run_alone() -> None:
    done = fuzz("--case", "rails:7")

    assert done.returncode == 0, done
    assert done.stdout.startswith("rails:7 Case(requests=")
