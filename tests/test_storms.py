"""`make storms` blows, says what it did, and fails where the function does not stand it."""

import subprocess
import sys
from collections import Counter

import marked
import pytest
from bystander import Seen
from function_process import ROOT
from senders import LATE
from storms import MEMORY, PROBE_SECONDS, STORMS, THREADS, Row, Storm


def a_row(
    answers: dict[int, int] | None = None,
    repaired: str = "ab",
    probe: float = 0.1,
    memory: int = 2**20,
    threads: int = 3,
) -> Row:
    """Return what came of a storm of one notification about two pods, a and b."""
    storm = Storm("one", lambda _: Counter(), 1, 2)
    answered = Counter({200: 1, 503: 3} if answers is None else answers)
    return Row(storm, answered, list(repaired), Seen(probe, memory, threads, 4))


def test_a_storm_does_no_harm_if_all_is_settled_and_the_bounds_are_kept() -> None:
    assert a_row().is_good
    assert str(a_row()) == "| one | 1 | 3 | 0 | 0 | 0 | 2 | 0 | 0 | 100 ms | 1 MiB | 3 | 4 | yes |"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(a_row(repaired="a"), id="a Job is lost"),
        pytest.param(a_row(repaired="aab"), id="a Job is doubled"),
        pytest.param(a_row(repaired="aa"), id="one is lost and one is doubled"),
        pytest.param(a_row({503: 30}), id="a notification is never settled"),
        pytest.param(a_row({200: 1, 500: 1}), id="it had a defect"),
        pytest.param(a_row({200: 1, LATE: 1}), id="a sender is left without an answer"),
        pytest.param(a_row(probe=PROBE_SECONDS), id="a probe is late"),
        pytest.param(a_row(memory=MEMORY), id="a pod would be killed"),
        pytest.param(a_row(threads=THREADS), id="there are too many threads"),
    ],
)
def test_a_storm_does_harm_if(row: Row) -> None:
    assert not row.is_good
    assert str(row).endswith("| **no** |")


def test_the_command_lets_one_storm_blow() -> None:
    number = next(n for n, storm in enumerate(STORMS) if "half heads" in storm.title)

    command = [sys.executable, ROOT / "hack/reliability/storms.py", f"--only={number}"]
    blown = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert blown.returncode == 0, blown.stdout + blown.stderr
    assert f"| {STORMS[number].title} | 20 | 0 | 0 | 0 | 0 | 100 | 0 | 0 |" in blown.stdout


@pytest.mark.parametrize("server", ["gunicorn", "func"])
def test_the_page_tells_of_each_storm(server: str) -> None:
    rows = marked.rows((ROOT / "docs/reliability.md").read_text(), f"storms {server}")

    assert [row[0] for row in rows] == [storm.title for storm in STORMS]
