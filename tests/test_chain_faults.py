"""What goes wrong between Alertmanager and the Job is mended by Alertmanager's own retries.

And however often it tells the function, there is one Job for each episode.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import alertmanagers
import control_plane
import pytest
from alertmanagers import Alertmanager, Labels, configuration, now
from chain import alert_of, guarded, need_release, outcomes, write_token
from conftest import NAMESPACE, Define, without_server_fields
from control_plane import ControlPlane
from function_process import FunctionProcess, free_port
from kube import Kube, Objects, pods_of
from make import MANIFEST, a_config_map
from proxy import Delay, FaultProxy, Hang, Request, always
from waiting import until

from function.definitions import FALLBACK_KEY

pytestmark = pytest.mark.usefixtures("needs_control_plane")

EVERY_RELEASE = pytest.mark.parametrize("which", alertmanagers.NEEDS)


@dataclass(frozen=True)
class Stage:
    """Starts what a test is played with; it stops in reverse order after the test."""

    door: str
    folder: Path
    token: Path
    stack: ExitStack

    def function(self, kubeconfig: Path) -> FunctionProcess:
        log = self.folder / "function"
        return self.stack.enter_context(guarded(self.door, log, kubeconfig, self.token))

    def alertmanager(self, which: str, url: str, /, **route: object) -> Alertmanager:
        """Start an Alertmanager that notifies the function there."""
        content = configuration(f"{url}/alerts", self.token, **route)
        folder = self.folder / "alertmanager"
        running = alertmanagers.running(need_release(which), folder, content)
        return self.stack.enter_context(running)

    def pair(
        self, which: str, url: str, /, *cluster: str, **route: object
    ) -> tuple[Alertmanager, Alertmanager]:
        """Start two that know each other, with these options of the cluster."""
        content = configuration(f"{url}/alerts", self.token, **route)
        running = alertmanagers.pair(need_release(which), self.folder, content, *cluster)
        return self.stack.enter_context(running)


@pytest.fixture
def stage(needs_control_plane: None, door: str, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(door, tmp_path, write_token(tmp_path), stack)


def pods(alertname: str, *names: str) -> list[Labels]:
    """Return the labels of alerts about these pods."""
    return [{"alertname": alertname, "pod": name} for name in names]


class TestWithoutTheAPIServer:
    @pytest.fixture
    def plane(self, needs_control_plane: None, tmp_path: Path) -> Iterator[ControlPlane]:
        folder = tmp_path / "control-plane"
        folder.mkdir()
        with control_plane.running(folder) as plane:
            yield plane

    @pytest.fixture
    def kubeconfig(self, plane: ControlPlane, tmp_path: Path) -> Path:
        return plane.write_kubeconfig(tmp_path / "kubeconfig", namespace=NAMESPACE)

    @pytest.fixture
    def kube(self, kubeconfig: Path) -> Iterator[Kube]:
        kube = Kube(str(kubeconfig))
        kube.create_namespace()
        yield kube
        kube.close()

    def test_what_fires_in_a_minute_without_it_gets_one_job_each_when_it_is_back(
        self, stage: Stage, plane: ControlPlane, kubeconfig: Path, kube: Kube
    ) -> None:
        web, db = "openfero-web-firing", "openfero-db-firing"
        for name in web, db:
            content = a_config_map({FALLBACK_KEY: MANIFEST}, name=name)
            kube.create("configmaps", without_server_fields(content))
        function = stage.function(kubeconfig)
        # As it is shipped it is told again after four hours: what comes sooner is a retry.
        times = {"group_interval": "5s", "repeat_interval": "4h"}
        alertmanager = stage.alertmanager("packaged", function.url, **times)
        alertmanager.fire(*pods("Web", "web-0"))
        until(lambda: kube.jobs(web), "there is a job")

        plane.kill("kube-apiserver")
        alertmanager.fire(*pods("Web", "web-1"), *pods("Db", "db-0"))
        spend(30)
        early = outcomes(function, "Db")
        alertmanager.fire(*pods("Web", "web-2"), *pods("Db", "db-1"))
        spend(30)
        tries = outcomes(function, "Db")
        plane.start_api_server()

        until(lambda: len(kube.jobs(web) + kube.jobs(db)) == 5, "every episode has its job", 60)
        assert set(tries) == {"unavailable"}
        assert 0 < len(early) < len(tries), "it was retried all the time"
        # With another alert the whole group is told once more.
        alertmanager.fire(*pods("Web", "web-3"), *pods("Db", "db-2"))
        until(lambda: len(kube.jobs(web) + kube.jobs(db)) == 7, "the late ones have theirs")
        assert pods_of(kube.jobs(web)) == ["web-0", "web-1", "web-2", "web-3"]
        assert pods_of(kube.jobs(db)) == ["db-0", "db-1", "db-2"]


def spend(seconds: float) -> None:
    """Let time go by, where a time is what a test is about."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, f"{seconds} seconds are over", seconds + 5)


