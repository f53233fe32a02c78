"""KubePodNotReady deletes a pod that has failed, if a controller has another in its place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starter_pack import Pack, a_list, applied, changed, events_on, snapshot
from waiting import until

EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}

SPEC = {
    "containers": [
        {"name": "web", "image": "web:1.0.0", "env": [{"name": "PASSWORD", "value": "swordfish"}]}
    ]
}

# A name, what its status says, and why the pod is left.
LEFT = [
    ("bare", EVICTED, "it has failed (Evicted), but is none of a ReplicaSet"),
    ("no-word", {"phase": "Failed", "reason": '"}\n$(id)'}, "it has failed (no reason given), but"),
    ("unknown", {"phase": "Unknown"}, "it is Unknown ("),
    ("running", {"phase": "Running"}, "it is Running by now"),
    ("succeeded", {"phase": "Succeeded"}, "it is Succeeded by now"),
]


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with one controller of each kind in it."""
    with applied("kubepodnotready", kubeconfig, function, folder) as pack:
        pack.types("create rolebinding")
        controllers = a_list(
            a_controller("ReplicaSet", "web", replicas=1),
            a_controller("StatefulSet", "db", replicas=2),
            a_controller("DaemonSet", "agent"),
        )
        pack.kubectl(*create(pack), stdin=controllers)
        until(lambda: pods_of(pack, "web") and pods_of(pack, "db"), "their pods are there")
        yield pack


def create(pack: Pack) -> tuple[str, ...]:
    return ("create", "-n", pack.namespace, "-f", "-")


def a_controller(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": SPEC},
            **spec,
        },
    }


def a_pod(pack: Pack, name: str, status: dict[str, Any], **metadata: Any) -> str:
    """Create a pod, and say of it what its kubelet would."""
    content = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}}
    pack.kubectl(*create(pack), stdin={**content, "spec": SPEC})
    say(pack, name, status)
    return name


def say(pack: Pack, name: str, status: dict[str, Any]) -> None:
    patch = ("patch", "pod", name, "-n", pack.namespace, "--subresource=status", "--type=merge")
    pack.kubectl(*patch, "-p", json.dumps({"status": status}))


def pods_of(pack: Pack, app: str) -> list[str]:
    get = ("get", "pods", "-n", pack.namespace, f"--selector=app={app}", "--output=name")
    return sorted(name.removeprefix("pod/") for name in pack.kubectl(*get).stdout.split())


def an_owner(pack: Pack, resource: str, name: str, **parts: Any) -> list[dict[str, Any]]:
    get = ("get", resource, name, "-n", pack.namespace, "--output=jsonpath={.metadata.uid}")
    own = {"kind": resource, "name": name, "uid": pack.kubectl(*get).stdout}
    return [{"apiVersion": "apps/v1", **own, "controller": True, **parts}]


def a_failed_pod_of_the_replica_set(pack: Pack) -> str:
    """Let a pod of it fail; return its name once there is another."""
    [name] = [each for each in pods_of(pack, "web") if phase(pack, each) == "Pending"]
    before = pods_of(pack, "web")
    say(pack, name, EVICTED)
    until(lambda: len(pods_of(pack, "web")) > len(before), "there is another")
    return name


def a_failed_pod_of_the_daemon_set(pack: Pack) -> str:
    owner = an_owner(pack, "DaemonSet", "agent")
    return a_pod(pack, "agent-1", EVICTED, labels={"app": "agent"}, ownerReferences=owner)


def a_failed_pod_of_the_stateful_set(pack: Pack) -> str:
    """The second one: its controller waits for the first, and does not see to it itself."""
    owner = an_owner(pack, "StatefulSet", "db")
    return a_pod(pack, "db-1", EVICTED, labels={"app": "db"}, ownerReferences=owner)


def phase(pack: Pack, name: str) -> str:
    get = ("get", "pod", name, "-n", pack.namespace, "--ignore-not-found")
    return pack.kubectl(*get, "--output=jsonpath={.status.phase}").stdout


