"""What can be added to the base: it builds as its comment says, and a real API server takes it."""

import copy
import ipaddress
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import control_plane
import crds
import pytest
import yaml
from conftest import NAMESPACE
from jsonschema import Draft202012Validator
from kube import Kube, Objects
from kubectl import BASE, FUNCTION, Kubectl
from make import BINARY_EVENT, a_manifest
from overlays import COMPONENTS, as_told, build, with_components
from waiting import until

from function.settings import Settings


def find(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    [found] = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def keys(objects: Objects) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in objects}


# What is built.

PATCHED = {
    "broker": ("Broker", "alerts"),
    "confine": ("ConfigMap", "openfero-limits"),
    "network": ("NetworkPolicy", "openfero-function"),
    "quota": ("ResourceQuota", "openfero-jobs"),
}


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_patches_in_the_comment_are_about_one_object_of_the_component(
    component: str, tmp_path: Path
) -> None:
    plain = build(tmp_path, with_components(component))
    patched = build(tmp_path, as_told(component))

    assert keys([each for each in patched if each not in plain]) == {PATCHED[component]}


@pytest.fixture
def service(tmp_path: Path) -> dict[str, Any]:
    return find(build(tmp_path, with_components()), "Service", "openfero")


@pytest.fixture
def broker(tmp_path: Path) -> Objects:
    return build(tmp_path, with_components("broker"))


