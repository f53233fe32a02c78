"""KubeHpaMaxedOut raises a maximum that holds back what is needed, to its ceiling at most."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube import Objects
from starter_pack import Pack, a_list, applied, changed, events_on, snapshot

CEILING = "openfero.io/ceiling"

NO_NUMBER = "its ceiling is not a plain number"

# The maximum, its ceiling, and what the maximum becomes.
RAISED = [
    (1, "9", 2),
    (5, "9", 6),
    (6, "9", 8),
    (10, "20", 12),
    (10, "11", 11),
    (100, "999999", 120),
]

# Pods there are and pods it wants, what limits it, its ceiling, and why it is left with at most 10.
LEFT = [
    (9, 10, "TooManyReplicas", "20", "it is no longer at its maximum"),
    (10, 9, "TooManyReplicas", "20", "it is no longer at its maximum"),
    (0, 0, "TooManyReplicas", "20", "it is no longer at its maximum"),
    (10, 10, "", "20", "it wants no more than its maximum"),
    (10, 10, "TooFewReplicas", "20", "it wants no more than its maximum"),
    (10, 10, "TooManyReplicas", "", "its owner has set no ceiling"),
    (10, 10, "TooManyReplicas", "plenty", NO_NUMBER),
    (10, 10, "TooManyReplicas", "20 pods", NO_NUMBER),
    (10, 10, "TooManyReplicas", "-20", NO_NUMBER),
    (10, 10, "TooManyReplicas", "020", NO_NUMBER),
    (10, 10, "TooManyReplicas", "9" * 40, NO_NUMBER),
    (10, 10, "TooManyReplicas", "$(touch pwned)", NO_NUMBER),
    (10, 10, "TooManyReplicas", "20 ", NO_NUMBER),
    (10, 10, "TooManyReplicas", " 20", NO_NUMBER),
    (10, 10, "TooManyReplicas", "20\n", NO_NUMBER),
    (10, 10, "TooManyReplicas", "20\n30", NO_NUMBER),
    (10, 10, "TooManyReplicas", '"20"', NO_NUMBER),
    (10, 10, "TooManyReplicas", "10", "it is at its ceiling"),
    (10, 10, "TooManyReplicas", "9", "it is at its ceiling"),
]


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with an HPA for each line of the tables above in it."""
    with applied("kubehpamaxedout", kubeconfig, function, folder) as pack:
        make(
            pack,
            *(
                an_hpa(f"raised-{number}", ceiling, maximum, maximum, maximum)
                for number, (maximum, ceiling, _) in enumerate(RAISED)
            ),
            *(
                an_hpa(f"left-{number}", ceiling, 10, there, wanted, limited)
                for number, (there, wanted, limited, ceiling, _) in enumerate(LEFT)
            ),
            an_hpa("api"),
            an_hpa("twice", "20"),
            an_hpa("raced", "20"),
            *(an_hpa(name, "20") for name in ("lowered", "eased", "fewer", "quiet")),
            an_hpa("calm", "20", there=3, wanted=3, limited=""),
        )
        pack.types("create rolebinding")
        yield pack


def an_hpa(
    name: str,
    ceiling: str = "",
    maximum: int = 10,
    there: int = 10,
    wanted: int = 10,
    limited: str = "TooManyReplicas",
) -> dict[str, Any]:
    """Return an HPA and what its controller would say of it; what it scales is not there."""
    limit = {"type": "ScalingLimited", "status": "True" if limited else "False"}
    limit["reason"] = limited or "DesiredWithinRange"
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "annotations": {CEILING: ceiling} if ceiling else {}},
        "spec": {
            "maxReplicas": maximum,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        },
        "status": {"currentReplicas": there, "desiredReplicas": wanted, "conditions": [limit]},
    }


def make(pack: Pack, *hpas: dict[str, Any], namespace: str = "") -> None:
    where = ("-n", namespace or pack.namespace)
    pack.kubectl("create", *where, "-f", "-", stdin=a_list(*hpas))
    pack.kubectl.replace_status(a_list(*hpas), *where)


def maximum(pack: Pack, name: str, namespace: str = "") -> int:
    where = ("-n", namespace or pack.namespace, "--output=json")
    items: Objects = json.loads(pack.kubectl("get", "hpa", *where).stdout)["items"]
    [found] = [each for each in items if each["metadata"]["name"] == name]
    number: int = found["spec"]["maxReplicas"]
    return number


@pytest.mark.parametrize("number", range(len(RAISED)))
def test_a_maximum_is_raised_by_a_fifth_to_its_ceiling_at_most(pack: Pack, number: int) -> None:
    old, _, new = RAISED[number]
    name = f"raised-{number}"

    ran = pack.run(horizontalpodautoscaler=name)

    told = f"maxReplicas of HPA {name} in {pack.namespace} was {old} and is {new}\n"
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", told)
    assert maximum(pack, name) == new


