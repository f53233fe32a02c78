"""KubeQuotaAlmostFull raises a limit that is nearly used up, to its ceiling at most."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube import Objects
from starter_pack import Pack, a_list, applied, changed, events_on, snapshot
from waiting import until

CEILING = "openfero.io/ceiling"

# Resource, limit, use, ceiling, and what the limit becomes.
RAISED = [
    ("requests.cpu", "10", "9200m", "20", "12"),
    ("requests.cpu", "500m", "450m", "20", "600m"),
    ("limits.cpu", "1.5", "1.5", "20", "1800m"),
    ("requests.memory", "1Gi", "1000Mi", "64Gi", "1229Mi"),
    ("limits.memory", "1500M", "1400M", "1Ti", "1717Mi"),
    ("requests.memory", "1e3", "1e3", "2e3", "2e3"),
    ("requests.storage", "100Gi", "95Gi", "110Gi", "110Gi"),
    ("gold.storageclass.storage.k8s.io/requests.storage", "10Gi", "10Gi", "1Ti", "12Gi"),
    ("pods", "4", "4", "100", "5"),
    ("pods", "100", "91", "110", "110"),
    ("count/jobs.batch", "50", "46", "1k", "60"),
    ("requests.nvidia.com/gpu", "8", "8", "9", "9"),
]

STRANGE = "its ceiling is written with more than names and quantities"

# Limit, use, what is written on the quota, and why nothing is changed.
LEFT = [
    ("10", "8", "pods=20", "it is no longer almost full"),
    ("10", "9", "", "its owner has set no ceiling"),
    ("10", "9", "services=20", "its owner has set no ceiling"),
    ("10", "9", "pods=plenty", "its owner has set no ceiling"),
    ("10", "9", "pods=20Gb", "its owner has set no ceiling"),
    ("10", "9", "xpods=20", "its owner has set no ceiling"),
    ("10", "9", 'pods=20 "}', STRANGE),
    ("10", "9", "pods=20 $(touch pwned)", STRANGE),
    ("10", "9", "pods=20 \\", STRANGE),
    ("10", "9", "pods=20 größe", STRANGE),
    ("10", "9", "pods=20 \a\x7f", STRANGE),
    ("10", "9", "pods=10", "it is at its ceiling"),
    ("10", "9", "pods=5", "it is at its ceiling"),
]


@pytest.fixture(scope="module")
def pack(
    needs_control_plane: None, kubeconfig: Path, function: str, folder: Path
) -> Iterator[Pack]:
    """The entry, bound in one namespace, with all quotas of the tables above in it."""
    with applied("kubequotaalmostfull", kubeconfig, function, folder) as pack:
        make(
            pack,
            *(
                a_quota(
                    f"raised-{number}", hard, used, f"{resource}={ceiling} services=9", resource
                )
                for number, (resource, hard, used, ceiling, _) in enumerate(RAISED)
            ),
            *(
                a_quota(f"left-{number}", hard, used, ceiling)
                for number, (hard, used, ceiling, _) in enumerate(LEFT)
            ),
            a_quota("compute", "10", "9", resource="requests.cpu"),
            a_quota("other", "10", "9", "pods=20"),
            a_quota("quiet", "10", "9", "pods=20"),
        )
        pack.types("create rolebinding")
        yield pack


def a_quota(
    name: str, hard: str, used: str, ceiling: str = "", resource: str = "pods"
) -> dict[str, Any]:
    """Return a quota on one resource, and another one that is full."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name, "annotations": {CEILING: ceiling} if ceiling else {}},
        "spec": {"hard": {resource: hard, "services": "5"}},
        "status": {
            "hard": {resource: hard, "services": "5"},
            "used": {resource: used, "services": "5"},
        },
    }


def make(pack: Pack, *quotas: dict[str, Any], namespace: str = "") -> None:
    """Create quotas; of their use say what is told here, once the controller has counted."""
    where = ("-n", namespace or pack.namespace)
    names = [each["metadata"]["name"] for each in quotas]

    def are_counted() -> bool:
        found = {each["metadata"]["name"]: each for each in all_quotas(pack, namespace)}
        return all("used" in found[name]["status"] for name in names)

    pack.kubectl("create", *where, "-f", "-", stdin=a_list(*quotas))
    until(are_counted, "the quotas are counted")
    pack.kubectl.replace_status(a_list(*quotas), *where)


