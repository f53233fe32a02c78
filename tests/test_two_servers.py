"""Two API servers on one etcd, as in a control plane of several nodes: none missing, none twice."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import control_plane
import pytest
from conftest import NAMESPACE
from function_process import doors, running
from kube import Kube, pods_of
from make import MANIFEST, a_config_map, firing, notification_json
from waiting import until
from wire import Response, post

ALERT = "TwoServers"
DEFINITION = "openfero-twoservers-firing"
WRITERS = 16
# Any quota that counts Jobs makes writers meet; this one is never full.
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "jobs"},
    "spec": {"hard": {"count/jobs.batch": "10000"}},
}

Servers = list[str]


@pytest.fixture(scope="module")
def kubeconfigs(needs_control_plane: None, folder: Path) -> Iterator[list[Path]]:
    home = folder / "two-servers"
    home.mkdir()
    with control_plane.running(home) as one, one.another_api_server() as two:
        yield [
            plane.write_kubeconfig(home / f"{number}.kubeconfig", namespace=NAMESPACE)
            for number, plane in enumerate([one, two])
        ]


@pytest.fixture(scope="module")
def two(kubeconfigs: list[Path]) -> Iterator[Kube]:
    """A client of the second server: what it lists, both have stored."""
    client = Kube(str(kubeconfigs[1]))
    client.create_namespace()
    definition = a_config_map(name=DEFINITION, data={"job.yaml": MANIFEST})
    del definition["metadata"]["uid"]
    client.create("configmaps", definition)
    yield client
    client.close()


@pytest.fixture(scope="module")
def functions(two: Kube, kubeconfigs: list[Path], folder: Path) -> Iterator[Servers]:
    """A pod of the function before each server."""
    [door, *_] = doors()
    logs = [folder / f"two-servers-{number}.log" for number in range(2)]
    with (
        running(door, logs[0], kubeconfigs[0]) as one,
        running(door, logs[1], kubeconfigs[1]) as other,
    ):
        yield [one.url, other.url]


@pytest.fixture
def quota(two: Kube) -> Iterator[None]:
    two.create("resourcequotas", QUOTA)
    until(lambda: "used" in two.get("resourcequotas", "jobs").get("status", {}), "it counts")
    yield
    two.delete("resourcequotas", "jobs")


@pytest.fixture(autouse=True)
def no_jobs_before(two: Kube) -> None:
    for job in two.jobs(DEFINITION):
        two.delete("jobs", job["metadata"]["name"])


def episodes(count: int = WRITERS) -> list[dict[str, Any]]:
    """Notifications of one alert each, no two of one episode."""
    return [notification_json(firing(ALERT, pod=f"web-{number}")) for number in range(count)]


def send(functions: Servers, notifications: list[dict[str, Any]]) -> list[Response]:
    """Send all at once, in turn to one function and to the other."""
    start = threading.Barrier(len(notifications))

    def one(number: int) -> Response:
        start.wait()
        return post(functions[number % len(functions)], notifications[number])

    with ThreadPoolExecutor(len(notifications)) as pool:
        return list(pool.map(one, range(len(notifications))))


def send_until_settled(functions: Servers, notifications: list[dict[str, Any]]) -> Counter[str]:
    """Send as Alertmanager does, which tries again after a 503; return what became of all."""
    words: Counter[str] = Counter()
    while notifications:
        answers = send(functions, notifications)
        assert {answer.status for answer in answers} <= {200, 503}, answers
        words.update(word for each in answers if each.status == 200 for word in each.words)
        notifications = [
            notification
            for notification, answer in zip(notifications, answers, strict=True)
            if answer.status == 503
        ]
    return words


@pytest.mark.usefixtures("quota")
def test_under_a_quota_sixteen_writers_get_sixteen_jobs(functions: Servers, two: Kube) -> None:
    words = send_until_settled(functions, episodes())

    assert pods_of(two.jobs(DEFINITION)) == sorted(f"web-{number}" for number in range(WRITERS))
    assert words.total() == WRITERS


def test_one_episode_that_comes_sixteen_times_at_once_gets_one_job(
    functions: Servers, two: Kube
) -> None:
    words = send_until_settled(functions, episodes(1) * WRITERS)

    assert len(two.jobs(DEFINITION)) == 1
    assert words == {"created": 1, "exists": WRITERS - 1}


@pytest.mark.usefixtures("quota")
def test_what_is_answered_as_settled_is_there_however_often_the_quota_is_in_the_way(
    functions: Servers, two: Kube
) -> None:
    """Each change of the quota's object refuses, with a 409, the creates that are under way."""
    before = conflicts(two)
    with changing_quota(two):
        answers = send(functions, episodes())
        there = pods_of(two.jobs(DEFINITION))
    assert conflicts(two) > before, "the quota was in nobody's way"

    settled = [f"web-{number}" for number, each in enumerate(answers) if each.status == 200]
    assert set(settled) <= set(there)
    assert {each.status for each in answers} <= {200, 503}
    send_until_settled(functions, episodes())
    assert pods_of(two.jobs(DEFINITION)) == sorted(f"web-{number}" for number in range(WRITERS))


@contextmanager
def changing_quota(kube: Kube) -> Iterator[None]:
    """Change the object of the quota without a pause; the API server itself tries thrice."""
    over = threading.Event()

    def change(number: int) -> None:
        while not over.is_set():
            number += WRITERS
            labels = {"metadata": {"labels": {"number": str(number)}}}
            kube.patch("resourcequotas", "jobs", labels)

    with ThreadPoolExecutor(WRITERS) as pool:
        changes = pool.map(change, range(WRITERS))
        try:
            yield
        finally:
            over.set()
        list(changes)


def conflicts(kube: Kube) -> float:
    """How many creates of a Job this API server has answered with 409."""
    counted = re.findall(
        r'^apiserver_request_total\{code="409",.*resource="jobs",.*verb="POST".*\} (\S+)$',
        kube.text("GET", "/metrics"),
        re.MULTILINE,
    )
    return sum(map(float, counted))