@pytest.mark.parametrize("number", range(len(LEFT)))
def test_what_is_not_to_be_raised_is_left_as_it_is(pack: Pack, number: int) -> None:
    name = f"left-{number}"

    ran = pack.run(horizontalpodautoscaler=name)

    told = f"{LEFT[number][-1]}; nothing is changed\n"
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", told)
    assert maximum(pack, name) == 10


def test_an_hpa_that_is_gone_is_left(pack: Pack) -> None:
    gone = pack.run(horizontalpodautoscaler="gone")

    assert (gone.returncode, gone.stdout) == (0, "there is no such HPA; nothing is changed\n")


def test_as_its_page_says_it_changes_one_number_and_nothing_else_and_says_so_on_the_hpa(
    pack: Pack,
) -> None:
    pack.types("annotate")
    before = snapshot(pack.kubectl)

    pack.run()

    name = f"HorizontalPodAutoscaler/{pack.namespace}/api"
    after = snapshot(pack.kubectl)
    assert changed(before, after) == {name}
    assert after[name]["spec"] == {**before[name]["spec"], "maxReplicas": 12}
    assert after[name]["metadata"].get("annotations") == {CEILING: "20"}
    told = "maxReplicas was 10 and is 12; the ceiling is 20"
    events = events_on(pack.kubectl, pack.namespace, "HorizontalPodAutoscaler", "api")
    assert [each["message"] for each in events if each["reason"] == "RaisedByOpenFero"] == [told]
    seen = pack.kubectl("events", "--for=horizontalpodautoscaler/api", "-n", pack.namespace)
    assert told in seen.stdout


def test_run_twice_it_raises_once(pack: Pack) -> None:
    pack.run(horizontalpodautoscaler="twice")

    again = pack.run(horizontalpodautoscaler="twice")

    assert again.stdout == "it is no longer at its maximum; nothing is changed\n"
    assert maximum(pack, "twice") == 12


@pytest.mark.parametrize(
    ("name", "patch", "left"),
    [
        ("raced", {"spec": {"maxReplicas": 15}}, 15),
        ("lowered", {"metadata": {"annotations": {CEILING: "11"}}}, 10),
    ],
)
def test_a_person_who_changes_the_maximum_or_its_ceiling_meanwhile_is_right(
    pack: Pack, name: str, patch: dict[str, Any], left: int
) -> None:
    command = ("patch", "hpa", name, "-n", pack.namespace, "--type=merge", "-p", json.dumps(patch))

    ran = pack.run(horizontalpodautoscaler=name, meanwhile=("patch", *command))

    assert ran.returncode != 0, "so that a person looks again"
    assert maximum(pack, name) == left


@pytest.mark.parametrize(
    ("name", "status"), [("eased", {"desiredReplicas": 9}), ("fewer", {"currentReplicas": 9})]
)
def test_an_hpa_that_comes_down_meanwhile_is_left(
    pack: Pack, name: str, status: dict[str, int]
) -> None:
    where = ("-n", pack.namespace, "--subresource=status", "--type=merge")
    command = ("patch", "hpa", name, *where, "-p", json.dumps({"status": status}))

    ran = pack.run(horizontalpodautoscaler=name, meanwhile=("patch", *command))

    assert ran.returncode != 0, "so that a person looks again"
    assert maximum(pack, name) == 10


def test_an_event_that_cannot_be_written_does_not_undo_what_is_done_and_said(pack: Pack) -> None:
    ran = pack.run(horizontalpodautoscaler="quiet", meanwhile=("create", "get", "--raw=/refused"))

    assert (ran.returncode, ran.stdout) == (
        0,
        f"maxReplicas of HPA quiet in {pack.namespace} was 10 and is 12\n",
    )
    assert ran.stderr.endswith("no Event could be written\n")
    assert maximum(pack, "quiet") == 12


def test_what_it_did_is_said_before_the_event_is_tried(pack: Pack) -> None:
    """So that it is in the log even if that request is never answered."""
    assert pack.entry.script.index(" and is $new") < pack.entry.script.index("kubectl create")


def test_what_is_approved_is_one_try(pack: Pack) -> None:
    assert pack.entry.job["spec"]["backoffLimit"] == 0


def test_in_a_namespace_where_it_is_not_bound_it_can_do_nothing(pack: Pack) -> None:
    make(pack, an_hpa("api", "20"), namespace=pack.elsewhere)

    ran = pack.run(namespace=pack.elsewhere)

    assert ran.returncode != 0
    assert 'cannot get resource "horizontalpodautoscalers"' in ran.stderr
    assert maximum(pack, "api", pack.elsewhere) == 10


def test_where_it_is_bound_it_may_look_at_an_hpa_and_change_it_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {
        "get horizontalpodautoscalers.autoscaling",
        "patch horizontalpodautoscalers.autoscaling",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    before = snapshot(pack.kubectl)

    runs = pack.runs_with_hostile_labels(horizontalpodautoscaler="calm")

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
