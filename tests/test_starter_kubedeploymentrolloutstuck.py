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
SYNCED = {
    "by-argo": "argocd-controller",
    "by-helm": "helm-controller",
    "by-kustomize": "kustomize-controller",
}
BY_HAND = ("api", "twice", "raced", "again", "paused", "served", "forgotten", "quiet", "strayed")
STUCK = (*BY_HAND, *SYNCED, *SPECIAL)


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


def a_deployment(name: str, replicas: int = 1) -> dict[str, Any]:
    metadata, _ = SPECIAL.get(name, ({}, ""))
    variables = [{"name": "AWKWARD", "value": AWKWARD}]
    container = {"name": "api", "image": OLD, "env": variables}
    labels = {"app": name, "in": "notin", "example.org/none": ""}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def let_pods_serve(pack: Pack, apps: set[str], namespace: str) -> None:
    """Say of the first pod of each that it is ready, as its kubelet would."""
    pods_serve(pack, apps, OLD, len(apps), namespace)
    wait = ("wait", "--for=condition=Available", "-n", namespace, "--timeout=30s")
    pack.kubectl(*wait, *(f"deployment/{name}" for name in apps))


def pods_serve(pack: Pack, apps: set[str], image: str, number: int, namespace: str = "") -> None:
    """Wait until there are so many pods with this image, and say that they are ready."""
    where = ("-n", namespace or pack.namespace)

    def pods() -> Objects:
        found = pack.kubectl("get", "pods", *where, "--output=json").stdout
        every: Objects = json.loads(found)["items"]
        return [each for each in every if app_and_image(each) in expected]

    expected = {(app, image) for app in apps}
    until(lambda: len(pods()) == number, "the pods are there")
    ready = [
        {**pod, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        for pod in pods()
    ]
    pack.kubectl.replace_status(a_list(*map(without_version, ready)), *where)


def app_and_image(pod: dict[str, Any]) -> tuple[str, str]:
    return pod["metadata"]["labels"].get("app", ""), pod["spec"]["containers"][0]["image"]


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


@pytest.mark.parametrize("name", SYNCED)
def test_what_a_gitops_controller_has_once_applied_is_left_whatever_its_labels(
    pack: Pack, name: str
) -> None:
    label = ("label", "deployment", name, "team=shop", "-n", pack.namespace)
    pack.kubectl(*label, f"--field-manager={SYNCED[name]}")

    is_left(pack, name, MANAGED)


def test_the_first_revision_has_nothing_to_go_back_to(pack: Pack) -> None:
    make(pack, "first", serve=False)
    roll_out(pack, OLD, "first")

    is_left(pack, "first", "it has no previous revision", OLD)


def test_to_a_revision_that_never_served_it_does_not_go(pack: Pack) -> None:
    """Two bad ones, one after the other: the second last is no better than the last."""
    roll_out(pack, NEWEST, "again")

    reason = "no pod of its previous revision serves, so nothing says that it works"
    is_left(pack, "again", reason, NEWEST)


def test_to_a_stuck_revision_it_does_not_go_while_an_older_one_serves_more(pack: Pack) -> None:
    """Two bad ones again, but one pod of the first of them was ready once."""
    pack.kubectl("create", "-n", pack.namespace, "-f", "-", stdin=a_deployment("mixed", 3))
    pods_serve(pack, {"mixed"}, OLD, 3)
    roll_out(pack, NEW, "mixed")
    pods_serve(pack, {"mixed"}, NEW, 1)
    until(lambda: serving(pack, "mixed") == {OLD: 2, NEW: 1}, "one pod is replaced")
    roll_out(pack, NEWEST, "mixed")
    assert serving(pack, "mixed") == {OLD: 2, NEW: 1, NEWEST: 0}

    reason = "an older revision serves more than the previous one; choose by hand"
    is_left(pack, "mixed", reason, NEWEST)


def serving(pack: Pack, name: str) -> dict[str, int]:
    """How many pods of each image are available."""
    listed = ("get", "replicasets", "-n", pack.namespace, f"--selector=app={name}")
    items: Objects = json.loads(pack.kubectl(*listed, "--output=json").stdout)["items"]
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["status"].get(
            "availableReplicas", 0
        )
        for each in items
    }


