"""KubeJobFailed says why a Job has failed, on the Job and in the log."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import containers
import pytest
from diagnoses import (
    Logs,
    a_node,
    a_node_with_logs,
    a_pod,
    a_status,
    all_findings,
    an_event,
    ended,
    findings,
    make,
    uid_of,
)
from function_process import free_port
from starter_pack import Pack, applied, changed, snapshot
from waiting import until
from wire import post

LIMIT = "BackoffLimitExceeded"

# The reason of the condition, how many pods failed, how the last one ended, and why it failed.
FAILURES: list[tuple[str, int, dict[str, Any], str]] = [
    (LIMIT, 2, ended(3), "as often as it may, 2 pods; container api of its last failed pod ended with exit code 3"),
    (LIMIT, 1, ended(137, "OOMKilled"), "as often as it may, 1 pods; container api of its last failed pod was OOMKilled"),
    ("DeadlineExceeded", 1, {}, "it took longer than it may; none of its pods that is still there tells an exit code"),
    ("PodFailurePolicy", 1, ended(42), "its podFailurePolicy says that this is not to be tried again; container api of its last failed pod ended with exit code 42"),
    ("FailedIndexes", 1, ended(1), "1 pods failed; container api of its last failed pod ended with exit code 1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace."""
    with applied("kubejobfailed", kubeconfig, function, folder) as pack:
        pack.types("create rolebinding")
        yield pack


@pytest.fixture
def logs(pack: Pack) -> Iterator[Logs]:
    with a_node_with_logs(pack.kubectl) as logs:
        yield logs


