"""Two versions side by side, as while Knative replaces a revision: they agree on every name."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Define
from function_process import ROOT, doors, running
from kube import Kube, pods_of
from make import firing, notification_json
from wire import post

# The first version that was whole.
EARLIER = "1b0ae5f"


@pytest.fixture(scope="module")
def earlier(folder: Path, kubeconfig: Path) -> Iterator[str]:
    """The URL of a function of an earlier version, before the same cluster."""
    archive = ["git", "archive", EARLIER, "function", "docs", "pyproject.toml"]
    found = subprocess.run(archive, cwd=ROOT, capture_output=True)
    if found.returncode:
        pytest.skip(f"needs the history of the project in git, back to {EARLIER}")
    root = folder / "earlier"
    root.mkdir()
    subprocess.run(["tar", "-x"], cwd=root, input=found.stdout, check=True)
    [door, *_] = doors()
    with running(door, folder / "earlier.log", kubeconfig, root=root) as process:
        yield process.url


def episodes(alertname: str) -> list[dict[str, Any]]:
    return [notification_json(firing(alertname, pod=f"web-{number}")) for number in range(8)]


def test_what_both_versions_get_at_once_has_one_job_per_episode(
    function: str, earlier: str, kube: Kube, define: Define, alertname: str
) -> None:
    definition = define(alertname)
    sent = [(url, each) for each in episodes(alertname) for url in (function, earlier)]

    with ThreadPoolExecutor(len(sent)) as pool:
        answers = list(pool.map(lambda one: post(*one), sent))

    assert (
        sorted(word for each in answers for word in each.words) == ["created"] * 8 + ["exists"] * 8
    )
    assert pods_of(kube.jobs(definition)) == [f"web-{number}" for number in range(8)]


@pytest.mark.parametrize("back", [False, True], ids=["upgrade", "roll-back"])
def test_what_one_version_has_done_the_other_finds_done(
    function: str, earlier: str, kube: Kube, define: Define, alertname: str, back: bool
) -> None:
    definition = define(alertname)
    one, other = (function, earlier) if back else (earlier, function)
    [notification] = episodes(alertname)[:1]

    words = [post(url, notification).words for url in (one, other)]

    assert words == [["created"], ["exists"]]
    assert len(kube.jobs(definition)) == 1
