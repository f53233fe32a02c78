"""KubePodNotReady says what keeps a pod from being ready, on the pod and in the log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from diagnoses import (
    a_node,
    a_pod,
    a_status,
    all_findings,
    an_event,
    ended,
    findings,
    make,
    waiting,
)
from starter_pack import Pack, applied, changed, snapshot
from waiting import until

SINCE = "2026-11-23T13:40:00Z"
RUNS = {"running": {"startedAt": "2026-11-23T13:50:00Z"}}
CREATING = a_status(state=waiting("ContainerCreating"))
SWORDFISH = ended(1, message="swordfish")

# What the scheduler says, and what the one sentence says of that.
OF_THE_SCHEDULER = [
    ("0/5 nodes are available: 2 Insufficient memory, 3 node(s) had untolerated taint {a: b}. preemption: 0/5 nodes are available: 5 Insufficient cpu.", "none of 5 nodes will do, not enough memory, taints that it does not tolerate"),
    ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "none of 1 nodes will do, not enough nvidia.com/gpu"),
    ("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", "none of 1 nodes will do, nodes that its selector or affinity rules out"),
    ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "none of 1 nodes will do, a claim that is not bound"),
    ('0/1 nodes are available: persistentvolumeclaim "data" not found.', "none of 1 nodes will do, claim data is missing"),
    ('"}\n$(touch pwned)', "see what the scheduler says"),
]  # fmt: skip


def conditions(**more: dict[str, str]) -> list[dict[str, str]]:
    told = {"Ready": {"status": "False", "lastTransitionTime": SINCE}, **more}
    return [{"type": name, **parts} for name, parts in told.items()]


def a_case(name: str, *statuses: dict[str, Any], phase: str = "Pending", **parts: Any) -> Any:
    """Return a pod that the scheduler leaves to the test."""
    status = {"phase": phase, "conditions": conditions(), **parts.pop("status", {})}
    container = {"env": [{"name": "PASSWORD", "value": "swordfish"}]}
    statuses = statuses or (CREATING,)
    spec = {"schedulerName": "nobody", "container": container, "status": status, **parts}
    return a_pod(name, *statuses, **spec)


def with_init(name: str, first: dict[str, Any], *statuses: dict[str, Any], **parts: Any) -> Any:
    """Return a pod with an init container `first`."""
    images = [{"name": "first", "image": "shop/init:1", **parts.pop("init", {})}]
    status = {"initContainerStatuses": [first]}
    return a_case(name, *statuses, initContainers=images, status=status, **parts)


GATE = {"readinessGates": [{"conditionType": "example.com/balanced"}]}
CRASHED = a_status(restarts=4, state=waiting("CrashLoopBackOff"), lastState=SWORDFISH)
READY = {**a_status(state=RUNS), "ready": True}
SIDECAR = {"init": {"restartPolicy": "Always"}}
STARTED = {**a_status("first", state=RUNS), "started": True}

# A pod, and what the one sentence says of it.
CASES = [
    (a_case("creating"), "Pending", "container api waits, ContainerCreating"),
    (a_case("image", a_status(state=waiting("ImagePullBackOff"))), "Pending", "container api waits, ImagePullBackOff"),
    (a_case("config", a_status(state=waiting("CreateContainerConfigError", 'secret "db" not found'))), "Pending", "container api waits, CreateContainerConfigError: Secret db is missing"),
    (a_case("mount"), "Pending", "container api waits, ContainerCreating: ConfigMap app is missing"),
    (a_case("sandbox"), "Pending", "container api waits, ContainerCreating: FailedCreatePodSandBox"),
    (a_case("hostile", a_status(state=waiting('"}\n$(touch pwned)'))), "Pending", "container api waits"),
    (with_init("init-runs", a_status("first", state=RUNS)), "Pending", "init container first runs since 2026-11-23T13:50:00Z: it has not ended"),
    (with_init("init-failed", a_status("first", 3, state=SWORDFISH)), "Pending", "init container first ended with exit code 1, Error, 3 restarts"),
    (with_init("init-ended", a_status("first", state=ended(0, "Completed"))), "Pending", "container api waits, ContainerCreating"),
    (with_init("sidecar", STARTED, READY, phase="Running", **SIDECAR), "Running", "container first runs since 2026-11-23T13:50:00Z: a probe does not succeed"),
    (a_case("probe", a_status(restarts=2, state=RUNS), phase="Running"), "Running", "container api runs since 2026-11-23T13:50:00Z, 2 restarts: its readiness probe fails"),
    (a_case("startup", a_status(state=RUNS), phase="Running"), "Running", "container api runs since 2026-11-23T13:50:00Z: its startup probe fails"),
    (a_case("crashed", CRASHED, a_status("proxy", state=RUNS), phase="Running"), "Running", "container api waits, CrashLoopBackOff, 4 restarts; and 1 more"),
    (a_case("hook", a_status(state=waiting("PostStartHookError", "swordfish")), phase="Running"), "Running", "container api waits, PostStartHookError: FailedPostStartHook"),
    (a_case("gate", READY, phase="Running", **GATE), "Running", "readiness gate example.com/balanced is not set"),
    (a_case("evicted", phase="Failed", status={"reason": "Evicted"}), "Failed", "Evicted"),
    (a_case("ended", a_status(state=SWORDFISH), phase="Failed"), "Failed", "container api ended with exit code 1, Error"),
    (a_case("unlooked", status={"containerStatuses": []}), "Pending", "no scheduler has looked at it"),
]  # fmt: skip
EVENTS = [
    ("mount", "FailedMount", 'MountVolume.SetUp failed for volume "a" : configmap "app" not found', ""),
    ("sandbox", "FailedCreatePodSandBox", "plugin failed", ""),
    ("probe", "Unhealthy", "Readiness probe failed: swordfish", "api"),
    ("startup", "Unhealthy", "Startup probe failed: swordfish", "api"),
    ("hook", "FailedPostStartHook", "swordfish", "api"),
]  # fmt: skip


def unschedulable(number: int, message: str) -> dict[str, Any]:
    told = {"status": "False", "reason": "Unschedulable", "message": message}
    status = {"conditions": conditions(PodScheduled=told), "containerStatuses": []}
    return a_case(f"scheduler-{number}", status=status)


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with all pods of the tables above in it."""
    with applied("kubepodnotready", kubeconfig, function, folder) as pack:
        make(pack, *(pod for pod, *_ in CASES))
        make(pack, *(unschedulable(*each) for each in enumerate(s for s, _ in OF_THE_SCHEDULER)))
        make(pack, *(an_event_of(pack, *event) for event in EVENTS))
        pack.types("create rolebinding")
        yield pack


