"""docs/performance.md says what docs/performance.json does, and `make bench` can write both."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from function_process import ROOT

PAGE = ROOT / "docs" / "performance.md"
DATA = ROOT / "docs" / "performance.json"


def bench(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "hack" / "bench"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A copy of the page, without its tables."""
    path = tmp_path / "performance.md"
    path.write_text(
        re.sub(
            r"(<!-- ([\w-]+) -->\n).*?(<!-- /\2 -->)", r"\1\3", PAGE.read_text(), flags=re.DOTALL
        )
    )
    return path


def test_the_tables_are_what_the_raw_data_says(page: Path) -> None:
    assert page.read_text() != PAGE.read_text()

    rendered = bench("--render", "--data", DATA, "--page", page)

    assert rendered.returncode == 0, rendered
    assert page.read_text() == PAGE.read_text()


def test_the_help_names_each_part_that_can_be_measured_by_itself() -> None:
    asked = bench("--help")

    assert asked.returncode == 0, asked
    assert "{cold,real,warm,growth,memory}" in asked.stdout


@pytest.mark.setup
def test_one_round_of_cold_starts_makes_a_row_with_every_comparison(
    needs_mounts: None, page: Path, tmp_path: Path
) -> None:
    data = tmp_path / "performance.json"

    measured = bench(
        *("--only", "cold", "--rounds", 1, "--python", sys.executable),
        *("--data", data, "--page", page),
    )

    assert measured.returncode == 0, measured
    rows = json.loads(data.read_text())["cold"]["rows"]
    assert {row["variant"].partition(",")[0] for row in rows} == {
        *("hello", "floor", "raw", "typed", "OpenFero")
    }
    assert all(len(row["values"]) == len(row["mib"]) == 1 for row in rows)
    assert all(row["values"][0] > 0 < row["mib"][0] for row in rows)
    assert "functions-framework" in page.read_text()
