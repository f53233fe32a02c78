"""How the suite is run: nothing is left out on a real API, and one failure fails all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import run_both
from function_process import ROOT

# What asks an API, and is not in a list for the real one.
EXCEPTIONS = {
    "monitoring": "it takes minutes: a target of its own, make test-monitoring",
    "image": "it is about what is built, and builds it by itself: a run of its own",
    "func_scaffold": "it is about what is built, and builds it by itself: a run of its own",
    "slow_senders": "it is about the server that the function runs in, and asks no API for anything",
    "url": "it runs the request suite through --url, which is in a list",
}

# Prints which files have a test that, by whatever fixture, needs an API.
COLLECT = """
import json, pytest

class Collected:
    def pytest_collection_modifyitems(self, items):
        wanted = {"kubeconfig", "needs_control_plane"}
        print(json.dumps(sorted({i.path.stem for i in items if wanted & set(i.fixturenames)})))

pytest.main(["--collect-only", "-qq", "-m", "", "-p", "no:cacheprovider"], plugins=[Collected()])
"""


def test_what_asks_an_api_asks_a_real_one_too_in_exactly_one_list() -> None:
    command = [sys.executable, "-c", COLLECT]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    found = json.loads(collected.stdout.partition("\n")[0])
    lists = (run_both.THROUGH, run_both.ASKING, run_both.AROUND, run_both.APPLIED, run_both.PACK)
    listed = [name for names in (*lists, EXCEPTIONS) for name in names]

    assert len(listed) == len(set(listed))
    assert {name.removeprefix("test_") for name in found} <= set(listed)


@pytest.mark.parametrize("name", run_both.BESIDE)
def test_what_runs_once_is_there_and_has_nothing_that_must_hold_in_each_server(name: str) -> None:
    found = [ROOT / path for path in run_both.beside() if path.startswith(f"tests/test_{name}")]

    assert found
    for path in found:
        assert f"pytest.mark.{run_both.GUNICORN[-1]}" not in path.read_text()


@pytest.mark.parametrize(
    "names",
    [run_both.THROUGH + run_both.ASKING, run_both.AROUND, run_both.APPLIED, run_both.PACK],
)
def test_every_file_of_a_list_is_there(names: tuple[str, ...]) -> None:
    assert [name for name in run_both.files(names) if not (ROOT / name).exists()] == []


PASSED, SKIPPED, FAILED = (
    "<testcase/>",
    "<testcase><skipped/></testcase>",
    "<testcase><failure/></testcase>",
)


def a_run(folder: Path, cases: str, code: int) -> run_both.Run:
    """Return a run in an environment whose Python leaves this report and ends so."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    report = f"<testsuites>{cases}</testsuites>" if cases else ""
    python.write_text(
        "#!/bin/sh\n"
        'for word; do case "$word" in --junitxml=*) report="${word#*=}";; esac; done\n'
        f"test -z '{report}' || echo '{report}' > \"$report\"\n"
        f"exit {code}\n"
    )
    python.chmod(0o755)
    return (folder.name, folder, ())


@pytest.mark.parametrize(
    ("runs", "status", "total"),
    [
        ([(PASSED, 0), (PASSED + SKIPPED, 0)], 0, "2 passed, 0 failed, 1 skipped"),
        ([(PASSED + FAILED, 1), (PASSED, 0)], 1, "2 passed, 1 failed, 0 skipped"),
        # Such as a warning, or an interrupt.
        ([(PASSED, 2), (PASSED, 0)], 1, "2 passed, 0 failed, 0 skipped"),
        ([(SKIPPED, 0), (PASSED, 0)], 1, "1 passed, 0 failed, 1 skipped"),
        ([("", 0), (PASSED, 0)], 1, "1 passed, 1 failed, 0 skipped"),
    ],
    ids=["all is well", "one fails", "pytest fails", "all of one is skipped", "no report"],
)
def test_all_is_well_only_if_each_run_is_and_something_passed_in_it(
    runs: list[tuple[str, int]],
    status: int,
    total: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = [a_run(tmp_path / str(number), *run) for number, run in enumerate(runs)]
    monkeypatch.setattr(run_both, "RUNS", made)

    assert run_both.main([]) == status
    assert capsys.readouterr().out.splitlines()[-1] == f"total: {total}"
