"""What the tests of the whole chain share: the function at its end, and what it did."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alertmanagers import NEEDS, Release, find_release
from function_process import FunctionProcess, running
from waiting import until

TOKEN = "the-token-of-alertmanager"


def need_release(which: str) -> Release:
    """Return a version of Alertmanager; without it the test is skipped."""
    release = find_release(which)
    if not release:
        pytest.skip(NEEDS[which])
    return release


def write_token(folder: Path) -> Path:
    path = folder / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@contextmanager
def guarded(
    door: str, log: Path, kubeconfig: Path, token_file: Path, port: int = 0
) -> Iterator[FunctionProcess]:
    """Run a function that asks for the token as long as the block; pytest shows its log."""
    try:
        with running(door, log, kubeconfig, port, OPENFERO_TOKEN_FILE=str(token_file)) as function:
            yield function
    finally:
        print(f"== {log.name}\n{log.read_text()}")


def outcomes(function: FunctionProcess, alertname: str, status: str = "firing") -> list[str]:
    """Return what became of the alerts of that name, each time that it was told of one."""
    lines = (json.loads(line) for line in function.lines() if line.startswith("{"))
    return [
        line["outcome"]
        for line in lines
        if line["event"] == "alert" and (line["alert"], line["status"]) == (alertname, status)
    ]


def await_repeats(function: FunctionProcess, alertname: str) -> None:
    """Wait until the function was told twice more of that alert."""
    wanted = len(outcomes(function, alertname)) + 2
    until(lambda: len(outcomes(function, alertname)) >= wanted, f"{alertname} is told again")


def name_of(job: dict[str, Any]) -> str:
    return str(job["metadata"]["name"])


def alert_of(job: dict[str, Any]) -> dict[str, Any]:
    """Return the alert that a Job was told about."""
    return json.loads(job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"])