@pytest.mark.parametrize(
    "a_failed_pod",
    [
        a_failed_pod_of_the_replica_set,
        a_failed_pod_of_the_stateful_set,
        a_failed_pod_of_the_daemon_set,
    ],
)
def test_a_failed_pod_of_a_controller_is_deleted_and_nothing_else(
    pack: Pack, a_failed_pod: Any
) -> None:
    name = a_failed_pod(pack)
    before = snapshot(pack.kubectl)

    ran = pack.run(pod=name)

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert changed(before, snapshot(pack.kubectl)) == {f"Pod/{pack.namespace}/{name}"}
    last = ran.stdout.splitlines()[-1]
    assert last == f"pod {name} in {pack.namespace} had failed (Evicted) and is deleted"
    assert 'is "Failed": "Evicted" "The node was low on memory."' in ran.stdout
    assert "swordfish" not in ran.stdout, "its variables"
    events = events_on(pack.kubectl, pack.namespace, "Pod", name)
    assert [each["reason"] for each in events].count("DeletedByOpenFero") == 1
    seen = pack.kubectl("events", f"--for=pod/{name}", "-n", pack.namespace).stdout
    assert "it had failed (Evicted) and is deleted" in seen


@pytest.mark.parametrize(("name", "status", "reason"), LEFT, ids=[each[0] for each in LEFT])
def test_any_other_pod_is_left(pack: Pack, name: str, status: dict[str, Any], reason: str) -> None:
    a_pod(pack, name, status)

    ran = pack.run(pod=name)

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    last = ran.stdout.splitlines()[-1]
    assert last.startswith(reason)
    assert last.endswith("; nothing is changed")
    assert phase(pack, name) == status["phase"]


# Of a group that the cluster does not know, so that none of its controllers sees to the pod.
@pytest.mark.parametrize(
    ("name", "owner", "shown"),
    [
        ("held", {"controller": False}, "no controller"),
        ("other-group", {"apiVersion": "apps.example.com/v1", "uid": "1"}, '"ReplicaSet"'),
        (
            "other-kind",
            {"apiVersion": "example.com/v1", "kind": "Cluster", "uid": "1"},
            '"Cluster"',
        ),
    ],
)
def test_a_failed_pod_of_any_other_owner_is_left(
    pack: Pack, name: str, owner: dict[str, Any], shown: str
) -> None:
    a_pod(pack, name, EVICTED, ownerReferences=an_owner(pack, "ReplicaSet", "web", **owner))

    ran = pack.run(pod=name)

    assert f"/{name}, of {shown}, " in ran.stdout
    assert "but is none of a ReplicaSet, StatefulSet or DaemonSet" in ran.stdout
    assert phase(pack, name) == "Failed"


def test_a_failed_pod_of_a_job_is_left(pack: Pack) -> None:
    pack.kubectl("create", "job", "import", "--image=web:1.0.0", "-n", pack.namespace)
    selector = ("get", "pods", "-n", pack.namespace, "-l", "batch.kubernetes.io/job-name=import")
    name_of = ("--output=jsonpath={.items[*].metadata.name}",)
    until(lambda: pack.kubectl(*selector, *name_of).stdout, "its pod is there")
    name = pack.kubectl(*selector, *name_of).stdout
    say(pack, name, {"phase": "Failed"})

    ran = pack.run(pod=name)

    left = phase(pack, name)
    pack.kubectl("delete", "job", "import", "-n", pack.namespace, "--cascade=foreground")
    assert 'of "Job"' in ran.stdout
    assert "but is none of a ReplicaSet, StatefulSet or DaemonSet" in ran.stdout
    assert left == "Failed"