def a_job(name: str, *conditions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return one that the controller leaves alone, so that it ends as the test says."""
    container = {
        "name": "api",
        "image": "shop/api:1.2.3",
        "args": ["--token=swordfish"],
        "env": [{"name": "PASSWORD", "value": "swordfish"}],
    }
    failed = parts.pop("failed", 0)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **parts},
        "spec": {
            "managedBy": "tests.example/controller",
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
        "status": {
            "startTime": "2026-11-23T13:40:00Z",
            "failed": failed,
            "conditions": list(conditions),
        },
    }


def a_condition(kind: str, reason: str) -> dict[str, Any]:
    when = "2026-11-23T13:50:12Z"
    message = f"{reason}, as\nthe controller says"
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": when,
    }


def has_failed(reason: str = LIMIT) -> tuple[dict[str, Any], ...]:
    return a_condition("FailureTarget", reason), a_condition("Failed", reason)


def a_failed_pod(pack: Pack, job: str, name: str, state: dict[str, Any], **parts: Any) -> Any:
    labels = {"batch.kubernetes.io/controller-uid": uid_of(pack, f"job/{job}")}
    status = a_status(state=state)
    told = {"phase": "Failed"}
    return a_pod(name, status, metadata={"labels": labels}, status=told, **parts)


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_one_sentence_says_why_it_failed_first_and_last_in_the_log_and_on_the_job(
    pack: Pack, number: int
) -> None:
    reason, failed, state, why = FAILURES[number]
    name = f"failed-{number}"
    make(pack, a_job(name, *has_failed(reason), failed=failed))
    if state:
        make(pack, a_failed_pod(pack, name, f"{name}-a", state))

    ran = pack.run(job_name=name)

    told = f"the Job has failed, {reason}: {why}"
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout.startswith(told + "\n")
    assert ran.stdout.endswith(f"\n\n{told}\n")
    assert findings(pack, name, "Job") == [told]
    assert told in pack.kubectl("describe", "job", name, "-n", pack.namespace).stdout


def test_its_log_tells_of_the_failed_pods_and_the_end_of_the_log_of_the_last(
    pack: Pack, logs: Logs
) -> None:
    make(pack, a_job("import", *has_failed(), failed=2))
    for pod in ("import-a", "import-b"):
        logs.texts[pod, "api", False] = "".join(f"{pod} {number}\n" for number in range(100))
    make(pack, a_failed_pod(pack, "import", "import-b", ended(1), nodeName=logs.node))
    wait_a_second()
    make(pack, a_failed_pod(pack, "import", "import-a", ended(4), nodeName=logs.node))
    make(pack, an_event(pack, "import", LIMIT, "Job has reached\nits limit", "Job"))

    ran = pack.run(job_name="import")

    lines = ran.stdout.splitlines()
    assert "  import-a 99" in lines
    assert "  import-a 50" not in lines
    assert "import-b 99" not in ran.stdout
    pods = [line.split()[1:] for line in lines if " import-" in line and " api " in line]
    assert pods == [["import-b", "api", "1", '"Error"'], ["import-a", "api", "4", '"Error"']]
    assert f'  2026-11-23T13:51:00Z x7 "{LIMIT}" "Job has reached\\nits limit"' in lines
    assert "swordfish" not in ran.stdout + ran.stderr


def test_under_busybox_it_says_the_same(
    pack: Pack, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(containers.SHELL, "busybox")
    logs.texts["busybox-a", "api", False] = "no such table\n"
    make(pack, a_job("busybox", *has_failed(), failed=1))
    make(pack, a_failed_pod(pack, "busybox", "busybox-a", ended(3), nodeName=logs.node))

    ran = pack.run(job_name="busybox")

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    [told] = findings(pack, "busybox", "Job")
    assert told.endswith("1 pods; container api of its last failed pod ended with exit code 3")
    assert "  no such table" in ran.stdout.splitlines()


def wait_a_second() -> None:
    """Pods are as old as their second."""
    older = int(time.time())
    until(lambda: int(time.time()) > older, "it is another second")


def test_a_node_that_is_away_costs_it_the_log_alone(pack: Pack) -> None:
    make(pack, a_job("lost", *has_failed(), failed=1))
    with a_node(pack.kubectl, free_port()) as away:
        make(pack, a_failed_pod(pack, "lost", "lost-a", ended(1), nodeName=away))
        ran = pack.run(job_name="lost")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "  there is no log: Error from server" in ran.stdout


# The CronJob that it came from.


@pytest.mark.parametrize(
    ("name", "status", "ending"),
    [
        ("nightly", {"lastSuccessfulTime": "2026-11-22T03:00:09Z"}, "last succeeded at 2026-11-22T03:00:09Z"),
        ("weekly", {"lastScheduleTime": "2026-11-22T03:00:00Z"}, "has never succeeded"),
        ("yearly", {}, "has never succeeded"),
    ],
)  # fmt: skip
def test_it_says_when_its_cron_job_last_succeeded(
    pack: Pack, name: str, status: dict[str, str], ending: str
) -> None:
    make(pack, a_cron_job(name, status))
    uid = uid_of(pack, f"cronjob/{name}")
    make(pack, a_job(f"{name}-1", *has_failed(), ownerReferences=[owner(name, uid)]))

    ran = pack.run(job_name=f"{name}-1")

    [told] = findings(pack, f"{name}-1", "Job")
    assert told.endswith(f"; its CronJob {name} {ending}")
    assert ran.stdout.endswith(f"{told}\n")
    assert '"0 3 31 2 *", suspended' in ran.stdout


def owner(name: str, uid: str) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": name,
        "uid": uid,
        "controller": True,
    }


def a_cron_job(name: str, status: dict[str, str]) -> dict[str, Any]:
    template = a_job("none")["spec"]
    spec = {"schedule": "0 3 31 2 *", "suspend": True, "jobTemplate": {"spec": template}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": spec,
        "status": status,
    }


# What it is not about.


def test_what_is_gone_or_has_not_failed_is_left(pack: Pack) -> None:
    make(pack, a_job("running"))

    runs = [pack.run(job_name=name) for name in ("gone", "running")]

    assert [(each.returncode, each.stdout) for each in runs] == [
        (0, "there is no such Job; there is nothing to diagnose\n"),
        (0, "the Job has not failed; there is nothing to diagnose\n"),
    ]
    assert findings(pack, "running", "Job") == []


def test_a_repair_or_a_diagnosis_that_fails_is_not_diagnosed_in_circles(pack: Pack) -> None:
    response = post(pack.function, pack.notification(namespace="openfero-jobs"))

    assert response.words == ["no-match"]


def test_it_changes_nothing_and_run_twice_it_finds_the_same(pack: Pack) -> None:
    make(pack, a_job("twice", *has_failed()))
    before = snapshot(pack.kubectl)

    pack.run(job_name="twice")
    pack.run(job_name="twice")

    assert changed(before, snapshot(pack.kubectl)) == set()
    assert len(set(findings(pack, "twice", "Job"))) == 1


def test_in_a_namespace_where_it_is_not_bound_it_sees_nothing(pack: Pack) -> None:
    make(pack, a_job("hidden", *has_failed()), namespace=pack.elsewhere)

    ran = pack.run(namespace=pack.elsewhere, job_name="hidden")

    assert ran.returncode != 0
    assert 'cannot get resource "jobs"' in ran.stderr


def test_where_it_is_bound_it_may_look_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {
        "get jobs.batch",
        "get cronjobs.batch",
        "get pods",
        "list pods",
        "get pods/log",
        "list events",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    make(pack, a_job("calmly", *has_failed()))
    before, told = snapshot(pack.kubectl), all_findings(pack)

    runs = pack.runs_with_hostile_labels(job_name="calmly")

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
    assert all_findings(pack) - told <= {"calmly"}
