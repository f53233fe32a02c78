"""The page for whoever is on call is true: each of its commands does what it says."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Define
from function_process import ROOT
from kube import Kube
from make import firing, notification_json
from waiting import until
from wire import post

PAGE = (ROOT / "docs" / "on-call.md").read_text()
COMMANDS = [
    command
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for command in re.split(r"(?<!\|)\n(?=\S)", block.strip())
]

Type = Callable[..., str]

# Each command by a name of its own, and what tells it from the others.
PARTS = {
    "see the cluster": "current-context",
    "choose the namespace": "set-context",
    "stop": "create quota stop",
    "end all": "xargs",
    "switch off": "-firing openfero/job-disabled=true",
    "switch on": "job-disabled-",
    "go on": "delete quota stop",
    "describe": "describe configmap",
    "list": "-L openfero.io/definition",
    "show the alert": "openfero\\.io/alert}",
    "list what waits": "approval=required",
    "approve": """NAME -p '{"spec":{"suspend":false}}'""",
    "decline": '{"suspend":false,"activeDeadlineSeconds":0}',
    "list what helped": "custom-columns",
    "list what is off": "get configmaps",
    "list quotas": "get quota",
}


def the_command(name: str) -> str:
    [command] = [command for command in COMMANDS if PARTS[name] in f"{command}\n"]
    return command


@pytest.fixture
def types(kube: Kube, kubeconfig: Path, tmp_path: Path) -> Type:
    """Type a command of the page about this definition or Job; return what it prints."""
    # Of one's own: a command of the page changes it.
    own = tmp_path / "kubeconfig"
    own.write_text(kubeconfig.read_text())
    kubectl = Path(sys.executable).with_name("kubectl")
    if not kubectl.exists():
        pytest.skip("needs kubectl: install the extra `test`")

    def types(name: str, definition: str = "", job: str = "") -> str:
        line = the_command(name).replace("openfero-poddown-firing", definition)
        ran = subprocess.run(
            ["sh", "-euc", line.replace("job NAME", f"job {job}")],
            env={
                "PATH": f"{kubectl.parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "KUBECONFIG": str(own),
            },
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert ran.returncode == 0, ran
        return ran.stdout

    return types


@pytest.fixture
def repaired(function: str, define: Define, alertname: str) -> tuple[str, str]:
    """A definition, and the Job of an alert."""
    definition = define(alertname)
    return definition, notify(function, alertname)["job"]


def notify(function: str, alertname: str, **alert: Any) -> dict[str, Any]:
    [outcome] = post(function, notification_json({**firing(alertname), **alert})).outcomes
    return outcome


def test_every_command_is_tried_here() -> None:
    tried = set(re.findall(r'types\(\s*"([^"]+)"', Path(__file__).read_text()))

    assert tried == PARTS.keys()
    assert sorted(map(the_command, PARTS)) == sorted(COMMANDS)


def test_the_namespace_is_chosen(types: Type) -> None:
    assert types("see the cluster").strip()
    assert "modified" in types("choose the namespace")


def test_one_definition_is_switched_off_and_on(
    types: Type, function: str, define: Define, alertname: str
) -> None:
    definition = define(alertname)

    types("switch off", definition)
    off = notify(function, alertname)["outcome"]
    listed = types("list what is off")
    types("switch on", definition)
    on = notify(function, alertname)["outcome"]

    assert (off, on) == ("disabled", "created")
    assert definition in listed


def test_what_happened_to_a_definition_is_described(
    types: Type, kube: Kube, repaired: tuple[str, str]
) -> None:
    definition, job = repaired
    until(lambda: kube.events(definition), "it is told")

    assert re.search(rf"Normal +Created .*{job}", types("describe", definition))


def test_the_jobs_of_the_day_and_their_alerts_are_shown(
    types: Type, alertname: str, repaired: tuple[str, str]
) -> None:
    definition, job = repaired

    [row] = [row for row in types("list").splitlines() if job in row]

    assert row.split()[-3:] == [definition, "firing", "1"]
    assert f'"alertname":"{alertname}"' in types("show the alert", job=job)


def test_what_waits_is_listed_approved_and_declined(
    types: Type, kube: Kube, function: str, define: Define, alertname: str
) -> None:
    define(alertname, annotations={"openfero.io/mode": "approve"})
    job = notify(function, alertname)["job"]

    listed = types("list what waits")
    types("approve", job=job)
    approved = kube.get("jobs", job)["spec"]["suspend"]
    types("decline", job=job)

    assert job in listed
    assert approved is False
    assert kube.get("jobs", job)["spec"]["activeDeadlineSeconds"] == 0


def test_whether_it_helped_is_shown(
    types: Type, kube: Kube, function: str, alertname: str, repaired: tuple[str, str]
) -> None:
    _, job = repaired
    kube.complete(job)
    [before] = [row for row in types("list what helped").splitlines() if job in row]

    notify(function, alertname, status="resolved", endsAt="2026-11-23T14:00:00Z")
    until(lambda: kube.get("jobs", job)["metadata"].get("annotations"), "it is marked")
    [after] = [row for row in types("list what helped").splitlines() if job in row]

    # Name, when it succeeded, when its alert resolved.
    assert "<none>" not in before.split()[1]
    assert (before.split()[2], after.split()[2]) == ("<none>", "2026-11-23T14:00:00Z")


class TestStopEverything:
    @pytest.fixture
    def stopped(self, request: pytest.FixtureRequest, types: Type) -> Iterator[str]:
        if request.config.getoption("--api") != "real":
            pytest.skip("needs an API server that holds quotas: --api=real")
        types("stop")
        yield types("list quotas")
        types("go on")

    def test_nothing_more_is_created_until_it_may_go_on(
        self,
        types: Type,
        function: str,
        kube: Kube,
        define: Define,
        alertname: str,
        stopped: str,
    ) -> None:
        definition = define(alertname)
        until(lambda: "status" in kube.get("resourcequotas", "stop"), "it counts")

        refused = post(function, notification_json(firing(alertname)))

        assert "stop" in stopped
        assert (refused.status, kube.jobs(definition)) == (503, [])
        assert "exceeded quota: stop" in refused.text

    def test_what_runs_ends(self, types: Type, kube: Kube, repaired: tuple[str, str]) -> None:
        _, job = repaired

        types("end all")

        assert kube.get("jobs", job)["spec"]["activeDeadlineSeconds"] == 0
