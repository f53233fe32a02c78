"""The whole chain, of real parts: Prometheus, Alertmanager, the function, the API server, Jobs."""

import json
import re
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import alertmanagers
import prometheus
import pytest
import yaml
from alertmanagers import Alertmanager, configuration
from chain import (
    alert_of,
    await_repeats,
    guarded,
    name_of,
    need_release,
    outcomes,
    write_token,
)
from conftest import Define
from function_process import ROOT, FunctionProcess
from kube import Kube, pods_of
from prometheus import Exporter, Prometheus, need_prometheus
from proxy import FaultProxy, always, status
from waiting import until

pytestmark = pytest.mark.usefixtures("needs_control_plane")

DIRECT, BROKER = "alertmanager.yml", "alertmanager-broker.yml"
# The second makes CloudEvents of the requests, and a broker would pass them on as they are.
WAYS = [
    pytest.param(("packaged", DIRECT), id="packaged"),
    pytest.param(("newer", DIRECT), id="newer"),
    pytest.param(("newer", BROKER), id="newer, as CloudEvents"),
]

# Often enough that a test can wait for what must not happen at a repeat.
REPEATING = {"repeat_interval": "1s"}


@dataclass(frozen=True)
class Chain:
    """From what breaks to what repairs."""

    alertnames: list[str]
    """Those that there are rules for, and that no test has had."""
    exporter: Exporter
    prometheus: Prometheus
    alertmanager: Alertmanager
    function: FunctionProcess


def some_names() -> list[str]:
    """Return a name for each test, because a Prometheus that is told of a new one takes long."""
    return [f"Test{uuid.uuid4().hex[:12]}" for _ in range(10)]


@pytest.fixture(scope="module", params=WAYS)
def running_chain(
    request: pytest.FixtureRequest,
    needs_control_plane: None,
    door: str,
    kubeconfig: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Chain]:
    which, name = request.param
    release, program = need_release(which), need_prometheus()
    folder = tmp_path_factory.mktemp("chain")
    token, names = write_token(folder), some_names()
    with ExitStack() as stack:
        enter = stack.enter_context
        function = enter(guarded(door, folder / "function", kubeconfig, token))
        content = configuration(f"{function.url}/alerts", token, name, **REPEATING)
        alertmanager = enter(alertmanagers.running(release, folder / "alertmanager", content))
        exporter = enter(Exporter())
        watcher = enter(
            prometheus.running(program, folder / "a", exporter, alertmanager.address, names)
        )
        yield Chain(names, exporter, watcher, alertmanager, function)


@pytest.fixture
def chain(running_chain: Chain) -> Iterator[Chain]:
    yield running_chain
    running_chain.exporter.mend_all()
    # pytest shows it where the test has failed.
    for part in running_chain.prometheus, running_chain.alertmanager, running_chain.function:
        print(part.log.read_text())


@pytest.fixture
def alertname(chain: Chain) -> str:
    return chain.alertnames.pop()


def test_what_breaks_gets_its_job_and_the_job_knows_what_broke(
    chain: Chain, kube: Kube, define: Define, alertname: str
) -> None:
    definition = define(alertname)

    chain.exporter.breaks(alertname, "web-0")

    until(lambda: kube.jobs(definition), "there is a job")
    [job] = kube.jobs(definition)
    container = job["spec"]["template"]["spec"]["containers"][0]
    told = {variable["name"]: variable["value"] for variable in container["env"]}
    assert job["metadata"]["labels"]["openfero.io/status"] == "firing"
    assert told["OPENFERO_ALERTNAME"] == alertname
    assert told["OPENFERO_POD"] == "web-0"
    assert told["OPENFERO_SEVERITY"] == "warning"
    assert told["OPENFERO_ALERT_STATUS"] == "firing"
    assert told["OPENFERO_ALERT_STARTS_AT"] == alert_of(job)["startsAt"]
    assert alert_of(job)["annotations"] == {"summary": "web-0 is broken"}


def test_an_alert_that_joins_its_group_gets_a_job_and_the_first_no_second(
    chain: Chain, kube: Kube, define: Define, alertname: str
) -> None:
    definition = define(alertname)
    chain.exporter.breaks(alertname, "web-0")
    until(lambda: kube.jobs(definition), "there is a job")
    [first] = kube.jobs(definition)

    chain.exporter.breaks(alertname, "web-1")

    until(lambda: len(kube.jobs(definition)) > 1, "there is another job")
    jobs = kube.jobs(definition)
    assert pods_of(jobs) == ["web-0", "web-1"]
    assert name_of(first) in map(name_of, jobs)


