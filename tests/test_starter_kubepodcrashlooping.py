"""KubePodCrashLooping says why a container crashes, on the pod and in the log."""

import json
from collections.abc import Callable, Iterator
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
    waiting,
)
from function_process import free_port
from starter_pack import Pack, applied, changed, snapshot
from waiting import until

LOOP = waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=api")
PROBE = "Container api failed liveness probe, will be restarted"

# How it ended, its memory limit, an Event on it, and why it crashes.
CRASHES: list[tuple[dict[str, Any], str, str, str]] = [
    (ended(137, "OOMKilled"), "128Mi", PROBE, "OOMKilled, it used more memory than its limit of 128Mi"),
    (ended(137, "OOMKilled"), "", "", "OOMKilled, it used more memory than the node had left, and has no limit"),
    (ended(1), "128Mi", "", "exit code 1, an error of its own: see the end of its log"),
    (ended(0, "Completed"), "", "", "it ends by itself, without an error (exit code 0), and is started again"),
    (ended(127), "", "", "exit code 127: a command that it runs is not in the image"),
    (ended(128, "StartError"), "", "", "its command cannot be started (exit code 128)"),
    (ended(137), "", "", "exit code 137: it was killed (SIGKILL), and not for its own memory limit"),
    (ended(137), "", PROBE, "its liveness probe fails, so it is restarted (exit code 137)"),
    (ended(139), "", "", "exit code 139: it has used memory that is not its own (SIGSEGV)"),
    ({}, "", "", "how it ended is not recorded"),
]  # fmt: skip


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with all crashes of the table above in it."""
    with applied("kubepodcrashlooping", kubeconfig, function, folder) as pack:
        make(
            pack, *(crashing(f"crash-{number}", *CRASHES[number]) for number in range(len(CRASHES)))
        )
        events = [
            an_event(pack, f"crash-{number}", "Killing", message)
            for number, (_, _, message, _) in enumerate(CRASHES)
            if message
        ]
        make(pack, *events)
        pack.types("create rolebinding")
        yield pack


@pytest.fixture
def logs(pack: Pack) -> Iterator[Logs]:
    with a_node_with_logs(pack.kubectl) as logs:
        yield logs


def crashing(
    name: str, last: dict[str, Any], memory: str = "", *_: str, **parts: Any
) -> dict[str, Any]:
    container = {
        "env": [{"name": "PASSWORD", "value": "swordfish"}],
        "args": ["--token=swordfish"],
        "resources": {"limits": {"memory": memory}} if memory else {},
    }
    status = a_status(restarts=7, state=LOOP, lastState=last)
    return a_pod(name, status, container=container, **parts)


def of(pack: Pack, name: str) -> dict[str, str]:
    """The labels of an alert about this pod."""
    return {"pod": name, "uid": uid_of(pack, f"pod/{name}")}


@pytest.mark.parametrize("number", range(len(CRASHES)))
def test_one_sentence_says_why_it_crashes_first_and_last_in_the_log_and_on_the_pod(
    pack: Pack, number: int
) -> None:
    name = f"crash-{number}"

    ran = pack.run(**of(pack, name))

    told = f"container api crashes, 7 restarts: {CRASHES[number][-1]}"
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout.startswith(told + "\n")
    assert ran.stdout.endswith(f"\n\n{told}\n")
    assert findings(pack, name) == [told]
    assert "\nthe end of its log\n  none\n" in ran.stdout
    assert "\n  owner: none\n" in ran.stdout
    assert told in pack.kubectl("describe", "pod", name, "-n", pack.namespace).stdout


def test_its_log_tells_the_last_states_and_the_end_of_the_log_before(
    pack: Pack, logs: Logs
) -> None:
    text = (
        "".join(f"line {number}\n" for number in range(100)) + "\x1b[2Jpanic: größe\n" + "x" * 9999
    )
    logs.texts["logging", "api", True] = text
    make(
        pack, crashing("logging", ended(2, message="the password is swordfish"), nodeName=logs.node)
    )
    make(pack, an_event(pack, "logging", "BackOff", "Back-off restarting\nfailed container"))

    ran = pack.run(**of(pack, "logging"))

    lines = ran.stdout.splitlines()
    assert '  api: 7 restarts; not ready; waiting "CrashLoopBackOff": "back-off 5m0s' in ran.stdout
    assert (
        'terminated "Error", exit code 2, from 2026-11-23T13:50:00Z to 2026-11-23T13:50:12Z\n'
        in ran.stdout
    )
    assert "  line 99" in lines
    assert "  line 50" not in lines
    assert "  [2Jpanic: größe" in lines, "without the escape"
    assert max(map(len, lines)) <= 502
    assert '  2026-11-23T13:51:00Z x7 "BackOff" "Back-off restarting\\nfailed container"' in lines
    assert "swordfish" not in ran.stdout + ran.stderr
    assert len(ran.stdout) < 20_000


def test_without_a_log_before_it_tells_the_log_there_is(pack: Pack, logs: Logs) -> None:
    logs.texts["first-run", "api", False] = "no such table\n"
    make(pack, crashing("first-run", ended(1), nodeName=logs.node))

    ran = pack.run(**of(pack, "first-run"))

    assert "  no such table" in ran.stdout.splitlines()


def test_a_node_that_is_away_costs_it_the_log_alone(pack: Pack) -> None:
    with a_node(pack.kubectl, free_port()) as away:
        make(pack, crashing("lost", ended(1), nodeName=away))
        ran = pack.run(**of(pack, "lost"))

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "  there is no log: Error from server" in ran.stdout


def test_its_log_tells_which_revision_of_a_deployment_it_is_and_which_came_before(
    pack: Pack,
) -> None:
    pack.kubectl("create", "-n", pack.namespace, "-f", "-", stdin=a_workload("Deployment", "web"))
    for image in ("shop/api:1.2.4", "shop/api:2.0.0"):
        first_pod_of(pack, "web", lambda pod: True)
        pack.kubectl("set", "image", "deployment/web", f"api={image}", "-n", pack.namespace)
    pod = first_pod_of(pack, "web", lambda pod: image_of(pod) == "shop/api:2.0.0")
    crashes(pack, pod)

    ran = pack.run(**of(pack, pod))

    told = [line for line in ran.stdout.splitlines() if line.startswith("  revision ")]
    replica_set = pod.rpartition("-")[0]
    assert f'  owner: "ReplicaSet" "{replica_set}"' in ran.stdout.splitlines()
    assert [line.split()[1] for line in told] == ["3", "2", "1"]
    assert told[0].endswith(f': "shop/api:2.0.0" ({replica_set}, the one of this pod)')
    assert "this pod" not in told[1] + told[2]


def test_its_log_tells_the_revisions_of_a_stateful_set(pack: Pack) -> None:
    pack.kubectl("create", "-n", pack.namespace, "-f", "-", stdin=a_workload("StatefulSet", "db"))
    pod = first_pod_of(pack, "db", lambda pod: True)
    pack.kubectl("set", "image", "sts/db", "api=shop/api:2.0.0", "-n", pack.namespace)
    until(lambda: len(names(pack, "controllerrevisions")) == 2, "there is a second revision")
    crashes(pack, pod)

    ran = pack.run(**of(pack, pod))

    told = [line for line in ran.stdout.splitlines() if line.startswith("  revision ")]
    assert [line.split()[1] for line in told] == ["2", "1"]
    assert ': "shop/api:2.0.0" (db-' in told[0]
    assert "this pod" not in told[0]
    assert told[1].endswith(", the one of this pod)")


def a_workload(kind: str, name: str) -> dict[str, Any]:
    labels = {"app": name}
    once = {"serviceName": name, "updateStrategy": {"type": "OnDelete"}}
    container = {"name": "api", "image": "shop/api:1.2.3"}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **(once if kind == "StatefulSet" else {}),
        },
    }


def first_pod_of(pack: Pack, app: str, fits: Callable[[dict[str, Any]], bool]) -> str:
    """Wait for a pod of a workload; return its name."""

    def found() -> list[str]:
        where = ("-n", pack.namespace, "-l", f"app={app}", "--output=json")
        items = json.loads(pack.kubectl("get", "pods", *where).stdout)["items"]
        return [each["metadata"]["name"] for each in items if fits(each)]

    until(lambda: found() != [], f"there is a pod of {app}")
    return found()[0]


def image_of(pod: dict[str, Any]) -> str:
    [container] = pod["spec"]["containers"]
    image: str = container["image"]
    return image


def names(pack: Pack, kind: str) -> list[str]:
    return pack.kubectl("get", kind, "-n", pack.namespace, "--output=name").stdout.split()


def crashes(pack: Pack, pod: str) -> None:
    """Let a pod that is there already be one that crashes."""
    status = {"containerStatuses": [a_status(restarts=7, state=LOOP, lastState=ended(1))]}
    patch = ("patch", "pod", pod, "-n", pack.namespace, "--subresource=status", "--type=merge")
    pack.kubectl(*patch, "-p", json.dumps({"status": status}))


def test_names_of_containers_are_text_and_no_numbers(pack: Pack) -> None:
    codes = {"01": 1, "1": 126, "1e0": 134}
    statuses = [
        a_status(name, restarts=code, state=LOOP, lastState=ended(code))
        for name, code in codes.items()
    ]
    make(pack, a_pod("numbers", *statuses))

    for name, code in codes.items():
        ran = pack.run(**of(pack, "numbers"), container=name)
        told = f"container {name} crashes, {code} restarts: exit code {code}"
        assert ran.stdout.startswith(told)


def test_under_busybox_it_says_the_same(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(containers.SHELL, "busybox")
    make(pack, crashing("busybox", ended(137, "OOMKilled"), "128Mi"))
    pack.kubectl("create", "-n", pack.namespace, "-f", "-", stdin=a_workload("Deployment", "box"))
    pod = first_pod_of(pack, "box", lambda pod: True)
    crashes(pack, pod)

    alone, owned = (pack.run(**of(pack, name)) for name in ("busybox", pod))

    told = (
        "container api crashes, 7 restarts: OOMKilled, it used more memory than its limit of 128Mi"
    )
    assert (alone.returncode, alone.stderr) == (0, ""), alone
    assert findings(pack, "busybox") == [told]
    assert "\n  owner: none\n" in alone.stdout
    assert f'\n  owner: "ReplicaSet" "{pod.rpartition("-")[0]}"\n  revision 1 of ' in owned.stdout


# The pod of the alert, and what it is not.


def test_a_pod_that_is_gone_replaced_or_has_never_crashed_is_left(pack: Pack) -> None:
    make(pack, a_pod("calm", a_status(state={"running": {}})))

    gone = pack.run(pod="gone")
    replaced = pack.run(pod="calm", uid="5f0c6c0e-6c1e-4f3e-9b56-0d9e6f3f5a11")
    calm = pack.run(**of(pack, "calm"))
    other = pack.run(**of(pack, "calm"), container="sidecar")

    end = "; there is nothing to diagnose\n"
    assert gone.stdout == f"there is no such pod{end}"
    assert replaced.stdout == f"the pod is gone, and another one has its name{end}"
    assert calm.stdout == f"the container has never ended{end}"
    assert other.stdout == f"the pod has no such container{end}"
    assert {each.returncode for each in (gone, replaced, calm, other)} == {0}
    assert findings(pack, "calm") == []


def test_it_changes_nothing_and_run_twice_it_finds_the_same(pack: Pack) -> None:
    make(pack, crashing("twice", ended(1)))
    before = snapshot(pack.kubectl)

    pack.run(**of(pack, "twice"))
    pack.run(**of(pack, "twice"))

    assert changed(before, snapshot(pack.kubectl)) == set()
    assert len(set(findings(pack, "twice"))) == 1


def test_in_a_namespace_where_it_is_not_bound_it_sees_nothing(pack: Pack) -> None:
    make(pack, crashing("hidden", ended(1)), namespace=pack.elsewhere)

    ran = pack.run(namespace=pack.elsewhere, pod="hidden")

    assert ran.returncode != 0
    assert 'cannot get resource "pods"' in ran.stderr


def test_where_it_is_bound_it_may_look_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {
        "get pods",
        "get pods/log",
        "list replicasets.apps",
        "list controllerrevisions.apps",
        "list events",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    make(pack, crashing("calmly", ended(1)))
    before, told = snapshot(pack.kubectl), all_findings(pack)

    runs = pack.runs_with_hostile_labels(**of(pack, "calmly"))

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
    assert all_findings(pack) - told <= {"calmly"}
