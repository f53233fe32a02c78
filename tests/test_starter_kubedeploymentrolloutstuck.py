"""KubeDeploymentRolloutStuck rolls back to the revision whose pods still serve.

The real controllers roll out and notice that a rollout is stuck; the test is the kubelet.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube import Objects
from starter_pack import Pack, a_list, applied, changed, events_on, snapshot
from waiting import until

OLD, NEW, NEWEST = "registry.example/api:1", "registry.example/api:2", "registry.example/api:3"

# What must come through a shell and a patch as it is.
AWKWARD = "$HOME $(touch pwned) `touch pwned` \\ \\n ' \" {{.}} %s <&> größe 🔥\nEND\n"

# Deployments whose rollout is stuck, and what is special in their metadata or spec.
MANAGED = "another controller rolls it out and would put it back; revert it there"
SPECIAL: dict[str, tuple[dict[str, Any], str]] = {
    "flux": ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, MANAGED),
    "argo": ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps"}}, MANAGED),
    "owned": (
        {
            "ownerReferences": [
                {"apiVersion": "example.org/v1", "kind": "Shop", "name": "shop", "uid": "1"}
            ]
        },
        MANAGED,
    ),
}
STUCK = ("api", "twice", "raced", "again", "paused", "served", "forgotten", "synced", *SPECIAL)


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with Deployments whose second revision is stuck."""
    with applied("kubedeploymentrolloutstuck", kubeconfig, function, folder) as pack:
        make(pack, *STUCK, "calm")
        roll_out(pack, NEW, *STUCK)
        pack.types("create rolebinding")
        yield pack


def make(pack: Pack, *names: str, serve: bool = True, namespace: str = "") -> None:
    where = ("-n", namespace or pack.namespace, "-f", "-")
    pack.kubectl("create", *where, stdin=a_list(*map(a_deployment, names)))
    if serve:
        let_pods_serve(pack, set(names), namespace or pack.namespace)