def test_one_that_is_resolved_gets_its_own_job_and_runs_no_repair_while_its_group_fires(
    chain: Chain, kube: Kube, define: Define, alertname: str
) -> None:
    repair, afterwards = define(alertname), define(alertname, "resolved")
    chain.exporter.breaks(alertname, "web-0")
    chain.exporter.breaks(alertname, "web-1")
    until(lambda: len(kube.jobs(repair)) == 2, "both are repaired")

    chain.exporter.mends(alertname, "web-0")

    until(lambda: kube.jobs(afterwards), "there is a job for the one that is resolved")
    await_repeats(chain.function, alertname)
    assert pods_of(kube.jobs(afterwards)) == ["web-0"]
    assert pods_of(kube.jobs(repair)) == ["web-0", "web-1"]
    assert outcomes(chain.function, alertname, "resolved").count("created") == 1


def test_repeats_make_no_second_job(
    chain: Chain, kube: Kube, define: Define, alertname: str
) -> None:
    definition = define(alertname)
    chain.exporter.breaks(alertname, "web-0")
    until(lambda: kube.jobs(definition), "there is a job")

    await_repeats(chain.function, alertname)

    assert len(kube.jobs(definition)) == 1
    assert set(outcomes(chain.function, alertname)) == {"created", "exists"}


def test_what_breaks_again_is_another_episode_and_gets_another_job(
    chain: Chain, kube: Kube, define: Define, alertname: str
) -> None:
    definition, resolved = define(alertname), define(alertname, "resolved")
    chain.exporter.breaks(alertname, "web-0")
    until(lambda: kube.jobs(definition), "there is a job")
    chain.exporter.mends(alertname, "web-0")
    until(lambda: kube.jobs(resolved), "it is resolved")

    chain.exporter.breaks(alertname, "web-0")

    until(lambda: len(kube.jobs(definition)) == 2, "there is another job")
    starts = {alert_of(job)["startsAt"] for job in kube.jobs(definition)}
    assert len(starts) == 2


@dataclass(frozen=True)
class Replicas:
    """Two Prometheus servers before one Alertmanager; each sees with its own exporter."""

    alertnames: list[str]
    exporters: tuple[Exporter, Exporter]
    servers: tuple[Prometheus, Prometheus]
    way: FaultProxy
    """The way of the second one to Alertmanager."""
    alertmanager: Alertmanager
    function: FunctionProcess


PATIENT = "web-patient"
"""The pod for whose alerts Alertmanager waits a while, before it tells the function."""


@pytest.fixture(scope="module")
def running_replicas(
    needs_control_plane: None,
    door: str,
    kubeconfig: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Replicas]:
    release, program = need_release("packaged"), need_prometheus()
    folder = tmp_path_factory.mktemp("replicas")
    token, names = write_token(folder), some_names()
    with ExitStack() as stack:
        enter = stack.enter_context
        function = enter(guarded(door, folder / "function", kubeconfig, token))
        patient = {"matchers": [f"pod={PATIENT}"], "group_wait": "5s"}
        url = f"{function.url}/alerts"
        content = configuration(url, token, routes=[patient], **REPEATING)
        alertmanager = enter(alertmanagers.running(release, folder / "alertmanager", content))
        way = enter(FaultProxy(alertmanager.url))
        exporters = enter(Exporter()), enter(Exporter())
        addresses = alertmanager.address, way.url.removeprefix("http://")
        first, second = (
            enter(prometheus.running(program, folder / name, exporter, address, names, resend=2))
            for name, exporter, address in zip("ab", exporters, addresses, strict=True)
        )
        yield Replicas(names, exporters, (first, second), way, alertmanager, function)


