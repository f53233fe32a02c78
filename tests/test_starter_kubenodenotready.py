"""KubeNodeNotReady says what is known of a node that is not ready, and changes nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import containers
import pytest
from starter_pack import Pack, a_list, applied, changed, events_on, snapshot
from waiting import until

NODE = "worker-2"
"""The one of the example."""

Make = Callable[..., None]


def ago(**parts: float) -> str:
    """A time as Kubernetes writes it, a little before, so that no test is at an edge."""
    return f"{datetime.now(UTC) - timedelta(**parts) - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"


def a_condition(kind: str, status: str, reason: str, message: str, since: str) -> dict[str, Any]:
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    return {**told, "lastTransitionTime": since, "lastHeartbeatTime": ago(seconds=0)}


def a_node(name: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    """A node without room, so that the scheduler gives it no pod."""
    taint = {"key": "dedicated", "value": "shop", "effect": "NoSchedule"}
    taint["timeAdded"] = ago(minutes=24)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"taints": [taint]},
        "status": {"conditions": list(conditions)},
    }


def a_silent_node() -> dict[str, Any]:
    told = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", ago(minutes=25))
    return a_node(NODE, a_condition("MemoryPressure", *told), a_condition("Ready", *told))


def a_failing_node(name: str) -> dict[str, Any]:
    return a_node(name, a_condition("Ready", "False", "KubeletNotReady", "no CNI", ago(days=3)))


def a_ready_node(name: str) -> dict[str, Any]:
    return a_node(name, a_condition("Ready", "True", "KubeletReady", "", ago(days=3)))


def a_lease(name: str, renewed: str) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name, "renewTime": renewed.replace("Z", ".123456Z")},
    }


def a_pod(name: str, phase: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"nodeName": NODE, "containers": [{"name": "web", "image": "web:1.0.0"}]},
        "status": {"phase": phase},
    }


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound."""
    with applied("kubenodenotready", kubeconfig, function, folder) as pack:
        try:
            bind(pack)
            yield pack
        finally:
            unbind(pack)


BINDINGS = ("create clusterrolebinding", "--namespace default", "--namespace kube-node-lease")
"""What the commands of the page begin with, or have in them."""


def bind(pack: Pack) -> None:
    for command in BINDINGS:
        pack.types(command)


def unbind(pack: Pack) -> None:
    name = pack.entry.account
    pack.kubectl("delete", "clusterrolebinding", name, "--ignore-not-found")
    for namespace in ("default", "kube-node-lease"):
        pack.kubectl("delete", "rolebinding", name, "-n", namespace, "--ignore-not-found")


@pytest.fixture
def make(pack: Pack) -> Iterator[Make]:
    """Create nodes, and say of them what is told; they are gone after the test.

    Not earlier than a test needs them: what never speaks is soon Unknown to the controller.
    """
    names: list[str] = []

    def make(*nodes: dict[str, Any]) -> None:
        names.extend(each["metadata"]["name"] for each in nodes)
        pack.kubectl("create", "-f", "-", stdin=a_list(*nodes))
        pack.kubectl.replace_status(a_list(*nodes))

    yield make
    pack.kubectl("delete", "nodes", *names, "--ignore-not-found")
    pack.kubectl("delete", "lease", *names, "-n", "kube-node-lease", "--ignore-not-found")


def findings(pack: Pack, name: str) -> list[str]:
    """What the entry has said on the node."""
    events = events_on(pack.kubectl, "default", "Node", name)
    return [each["message"] for each in events if each["reason"] == "DiagnosedByOpenFero"]


