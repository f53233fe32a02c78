"""The page on writing a definition is true: typed from its top to its end, by somebody who follows it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import own_cluster
import pytest
from conftest import NAMESPACE
from function_process import ROOT
from kube import Kube
from make import firing, notification_json
from wire import post

PAGE = ROOT / "docs" / "write-a-definition.md"
FILE = "crashlooping.yaml"
ALERTNAME = "KubePodCrashLooping"
APPLY = "kubectl apply"

Blocks = list[tuple[str, str]]


def blocks() -> Blocks:
    """Each block of the page: its language, and what it holds."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found]


@dataclass
class Reader:
    """Somebody with an empty folder, a kubeconfig, and the programs of this environment."""

    folder: Path
    kubeconfig: Path

    def follow(self, page: Blocks) -> None:
        """Do what each block says, and see what it shows."""
        for (language, text), (following, shown) in zip(page, [*page[1:], ("", "")], strict=True):
            if language == "diff":
                self.edits(text)
            elif language == "sh":
                expected = shown if following == "text" else ""
                assert self.types(text, 1 if ": error: " in expected else 0) == expected

    def edits(self, diff: str) -> None:
        before, after = (
            "".join(line[1:] for line in diff.splitlines(keepends=True) if line.startswith(sign))
            for sign in "-+"
        )
        text = (self.folder / FILE).read_text()
        assert text.count(before) == 1, before
        (self.folder / FILE).write_text(text.replace(before, after))

    def types(self, lines: str, code: int = 0) -> str:
        """Type lines; return all that is then on the terminal."""
        ran = subprocess.run(
            ["sh", "-euc", lines],
            cwd=self.folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "KUBECONFIG": str(self.kubeconfig),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert ran.returncode == code, ran
        return ran.stdout


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path, kubeconfig: Path) -> Reader:
    if request.config.getoption("--api") == "real" and own_cluster.given():
        pytest.skip(f"needs a cluster whose namespace {NAMESPACE} is nobody's: not your own")
    return Reader(tmp_path, kubeconfig)


def without_apply(page: Blocks) -> Blocks:
    """Return the page as for an API that knows no accounts: nothing is applied there."""
    *rest, (_, commands), (_, shown) = page
    [command, apply] = commands.splitlines(keepends=True)
    assert apply.startswith(APPLY)
    return [*rest, ("sh", command), ("text", shown.splitlines(keepends=True)[0])]


def test_the_page_fits_on_a_screen() -> None:
    assert len(PAGE.read_text().splitlines()) <= 65


def test_whoever_follows_the_page_sees_what_it_shows(reader: Reader) -> None:
    reader.follow(without_apply(blocks()))


def test_in_the_end_the_alert_gets_its_job(reader: Reader, kube: Kube, function: str) -> None:
    if "serviceaccounts" not in reader.types("kubectl api-resources -o name"):
        pytest.skip("needs an API server that knows accounts and Roles: --api=real")
    try:
        reader.follow(blocks())
        alert = firing(ALERTNAME, namespace="shop", pod="web-0")
        answer = post(function, notification_json(alert))

        assert answer.words == ["created"]
        [job] = kube.jobs("openfero-kubepodcrashlooping-firing")
        kube.delete("jobs", job["metadata"]["name"])
    finally:
        reader.types(f"kubectl delete --ignore-not-found -f {FILE}")