def test_of_a_pod_that_cannot_start_the_log_says_why_and_an_event_too(pack: Pack) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling\x1b[2J\nimage"}
    ended = {"exitCode": 137, "reason": "OOMKilled", "message": "swordfish"}
    container = {
        "name": "web",
        "image": "web:1.0.0",
        "imageID": "",
        "ready": False,
        "restartCount": 4,
        "state": {"waiting": waiting},
        "lastState": {"terminated": ended},
    }
    condition = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    status = {"containerStatuses": [container], "conditions": [condition]}
    name = a_pod(pack, "web-cannot-start", status)
    about = {"apiVersion": "v1", "kind": "Pod", "name": name, "namespace": pack.namespace}
    get = ("get", "pod", name, "-n", pack.namespace, "--output=jsonpath={.metadata.uid}")
    pack.kubectl(
        *create(pack),
        stdin={
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "pull"},
            "involvedObject": {**about, "uid": pack.kubectl(*get).stdout},
            "reason": "Failed",
            "message": "manifest unknown",
        },
    )

    ran = pack.run(pod=name)

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert 'waits: "ImagePullBackOff" "Back-off pulling\\x1b[2J\\nimage"; 4 restarts' in ran.stdout
    assert 'before that it ended with exit code 137: "OOMKilled"' in ran.stdout
    assert 'condition "Ready" is "False"' in ran.stdout
    assert "manifest unknown" in ran.stdout
    assert "swordfish" not in ran.stdout, "neither variables nor what a container said last"
    events = events_on(pack.kubectl, pack.namespace, "Pod", name)
    told = "it is Pending (ImagePullBackOff) and has not failed"
    assert ("DiagnosedByOpenFero", told) in [(each["reason"], each["message"]) for each in events]


def test_a_pod_that_is_gone_or_is_going_is_left(pack: Pack) -> None:
    owner = an_owner(pack, "DaemonSet", "agent")
    held = {"finalizers": ["example.com/held"], "labels": {"app": "agent"}}
    a_pod(pack, "going", EVICTED, ownerReferences=owner, **held)
    pack.kubectl("delete", "pod", "going", "-n", pack.namespace, "--wait=false")

    gone, going = pack.run(pod="gone"), pack.run(pod="going")

    patch = ("patch", "pod", "going", "-n", pack.namespace, "--type=merge")
    pack.kubectl(*patch, "-p", '{"metadata": {"finalizers": null}}')
    assert gone.stdout == "there is no such pod; nothing is changed\n"
    assert going.stdout.endswith("it is being deleted already; nothing is changed\n")
    assert (gone.returncode, going.returncode) == (0, 0)


def test_run_twice_it_deletes_once(pack: Pack) -> None:
    name = a_failed_pod_of_the_replica_set(pack)

    pack.run(pod=name)
    others = pods_of(pack, "web")
    again = pack.run(pod=name)

    assert again.stdout == "there is no such pod; nothing is changed\n"
    assert pods_of(pack, "web") == others


def test_a_person_who_touches_the_pod_meanwhile_is_right(pack: Pack) -> None:
    name = a_failed_pod_of_the_replica_set(pack)
    label = ("label", "pod", name, "-n", pack.namespace, "keep=me")

    ran = pack.run(pod=name, meanwhile=("delete", *label))

    assert ran.returncode != 0, "so that the Job looks again"
    assert "the object has been modified" in ran.stderr or "recondition" in ran.stderr
    assert phase(pack, name) == "Failed"


def test_another_pod_that_has_its_name_meanwhile_is_left(pack: Pack, tmp_path: Path) -> None:
    name = a_failed_pod_of_the_stateful_set(pack)
    path = tmp_path / "pod.json"
    path.write_text(pack.kubectl("get", "pod", name, "-n", pack.namespace, "-o", "json").stdout)
    get = ("get", "pod", name, "-n", pack.namespace, "--output=jsonpath={.metadata.uid}")
    before = pack.kubectl(*get).stdout

    ran = pack.run(pod=name, meanwhile=("delete", "replace", "--force", f"--filename={path}"))

    assert ran.returncode != 0
    assert pack.kubectl(*get).stdout != before
    assert phase(pack, name) == "Pending", "the new one"


def test_in_a_namespace_where_it_is_not_bound_it_can_do_nothing(pack: Pack) -> None:
    ran = pack.run(namespace=pack.elsewhere)

    assert ran.returncode != 0
    assert 'cannot get resource "pods"' in ran.stderr


def test_where_it_is_bound_it_may_look_at_a_pod_delete_it_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {
        "get pods",
        "delete pods",
        "list events",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    """With a failed pod beside it that would be deleted, if one of them led there."""
    a_failed_pod_of_the_replica_set(pack)
    calm = a_pod(pack, "calm", EVICTED)
    before = snapshot(pack.kubectl)

    runs = pack.runs_with_hostile_labels(pod=calm)

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
