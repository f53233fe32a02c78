"""`make storms` blows, says what it did, and fails where the function does not stand it."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from bystander import Seen
from function_process import ROOT
from storms import MEMORY, PROBE_SECONDS, STORMS, Row, Storm

STOOD = Row(Storm("one", lambda _: Counter(), 2), Counter({200: 1, 503: 3}), 2, Seen(0.1, 2**20, 3))


def test_a_storm_is_stood_if_all_is_settled_and_the_bounds_are_kept() -> None:
    assert STOOD.is_good
    assert str(STOOD) == "| one | 1 | 3 |  | 2 | 0 | 0 | 100 ms | 1 MiB | 3 |  |"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(STOOD, jobs=1), id="a Job is lost"),
        pytest.param(replace(STOOD, jobs=3), id="a Job is doubled"),
        pytest.param(replace(STOOD, answers=Counter({200: 1, 500: 1})), id="it had a defect"),
        pytest.param(replace(STOOD, seen=Seen(PROBE_SECONDS, 1, 3)), id="a probe is late"),
        pytest.param(replace(STOOD, seen=Seen(0.1, MEMORY, 3)), id="a pod would be killed"),
    ],
)
def test_it_is_not_if(row: Row) -> None:
    assert not row.is_good
    assert str(row).endswith("| **no** |")


def test_one_is_blown_from_the_command_line() -> None:
    number = next(n for n, storm in enumerate(STORMS) if "half heads" in storm.title)

    command = [sys.executable, ROOT / "hack/reliability/storms.py", f"--only={number}"]
    blown = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert blown.returncode == 0, blown.stdout + blown.stderr
    assert f"| {STORMS[number].title} | 20 | 0 |  | 100 | 0 | 0 |" in blown.stdout


@pytest.mark.parametrize("server", ["gunicorn", "func"])
def test_the_page_tells_of_each_storm(server: str) -> None:
    text = (ROOT / "docs/reliability.md").read_text()
    table = text.partition(f"<!-- storms {server} -->")[2].partition("<!-- /storms")[0]

    told = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    assert told[1:] == [storm.title for storm in STORMS]
