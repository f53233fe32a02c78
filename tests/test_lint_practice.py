"""What the API takes and a repair should not be: each remark, and no remark without need."""

import json
from typing import Any

import pytest
from make import a_container, a_manifest

from function.tools.documents import Text
from function.tools.lint import practice
from function.tools.lint.images import why_no_image
from function.tools.lint.written import Written

BOUNDED = {"resources": {"limits": {"memory": "32Mi"}}}


def said(pod: dict[str, Any] | None = None, **spec: Any) -> list[str]:
    """The codes for a manifest that is good but for what is given."""
    good = {"containers": [a_container(**BOUNDED)], **(pod or {})}
    manifest = a_manifest(good, **{"activeDeadlineSeconds": 60, **spec})
    return [each.code for each in practice.findings(Written(Text("-", ""), manifest))]


def of_container(**fields: Any) -> list[str]:
    return said({"containers": [a_container(**{**BOUNDED, **fields})]})


def test_a_bounded_pinned_humble_job_is_left_alone() -> None:
    assert said() == []


def test_a_job_without_a_deadline_may_never_end() -> None:
    assert said(activeDeadlineSeconds=None) == ["no-deadline"]


def test_a_deadline_of_the_pod_is_told_apart_from_the_jobs() -> None:
    text = Text("job.yaml", json.dumps(a_manifest({"activeDeadlineSeconds": 60})))
    [found, *_] = practice.findings(Written(text, text.value()))
    assert found.code == "no-deadline"
    assert "spec.template.spec.activeDeadlineSeconds, only ends one try" in found.message


@pytest.mark.parametrize(
    "image",
    ["busybox", "busybox:latest", "registry.example:5000/team/repair", "ghcr.io/x/y:latest"],
)
def test_an_image_without_a_version_is_another_one_tomorrow(image: str) -> None:
    assert of_container(image=image) == ["latest-image"]


@pytest.mark.parametrize(
    "image",
    [
        "busybox:1.37.0",
        "registry.example:5000/team/repair:1",
        "busybox@sha256:" + "0" * 64,
        "busybox:latest@sha256:" + "0" * 64,
        # Refused, or an error of its own.
        "",
        "{{ .Values.image }}",
        7,
        None,
    ],
)
def test_a_version_or_a_digest_is_enough(image: Any) -> None:
    assert of_container(image=image) == []


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("BusyBox:1.37.0", "the name of a repository has no capitals"),
        ("ghcr.io/Team/repair:1", "the name of a repository has no capitals"),
        ("busybox:", "nothing stands after its colon"),
        ("registry.example:5000/repair:", "nothing stands after its colon"),
        ("busybox :1", "there is a space in it"),
        (" busybox:1", "the API server refuses a pod with spaces around it"),
        ("busybox:1\n", "the API server refuses a pod with spaces around it"),
        ("https://ghcr.io/a/b:1", "it is not written as HOST/NAME:TAG or @DIGEST"),
        ("busybox@sha256:12", "it is not written as HOST/NAME:TAG or @DIGEST"),
        ("${IMAGE}", "it is not written as HOST/NAME:TAG or @DIGEST"),
    ],
)
def test_an_image_that_no_registry_can_have_is_told(image: str, why: str) -> None:
    assert of_container(image=image)[0] == "bad-image"
    assert why_no_image(image) == why


@pytest.mark.parametrize(
    "image",
    [
        "busybox:1",
        "library/busybox:1",
        "Registry.Example:5000/a/b__c/d--e.f:V1.0_x-y",
        "[2001:db8::1]:5000/a:1",
        "localhost/a:1",
        "a/b:1@sha256:" + "0" * 64,
        "a@sha512:" + "0" * 128,
    ],
)
def test_an_image_that_a_registry_can_have_is_not(image: str) -> None:
    assert of_container(image=image) == []


def test_an_init_container_is_judged_like_any_other() -> None:
    first = a_container(name="first", image="busybox")
    assert said({"initContainers": [first]}) == ["latest-image", "no-resources"]


@pytest.mark.parametrize("resources", [None, {}])
def test_a_container_without_resources_is_the_first_to_go(resources: Any) -> None:
    assert of_container(resources=resources) == ["no-resources"]


def test_resources_of_the_pod_count_for_its_containers() -> None:
    limits = {"limits": {"memory": "1Gi"}}
    assert said({"resources": limits, "containers": [a_container()]}) == []


@pytest.mark.parametrize(
    "context",
    [
        {"privileged": True},
        {"allowPrivilegeEscalation": True},
        {"runAsUser": 0},
        {"capabilities": {"add": ["SYS_ADMIN"]}},
        {"capabilities": {"add": ["NET_BIND_SERVICE", "NET_ADMIN"]}},
    ],
)
def test_might_that_few_repairs_need_is_told(context: dict[str, Any]) -> None:
    assert of_container(securityContext=context) == ["privileged"]


@pytest.mark.parametrize(
    "context",
    [
        {"privileged": False, "allowPrivilegeEscalation": False, "runAsUser": 65532},
        {"runAsUser": False},
        {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
        {"capabilities": None},
    ],
)
def test_what_the_level_restricted_allows_is_not(context: dict[str, Any]) -> None:
    assert of_container(securityContext=context) == []


def test_root_for_the_whole_pod_is_told_once() -> None:
    assert said({"securityContext": {"runAsUser": 0}}) == ["privileged"]


@pytest.mark.parametrize(
    "pod",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"hostIPC": True},
        {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
        {"containers": [a_container(**BOUNDED, ports=[{"containerPort": 80, "hostPort": 80}])]},
    ],
)
def test_a_door_to_the_node_is_told(pod: dict[str, Any]) -> None:
    assert said(pod) == ["host-access"]


@pytest.mark.parametrize(
    "pod",
    [
        {"hostNetwork": False, "hostPID": None},
        {"volumes": [{"name": "scratch", "emptyDir": {}}]},
        {"containers": [a_container(**BOUNDED, ports=[{"containerPort": 80, "hostPort": 0}])]},
    ],
)
def test_a_closed_door_is_not(pod: dict[str, Any]) -> None:
    assert said(pod) == []


def test_a_finding_stands_at_its_line() -> None:
    text = Text(
        "job.yaml",
        "kind: Job\n"
        "spec:\n"
        "  template:\n"
        "    spec:\n"
        "      hostPID: true\n"
        "      containers:\n"
        "        - name: repair\n"
        "          image: busybox\n",
    )
    found = {each.code: each.place.line for each in practice.findings(Written(text, text.value()))}
    assert found == {"no-deadline": 2, "host-access": 5, "no-resources": 7, "latest-image": 8}
