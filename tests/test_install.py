"""The page on installing is true: its commands, typed in their order, against a real API server."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import alertmanagers
import control_plane
import crds
import pytest
import yaml
from function_process import ROOT, doors, running
from kubectl import BASE, Kubectl
from make import firing, notification_json
from wire import post

PAGE = (ROOT / "docs" / "install.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def lines(program: str) -> list[str]:
    """The command lines of the page that begin with that program."""
    every = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in every if line.split()[0] == program]


def the_line(part: str) -> str:
    [line] = [line for line in lines("kubectl") if part in line]
    return line


@dataclass
class Terminal:
    """A shell in the folder above the project's, in which kubectl has an admin's kubeconfig."""

    folder: Path
    kubeconfig: Path

    def types(self, line: str) -> str:
        """Type a line; return what it prints."""
        path = f"{control_plane.binaries()}:{os.environ['PATH']}"
        ran = subprocess.run(
            ["sh", "-euc", line],
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran
        return ran.stdout


@pytest.fixture(scope="module")
def terminal(needs_control_plane: None, folder: Path) -> Iterator[Terminal]:
    home = folder / "install"
    (home / "openfero").mkdir(parents=True)
    shutil.copytree(BASE, home / "openfero-function" / "knative")
    (home / "openfero" / "kustomization.yaml").write_text(blocks("yaml")[0])
    with control_plane.running(home) as plane:
        admin = plane.write_kubeconfig(home / "admin.kubeconfig")
        with crds.applied(Kubectl(admin, home), crds.SERVICE):
            yield Terminal(home, admin)


def test_it_is_installed_seen_to_work_and_taken_away(terminal: Terminal, tmp_path: Path) -> None:
    applied = terminal.types(the_line("apply -k"))
    assert "service.serving.knative.dev/openfero created" in applied
    assert "validatingadmissionpolicy.admissionregistration.k8s.io/openfero-creates" in applied

    terminal.types(the_line("create secret"))
    token = terminal.types(
        "kubectl get secret -n openfero openfero-token -o jsonpath={.data.token}"
    )
    assert len(token) >= 32

    play_knative(terminal)
    assert "condition met" in terminal.types(the_line("wait ksvc"))

    terminal.types(the_line("openferotest.yaml"))
    [door, *_] = doors()
    with running(
        door, tmp_path / "log", terminal.kubeconfig, OPENFERO_JOBS_NAMESPACE="openfero-jobs"
    ) as function:
        assert post(function.url, notification_json(firing("OpenferoTest"))).words == ["created"]
    header, row = terminal.types(the_line("get jobs")).splitlines()
    assert header.split()[-2:] == ["DEFINITION", "STATUS"]
    assert row.split()[-2:] == ["openfero-openferotest-firing", "firing"]

    terminal.types(the_line("get configmaps"))
    saved = yaml.safe_load((terminal.folder / "definitions.yaml").read_text())["items"]
    assert "openfero-openferotest-firing" in [each["metadata"]["name"] for each in saved]
    terminal.types(the_line("delete -k"))
    left = terminal.types("kubectl get namespaces,validatingadmissionpolicies -o name")
    assert "openfero" not in left


def play_knative(terminal: Terminal) -> None:
    """Say of the Service what Knative's controller does when its pod is ready."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    terminal.types(
        "kubectl patch ksvc openfero -n openfero --subresource=status --type=merge "
        f"-p '{json.dumps(ready)}'"
    )


def test_the_image_that_is_built_and_pushed_is_the_one_that_runs(terminal: Terminal) -> None:
    built = terminal.types("kubectl kustomize openfero/")

    [service] = [each for each in yaml.safe_load_all(built) if each["kind"] == "Service"]
    [container] = service["spec"]["template"]["spec"]["containers"]
    assert lines("make") == [f"make build IMAGE={container['image']}"]
    assert lines("docker") == [f"docker push {container['image']}"]


def test_every_component_is_told() -> None:
    told = re.findall(r"^\| \[(\w+)\]\(\.\./knative/components/(\w+)\)", PAGE, re.MULTILINE)

    assert {one for pair in told for one in pair} == {
        path.name for path in (BASE / "components").iterdir()
    }


@pytest.mark.parametrize(
    "release",
    alertmanagers.find_releases()
    or [pytest.param(None, marks=pytest.mark.skip(alertmanagers.NEEDS["packaged"]))],
    ids=lambda each: each.version if each else "none",
)
@pytest.mark.parametrize(
    ("label", "receivers"),
    [
        ("cluster=east", "openfero-east,people"),
        ("cluster=west", "openfero-west,people"),
        ("cluster=north", "people"),
    ],
)
def test_an_alert_goes_to_the_function_of_its_own_cluster(
    release: alertmanagers.Release, tmp_path: Path, label: str, receivers: str
) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(blocks("yaml")[1])

    routed = subprocess.run(
        [release.amtool, "config", "routes", "test", f"--config.file={file}", label],
        capture_output=True,
        text=True,
    )

    assert routed.stdout.strip() == receivers, routed