def test_what_its_selector_does_not_select_is_none_of_its_revisions(pack: Pack) -> None:
    """One asks for no more ReplicaSets than one needs: a namespace may have hundreds."""
    owner = deployment(pack, "strayed")["metadata"]
    pack.kubectl("create", "-n", pack.namespace, "-f", "-", stdin=a_stray(owner))

    ran = pack.run(deployment="strayed")

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert image_of(pack, "strayed") == OLD


def a_stray(owner: dict[str, Any]) -> dict[str, Any]:
    """Return a ReplicaSet that calls itself the first revision, and would be the first found."""
    labels = {"app": "a-stray"}
    container = {"name": "api", "image": NEWEST}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": "a-stray",
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": owner["name"],
                    "uid": owner["uid"],
                }
            ],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture
def no_more_revisions(pack: Pack) -> Iterator[None]:
    """A quota lets no ReplicaSet be made: the controller of a new Deployment gets nowhere."""
    where = ("-n", pack.namespace)
    another = a_stray({"name": "none", "uid": "1"})
    another["metadata"]["name"] = "another-stray"
    dry_run = ("create", *where, "--dry-run=server", "-f", "-")
    pack.kubectl("create", "quota", "full", "--hard=count/replicasets.apps=0", *where)
    until(
        lambda: "exceeded quota" in pack.kubectl(*dry_run, stdin=another, check=False).stderr,
        "the quota is in force",
    )
    yield
    pack.kubectl("delete", "quota", "full", *where)


def test_what_its_controller_has_not_looked_at_since_is_not_taken_for_stuck(
    pack: Pack, no_more_revisions: None
) -> None:
    unseen = a_deployment("unseen")
    unseen["spec"]["progressDeadlineSeconds"] = 2**31 - 1  # none: the controller says nothing
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    stuck["lastTransitionTime"] = stuck["lastUpdateTime"] = "2026-01-01T00:00:00Z"
    unseen["status"] = {"observedGeneration": 1, "conditions": [stuck]}
    where = ("-n", pack.namespace)
    pack.kubectl("create", *where, "-f", "-", stdin=unseen)
    pack.kubectl.replace_status(unseen, *where)
    is_left(pack, "unseen", "its revision is not known", OLD)

    pack.kubectl("set", "image", "deployment/unseen", f"api={NEW}", "-n", pack.namespace)

    assert deployment(pack, "unseen")["status"]["observedGeneration"] == 1
    is_left(pack, "unseen", "it is no longer stuck")


def test_what_is_approved_is_not_the_end_of_the_next_rollout(pack: Pack) -> None:
    job = pack.job(deployment="forgotten")
    roll_out(pack, NEWEST, "forgotten")

    ran = pack.run_job(job)

    assert ran.stdout == "it is another rollout than that of the alert; nothing is changed\n"
    assert image_of(pack, "forgotten") == NEWEST


def test_a_person_who_repairs_it_meanwhile_is_right(pack: Pack) -> None:
    fix = ("set", "image", "deployment/raced", f"api={NEWEST}", "-n", pack.namespace)

    ran = pack.run(deployment="raced", meanwhile=("patch", *fix))

    assert ran.returncode != 0, "so that a person looks again"
    assert image_of(pack, "raced") == NEWEST


def test_an_event_that_cannot_be_written_does_not_undo_what_is_done_and_said(pack: Pack) -> None:
    where = f"Deployment quiet in {pack.namespace}"
    told = f"{where} was stuck at revision 2 and is back to revision 1\n"

    ran = pack.run(deployment="quiet", meanwhile=("create", "get", "--raw=/refused"))

    assert (ran.returncode, ran.stdout) == (0, told)
    assert ran.stderr.endswith("no Event could be written\n")
    assert image_of(pack, "quiet") == OLD


def test_what_it_did_is_said_before_the_event_is_tried(pack: Pack) -> None:
    """So that it is in the log even if that request is never answered."""
    assert pack.entry.script.index(" and is back to") < pack.entry.script.index("kubectl create")


def test_what_is_approved_is_one_try(pack: Pack) -> None:
    assert pack.entry.job["spec"]["backoffLimit"] == 0


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