def an_event_of(pack: Pack, name: str, reason: str, message: str, container: str) -> Any:
    event = an_event(pack, name, reason, message)
    if container:
        event["involvedObject"]["fieldPath"] = f"spec.containers{{{container}}}"
    return event


def check(pack: Pack, name: str, phase: str, why: str) -> str:
    """Run it on a pod; return its log, which begins and ends with what the pod's Event says."""
    ran = pack.run(pod=name)

    told = f"it is {phase}, not ready since {SINCE}: {why}"
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout.startswith(told + "\n")
    assert ran.stdout.endswith(f"\n\n{told}\n")
    assert findings(pack, name) == [told]
    assert "swordfish" not in ran.stdout, "no value, and nothing that a container said"
    return ran.stdout


@pytest.mark.parametrize(("pod", "phase", "why"), CASES, ids=[e[0]["metadata"]["name"] for e in CASES])  # fmt: skip
def test_it_says_what_keeps_the_pod_from_being_ready(
    pack: Pack, pod: dict[str, Any], phase: str, why: str
) -> None:
    check(pack, pod["metadata"]["name"], phase, why)


@pytest.mark.parametrize("number", range(len(OF_THE_SCHEDULER)))
def test_it_says_why_no_node_will_do_and_in_the_log_what_the_scheduler_says(
    pack: Pack, number: int
) -> None:
    said, why = OF_THE_SCHEDULER[number]

    text = check(pack, f"scheduler-{number}", "Pending", f"Unschedulable: {why}")

    assert said.replace('"', '\\"').replace("\n", "\\n") in text


