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
from chain import guarded, need_release, write_token
from conftest import Define
from function_process import ROOT, doors, running
from kube import Kube
from kubectl import BASE, Kubectl
from make import firing, notification_json
from waiting import until
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


@pytest.fixture(scope="module")
def installed(terminal: Terminal) -> str:
    """What is printed by the command that applies all."""
    return terminal.types(the_line("apply --server-side"))


def test_all_is_applied_with_one_command(installed: str) -> None:
    assert "service.serving.knative.dev/openfero serverside-applied" in installed
    assert "policy.admissionregistration.k8s.io/openfero-creates serverside-applied" in installed


@pytest.mark.usefixtures("installed")
def test_the_token_is_made_and_alertmanager_gets_the_same(terminal: Terminal) -> None:
    terminal.types("kubectl create namespace monitoring")
    for part in ("openfero-token -n openfero --from", "get secret", "--from-file=token"):
        terminal.types(the_line(part))

    tokens = [
        terminal.types(f"kubectl get secret openfero-token -n {namespace} -o jsonpath={{.data}}")
        for namespace in ("openfero", "monitoring")
    ]
    assert tokens[0] == tokens[1]
    assert len(json.loads(tokens[0])["token"]) >= 32


@pytest.mark.usefixtures("installed")
def test_it_is_seen_when_it_is_ready(terminal: Terminal) -> None:
    play_knative(terminal)

    assert "condition met" in terminal.types(the_line("wait ksvc"))


@pytest.mark.usefixtures("installed")
def test_the_job_of_the_test_alert_is_seen(terminal: Terminal, tmp_path: Path) -> None:
    terminal.types(the_line("definitions/openferotest"))
    [door, *_] = doors()
    with running(
        door, tmp_path / "log", terminal.kubeconfig, OPENFERO_JOBS_NAMESPACE="openfero-jobs"
    ) as function:
        assert post(function.url, notification_json(firing("OpenferoTest"))).words == ["created"]

    header, row = terminal.types(the_line("get jobs")).splitlines()
    assert header.split()[-2:] == ["DEFINITION", "STATUS"]
    assert row.split()[-2:] == ["openfero-openferotest-firing", "firing"]


def test_it_is_taken_away_and_comes_back_with_its_definitions(
    terminal: Terminal, installed: str
) -> None:
    terminal.types(the_line("definitions/openferotest"))

    terminal.types(the_line("get configmaps"))
    terminal.types(the_line("delete -k"))
    left = terminal.types("kubectl get namespaces,validatingadmissionpolicies -o name")
    again = terminal.types(the_line("apply --server-side"))
    back = terminal.types("kubectl apply -f definitions.yaml")

    assert "openfero" not in left
    assert len(again.splitlines()) == len(installed.splitlines())
    assert "configmap/openfero-openferotest-firing created" in back


def test_the_base_alone_needs_no_more_than_a_plain_apply(terminal: Terminal) -> None:
    base = "openfero-function/knative"
    terminal.types(f"kubectl delete --ignore-not-found -k {base}")

    applied = terminal.types(f"kubectl apply -k {base}")

    assert {line.rpartition(" ")[2] for line in applied.splitlines()} == {"created"}


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
    built_as = f"make -C openfero-function build IMAGE={container['image']}"
    assert lines("make") == [built_as]
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


README = (ROOT / "README.md").read_text()
ROUTES = {
    "the README": re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[-1],
    "several clusters": blocks("yaml")[1],
}


@pytest.mark.usefixtures("needs_control_plane")
@pytest.mark.parametrize("text", ROUTES.values(), ids=ROUTES)
def test_with_a_told_route_an_alert_reaches_a_function_that_asks_for_its_token(
    text: str,
    door: str,
    kubeconfig: Path,
    kube: Kube,
    define: Define,
    alertname: str,
    tmp_path: Path,
) -> None:
    definition = define(alertname)
    token, log = write_token(tmp_path), tmp_path / "function"
    with guarded(door, log, kubeconfig, token) as function:
        # Nothing is changed but where all is, and how long a group waits.
        text = re.sub(r"http\S+/alerts", f"{function.url}/alerts", text)
        text = re.sub(r"/etc/alertmanager/secrets/[^/]+/token", str(token), text)
        content = yaml.safe_load(text)
        content["route"]["routes"][0]["group_wait"] = "0s"
        release = need_release("packaged")
        with alertmanagers.running(release, tmp_path / "alertmanager", content) as alertmanager:
            alertmanager.fire({"alertname": alertname, "cluster": "east"})
            until(lambda: kube.jobs(definition), "there is a job")
