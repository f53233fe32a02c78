"""Coming from OpenFero ≤ 0.17: the way is typed here, and every difference is held by a test."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import write_kubeconfig
from function_process import ROOT, FunctionProcess, doors, running
from kubectl import OF_THIS_ENVIRONMENT
from make import alert_json, notification_json
from openfero import PROGRAM
from test_docs import blocks, table
from test_jobs import PUBLISHED_EXAMPLE
from waiting import until
from wire import post

from function.local.server import LocalAPI

TESTS = Path(__file__).parent
PAGE = "docs/migrate.md"

Type = Callable[[str], "subprocess.CompletedProcess[str]"]

HELD_BY = {
    "the answer": [
        "test_a_refused_connection_is_503_in_one_line_with_retry_after",
        "test_when_it_is_back_the_retry_creates_exactly_what_was_missing",
        "test_a_broken_definition_is_422_in_one_line_that_names_it",
    ],
    "the status": [
        "test_a_firing_group_with_a_resolved_member_runs_each_ones_job",
        "test_a_resolved_alert_never_runs_the_firing_job",
    ],
    "repeats": [
        "test_a_repeat_after_the_job_has_ended_does_not_run_it_again",
        "test_fifty_identical_notifications_of_five_alerts_make_five_jobs",
    ],
    "two alerts in one group": [
        "test_every_alert_of_a_group_gets_its_own_job",
        "test_two_alert_names_in_one_group_do_not_suppress_each_other",
        "test_a_resolved_job_is_made_while_the_firing_job_is_still_there",
    ],
    "the Job's name": ["test_the_answer_says_what_became_of_each_alert"],
    "ttlSecondsAfterFinished": ["test_a_job_is_kept_for_a_day"],
    "ConfigMaps": ["test_a_firing_alert_gets_its_job"],
    "variables": [
        "test_every_container_and_init_container_is_told",
        "test_a_label_cannot_overwrite_a_variable_of_the_author",
    ],
    "the alert": ["test_a_repair_runs_again_from_the_alert_file_of_its_job"],
    "alert names with _, spaces, capitals or umlauts": [
        "test_a_name_with_odd_characters_finds_its_definition",
        "test_an_alert_of_any_name_is_settled",
    ],
    "the manifest's own labels": ["test_labels_of_the_author_stay_beside_ours"],
    "unknown and misplaced fields": [
        "test_the_published_example_runs_and_its_author_learns_of_both_slips",
        "test_strict_refuses_a_misplaced_field",
    ],
    "a manifest without containers": [
        "test_a_manifest_without_containers_is_refused_and_the_function_lives_on"
    ],
    'openfero/job-disabled: "true"': ["test_a_disabled_definition_makes_no_job"],
    "SIGTERM": [
        "test_a_request_in_flight_is_finished_when_the_process_is_told_to_stop",
        "test_where_func_python_cuts_it_off_the_retry_settles_it",
    ],
    "size of a request": ["test_a_body_over_the_limit_is_413"],
    "at rest": [
        "test_a_process_killed_between_storing_and_answering_makes_no_second_job",
    ],
    "namespaces": ["test_definitions_are_looked_for_in_the_namespace_that_is_set"],
    "the page, /api/*, /metrics": ["test_nothing_can_be_read_from_it"],
}


@cache
def names_of_tests() -> set[str]:
    texts = [path.read_text() for path in TESTS.rglob("test_*.py")]
    return {name for text in texts for name in re.findall(r"^ *def (test_\w+)", text, re.MULTILINE)}


def test_every_difference_has_its_tests() -> None:
    assert [row[0] for row in table("docs/migrate.md", "")] == list(HELD_BY)


@pytest.mark.parametrize("difference", HELD_BY)
def test_the_tests_named_for_it_are_there(difference: str) -> None:
    assert HELD_BY[difference]
    assert set(HELD_BY[difference]) <= names_of_tests()


NAME = "openfero-kubequotaalmostfull-firing"
# Each command by a name of its own, and what tells it from the others.
PARTS = {
    "lint": "--cluster -n openfero\n",
    "simulate": "openfero simulate",
    "copy": "kubectl apply -n openfero-jobs",
    "lint on the server": "--cluster --server",
    "read": "kubectl get events",
}


def the_command(name: str) -> str:
    [command] = [block for block in blocks(PAGE, "sh") if PARTS[name] in block]
    return command


@pytest.fixture
def api() -> Iterator[LocalAPI]:
    """A cluster with OpenFero's own example, whose account has a real name."""
    with LocalAPI(namespaces=("openfero", "openfero-jobs"), controller=False) as api:
        example = PUBLISHED_EXAMPLE.replace("<desired-sa>", "repair")
        api.create("configmaps", a_definition(example), "openfero")
        yield api


def a_definition(manifest: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "labels": {"app": "openfero"}},
        "data": {"KubeQuotaAlmostFull": manifest},
    }


@pytest.fixture
def old_kubeconfig(api: LocalAPI, tmp_path: Path) -> Path:
    return write_kubeconfig(tmp_path / "kubeconfig", api.url)


