"""What each door does as a process: busy, slow, stopped, misconfigured, guarded."""

import contextlib
import json
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import own_cluster
import pytest
from conftest import Define, assert_log_is_clean
from function_process import ROOT, FunctionProcess, command, environment, free_port, running
from kube import Kube
from make import BINARY_EVENT, a_body, a_manifest, firing, notification_json
from proxy import (
    QUOTA_CONFLICT,
    Delay,
    FaultProxy,
    Hang,
    Request,
    Reset,
    always,
    first,
    status,
)
from waiting import until
from wire import Response, get, post, stalled


def creating(request: Request) -> bool:
    return request.is_create


class TestTheClusterOutOfReach:
    def test_a_refused_connection_is_503_in_one_line_with_retry_after(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)

        with proxy.refusing():
            response = post(proxied.url, notification_json(firing(alertname)))

        assert (response.status, response.headers["retry-after"]) == (503, "5")
        assert len(response.body) <= 200
        assert "1 of 1 alerts unavailable" in response.text

    def test_a_broker_is_told_503_as_well(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)

        with proxy.playing(always(status(403, "Forbidden", "cannot create"), creating)):
            response = post(proxied.url, notification_json(firing(alertname)), **BINARY_EVENT)

        assert response.status == 503

    def test_unavailable_weighs_more_than_broken(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        define(f"{alertname}Broken", manifest="a: [")
        alerts = [firing(f"{alertname}Broken"), firing(alertname)]

        with proxy.playing(always(status(403, "Forbidden", "cannot create"), creating)):
            response = post(proxied.url, notification_json(*alerts))

        assert response.status == 503

    def test_when_it_is_back_the_retry_creates_exactly_what_was_missing(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname)
        notification = notification_json(*(firing(alertname, pod=f"web-{n}") for n in range(5)))
        lost = status(403, "Forbidden", "no")

        with proxy.playing(always(lost, lambda request: b"web-3" in request.body)):
            during = post(proxied.url, notification)
        stored_before = {job["metadata"]["uid"] for job in kube.jobs(definition)}
        afterwards = post(proxied.url, notification)

        assert (during.status, len(stored_before)) == (503, 4)
        assert sorted(afterwards.words) == ["created", "exists", "exists", "exists", "exists"]
        assert len(kube.jobs(definition)) == 5
        assert stored_before < {job["metadata"]["uid"] for job in kube.jobs(definition)}


@pytest.mark.every_server
class TestManyAtOnce:
    def test_sixty_four_that_hang_leave_the_probes_and_a_503_for_the_next(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        body = json.dumps(notification_json(firing(alertname))).encode()
        with proxy.playing(always(Hang())), posted(proxied, body, 65) as connections:
            # One of them, and then the places are taken by the others.
            until(lambda: select.select(connections, [], [], 0)[0], "one is refused")

            started = time.monotonic()
            probe = get(f"{proxied.url}/health/readiness", seconds=5)
            took = time.monotonic() - started
            knocking = [post(proxied.url, body) for _ in range(20)]

        assert probe.status == 200
        assert {response.status for response in knocking} == {503}
        assert {response.text for response in knocking} == {"64 notifications are in flight"}
        assert took < 1

    def test_afterwards_notifications_are_taken_again(
        self, proxied: FunctionProcess, define: Define, alertname: str
    ) -> None:
        define(alertname)

        response = await_taken(proxied, notification_json(firing(alertname)))

        assert response.words == ["created"]

    @pytest.mark.parametrize("path", ["/alerts", "/elsewhere"])
    def test_senders_that_stall_in_their_bodies_leave_the_probes(
        self, function: str, path: str
    ) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode()
        with contextlib.ExitStack() as stack:
            for _ in range(90):
                stack.enter_context(stalled(function, head))

            assert get(f"{function}/health/readiness", seconds=5).status == 200

        until(lambda: post(function, notification_json()).status == 200, "a place is free")

    def test_what_memory_has_no_room_for_is_503_until_it_has(
        self, proxied: FunctionProcess, proxy: FaultProxy, alertname: str
    ) -> None:
        body = a_body(*[firing(alertname)] * 9000)
        forget_hanging(proxy)
        with proxy.playing(always(Hang())), posted(proxied, body, 1):
            assert proxy.hanging.acquire(timeout=10)
            response = post(proxied.url, body)

        assert (response.status, response.text) == (503, "as much is in flight as memory allows")
        assert await_taken(proxied, notification_json()).status == 200

    def test_large_ones_that_stall_leave_room_for_small_ones(self, function: str) -> None:
        """Not only on their way to the cluster, but on their way to the function."""
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"
                stack.enter_context(stalled(function, head + b" " * 1_500_000))

            assert post(function, a_body(*[firing("Nobody")] * 40)).status == 200

        until(lambda: post(function, a_body(*[firing("Nobody")] * 9000)).status == 200, "all fits")

    def test_a_body_that_ends_before_its_length_is_400(self, function: str, door: str) -> None:
        whole = a_body()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (len(whole) + 1)
        with stalled(function, head + whole) as connection:
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)

        # Whether hypercorn still answers whoever has hung up is a race within it.
        assert answer[:13] in ([b"HTTP/1.1 400 ", b""] if door == "func" else [b"HTTP/1.1 400 "])

    def test_a_body_of_too_many_values_is_413(self, function: str) -> None:
        response = post(function, b'{"alerts": [%s]}' % b",".join([b"[]"] * 1_000_000))

        assert response.status == 413
        assert response.text.startswith("more than 320000 values: ")

    def test_a_body_that_cannot_be_read_is_no_defect(self, function: str) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"

        with stalled(function, head) as connection:
            answer = connection.recv(65536)

        assert not answer.startswith(b"HTTP/1.1 5")

    def test_a_sender_that_is_slow_with_its_body_does_not_hold_the_others_up(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname)
        with stalled(function, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"):
            response = post(function, notification_json(firing(alertname)))

        assert response.words == ["created"]


@contextmanager
def posted(function: FunctionProcess, body: bytes, times: int) -> Iterator[list[socket.socket]]:
    """Post without waiting for the answers."""
    host, port = function.url.removeprefix("http://").split(":")
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connections = []
    try:
        for _ in range(times):
            connections.append(socket.create_connection((host, int(port)), timeout=30))
            connections[-1].sendall(head + body)
        yield connections
    finally:
        for connection in connections:
            connection.close()


def await_taken(function: FunctionProcess, notification: object) -> Response:
    """Post until there is a place again: those that hung are being told 503."""
    found: list[Response] = []
    until(
        lambda: found.append(post(function.url, notification)) or found[-1].status == 200,
        "a place is free",
    )
    return found[-1]


@pytest.fixture(scope="module")
def other(door: str, folder: Path, proxy_kubeconfig: Path) -> Iterator[FunctionProcess]:
    with running(door, folder / f"{door}-other.log", proxy_kubeconfig) as process:
        yield process
        assert_log_is_clean(process)


class TestTwoProcesses:
    """Two pods of one revision, or of two: what they share is the name of the Job."""

    @pytest.mark.parametrize(
        "rule",
        [
            pytest.param(always(Delay(0.05)), id="the API takes 50 ms"),
            pytest.param(first(40, Reset(after_storing=True), creating), id="cut after storing"),
            pytest.param(first(40, Reset(), creating), id="cut before storing"),
            pytest.param(first(40, QUOTA_CONFLICT, creating), id="quota conflicts"),
        ],
    )
    def test_fifty_identical_notifications_of_five_alerts_make_five_jobs(
        self,
        proxied: FunctionProcess,
        other: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
        rule: object,
    ) -> None:
        definition = define(alertname)
        notification = notification_json(*(firing(alertname, pod=f"web-{n}") for n in range(5)))
        urls = [proxied.url, other.url] * 25

        with proxy.playing(rule), ThreadPoolExecutor(50) as pool:
            responses = list(pool.map(lambda url: post(url, notification), urls))

        assert {response.status for response in responses} == {200}
        words = [word for response in responses for word in response.words]
        assert set(words) <= {"created", "exists"}
        assert len(kube.jobs(definition)) == 5


@pytest.mark.every_server
class TestStopping:
    """What a request in flight meets when its pod is told to stop."""

    def test_a_request_in_flight_is_finished_when_the_process_is_told_to_stop(
        self,
        door: str,
        tmp_path: Path,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        if door == "func" and sys.version_info < (3, 12):
            pytest.skip("func-python cuts requests off before Python 3.12; see the next test")
        definition = define(alertname)
        notification = notification_json(firing(alertname))

        with running(door, tmp_path / "log", proxy_kubeconfig) as process:
            seconds = 4 if door == "func" else 1  # func-python used to give up after three
            response = stop_in_flight(process, proxy, notification, seconds)
            code = process.wait()

        assert (response.status, response.words) == (200, ["created"])
        assert code == 0
        assert len(kube.jobs(definition)) == 1

    def test_where_func_python_cuts_it_off_the_retry_settles_it(
        self,
        door: str,
        tmp_path: Path,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        if door != "func" or sys.version_info >= (3, 12):
            pytest.skip("only func-python before Python 3.12 cuts requests off")
        definition = define(alertname)
        notification = notification_json(firing(alertname))

        with running(door, tmp_path / "log", proxy_kubeconfig) as process:
            cut_off = stop_in_flight(process, proxy, notification, seconds=4)
            process.wait()
        with running(door, tmp_path / "log", proxy_kubeconfig) as process:
            retried = post(process.url, notification)

        assert cut_off.status == 500, "which Alertmanager and Knative retry"
        assert retried.status == 200
        assert len(kube.jobs(definition)) == 1

    def test_a_process_killed_between_storing_and_answering_makes_no_second_job(
        self,
        door: str,
        tmp_path: Path,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname)
        notification = notification_json(*(firing(alertname, pod=f"web-{n}") for n in range(3)))
        body = json.dumps(notification).encode()

        # It is killed while the third create still hangs, so that it cannot try again.
        with proxy.playing(always(Hang(), lambda request: b"web-2" in request.body)):
            log = tmp_path / "log"
            with running(door, log, proxy_kubeconfig) as process, posted(process, body, 1):
                until(lambda: len(kube.jobs(definition)) == 2, "two jobs are stored")
        with running(door, tmp_path / "log", proxy_kubeconfig) as process:
            response = post(process.url, notification)

        assert sorted(response.words) == ["created", "exists", "exists"]
        assert len(kube.jobs(definition)) == 3


def stop_in_flight(
    process: FunctionProcess, proxy: FaultProxy, notification: object, seconds: float
) -> Response:
    """Ask the process to stop while the API server is `seconds` slow with the create."""
    found: list[Response] = []
    sender = threading.Thread(target=lambda: found.append(post(process.url, notification)))
    forget_hanging(proxy)
    with proxy.playing(first(1, Delay(seconds), creating)):
        sender.start()
        assert proxy.hanging.acquire(timeout=10)
        process.terminate()
        sender.join(timeout=30)
    return found[0]


def forget_hanging(proxy: FaultProxy) -> None:
    """Count what hangs from now on."""
    while proxy.hanging.acquire(blocking=False):
        pass


# What gunicorn and hypercorn say of themselves, an end that they did not want included.
SERVERS_OWN = re.compile(r"\[\d{4}-\d\d-\d\d .*\] \[\w+\] |INFO:")


@pytest.mark.every_server
class TestStarting:
    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("KUBECONFIG", "", "set KUBECONFIG, or run it in a pod"),
            ("KUBECONFIG", "/nowhere/kubeconfig", "/nowhere/kubeconfig"),
            ("OPENFERO_STRICT", "perhaps", "OPENFERO_STRICT is 'perhaps': must be true or false"),
        ],
    )
    def test_a_bad_setting_ends_the_process_with_one_line(
        self, door: str, kubeconfig: Path, name: str, text: str, expected: str
    ) -> None:
        environ = {"KUBECONFIG": str(kubeconfig), name: text}
        port = free_port()

        ended = subprocess.run(
            command(door, port),
            cwd=ROOT,
            env=environment(door, port, **environ),
            capture_output=True,
            text=True,
            timeout=30,
        )

        assert ended.returncode == 3
        # Beside what gunicorn's master says of its worker.
        [line] = [line for line in ended.stderr.splitlines() if not SERVERS_OWN.match(line)]
        assert line.startswith("openfero: ")
        assert expected in line

    def test_the_first_line_names_version_cluster_and_namespace(
        self, proxied: FunctionProcess, proxy: FaultProxy, kube: Kube
    ) -> None:
        started = next(json.loads(line) for line in proxied.lines() if line.startswith("{"))

        assert started["event"] == "started"
        assert started["cluster"] == proxy.url
        assert started["namespace"] == kube.namespace

    def test_each_alert_has_its_line_with_what_became_of_it(
        self, proxied: FunctionProcess, define: Define, alertname: str
    ) -> None:
        define(f"{alertname}Broken", manifest="a: [")
        alerts = [firing(alertname), firing(f"{alertname}Broken")]

        post(proxied.url, notification_json(*alerts))

        lines = [json.loads(line) for line in proxied.lines() if alertname in line]
        assert [(line["event"], line["outcome"], line["level"]) for line in lines] == [
            ("alert", "no-definition", "INFO"),
            ("alert", "broken", "ERROR"),
        ]

    def test_a_refused_request_has_its_line(self, proxied: FunctionProcess) -> None:
        post(proxied.url, b"{}")

        line = json.loads(proxied.lines()[-1])
        assert (line["event"], line["code"], line["reason"]) == (
            "refused",
            400,
            "not a notification of Alertmanager: alerts must be a list",
        )

    def test_every_line_of_ours_is_json(self, proxied: FunctionProcess) -> None:
        ours = [line for line in proxied.lines() if line.startswith("{")]

        found = {json.loads(line)["event"] for line in ours}
        assert found <= {"started", "alert", "notification", "refused", "cannot record"}


@pytest.fixture(scope="module")
def token_file(folder: Path) -> Path:
    return folder / "tokens"


@pytest.fixture(scope="module")
def guarded(
    door: str, folder: Path, kubeconfig: Path, token_file: Path
) -> Iterator[FunctionProcess]:
    log = folder / f"{door}-guarded.log"
    with running(door, log, kubeconfig, OPENFERO_TOKEN_FILE=str(token_file)) as process:
        yield process


class TestToken:
    @pytest.mark.parametrize("token", ["first", "second"])
    def test_each_token_of_the_file_opens(
        self, guarded: FunctionProcess, token_file: Path, token: str
    ) -> None:
        token_file.write_text("first\n\n  second \n")

        response = post(guarded.url, notification_json(), authorization=f"Bearer {token}")

        assert response.status == 200

    @pytest.mark.parametrize("path", ["/", "/alerts"])
    @pytest.mark.parametrize(
        "authorization", ["", "Bearer", "Bearer guess", "Bearer firs", "Basic first", "first"]
    )
    def test_anything_else_is_401_and_is_not_repeated_anywhere(
        self, guarded: FunctionProcess, token_file: Path, authorization: str, path: str
    ) -> None:
        token_file.write_text("first\n")

        response = post(guarded.url + path, notification_json(), authorization=authorization)

        assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
        assert "guess" not in response.text + guarded.log.read_text()

    def test_a_new_token_counts_without_a_restart(
        self, guarded: FunctionProcess, token_file: Path
    ) -> None:
        token_file.write_text("third\n")

        old = post(guarded.url, notification_json(), authorization="Bearer first")
        new = post(guarded.url, notification_json(), authorization="Bearer third")

        assert (old.status, new.status) == (401, 200)

    @pytest.mark.parametrize("content", [None, "", "\n  \n"])
    def test_a_file_without_a_token_closes_the_door_until_it_is_mended(
        self, guarded: FunctionProcess, token_file: Path, content: str | None
    ) -> None:
        token_file.unlink(missing_ok=True)
        if content is not None:
            token_file.write_text(content)

        closed = post(guarded.url, notification_json(), authorization="Bearer ")
        token_file.write_text("first\n")
        mended = post(guarded.url, notification_json(), authorization="Bearer first")

        assert (closed.status, mended.status) == (503, 200)
        assert "token file" in closed.text

    def test_health_needs_no_token(self, guarded: FunctionProcess) -> None:
        assert get(f"{guarded.url}/health/readiness").status == 200


def test_strict_refuses_a_misplaced_field(
    door: str, tmp_path: Path, kubeconfig: Path, define: Define, alertname: str
) -> None:
    manifest = a_manifest()
    manifest["spec"]["template"]["labels"] = {"app": "openfero"}
    define(alertname, manifest=manifest)

    with running(door, tmp_path / "log", kubeconfig, OPENFERO_STRICT="true") as process:
        response = post(process.url, notification_json(firing(alertname)))

    assert response.status == 422
    assert 'unknown field "spec.template.labels"' in response.text


def test_definitions_are_looked_for_in_the_namespace_that_is_set(
    door: str, tmp_path: Path, kubeconfig: Path, define: Define, alertname: str
) -> None:
    if own_cluster.given():
        pytest.skip("needs an account that may read in more than one namespace")
    define(alertname)

    with running(door, tmp_path / "log", kubeconfig, OPENFERO_JOBS_NAMESPACE="empty") as process:
        response = post(process.url, notification_json(firing(alertname)))

    assert response.words == ["no-definition"]