class TestAKilledFunction:
    def test_killed_in_mid_notification_it_makes_one_job_per_episode_when_it_is_back(
        self,
        stage: Stage,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition, port = define(alertname), free_port()
        function = (stage.door, stage.folder / "function", proxy_kubeconfig, stage.token, port)
        url = f"http://127.0.0.1:{port}"
        alertmanager = stage.alertmanager("packaged", url, group_wait="1s")

        def creates_the_last(request: Request) -> bool:
            return alertname.encode() in request.body and b"web-2" in request.body

        with proxy.playing(always(Hang(), creates_the_last)), guarded(*function):
            alertmanager.fire(*pods(alertname, "web-0", "web-1", "web-2"))
            until(lambda: any(map(creates_the_last, list(proxy.requests))), "one hangs")
            until(lambda: len(kube.jobs(definition)) == 2, "two are stored")
            # At the end of this block it is killed.
        stored = kube.jobs(definition)
        with guarded(*function) as again:
            until(lambda: len(outcomes(again, alertname)) == 3, "it is told again")

        assert sorted(outcomes(again, alertname)) == ["created", "exists", "exists"]
        assert pods_of(stored) == ["web-0", "web-1"]
        assert pods_of(kube.jobs(definition)) == ["web-0", "web-1", "web-2"]


class TestAPairOfAlertmanagers:
    """The second sends as well, when the first has not been answered for a while."""

    @EVERY_RELEASE
    def test_both_send_while_the_api_server_is_slow_and_there_is_one_job(
        self,
        which: str,
        stage: Stage,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition, function = define(alertname), stage.function(proxy_kubeconfig)
        both = stage.pair(which, function.url, "peer-timeout=1s")

        with proxy.playing(always(Delay(3), lambda request: request.is_create)):
            fire(both, *pods(alertname, "web-0"))
            until(lambda: len(outcomes(function, alertname)) == 2, "both are answered")

        assert_both_sent(both)
        assert sorted(outcomes(function, alertname)) == ["created", "exists"]
        assert len(kube.jobs(definition)) == 1

    def test_an_answer_after_twenty_seconds_makes_no_second_job(
        self,
        stage: Stage,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition, function = define(alertname), stage.function(proxy_kubeconfig)
        # It waits for 15 seconds, as it does where nobody has set anything else.
        both = stage.pair("packaged", function.url, group_interval="1m")

        with proxy.playing(always(Hang(), lambda request: definition in request.path)):
            fire(both, *pods(alertname, "web-0"))
            spend(20)
            assert not outcomes(function, alertname)
        until(lambda: len(outcomes(function, alertname)) == 2, "both are answered")

        assert_both_sent(both)
        assert sorted(outcomes(function, alertname)) == ["created", "exists"]
        assert len(kube.jobs(definition)) == 1


def fire(both: tuple[Alertmanager, ...], *alerts: Labels) -> None:
    """Post the same to both, as Prometheus does: they tell each other only what was sent."""
    since = now()
    for alertmanager in both:
        alertmanager.fire(*alerts, since=since)


def assert_both_sent(both: tuple[Alertmanager, ...]) -> None:
    until(lambda: all(each.notifications() for each in both), "both have counted it")
    assert [(each.notifications(), each.failures()) for each in both] == [(1, 0), (1, 0)]


class TestABrokenDefinition:
    @EVERY_RELEASE
    def test_the_job_comes_by_itself_when_it_is_mended_and_until_then_alertmanager_says_why(
        self,
        which: str,
        stage: Stage,
        kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname, manifest=MANIFEST.replace("restartPolicy: Never", ""))
        alertmanager = stage.alertmanager(which, stage.function(kubeconfig).url)
        alertmanager.fire(*pods(alertname, "web-0"))
        until(lambda: alertmanager.failures() > 1, "it is refused, and again")
        refused = kube.jobs(definition)

        kube.patch("configmaps", definition, {"data": {FALLBACK_KEY: MANIFEST}})

        until(lambda: kube.jobs(definition), "there is a job")
        assert not refused
        assert len(kube.jobs(definition)) == 1
        reason = "the API server refuses the job: spec.template.spec.restartPolicy: Required value"
        assert f"1 of 1 alerts broken: {definition}: {reason}" in alertmanager.log.read_text()

    @pytest.mark.parametrize(
        ("grouping", "resolved"),
        [
            pytest.param({}, ["bar", "shop"], id="as shipped"),
            pytest.param({"group_by": ["namespace"]}, ["bar"], id="not by alertname"),
        ],
    )
    @EVERY_RELEASE
    def test_others_are_told_as_resolved_only_where_they_are_grouped_by_alertname(
        self,
        which: str,
        grouping: dict[str, list[str]],
        resolved: list[str],
        stage: Stage,
        kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        """A group that was never accepted as firing, Alertmanager never tells as resolved."""
        repair, afterwards = define(alertname), define(alertname, "resolved")
        define(f"{alertname}Broken", manifest="a: [")
        shop, bar = (
            [{"alertname": name, "namespace": place} for name in names]
            for place, names in (("shop", (alertname, f"{alertname}Broken")), ("bar", (alertname,)))
        )
        url = stage.function(kubeconfig).url
        alertmanager = stage.alertmanager(which, url, group_wait="1s", **grouping)

        alertmanager.fire(*shop)
        until(lambda: alertmanager.failures() > 0, "the broken one is refused")
        until(lambda: kube.jobs(repair), "which does not stop the other's repair")
        alertmanager.resolve(*shop)
        # What comes and goes after them shows that their time is over.
        alertmanager.fire(*bar)
        until(lambda: len(kube.jobs(repair)) == 2, "the last one is repaired")
        alertmanager.resolve(*bar)
        until(lambda: "bar" in namespaces_of(kube.jobs(afterwards)), "and resolved")

        assert namespaces_of(kube.jobs(afterwards)) == resolved


def namespaces_of(jobs: Objects) -> list[str]:
    return sorted(alert_of(job)["labels"]["namespace"] for job in jobs)