def all_quotas(pack: Pack, namespace: str = "") -> Objects:
    where = ("-n", namespace or pack.namespace, "--output=json")
    items: Objects = json.loads(pack.kubectl("get", "resourcequotas", *where).stdout)["items"]
    return items


def limits(pack: Pack, name: str, namespace: str = "") -> dict[str, str]:
    [found] = [each for each in all_quotas(pack, namespace) if each["metadata"]["name"] == name]
    hard: dict[str, str] = found["spec"]["hard"]
    return hard


@pytest.mark.parametrize("number", range(len(RAISED)))
def test_a_limit_that_is_almost_full_is_raised_by_a_fifth_to_its_ceiling_at_most(
    pack: Pack, number: int
) -> None:
    resource, _, _, _, new = RAISED[number]
    name = f"raised-{number}"

    ran = pack.run(resourcequota=name, resource=resource)

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert limits(pack, name) == {resource: new, "services": "5"}
    assert ran.stdout.endswith(f" and is {new}\n")


@pytest.mark.parametrize("number", range(len(LEFT)))
def test_what_is_not_to_be_raised_is_left_as_it_is(pack: Pack, number: int) -> None:
    hard, _, _, reason = LEFT[number]
    name = f"left-{number}"

    ran = pack.run(resourcequota=name, resource="pods")

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout == f"{reason}; nothing is changed\n"
    assert limits(pack, name) == {"pods": hard, "services": "5"}


def test_a_limit_or_a_quota_that_is_gone_is_left(pack: Pack) -> None:
    gone = pack.run(resourcequota="gone")
    unlimited = pack.run(resourcequota="compute", resource="pods")

    assert gone.stdout == "there is no such quota; nothing is changed\n"
    assert unlimited.stdout == "the quota has no limit for this resource; nothing is changed\n"
    assert (gone.returncode, unlimited.returncode) == (0, 0)


def test_as_its_page_says_it_changes_one_limit_and_nothing_else_and_says_so_on_the_quota(
    pack: Pack,
) -> None:
    pack.types("annotate")
    before = snapshot(pack.kubectl)

    ran = pack.run()

    told = "requests.cpu was 10 and is 12"
    assert changed(before, snapshot(pack.kubectl)) == {f"ResourceQuota/{pack.namespace}/compute"}
    assert limits(pack, "compute") == {"requests.cpu": "12", "services": "5"}
    where = f"of quota compute in {pack.namespace}"
    assert ran.stdout == f"requests.cpu {where} was 10 and is 12\n"
    [event] = events_on(pack.kubectl, pack.namespace, "ResourceQuota", "compute")
    assert (event["reason"], event["message"]) == ("RaisedByOpenFero", told)
    seen = pack.kubectl("events", "--for=resourcequota/compute", "-n", pack.namespace).stdout
    assert told in seen


def test_run_twice_it_raises_once(pack: Pack) -> None:
    """Here the quota controller has counted, and counts again once the limit is raised."""
    where = ("-n", pack.namespace)
    secrets = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"secret-{number}"}}
        for number in range(9)
    ]
    pack.kubectl("create", "-f", "-", *where, stdin=a_list(*secrets))
    pack.kubectl("create", "quota", "real", "--hard=count/secrets=10", *where)
    pack.kubectl("annotate", "quota", "real", f"{CEILING}=count/secrets=100", *where)
    until(lambda: used(pack, "real") == {"count/secrets": "9"}, "they are counted")
    labels = {"resourcequota": "real", "resource": "count/secrets"}

    pack.run(**labels)
    until(lambda: used(pack, "real", of="12"), "the raised limit is counted")
    again = pack.run(**labels)

    assert again.stdout == "it is no longer almost full; nothing is changed\n"
    assert limits(pack, "real") == {"count/secrets": "12"}


