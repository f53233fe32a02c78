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
from conftest import NAMESPACE, without_server_fields
from function_process import doors, running
from kube import Kube, pods_of
from make import MANIFEST, a_config_map, firing, notification_json
from waiting import until
from wire import Response, post

ALERT = "TwoServers"
DEFINITION = "openfero-twoservers-firing"
# Whatever pod they are about, all its alerts are about one subject.
COUNTED = "TwoServersCounted"
COOLING = "TwoServersCooling"
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
    for name, annotations in {
        ALERT: {},
        COUNTED: {"openfero.io/max-runs": "1000/24h", "openfero.io/subject": "alertname"},
        COOLING: {"openfero.io/cooldown": "1h", "openfero.io/subject": "alertname"},
    }.items():
        definition = a_config_map(
            name=definition_of(name), data={"job.yaml": MANIFEST}, annotations=annotations
        )
        client.create("configmaps", without_server_fields(definition))
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
    for name in (ALERT, COUNTED, COOLING):
        for job in two.jobs(definition_of(name)):
            two.delete("jobs", job["metadata"]["name"])


def definition_of(alertname: str) -> str:
    return f"openfero-{alertname.lower()}-firing"


def episodes(count: int = WRITERS, alertname: str = ALERT) -> list[dict[str, Any]]:
    """Notifications of one alert each, no two of one episode."""
    return [notification_json(alert) for alert in alerts(count, alertname)]


def alerts(count: int, alertname: str) -> list[dict[str, Any]]:
    return [firing(alertname, pod=f"web-{number}") for number in range(count)]


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


class TestRunsOfOneSubject:
    """All writers number the same runs: of two with the same number one is refused, and looks again."""

    def test_sixteen_episodes_at_once_get_sixteen_jobs(self, functions: Servers, two: Kube) -> None:
        words = send_until_settled(functions, episodes(alertname=COUNTED))

        assert words == {"created": WRITERS}
        assert runs(two, COUNTED) == list(range(1, WRITERS + 1))

    def test_so_do_sixteen_in_one_notification_that_comes_to_both(
        self, functions: Servers, two: Kube
    ) -> None:
        together = notification_json(*alerts(WRITERS, COUNTED))

        words = send_until_settled(functions, [together, together])

        assert words == {"created": WRITERS, "exists": WRITERS}
        assert runs(two, COUNTED) == list(range(1, WRITERS + 1))

    def test_one_episode_that_comes_sixteen_times_at_once_gets_one_job(
        self, functions: Servers, two: Kube
    ) -> None:
        words = send_until_settled(functions, episodes(1, COUNTED) * WRITERS)

        assert words == {"created": 1, "exists": WRITERS - 1}
        assert runs(two, COUNTED) == [1]

    def test_two_copies_each_of_eight_get_eight(self, functions: Servers, two: Kube) -> None:
        words = send_until_settled(functions, episodes(8, COUNTED) * 2)

        assert words == {"created": 8, "exists": 8}
        assert runs(two, COUNTED) == list(range(1, 9))

    def test_with_a_cooldown_sixteen_episodes_at_once_get_one_job(
        self, functions: Servers, two: Kube
    ) -> None:
        words = send_until_settled(functions, episodes(alertname=COOLING))

        assert words == {"created": 1, "cooling-down": WRITERS - 1}
        assert runs(two, COOLING) == [1]


def runs(kube: Kube, alertname: str) -> list[int]:
    jobs = kube.jobs(definition_of(alertname))
    return sorted(int(job["metadata"]["labels"]["openfero.io/run"]) for job in jobs)


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
