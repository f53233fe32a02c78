"""The Job controller and the kubelet that the embedded API plays."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local.client import JOBS, Client, Watch, build_job

from function.local.controller import plan
from function.local.defaults import default_job
from function.local.kubelet import HEADLINE, expand, resolve_env, write_log
from function.local.server import LocalAPI
from function.local.statuses import Refusal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PODS = "/api/v1/namespaces/default/pods"
HOUR = 3600.0


@pytest.fixture
def quick() -> Iterator[LocalAPI]:
    """Pods run for an instant."""
    with LocalAPI(pod_seconds=0) as api:
        yield api


@pytest.fixture
def slow() -> Iterator[LocalAPI]:
    """Pods run for longer than any test."""
    with LocalAPI(pod_seconds=HOUR) as api:
        yield api


def until(
    api: LocalAPI, done: Callable[[str, dict[str, Any]], bool], path: str = JOBS
) -> dict[str, Any]:
    """The first object seen for which it is done; what is there already counts."""
    with Watch(f"{api.url}{path}?watch=true&timeoutSeconds=5") as watch:
        while True:
            type_, seen = watch.next()
            if done(type_, seen):
                return seen


def has(condition: str, status: str = "True") -> Callable[[str, dict[str, Any]], bool]:
    def done(_: str, job: dict[str, Any]) -> bool:
        found = job["status"].get("conditions", [])
        return any((each["type"], each["status"]) == (condition, status) for each in found)

    return done


def is_active(_: str, job: dict[str, Any]) -> bool:
    return bool(job["status"].get("ready"))


def is_deleted(type_: str, _: dict[str, Any]) -> bool:
    return type_ == "DELETED"


def reasons(api: LocalAPI) -> list[str]:
    events = sorted(api.list("events"), key=lambda each: int(each["metadata"]["resourceVersion"]))
    return [event["reason"] for event in events]


def test_a_job_makes_a_pod_and_completes(quick: LocalAPI) -> None:
    created = quick.create("jobs", build_job())
    job = until(quick, has("Complete"))
    [pod] = quick.list("pods")
    assert job["status"]["succeeded"] == 1
    assert {"startTime", "completionTime"} <= set(job["status"])
    assert [each["type"] for each in job["status"]["conditions"]] == [
        "SuccessCriteriaMet",
        "Complete",
    ]
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["metadata"]["ownerReferences"][0]["uid"] == created["metadata"]["uid"]
    assert pod["metadata"]["labels"]["job-name"] == "repair"
    assert reasons(quick) == ["SuccessfulCreate", "Completed"]


def test_a_job_makes_as_many_pods_as_it_wants_and_no_more_at_once(quick: LocalAPI) -> None:
    quick.create("jobs", build_job(completions=5, parallelism=2))
    seen: list[int] = []

    def done(type_: str, job: dict[str, Any]) -> bool:
        seen.append(job["status"].get("active", 0))
        return has("Complete")(type_, job)

    assert until(quick, done)["status"]["succeeded"] == 5
    assert len(quick.list("pods")) == 5
    assert max(seen) <= 2


def test_a_suspended_job_makes_no_pod_until_it_is_released(quick: LocalAPI) -> None:
    quick.create("jobs", build_job(suspend=True))
    suspended = until(quick, has("Suspended"))
    assert suspended["status"]["conditions"][0]["reason"] == "JobSuspended"
    assert "startTime" not in suspended["status"]
    assert quick.list("pods") == []
    quick.patch("jobs", "repair", {"spec": {"suspend": False}})
    job = until(quick, has("Complete"))
    assert has("Suspended", "False")("", job)
    assert reasons(quick) == ["Suspended", "Resumed", "SuccessfulCreate", "Completed"]


def test_suspending_a_running_job_ends_its_pods(slow: LocalAPI) -> None:
    slow.create("jobs", build_job())
    until(slow, is_active)
    slow.patch("jobs", "repair", {"spec": {"suspend": True}})
    until(slow, has("Suspended"))
    assert slow.list("pods") == []


def test_a_deadline_of_zero_ends_a_running_job(slow: LocalAPI) -> None:
    slow.create("jobs", build_job())
    until(slow, is_active)
    slow.patch("jobs", "repair", {"spec": {"activeDeadlineSeconds": 0}})
    job = until(slow, has("Failed"))
    failed = job["status"]["conditions"][-1]
    assert failed["reason"] == "DeadlineExceeded"
    assert failed["message"] == "Job was active longer than specified deadline"
    assert job["status"]["failed"] == 1
    assert slow.list("pods") == []


def test_a_deadline_ends_a_job_when_it_is_reached(slow: LocalAPI) -> None:
    slow.create("jobs", build_job(activeDeadlineSeconds=1))
    assert until(slow, has("Failed"))["status"]["conditions"][-1]["reason"] == "DeadlineExceeded"


def test_a_declined_job_ends_without_ever_making_a_pod(slow: LocalAPI) -> None:
    slow.create("jobs", build_job(suspend=True))
    until(slow, has("Suspended"))
    slow.patch("jobs", "repair", {"spec": {"activeDeadlineSeconds": 0, "suspend": False}})
    job = until(slow, has("Failed"))
    assert "failed" not in job["status"]
    assert "SuccessfulCreate" not in reasons(slow)


def test_a_finished_job_is_not_changed_by_a_deadline(quick: LocalAPI) -> None:
    quick.create("jobs", build_job())
    status = until(quick, has("Complete"))["status"]
    quick.patch("jobs", "repair", {"spec": {"activeDeadlineSeconds": 0}})
    quick.create("jobs", build_job("another"))
    until(
        quick,
        lambda type_, job: job["metadata"]["name"] == "another" and has("Complete")(type_, job),
    )
    assert quick.get("jobs", "repair")["status"] == status


def test_a_finished_job_is_deleted_with_its_pods_after_its_time(quick: LocalAPI) -> None:
    with Watch(f"{quick.url}{PODS}?watch=true&timeoutSeconds=5") as pods:
        quick.create("jobs", build_job(ttlSecondsAfterFinished=0))
        while pods.next()[0] != "DELETED":
            pass
    assert quick.list("jobs") == quick.list("pods") == []


def test_without_a_controller_a_test_plays_it(api: LocalAPI, client: Client) -> None:
    client.post(JOBS, build_job())
    complete = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}
    client.merge(f"{JOBS}/repair/status", {"status": complete})
    assert api.get("jobs", "repair")["status"] == complete
    assert api.list("pods") == []


def a_job(status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**default_job(build_job(**spec)), "status": status}


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_time_until_a_deadline_is_when_to_look_again() -> None:
    running = {"status": {"phase": "Running"}, "metadata": {"name": "p"}}
    job = a_job({"startTime": ago(10)}, activeDeadlineSeconds=30)
    assert plan(job, [running], NOW).again == 20
    assert plan(job, [running], NOW + timedelta(seconds=20)).end == ("p",)


def test_the_time_to_live_counts_from_the_end() -> None:
    ended = {"type": "Failed", "status": "True", "lastTransitionTime": ago(10)}
    job = a_job({"conditions": [ended]}, ttlSecondsAfterFinished=30)
    assert plan(job, [], NOW).again == 20
    assert plan(job, [], NOW + timedelta(seconds=20)).delete
    assert plan(a_job({"conditions": [ended]}), [], NOW).again is None


def test_the_time_to_live_of_a_suspended_job_does_not_run() -> None:
    job = a_job({}, suspend=True, ttlSecondsAfterFinished=0)
    assert not plan(job, [], NOW).delete


ENV = {"A": "1", "B": "$(A)"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(B)", "$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$(A", "$(A"),
        ("$A ${A} $", "$A ${A} $"),
        ("$()", "$()"),
        ("x$(A)y$(A)", "x1y1"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expected: str) -> None:
    assert expand(text, ENV) == expected


def a_pod(**container: Any) -> dict[str, Any]:
    volume = {"fieldRef": {"fieldPath": "metadata.annotations['openfero.io/alert']"}}
    files = {"items": [{"path": "alert.json", **volume}]}
    return {
        "metadata": {
            "name": "p",
            "namespace": "jobs",
            "labels": {"b": "2", "a": '"'},
            "annotations": {"openfero.io/alert": '{"status": "firing"}'},
        },
        "spec": {
            "volumes": [{"name": "alert", "downwardAPI": files}],
            "containers": [{"name": "main", "image": "busybox", **container}],
        },
    }


def test_the_log_shows_what_the_job_would_have_got() -> None:
    pod = a_pod(
        command=["echo"],
        args=["$(WHO)"],
        env=[{"name": "WHO", "value": "wörld"}],
        volumeMounts=[{"name": "alert", "mountPath": "/etc/openfero"}],
    )
    assert write_log(pod).splitlines() == [
        HEADLINE,
        "image: busybox",
        'command: ["echo"]',
        'args: ["wörld"]',
        "env:",
        "  WHO=wörld",
        "/etc/openfero/alert.json:",
        '{"status": "firing"}',
    ]


def test_words_of_several_lines_are_shown_as_they_are() -> None:
    log = write_log(a_pod(args=["if true; then\n  echo 1\nfi\n", "-x"]))

    shown = log[log.index("args:") : log.index('- "-x"')]
    assert shown.splitlines() == ["args:", "- |", "  if true; then", "    echo 1", "  fi"]


def test_variables_build_on_those_before_them_and_on_the_pod() -> None:
    def field(path: str) -> dict[str, Any]:
        return {"fieldRef": {"fieldPath": path}}

    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    env = [
        {"name": "A", "value": "$(B)"},
        {"name": "B", "value": "1"},
        {"name": "C", "value": "$(B)2"},
        {"name": "POD", "valueFrom": field("metadata.name")},
        {"name": "LABELS", "valueFrom": field("metadata.labels")},
        {"name": "NODE", "valueFrom": field("spec.nodeName")},
        {"name": "SECRET", "valueFrom": secret},
    ]
    assert resolve_env(a_pod(), {"env": env}) == {
        "A": "$(B)",
        "B": "1",
        "C": "12",
        "POD": "p",
        "LABELS": 'a="\\""\nb="2"',
        "NODE": "<spec.nodeName>",
        "SECRET": "<secretKeyRef s k>",
    }


def test_of_several_containers_one_has_to_be_named() -> None:
    pod = a_pod()
    pod["spec"]["containers"].append({"name": "other", "image": "alpine"})
    assert "image: alpine" in write_log(pod, "other")
    with pytest.raises(Refusal, match=r"choose one of: \[main other\]"):
        write_log(pod)
    with pytest.raises(Refusal, match="container none is not valid for pod p"):
        write_log(pod, "none")