def test_it_understands_the_scheduler_of_the_cluster(pack: Pack) -> None:
    make(pack, {**a_pod("no-node", CREATING), "status": {"phase": "Pending"}})
    of = "--output=jsonpath={.status.conditions[?(@.reason=='Unschedulable')].type}"
    get = ("get", "pod/no-node", "-n", pack.namespace, of)
    until(lambda: pack.kubectl(*get).stdout == "PodScheduled", "the scheduler has looked at it")

    assert ": Unschedulable: there is no node\n" in pack.run(pod="no-node").stdout


def test_where_the_node_does_not_answer_it_names_the_node(pack: Pack) -> None:
    with a_node(pack.kubectl, port=1) as node:
        lost = a_case("lost", READY, phase="Running", nodeName=node)
        make(pack, a_case("unknown", phase="Unknown", nodeName=node), lost)

        check(pack, "unknown", "Unknown", f"its node {node} does not say how it is")
        why = f"its containers are, but its node {node} may not have been heard of"
        check(pack, "lost", "Running", why)


def test_of_a_pod_that_is_deleted_and_stays_it_says_so(pack: Pack) -> None:
    held = {"finalizers": ["example.com/held"]}
    make(pack, a_case("going", metadata=held))
    pack.kubectl("delete", "pod", "going", "-n", pack.namespace, "--wait=false")

    ran = pack.run(pod="going")

    patch = ("patch", "pod", "going", "-n", pack.namespace, "--type=merge")
    pack.kubectl(*patch, "-p", '{"metadata": {"finalizers": null}}')
    assert ran.stdout.splitlines()[-1].endswith(", and has finalizers")


def test_what_is_gone_done_ready_or_held_on_purpose_is_left(pack: Pack) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    make(pack, a_case("done", phase="Succeeded"), a_case("fine", phase="Running", status=ready))
    gated = a_case("gated", schedulingGates=[{"name": "example.com/hold"}])
    del gated["status"]
    make(pack, gated)

    runs = [pack.run(pod=name) for name in ("gone", "done", "fine", "gated")]

    end = "; there is nothing to diagnose\n"
    assert [each.stdout for each in runs] == [
        f"there is no such pod{end}",
        f"it has succeeded{end}",
        f"it is ready by now{end}",
        f"its scheduling is gated: somebody holds it on purpose{end}",
    ]
    assert {each.returncode for each in runs} == {0}
    assert not {"done", "fine", "gated"} & all_findings(pack)


def test_it_changes_nothing_and_run_twice_it_finds_the_same(pack: Pack) -> None:
    make(pack, a_case("twice", phase="Failed", status={"reason": "Evicted"}))
    before = snapshot(pack.kubectl)

    pack.run(pod="twice")
    pack.run(pod="twice")

    assert changed(before, snapshot(pack.kubectl)) == set()
    assert len(set(findings(pack, "twice"))) == 1


def test_in_a_namespace_where_it_is_not_bound_it_sees_nothing(pack: Pack) -> None:
    ran = pack.run(namespace=pack.elsewhere)

    assert ran.returncode != 0
    assert 'cannot get resource "pods"' in ran.stderr


def test_where_it_is_bound_it_may_look_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {"get pods", "list events", "create events"}


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    make(pack, a_case("calmly"))
    before, told = snapshot(pack.kubectl), all_findings(pack)

    runs = pack.runs_with_hostile_labels(pod="calmly")

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
    assert all_findings(pack) - told <= {"calmly"}