def test_of_a_silent_node_it_says_what_is_known_in_its_log_and_on_the_node(
    pack: Pack, make: Make
) -> None:
    pods = a_list(a_pod("web-1", "Running"), a_pod("web-2", "Running"), a_pod("db", "Pending"))
    where = ("-n", pack.namespace)
    make(a_silent_node(), a_failing_node("worker-3"), a_ready_node("worker-4"))
    pack.kubectl("create", "-f", "-", stdin=a_lease(NODE, ago(hours=3)))
    pack.kubectl("create", *where, "-f", "-", stdin=pods)
    pack.kubectl.replace_status(pods, *where)

    ran = pack.run()

    told = (
        "it is not ready for 25m (NodeStatusUnknown); its kubelet last spoke 3h ago;"
        " not ready are also 1 of 2 other nodes; on it are 3 pods"
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    silent = '"NodeStatusUnknown" "Kubelet stopped posting node status."'
    assert ran.stdout.splitlines()[:6] == [
        f"node {NODE}: {told}",
        f"pods: 2 Running in {pack.namespace}",
        f"pods: 1 Pending in {pack.namespace}",
        f"Ready is Unknown for 25m: {silent}",
        f"MemoryPressure is Unknown for 25m: {silent}",
        "taint dedicated=shop:NoSchedule, for 24m",
    ]
    assert findings(pack, NODE) == [told]
    assert told in pack.kubectl("describe", "node", NODE).stdout
    assert told in pack.kubectl("events", f"--for=node/{NODE}", "-n", "default").stdout
    assert pack.run().stdout.count(told) == 2, "as it is now, and among the events"


def test_of_a_node_without_a_lease_or_without_a_condition_it_says_so(
    pack: Pack, make: Make
) -> None:
    make(a_failing_node("without-lease"), a_node("without-condition"))

    without_lease = pack.run(node="without-lease")
    without_condition = pack.run(node="without-condition")

    told = "it is not ready for 3d (KubeletNotReady); its kubelet has no Lease;"
    assert told in without_lease.stdout
    assert 'Ready is False for 3d: "KubeletNotReady" "no CNI"' in without_lease.stdout
    assert "it has no condition Ready; its kubelet has no Lease;" in without_condition.stdout
    assert "on it are 0 pods" in without_condition.stdout
    assert (without_lease.returncode, without_condition.returncode) == (0, 0)


def test_under_busybox_it_says_the_same(
    pack: Pack, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(containers.SHELL, "busybox")
    make(a_failing_node("busybox"), a_ready_node("busybox-ready"))

    ran = pack.run(node="busybox")

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    told = "it is not ready for 3d (KubeletNotReady); its kubelet has no Lease; not ready are also "
    assert findings(pack, "busybox")[0].startswith(told)
    assert "\ntaint dedicated=shop:NoSchedule, for 24m\n" in ran.stdout


def test_of_a_node_that_is_ready_or_gone_there_is_nothing_to_report(pack: Pack, make: Make) -> None:
    make(a_ready_node("ready"))

    ready, gone = pack.run(node="ready"), pack.run(node="gone")

    assert ready.stdout == "it is ready by now; there is nothing to report\n"
    assert gone.stdout == "there is no such node; there is nothing to report\n"
    assert (ready.returncode, gone.returncode) == (0, 0)
    assert findings(pack, "ready") == findings(pack, "gone") == []


def test_what_a_node_says_of_itself_is_text_and_is_not_in_the_event(pack: Pack, make: Make) -> None:
    forged = 'x\ncondition "Ready" "True" \x1b[2J$(touch pwned)'
    since = ago(seconds=10)
    make(a_node("hostile", a_condition("Ready", "False", '"\n$(touch pwned)', forged, since)))

    ran = pack.run(node="hostile")

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert '"x\\ncondition \\"Ready\\" \\"True\\" \\x1b[2J$(touch pwned)"' in ran.stdout
    [told] = findings(pack, "hostile")
    assert told.startswith("it is not ready for ")
    assert "s (no reason given); its kubelet has no Lease" in told


def test_until_its_account_is_bound_it_may_do_nothing_anywhere_and_says_nothing(
    pack: Pack, make: Make
) -> None:
    make(a_failing_node("unseen"))
    unbind(pack)
    pack.kubectl("apply", "-k", pack.entry.folder)
    try:
        until(lambda: pack.run(node="gone").returncode, "it is refused")
        ran = pack.run(node="unseen")
        for namespace in ("", "default", "kube-node-lease"):
            assert pack.may(namespace) == set()
    finally:
        unbind(pack)
        bind(pack)
        until(lambda: pack.run(node="gone").returncode == 0, "it is bound again")

    assert ran.returncode != 0
    assert 'cannot get resource "nodes"' in ran.stderr
    assert findings(pack, "unseen") == []


def test_it_may_look_at_nodes_their_leases_and_pods_and_say_so_in_one_namespace(
    pack: Pack,
) -> None:
    assert pack.may() == {"get nodes", "list nodes", "list pods"}
    assert pack.may("default") == {"list events", "create events", "list pods"}
    assert pack.may("kube-node-lease") == {"get leases.coordination.k8s.io", "list pods"}


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system"])
def test_elsewhere_it_may_list_pods_and_nothing_else(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == {"list pods"}


def test_it_changes_nothing_whatever_the_labels_are(pack: Pack, make: Make) -> None:
    make(a_silent_node())
    before = snapshot(pack.kubectl)

    runs = [("", "", pack.run()), *pack.runs_with_hostile_labels()]

    # The controller taints a node whenever it likes; that nobody else did is said above.
    others = changed(before, snapshot(pack.kubectl)) - {f"Node//{NODE}"}
    assert others == set(), runs