@pytest.fixture
def trigger(broker: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = find(broker, "Trigger", "openfero")["spec"]
    return spec


def test_behind_a_broker_the_service_is_the_same_without_all_that_is_its_token(
    service: dict[str, Any], broker: Objects
) -> None:
    expected = copy.deepcopy(service)
    spec = expected["spec"]["template"]["spec"]
    [container] = spec["containers"]
    spec["volumes"] = [each for each in spec["volumes"] if each["name"] != "token"]
    container["volumeMounts"] = [
        each for each in container["volumeMounts"] if each["name"] != "token"
    ]
    container["env"] = [each for each in container["env"] if "TOKEN" not in each["name"]]

    changed = find(broker, "Service", "openfero")

    assert changed == expected
    assert "token" not in json.dumps(changed).lower()
    settings = Settings.from_environ({each["name"]: each["value"] for each in container["env"]})
    assert settings.token_file == ""


@pytest.mark.parametrize("field", ["volumes", "volumeMounts", "env"])
def test_where_the_service_has_changed_nothing_else_is_taken_away(
    tmp_path: Path, field: str
) -> None:
    base = shutil.copytree(BASE, tmp_path / "knative")
    service = yaml.safe_load((base / "service.yaml").read_text())
    spec = service["spec"]["template"]["spec"]
    {**spec, **spec["containers"][0]}[field].insert(0, {"name": "another"})
    (base / "service.yaml").write_text(yaml.safe_dump(service))

    with pytest.raises(AssertionError, match=r"testing value .* failed"):
        build(tmp_path, with_components("broker"), base)


def test_the_trigger_leads_from_the_broker_to_the_service(
    service: dict[str, Any], broker: Objects, trigger: dict[str, Any]
) -> None:
    reference = {key: service[key] for key in ("apiVersion", "kind")}

    assert trigger["subscriber"]["ref"] == {**reference, "name": service["metadata"]["name"]}
    assert trigger["broker"] == find(broker, "Broker", "alerts")["metadata"]["name"]
    namespaces = {
        each["metadata"]["namespace"]
        for each in broker
        if each["kind"] in ("Broker", "Trigger", "Service")
    }
    assert namespaces == {"openfero"}


@pytest.mark.parametrize(
    ("event_type", "passes"),
    [
        (BINARY_EVENT["ce-type"], True),
        ("io.prometheus.alertmanager.firing", True),
        ("io.prometheus.alertmanager.resolved", True),
        # What the function answers with must not come back to it.
        ("io.openfero.notification.settled", False),
        # func invoke, without --type.
        ("boson.fn", False),
    ],
)
def test_the_trigger_lets_alerts_through(
    trigger: dict[str, Any], event_type: str, passes: bool
) -> None:
    [each] = trigger["filters"]

    assert event_type.startswith(each["prefix"]["type"]) == passes


def test_a_broker_gives_up_before_alertmanager_stops_waiting_for_its_answer(
    trigger: dict[str, Any],
) -> None:
    delivery = trigger["delivery"]
    seconds = int(delivery["backoffDelay"].removeprefix("PT").removesuffix("S"))
    delays = sum(seconds * 2**number for number in range(delivery["retry"]))

    # Once for the function, once for dead letters that nobody takes.
    assert delivery["backoffPolicy"] == "exponential"
    assert 60 < delays * 2 < 5 * 60


def test_what_a_broker_cannot_deliver_it_sends_to_an_address_that_may_be_nobodys(
    trigger: dict[str, Any],
) -> None:
    """A `ref` would have to lead to something, or the Trigger would deliver nothing at all."""
    assert trigger["delivery"]["deadLetterSink"] == {
        "uri": "http://openfero-dead-letters.openfero.svc.cluster.local"
    }


def test_the_network_leads_nowhere_until_the_address_of_the_api_server_is_filled_in(
    tmp_path: Path,
) -> None:
    def egress(kustomization: str) -> tuple[str, Any]:
        policy = find(build(tmp_path, kustomization), "NetworkPolicy", "openfero-function")
        api_server, dns = policy["spec"]["egress"]
        assert {port["port"] for port in dns["ports"]} == {53}
        return api_server["to"][0]["ipBlock"]["cidr"], api_server["ports"]

    shipped, _ = egress(with_components("network"))

    # TEST-NET-1 of RFC 5737: in documents, and on no network.
    assert ipaddress.ip_network(shipped).subnet_of(ipaddress.ip_network("192.0.2.0/24"))
    assert egress(as_told("network")) == ("10.1.2.3/32", [{"port": 6443, "protocol": "TCP"}])


def test_the_network_is_that_of_the_services_pods(service: dict[str, Any], tmp_path: Path) -> None:
    policy = find(build(tmp_path, with_components("network")), "NetworkPolicy", "openfero-function")

    assert policy["metadata"]["namespace"] == service["metadata"]["namespace"]
    assert policy["spec"]["podSelector"]["matchLabels"] == {
        "serving.knative.dev/service": service["metadata"]["name"]
    }


def test_the_function_may_reach_and_be_reached_as_told_and_a_job_may_reach_all_and_be_reached_by_none(
    tmp_path: Path,
) -> None:
    built = build(tmp_path, with_components("network"))
    function = find(built, "NetworkPolicy", "openfero-function")["spec"]
    jobs = find(built, "NetworkPolicy", "openfero-jobs")["spec"]

    assert function["policyTypes"] == ["Ingress", "Egress"]
    assert jobs == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_the_quota_counts_pods_and_nothing_else(tmp_path: Path) -> None:
    """Jobs are the memory, and a quota on cpu or memory refuses a pod that sets none."""
    quota = find(build(tmp_path, with_components("quota")), "ResourceQuota", "openfero-jobs")

    assert quota["spec"].keys() == {"hard"}
    assert quota["spec"]["hard"].keys() == {"pods"}


# What the API server says.


@pytest.fixture(scope="module")
def kubeconfig_of_its_own(
    needs_control_plane: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A control plane of its own, that knows Knative's resources: nothing to clean up."""
    home = tmp_path_factory.mktemp("components")
    with control_plane.running(home) as plane:
        kubeconfig = plane.write_kubeconfig(home / "kubeconfig", namespace=NAMESPACE)
        with crds.applied(Kubectl(kubeconfig, home), *crds.KNATIVE):
            yield kubeconfig


@pytest.fixture(scope="module")
def kubectl(kubeconfig_of_its_own: Path, folder: Path) -> Kubectl:
    return Kubectl(kubeconfig_of_its_own, folder)


@pytest.fixture
def kube(kubeconfig_of_its_own: Path) -> Iterator[Kube]:
    client = Kube(str(kubeconfig_of_its_own))
    yield client
    client.close()


OVERLAYS = {
    "the base": with_components(),
    **{component: as_told(component) for component in COMPONENTS},
    "all at once": with_components(*COMPONENTS),
}


@pytest.mark.parametrize("overlay", OVERLAYS.values(), ids=OVERLAYS)
def test_what_is_built_is_taken_strictly_and_applied_again_changes_nothing(
    kubectl: Kubectl, overlay: str, tmp_path: Path
) -> None:
    build(tmp_path, overlay)

    kubectl("apply", "--validate=strict", "-k", tmp_path)

    # Not what `apply` says: that a list is as it was it cannot tell, once a default is in it.
    assert kubectl("diff", "-k", tmp_path).stdout == ""


MISSPELT = {
    "broker": ("uri:", "url:", "spec.delivery.deadLetterSink.url"),
    "confine": ("validationActions:", "validationAction:", "spec.validationAction"),
    "network": ("policyTypes:", "policyType:", "spec.policyType"),
    "quota": ("hard:", "limits:", "spec.limits"),
}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_slip_in_a_component_is_refused(kubectl: Kubectl, component: str, tmp_path: Path) -> None:
    right, wrong, field = MISSPELT[component]
    text = yaml.safe_dump_all(build(tmp_path, with_components(component)))
    assert right in text
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(build(tmp_path, with_components())))

    refused = kubectl(
        *("apply", "--validate=strict", "--dry-run=server", "-f", "-"),
        stdin=text.replace(right, wrong),
        check=False,
    )

    assert f'unknown field "{field}"' in refused.stderr


@pytest.mark.parametrize(
    ("kind", "name"), [("Service", "openfero"), ("Broker", "alerts"), ("Trigger", "openfero")]
)
def test_no_field_is_one_that_knative_does_not_name(broker: Objects, kind: str, name: str) -> None:
    if not crds.path(kind.lower()).exists():
        pytest.skip("needs the definitions of Knative's resources: make real")
    validator = Draft202012Validator(crds.spec_schema(kind.lower()))
    spec = find(broker, kind, name)["spec"]

    assert [error.message for error in validator.iter_errors(spec)] == []


def test_the_modules_that_hold_knatives_resources_are_pinned_by_what_is_in_them() -> None:
    """For one without its checksum, Go would take what comes."""
    required = re.findall(r"^\t(\S+ v\S+)$", crds.GO_SUM.with_name("go.mod").read_text(), re.M)
    pinned = re.findall(r"^(\S+ v\S+) h1:", crds.GO_SUM.read_text(), re.M)

    assert {f"{module}{part}" for module in required for part in ("", "/go.mod")} == set(pinned)


def test_the_api_server_alone_would_take_a_slip_in_the_delivery_of_a_trigger(
    kubectl: Kubectl, broker: Objects
) -> None:
    slip = copy.deepcopy(find(broker, "Trigger", "openfero"))
    slip["spec"]["delivery"]["retries"] = slip["spec"]["delivery"].pop("retry")

    kubectl("apply", "--validate=strict", "--dry-run=server", "-f", "-", stdin=slip)
    errors = list(Draft202012Validator(crds.spec_schema(crds.TRIGGER)).iter_errors(slip["spec"]))

    assert [error.message for error in errors] == [
        "Additional properties are not allowed ('retries' was unexpected)"
    ]


# The quota.


def some_jobs(count: int) -> dict[str, Any]:
    """Return Jobs as the function makes them, such as component confine admits."""
    bounds = {"activeDeadlineSeconds": 600, "ttlSecondsAfterFinished": 86400}
    jobs = [a_manifest(**bounds) for _ in range(count)]
    for number, job in enumerate(jobs):
        labels = {"app.kubernetes.io/managed-by": "openfero"}
        job["metadata"] = {"name": f"repair-{number}", "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "List", "items": jobs}


def test_under_the_quota_a_hundred_jobs_are_made_and_each_gets_its_pod_when_another_has_ended(
    kubectl: Kubectl, kube: Kube, tmp_path: Path
) -> None:
    objects = build(tmp_path, with_components("quota"))
    quota = int(find(objects, "ResourceQuota", "openfero-jobs")["spec"]["hard"]["pods"])
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    name = "openfero-jobs"
    until(lambda: "used" in kube.get("resourcequotas", name).get("status", {}), "it counts")

    kubectl("create", f"--as={FUNCTION}", "-f", "-", stdin=some_jobs(100))

    until(lambda: len(kube.list("pods")) == quota, "the quota is full")
    [first, *_] = kube.list("pods")
    kube.complete(first["metadata"]["labels"]["batch.kubernetes.io/job-name"])
    # The controller looks again after up to a minute.
    until(lambda: len(kube.list("pods")) == quota + 1, "another job has its pod", 90)
    assert len(kube.list("jobs")) == 100