def a_deployment(name: str) -> dict[str, Any]:
    metadata, _ = SPECIAL.get(name, ({}, ""))
    variables = [{"name": "AWKWARD", "value": AWKWARD}]
    container = {"name": "api", "image": OLD, "env": variables}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **metadata},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def let_pods_serve(pack: Pack, apps: set[str], namespace: str) -> None:
    """Say of the first pod of each that it is ready, as its kubelet would."""

    def pods() -> Objects:
        found = pack.kubectl("get", "pods", "-n", namespace, "--output=json").stdout
        every: Objects = json.loads(found)["items"]
        return [each for each in every if each["metadata"]["labels"].get("app") in apps]

    until(lambda: len(pods()) == len(apps), "each has its pod")
    ready = [
        {**pod, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        for pod in pods()
    ]
    replace = ("replace", "--subresource=status", "-n", namespace, "-f", "-")
    pack.kubectl(*replace, stdin=a_list(*map(without_version, ready)))
    wait = ("wait", "--for=condition=Available", "-n", namespace, "--timeout=30s")
    pack.kubectl(*wait, *(f"deployment/{name}" for name in apps))


def without_version(content: dict[str, Any]) -> dict[str, Any]:
    metadata = {**content["metadata"]}
    del metadata["resourceVersion"]
    return {**content, "metadata": metadata}


def roll_out(pack: Pack, image: str, *names: str) -> None:
    """Roll out what no kubelet runs, and wait until it is stuck."""
    change = {
        "spec": {
            "progressDeadlineSeconds": 1,
            "template": {"spec": {"containers": [{"name": "api", "image": image}]}},
        }
    }
    deployments = [f"deployment/{name}" for name in names]
    where = ("-n", pack.namespace)
    pack.kubectl("patch", *where, "-p", json.dumps(change), *deployments)
    until(lambda: all(is_stuck(pack, name, image) for name in names), "all are stuck")


def is_stuck(pack: Pack, name: str, image: str) -> bool:
    found = deployment(pack, name)
    conditions = {each["type"]: each["status"] for each in found["status"].get("conditions", [])}
    observed = found["status"].get("observedGeneration") == found["metadata"]["generation"]
    return observed and conditions.get("Progressing") == "False" and image_of(pack, name) == image


def deployment(pack: Pack, name: str, namespace: str = "") -> dict[str, Any]:
    where = ("-n", namespace or pack.namespace, "--output=json")
    found: dict[str, Any] = json.loads(pack.kubectl("get", "deployment", name, *where).stdout)
    return found


def image_of(pack: Pack, name: str) -> str:
    [container] = deployment(pack, name)["spec"]["template"]["spec"]["containers"]
    image: str = container["image"]
    return image


def is_left(pack: Pack, name: str, reason: str, image: str = NEW) -> None:
    ran = pack.run(deployment=name)

    told = f"{reason}; nothing is changed\n"
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", told)
    assert image_of(pack, name) == image


def test_a_stuck_rollout_is_rolled_back_to_what_served_and_nothing_else_is_touched(
    pack: Pack,
) -> None:
    template = a_deployment("api")["spec"]["template"]
    before = snapshot(pack.kubectl)

    ran = pack.run()

    told = f"Deployment api in {pack.namespace} was stuck at revision 2 and is back to revision 1\n"
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", told)
    assert image_of(pack, "api") == OLD
    now = deployment(pack, "api")["spec"]["template"]
    [container] = now["spec"]["containers"]
    assert container["env"] == template["spec"]["containers"][0]["env"]
    assert now["metadata"]["labels"] == template["metadata"]["labels"]
    # The controllers then do their part, on its ReplicaSets and pods.
    theirs = tuple(f"{kind}/{pack.namespace}/api-" for kind in ("ReplicaSet", "Pod"))
    touched = changed(before, snapshot(pack.kubectl))
    assert {each for each in touched if not each.startswith(theirs)} == {
        f"Deployment/{pack.namespace}/api"
    }


def test_the_controller_takes_it_for_the_old_revision_and_it_is_said_where_people_look(
    pack: Pack,
) -> None:
    pack.run(deployment="served")

    rollout = ("rollout", "status", "deployment/served", "-n", pack.namespace, "--timeout=30s")
    assert "successfully rolled out" in pack.kubectl(*rollout).stdout
    history = pack.kubectl("rollout", "history", "deployment/served", "-n", pack.namespace).stdout
    assert [line.split(maxsplit=1) for line in history.splitlines() if line[:1].isdigit()] == [
        ["2", "<none>"],
        ["3", "OpenFero: back to revision 1"],
    ]
    events = events_on(pack.kubectl, pack.namespace, "Deployment", "served")
    told = "revision 2 was stuck; it is back to revision 1"
    assert [each["message"] for each in events if each["reason"] == "RolledBackByOpenFero"] == [
        told
    ]
    seen = pack.kubectl("events", "--for=deployment/served", "-n", pack.namespace).stdout
    assert told in seen


def test_run_twice_it_rolls_back_once(pack: Pack) -> None:
    pack.run(deployment="twice")

    is_left(pack, "twice", "it is no longer stuck", OLD)


def test_what_is_not_stuck_or_gone_is_left(pack: Pack) -> None:
    is_left(pack, "calm", "it is no longer stuck", OLD)
    gone = pack.run(deployment="gone")

    assert (gone.returncode, gone.stdout) == (
        0,
        "there is no such Deployment; nothing is changed\n",
    )


def test_a_paused_one_is_left_to_who_paused_it(pack: Pack) -> None:
    pack.kubectl("rollout", "pause", "deployment/paused", "-n", pack.namespace)
    until(lambda: is_stuck(pack, "paused", NEW), "its controller has seen it, and changes nothing")

    is_left(pack, "paused", "it is paused, so somebody is at work on it")


@pytest.mark.parametrize("name", SPECIAL)
def test_what_another_controller_rolls_out_is_left_to_it(pack: Pack, name: str) -> None:
    is_left(pack, name, SPECIAL[name][1])


def test_what_argo_cd_has_once_applied_is_left_whatever_its_labels(pack: Pack) -> None:
    label = ("label", "deployment", "synced", "team=shop", "-n", pack.namespace)
    pack.kubectl(*label, "--field-manager=argocd-controller")

    is_left(pack, "synced", MANAGED)


def test_the_first_revision_has_nothing_to_go_back_to(pack: Pack) -> None:
    make(pack, "first", serve=False)
    roll_out(pack, OLD, "first")

    is_left(pack, "first", "it has no previous revision", OLD)


def test_to_a_revision_that_never_served_it_does_not_go(pack: Pack) -> None:
    """Two bad ones, one after the other: the second last is no better than the last."""
    roll_out(pack, NEWEST, "again")

    reason = "no pod of its previous revision serves, so nothing says that it works"
    is_left(pack, "again", reason, NEWEST)


def test_what_is_approved_is_not_the_end_of_the_next_rollout(pack: Pack) -> None:
    job = pack.job(deployment="forgotten")
    roll_out(pack, NEWEST, "forgotten")

    ran = pack.run_job(job)

    assert ran.stdout == "it is another rollout than that of the alert; nothing is changed\n"
    assert image_of(pack, "forgotten") == NEWEST


def test_a_person_who_repairs_it_meanwhile_is_right(pack: Pack) -> None:
    fix = ("set", "image", "deployment/raced", f"api={NEWEST}", "-n", pack.namespace)

    ran = pack.run(deployment="raced", meanwhile=("patch", *fix))

    assert ran.returncode != 0, "so that the Job looks again"
    assert image_of(pack, "raced") == NEWEST


def test_in_a_namespace_where_it_is_not_bound_it_can_do_nothing(pack: Pack) -> None:
    make(pack, "api", serve=False, namespace=pack.elsewhere)
    before = deployment(pack, "api", pack.elsewhere)["spec"]

    ran = pack.run(namespace=pack.elsewhere)

    assert ran.returncode != 0
    assert 'cannot get resource "deployments"' in ran.stderr
    assert deployment(pack, "api", pack.elsewhere)["spec"] == before


def test_where_it_is_bound_it_may_look_at_deployments_and_change_them_and_say_so(
    pack: Pack,
) -> None:
    assert pack.may(pack.namespace) == {
        "get deployments.apps",
        "patch deployments.apps",
        "list replicasets.apps",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    before = snapshot(pack.kubectl)

    runs = pack.runs_with_hostile_labels(deployment="calm")

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