class TestTwoReplicas:
    """Two Prometheus servers that raise the same alerts, and notice them at different times.

    The first to notice begins the episode. Alertmanager keeps the earliest startsAt that it has
    heard of, and an alert whose startsAt moves after it was sent is another episode.
    """

    @pytest.fixture
    def replicas(self, running_replicas: Replicas) -> Iterator[Replicas]:
        yield running_replicas
        for exporter in running_replicas.exporters:
            exporter.mend_all()
        for part in (
            *running_replicas.servers,
            running_replicas.alertmanager,
            running_replicas.function,
        ):
            print(part.log.read_text())

    @pytest.fixture
    def alertname(self, replicas: Replicas) -> str:
        return replicas.alertnames.pop()

    def test_the_second_to_notice_makes_no_second_job(
        self, replicas: Replicas, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        early, late = replicas.exporters
        early.breaks(alertname, "web-0")
        until(lambda: kube.jobs(definition), "there is a job")
        sent = replicas.servers[1].sent()

        late.breaks(alertname, "web-0")

        until(lambda: replicas.servers[1].sent() > sent, "the other has told it as well")
        await_repeats(replicas.function, alertname)
        assert len(kube.jobs(definition)) == 1

    def test_the_first_to_notice_makes_a_second_job_if_it_is_heard_after_the_other_was_told(
        self, replicas: Replicas, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        late, early = replicas.exporters

        with replicas.way.playing(always(status(503))):
            early.breaks(alertname, "web-0")
            until(lambda: first_told(replicas.way, alertname), "one has noticed")
            late.breaks(alertname, "web-0")
            until(lambda: kube.jobs(definition), "there is a job for the other")
        [told] = kube.jobs(definition)

        until(lambda: len(kube.jobs(definition)) == 2, "there is a second job")
        await_repeats(replicas.function, alertname)
        [moved] = [job for job in kube.jobs(definition) if name_of(job) != name_of(told)]
        assert alert_of(moved)["labels"] == alert_of(told)["labels"]
        assert starts_at(alert_of(moved)) < starts_at(alert_of(told))
        assert starts_at(alert_of(moved)) == first_told(replicas.way, alertname)

    def test_a_group_wait_longer_than_the_time_between_the_two_keeps_them_together(
        self, replicas: Replicas, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        late, early = replicas.exporters

        with replicas.way.playing(always(status(503))):
            early.breaks(alertname, PATIENT)
            until(lambda: first_told(replicas.way, alertname), "one has noticed")
            sent = replicas.servers[0].sent()
            late.breaks(alertname, PATIENT)
            until(lambda: replicas.servers[0].sent() > sent, "the other has told it")

        until(lambda: kube.jobs(definition), "there is a job")
        await_repeats(replicas.function, alertname)
        [job] = kube.jobs(definition)
        assert starts_at(alert_of(job)) == first_told(replicas.way, alertname)


def first_told(way: FaultProxy, alertname: str) -> datetime | None:
    """Return since when the alert fires, as the server on that way first tried to tell."""
    alerts = (alert for request in list(way.requests) for alert in json.loads(request.body))
    found = (alert for alert in alerts if alert["labels"]["alertname"] == alertname)
    return next(map(starts_at, found), None)


def starts_at(alert: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(alert["startsAt"])


class TestTheTestAlert:
    """The shortest way to see that it all works, as the definition itself says it."""

    FILE = ROOT / "knative" / "definitions" / "openferotest" / "definition.yaml"

    @pytest.fixture
    def definition(self, kube: Kube) -> Iterator[str]:
        content = yaml.safe_load(self.FILE.read_text())
        name = content["metadata"]["name"]
        kube.create("configmaps", content)
        yield name
        kube.delete("configmaps", name)
        for job in kube.jobs(name):
            kube.delete("jobs", name_of(job))

    @pytest.mark.parametrize("which", alertmanagers.NEEDS)
    def test_amtool_starts_its_job(
        self,
        which: str,
        door: str,
        tmp_path: Path,
        kubeconfig: Path,
        kube: Kube,
        definition: str,
    ) -> None:
        release, token = need_release(which), write_token(tmp_path)
        [line] = re.findall(r"^#   amtool (.*)$", self.FILE.read_text(), re.M)
        with ExitStack() as stack:
            enter = stack.enter_context
            function = enter(guarded(door, tmp_path / "function", kubeconfig, token))
            content = configuration(f"{function.url}/alerts", token)
            alertmanager = enter(alertmanagers.running(release, tmp_path / "am", content))
            command = [release.amtool, *shlex.split(line)]

            subprocess.run([*command, f"--alertmanager.url={alertmanager.url}"], check=True)

            until(lambda: kube.jobs(definition), "there is a job")
        [job] = kube.jobs(definition)
        assert alert_of(job)["labels"] == {"alertname": "OpenferoTest"}
