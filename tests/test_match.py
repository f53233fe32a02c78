"""Matchers mean what they mean to Alertmanager: a table, held against real amtool."""

import json
import subprocess
from pathlib import Path

import alertmanagers
import pytest
from chain import need_release

from function.errors import Broken
from function.rails import read_rails

LABELS = {"alertname": "A", "severity": "critical", "team": "infra", "note": 'a "b" \\ c, d'}

# What both sides take: the matchers, and whether LABELS fit.
TAKEN = {
    'severity="critical"': True,
    "severity=critical": True,
    'severity = "critical"': True,
    'severity="warning"': False,
    'severity!="warning"': True,
    'severity!="critical"': False,
    'severity="critical", team!="infra"': False,
    'severity="critical",team="infra"': True,
    '{severity="critical", team="infra"}': True,
    'missing=""': True,
    'missing!=""': False,
    'missing!="x"': True,
    'severity=""': False,
    'team="inf"': False,
    'team="Infra"': False,
    'note="a \\"b\\" \\\\ c, d"': True,
    'note="a, d"': False,
    "team=infra,severity=critical": True,
    'severity="crit.*"': False,
}

# What Alertmanager takes and we do not: regular expressions belong in its route.
REFUSED_HERE = [
    'severity=~"critical|warning"',
    'severity!~"info"',
    "severity=~critical",
    # Its two parsers read these in different ways, or one of them not at all.
    "severity=critical mass",
    'severity="critical",',
    "severity==critical",
    '{severity="critical"',
    'severity="critical"}',
    "severity='critical'",
    "severity=crit'ical",
    '\u2003severity="critical"',
    'severity\u00a0="critical"',
    'a-b="c"',
]

# What is no matcher to either.
REFUSED = ["severity", '="critical"', 'severity="critical']


def judge(text: str) -> bool:
    return read_rails({"openfero.io/match": text}, "firing").matches(LABELS)


@pytest.mark.parametrize(("text", "fits"), TAKEN.items())
def test_matchers_must_all_hold(text: str, fits: bool) -> None:
    assert judge(text) is fits


@pytest.mark.parametrize("text", [*REFUSED_HERE, *REFUSED, "", "{}", ","])
def test_what_is_not_equality_between_a_label_and_a_value_is_broken(text: str) -> None:
    with pytest.raises(Broken, match=r"annotation openfero\.io/match must be matchers"):
        judge(text)


@pytest.fixture(scope="module", params=alertmanagers.NEEDS)
def amtool(request: pytest.FixtureRequest) -> Path:
    return need_release(request.param).amtool


def ask_amtool(amtool: Path, folder: Path, text: str) -> str:
    """Return the receiver of a route with these matchers for LABELS, or why it is no route."""
    config = {
        "route": {"receiver": "others", "routes": [{"receiver": "ours", "matchers": [text]}]},
        "receivers": [{"name": "others"}, {"name": "ours"}],
    }
    path = folder / "alertmanager.yml"
    path.write_text(json.dumps(config))
    labels = [f"{name}={json.dumps(value)}" for name, value in LABELS.items()]
    command = [amtool, "config", "routes", "test", f"--config.file={path}", *labels]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return ran.stdout.strip() if ran.returncode == 0 else f"refused: {ran.stderr}"


@pytest.mark.parametrize(("text", "fits"), TAKEN.items())
def test_amtool_takes_it_and_means_the_same(
    amtool: Path, tmp_path: Path, text: str, fits: bool
) -> None:
    assert ask_amtool(amtool, tmp_path, text) == ("ours" if fits else "others")


@pytest.mark.parametrize("text", REFUSED)
def test_amtool_refuses_it_as_well(amtool: Path, tmp_path: Path, text: str) -> None:
    assert ask_amtool(amtool, tmp_path, text).startswith("refused: ")