@pytest.fixture
def types(old_kubeconfig: Path, tmp_path: Path) -> Type:
    """Type a command of the page."""
    if not OF_THIS_ENVIRONMENT.exists():
        pytest.skip("needs kubectl: install the extra `test`")

    def types(name: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", "-euc", the_command(name)],
            env={
                "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "KUBECONFIG": str(old_kubeconfig),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    return types


@pytest.fixture
def auditing(old_kubeconfig: Path, tmp_path: Path) -> Iterator[FunctionProcess]:
    log = tmp_path / "function.log"
    with running(doors()[0], log, old_kubeconfig, OPENFERO_MODE="audit") as function:
        yield function


def test_every_command_is_tried_here() -> None:
    tried = set(re.findall(r'types\("([^"]+)"', Path(__file__).read_text()))

    assert tried == PARTS.keys()
    assert sorted(map(the_command, PARTS)) == sorted(blocks(PAGE, "sh"))


def test_lint_finds_both_slips_of_the_published_example(types: Type) -> None:
    ran = types("lint")

    assert ran.returncode == 1, ran
    found = [line for line in ran.stdout.splitlines() if "misplaced-field" in line]
    assert len(found) == 2, ran
    assert "spec.template.metadata.labels" in found[0]
    assert "imagePullPolicy" in found[1]


def test_simulate_says_that_it_runs_all_the_same(types: Type) -> None:
    ran = types("simulate")

    assert ran.returncode == 0, ran
    assert "created" in ran.stdout
    for field in ("spec.template.labels", "spec.template.spec.imagePullPolicy"):
        assert f'unknown field "{field}"' in ran.stdout
    assert "its definition is in the namespace openfero" in " ".join(ran.stdout.split())


def test_the_account_that_the_published_example_leaves_open_is_broken(
    api: LocalAPI, types: Type
) -> None:
    api.patch("configmaps", NAME, a_definition(PUBLISHED_EXAMPLE), "openfero")

    ran = types("simulate")

    assert ran.returncode == 1, ran
    assert "serviceAccountName" in ran.stdout


def test_a_copy_is_the_same_definition(api: LocalAPI, types: Type) -> None:
    ran = types("copy")

    assert ran.returncode == 0, ran
    old = api.get("configmaps", NAME, "openfero")
    new = api.get("configmaps", NAME, "openfero-jobs")
    assert new["data"] == old["data"]
    assert new["metadata"]["labels"] == old["metadata"]["labels"]


def test_lint_on_the_server_asks_it_about_the_job_and_for_its_account(types: Type) -> None:
    types("copy")

    ran = types("lint on the server")

    assert ran.returncode == 1, ran
    # The embedded API knows no ServiceAccounts, and so cannot tell that this one is missing.
    assert "ServiceAccount repair" in ran.stdout
    assert 'unknown field "spec.template.labels" [server-warning]' in ran.stdout


def test_in_audit_what_would_be_created_can_be_read_and_nothing_is(
    api: LocalAPI, types: Type, auditing: FunctionProcess
) -> None:
    types("copy")
    response = post(auditing.url, notification_json(alert_json()))
    until(lambda: api.list("events", "openfero-jobs"), "it is told")

    ran = types("read")

    heading, line = ran.stdout.splitlines()
    assert response.words == ["would-create"]
    assert heading.split() == ["TIME", "OUTCOME", "DEFINITION", "MESSAGE"]
    assert line.split()[1:3] == ["WouldCreate", NAME]
    assert api.list("jobs", "openfero-jobs") == []


def test_the_patches_make_a_service_of_another_name_that_only_audits(tmp_path: Path) -> None:
    if not OF_THIS_ENVIRONMENT.exists():
        pytest.skip("needs kubectl: install the extra `test`")
    patches = blocks(PAGE, "yaml")[0]
    shutil.copytree(ROOT / "knative", tmp_path / "knative")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "kustomization.yaml").write_text(f"resources: [../knative]\n{patches}")

    built = subprocess.run(
        [OF_THIS_ENVIRONMENT, "kustomize", tmp_path / "own"], capture_output=True, text=True
    )

    assert built.returncode == 0, built
    [service] = [each for each in yaml.safe_load_all(built.stdout) if each["kind"] == "Service"]
    [container] = service["spec"]["template"]["spec"]["containers"]
    assert service["metadata"]["name"] == "openfero-next"
    assert {"name": "OPENFERO_MODE", "value": "audit"} in container["env"]


@pytest.mark.parametrize("alert", ["KubeQuotaAlmostFull", "Other"])
def test_every_alert_reaches_the_old_one_the_new_one_and_people(tmp_path: Path, alert: str) -> None:
    amtool = shutil.which("amtool")
    if not amtool:
        pytest.skip("needs amtool: apt-get install prometheus-alertmanager")
    file = tmp_path / "alertmanager.yml"
    file.write_text(blocks(PAGE, "yaml")[1])

    routed = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={file}", f"alertname={alert}"],
        capture_output=True,
        text=True,
    )

    assert routed.stdout.strip() == "openfero-old,openfero,people", routed