def used(pack: Pack, name: str, of: str = "10") -> dict[str, str]:
    """What the controller has counted, if it has since the limit is what is told."""
    [found] = [each for each in all_quotas(pack) if each["metadata"]["name"] == name]
    counted = found["status"].get("hard") == {"count/secrets": of}
    return found["status"]["used"] if counted else {}


def test_a_person_who_changes_the_limit_meanwhile_is_right(pack: Pack) -> None:
    make(pack, a_quota("raced", "10", "9", "pods=100"))
    patch = ("patch", "resourcequota", "raced", "-n", pack.namespace, "--type=merge")

    ran = pack.run(
        resourcequota="raced",
        resource="pods",
        meanwhile=("patch", *patch, "-p", '{"spec":{"hard":{"pods":"11"}}}'),
    )

    assert ran.returncode != 0, "so that a person looks again"
    assert limits(pack, "raced")["pods"] == "11"


def test_an_owner_who_changes_the_ceiling_meanwhile_is_right(pack: Pack) -> None:
    make(pack, a_quota("lowered", "10", "9", "pods=100"))
    lower = ("annotate", "quota", "lowered", f"{CEILING}=pods=11", "--overwrite")

    ran = pack.run(
        resourcequota="lowered",
        resource="pods",
        meanwhile=("patch", *lower, "-n", pack.namespace),
    )

    assert ran.returncode != 0, "so that a person looks again"
    assert limits(pack, "lowered")["pods"] == "10"


def test_ceilings_may_be_written_in_lines(pack: Pack) -> None:
    make(pack, a_quota("lines", "10", "9", "\n services=9\t\n pods=100 \n"))

    ran = pack.run(resourcequota="lines", resource="pods")

    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert limits(pack, "lines")["pods"] == "12"


def test_an_event_that_cannot_be_written_does_not_undo_what_is_done_and_said(pack: Pack) -> None:
    ran = pack.run(
        resourcequota="quiet", resource="pods", meanwhile=("create", "get", "--raw=/refused")
    )

    assert (ran.returncode, ran.stdout) == (
        0,
        f"pods of quota quiet in {pack.namespace} was 10 and is 12\n",
    )
    assert ran.stderr.endswith("no Event could be written\n")
    assert limits(pack, "quiet")["pods"] == "12"


def test_what_it_did_is_said_before_the_event_is_tried(pack: Pack) -> None:
    """So that it is in the log even if that request is never answered."""
    assert pack.entry.script.index(" and is $new") < pack.entry.script.index("kubectl create")


def test_what_is_approved_is_one_try(pack: Pack) -> None:
    assert pack.entry.job["spec"]["backoffLimit"] == 0


def test_in_a_namespace_where_it_is_not_bound_it_can_do_nothing(pack: Pack) -> None:
    make(pack, a_quota("compute", "10", "9", "pods=20"), namespace=pack.elsewhere)

    ran = pack.run(namespace=pack.elsewhere, resource="pods")

    assert ran.returncode != 0
    assert 'cannot get resource "resourcequotas"' in ran.stderr
    assert limits(pack, "compute", pack.elsewhere)["pods"] == "10"


def test_where_it_is_bound_it_may_look_at_a_quota_and_change_it_and_say_so(pack: Pack) -> None:
    assert pack.may(pack.namespace) == {
        "get resourcequotas",
        "patch resourcequotas",
        "create events",
    }


@pytest.mark.parametrize("where", ["elsewhere", "openfero-jobs", "kube-system", ""])
def test_elsewhere_and_in_the_cluster_as_a_whole_it_may_do_nothing(pack: Pack, where: str) -> None:
    assert pack.may(pack.elsewhere if where == "elsewhere" else where) == set()


def test_hostile_values_in_every_label_change_nothing(pack: Pack) -> None:
    make(pack, a_quota("calm", "10", "5", "pods=20"))
    before = snapshot(pack.kubectl)

    runs = pack.runs_with_hostile_labels(resourcequota="calm", resource="pods")

    assert changed(before, snapshot(pack.kubectl)) == set(), runs
