"""What each answer of the API server, and each way of not answering, means for an alert."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from conftest import NAMESPACE, Define, write_kubeconfig
from function_process import ROOT
from kube import Kube
from kubernetes.client import Configuration
from kubernetes.config.incluster_config import InClusterConfigLoader
from make import MANIFEST, a_config_map, a_notification, an_alert
from proxy import (
    QUOTA_CONFLICT,
    Amend,
    Answer,
    Delay,
    Drip,
    Fault,
    FaultProxy,
    Hang,
    Request,
    Reset,
    Rule,
    always,
    first,
    status,
)

from function.cluster import Cluster, connect
from function.errors import BadSettings
from function.local.server import LocalAPI
from function.outcomes import Outcome
from function.settings import Settings
from function.settle import Settler
from function.transport import Transport

HTML = Answer(502, b"<html>Bad Gateway</html>", (("Content-Type", "text/html"),))

QUOTA_FULL = status(
    403, "Forbidden", 'jobs.batch "x" is forbidden: exceeded quota: q', name="x", kind="jobs"
)
POLICY = "jobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no"
WEBHOOK = 'admission webhook "w.example" denied the request: no'


Settle = Callable[..., Outcome]

# Seconds for what cannot succeed anyway.
BRIEF = 0.2


@pytest.fixture
def settle(cluster: Cluster, define: Define, alertname: str) -> Settle:
    """Settle one alert that has a definition."""
    define(alertname)
    settler = Settler(cluster)

    def settle(seconds: float = 5, **labels: str) -> Outcome:
        notification = a_notification(an_alert(alertname, **labels))
        [outcome] = settler.settle(notification, time.monotonic() + seconds)
        assert "defect" not in outcome.message
        return outcome

    return settle


def creating(request: Request) -> bool:
    return request.is_create


def looking_up(request: Request) -> bool:
    return request.is_look_up


CREATE_ANSWERS = [
    ("strict decoding is broken", status(400, "BadRequest", "strict decoding error"), "broken"),
    ("another namespace is broken", status(400, "BadRequest", "does not match"), "broken"),
    ("a webhook's 400 without reason is broken", status(400, "", WEBHOOK), "broken"),
    ("a webhook's own 418 is broken", status(418, "", WEBHOOK), "broken"),
    ("a webhook's 409 is broken", status(409, "", WEBHOOK), "broken"),
    ("a webhook's 403 is broken", status(403, "Forbidden", WEBHOOK), "broken"),
    ("a policy's 422 is broken", status(422, "Invalid", POLICY), "broken"),
    ("a policy's 403 is broken", status(403, "Forbidden", POLICY), "broken"),
    ("a policy's 413 is broken", status(413, "RequestEntityTooLarge", POLICY), "broken"),
    ("invalid is broken", status(422, "Invalid", "spec: Required value"), "broken"),
    ("too large is broken", status(413, "RequestEntityTooLarge", "limit is 3145728"), "broken"),
    ("no longer authenticated", status(401, "Unauthorized", "Unauthorized"), "unavailable"),
    ("RBAC", status(403, "Forbidden", 'User "x" cannot create', kind="jobs"), "unavailable"),
    ("a 403 without a reason", status(403), "unavailable"),
    ("a full quota", QUOTA_FULL, "unavailable"),
    ("a terminating namespace", status(403, "Forbidden", "because it is being terminated"),
     "unavailable"),
    ("a missing namespace", status(404, "NotFound", 'namespaces "x" not found', name="x",
                                   kind="namespaces"), "unavailable"),
    ("a wrong path", status(404, "NotFound", "the server could not find", ), "unavailable"),
    ("a quota conflict", QUOTA_CONFLICT, "unavailable"),
    ("a 409 without details", status(409, "Conflict", "no"), "unavailable"),
    ("AlreadyExists of another job", status(409, "AlreadyExists", "x", name="x", kind="jobs"),
     "unavailable"),
    ("AlreadyExists of no job", status(409, "AlreadyExists", "x", name="x", kind="pods"),
     "unavailable"),
    ("too many requests", status(429, "TooManyRequests", "slow down"), "unavailable"),
    ("a webhook that is away", status(500, "InternalError", "failed calling"), "unavailable"),
    ("the server is starting", status(503, "ServiceUnavailable", "starting"), "unavailable"),
    ("a time-out of the server", status(504, "Timeout", "timed out"), "unavailable"),
    ("HTML of something before it", HTML, "unavailable"),
    ("200 with HTML", Answer(200, b"<html>Welcome</html>"), "unavailable"),
    ("200 with another kind", Answer(200, b'{"kind": "Namespace", "metadata": {}}'), "unavailable"),
    ("201 with another job", Answer(201, b'{"kind": "Job", "metadata": {"name": "x"}}'),
     "unavailable"),
    ("200 with a list", Answer(200, b"[]"), "unavailable"),
    ("200 with nothing", Answer(200, b""), "unavailable"),
    ("a 400 of something before it", Answer(400, b"<html>Bad Request</html>"), "unavailable"),
    ("a 413 of something before it", Answer(413, b"<html>Too large</html>"), "unavailable"),
    ("a redirect", Answer(302, b"", (("Location", "http://127.0.0.1:9/"),)), "unavailable"),
    ("a Status of odd types", Answer(403, b'{"message": 7, "details": [], "reason": {}}'),
     "unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "word"),
    [pytest.param(answer, word, id=name) for name, answer, word in CREATE_ANSWERS],
)
def test_what_an_answer_to_the_create_means(
    proxy: FaultProxy, settle: Settle, kube: Kube, answer: Answer, word: str
) -> None:
    with proxy.playing(always(answer, creating)):
        during = settle(BRIEF if word == "unavailable" else 5)
    afterwards = settle()

    assert during.kind == word
    assert afterwards.kind in ("created", "exists")
    assert len(kube.jobs(str(during.definition))) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(status(401, "Unauthorized", "Unauthorized"), id="401"),
        pytest.param(status(403, "Forbidden", 'User "x" cannot get'), id="403"),
        pytest.param(status(404, "NotFound", "no such path"), id="404 without details"),
        pytest.param(
            status(404, "NotFound", "x", name="x", kind="configmaps"), id="404 of another name"
        ),
        pytest.param(
            status(404, "NotFound", "x", name="x", kind="namespaces"), id="404 of the namespace"
        ),
        pytest.param(status(409, "Conflict", "?"), id="409"),
        pytest.param(status(422, "Invalid", "?"), id="422"),
        pytest.param(status(429, "TooManyRequests", "slow down"), id="429"),
        pytest.param(status(500, "InternalError", "?"), id="500"),
        pytest.param(status(503, "ServiceUnavailable", "?"), id="503"),
        pytest.param(HTML, id="HTML"),
        pytest.param(Answer(404, b"404 page not found"), id="404 as text"),
        pytest.param(Answer(200, b"not JSON"), id="200 as text"),
        pytest.param(
            Answer(200, b'{"kind": "Namespace", "metadata": {"name": "x"}}'), id="a Namespace"
        ),
        pytest.param(
            Answer(200, json.dumps(a_config_map(name="openfero-other-firing")).encode()),
            id="another ConfigMap",
        ),
        pytest.param(Hang(), id="hanging"),
        pytest.param(Reset(), id="reset"),
    ],
)
def test_only_not_found_of_the_very_config_map_means_that_there_is_none(
    proxy: FaultProxy, settle: Settle, answer: Fault
) -> None:
    with proxy.playing(always(answer, looking_up)):
        during = settle(BRIEF)
    afterwards = settle()

    assert during.kind == "unavailable"
    assert afterwards.kind in ("created", "exists")


def test_a_config_map_that_is_not_there_means_no_definition(
    cluster: Cluster, alertname: str
) -> None:
    notification = a_notification(an_alert(alertname))

    [outcome] = Settler(cluster).settle(notification, time.monotonic() + 5)

    assert outcome.kind == "no-definition"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(QUOTA_CONFLICT, id="quota conflict"),
        pytest.param(status(429, "TooManyRequests", "slow down"), id="429"),
        pytest.param(status(500, "InternalError", "etcdserver: leader changed"), id="500"),
        pytest.param(status(503, "ServiceUnavailable", "?"), id="503"),
        pytest.param(HTML, id="HTML"),
        pytest.param(Reset(), id="reset before storing"),
        pytest.param(Reset(after_storing=True), id="reset after storing"),
    ],
)
def test_what_passes_in_a_moment_is_tried_again_within_the_notification(
    proxy: FaultProxy, settle: Settle, kube: Kube, fault: Fault
) -> None:
    with proxy.playing(first(2, fault)):
        outcome = settle()

    assert outcome.kind in ("created", "exists")
    assert [job["metadata"]["name"] for job in kube.jobs(str(outcome.definition))] == [outcome.job]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(status(401, "Unauthorized", "Unauthorized"), id="401"),
        pytest.param(status(403, "Forbidden", "cannot create"), id="403"),
        pytest.param(status(422, "Invalid", "?"), id="422"),
    ],
)
def test_what_does_not_pass_in_a_moment_is_asked_once(
    proxy: FaultProxy, settle: Settle, answer: Answer
) -> None:
    before = len(proxy.requests)

    with proxy.playing(always(answer, creating)):
        settle()

    # Beside them an Event, which nothing waits for.
    asked = [r.method for r in proxy.requests[before:] if not r.path.endswith("/events")]
    assert asked == ["GET", "POST"]


def test_a_firing_alert_costs_one_read_and_one_create(proxy: FaultProxy, settle: Settle) -> None:
    before = len(proxy.requests)

    settle()

    # Beside them an Event, which nothing waits for.
    asked = [(request.method, request.path.split("/")[-1]) for request in proxy.requests[before:]]
    asked = [(method, what) for method, what in asked if what != "events"]
    assert [method for method, _ in asked] == ["GET", "POST"]
    assert asked[1] == ("POST", "jobs?fieldValidation=Warn")


def test_alerts_of_one_notification_share_the_look_up(
    proxy: FaultProxy, cluster: Cluster, define: Define, alertname: str
) -> None:
    define(alertname)
    alerts = [an_alert(alertname, pod=f"web-{number}") for number in range(20)]
    before = len(proxy.requests)

    outcomes = Settler(cluster).settle(a_notification(*alerts), time.monotonic() + 10)

    assert [outcome.kind for outcome in outcomes] == ["created"] * 20
    assert len([r for r in proxy.requests[before:] if r.is_look_up]) == 1


def test_a_job_that_is_being_deleted_still_exists(proxy: FaultProxy, settle: Settle) -> None:
    name = settle().job
    deleting = status(
        409, "AlreadyExists", "object is being deleted", name=name, group="batch", kind="jobs"
    )

    with proxy.playing(always(deleting, creating)):
        outcome = settle()

    assert (outcome.kind, outcome.job) == ("exists", name)


def test_a_full_quota_does_not_hide_the_job_that_exists(proxy: FaultProxy, settle: Settle) -> None:
    name = settle().job

    with proxy.playing(always(QUOTA_FULL, creating)):
        outcome = settle()

    assert (outcome.kind, outcome.job) == ("exists", name)


def test_a_refused_connection_is_unavailable_and_heals(proxy: FaultProxy, settle: Settle) -> None:
    with proxy.refusing():
        during = settle()
    afterwards = settle()

    assert (during.kind, afterwards.kind) == ("unavailable", "created")
    assert "Connection refused" in during.message


@pytest.mark.parametrize("matches", [looking_up, creating])
def test_an_api_server_that_hangs_costs_no_more_than_the_deadline(
    proxy: FaultProxy, settle: Settle, matches: Callable[[Request], bool]
) -> None:
    started = time.monotonic()

    with proxy.playing(always(Hang(), matches)):
        outcome = settle(seconds=0.5)

    assert outcome.kind == "unavailable"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("matches", [looking_up, creating])
def test_why_an_api_server_was_out_of_reach_is_told(
    proxy: FaultProxy, settle: Settle, matches: Callable[[Request], bool]
) -> None:
    with proxy.playing(always(Hang(), matches)):
        outcome = settle(seconds=0.5)

    assert "timed out" in outcome.message


def test_an_api_server_that_drips_its_answer_costs_no_more_than_the_deadline(
    proxy: FaultProxy, settle: Settle
) -> None:
    with proxy.playing(always(Drip(), creating)):
        during = settle(seconds=0.5)
    afterwards = settle()

    assert during.kind == "unavailable"
    assert afterwards.kind in ("created", "exists")


def test_an_answer_larger_than_any_object_is_not_read(proxy: FaultProxy, settle: Settle) -> None:
    with proxy.playing(always(Answer(200, b" " * (9 * 1024 * 1024)), looking_up)):
        outcome = settle()

    assert outcome.kind == "unavailable"
    assert "more than it can have to say" in outcome.message


def test_an_object_of_impossible_types_is_a_defect_that_stops_nobody(
    proxy: FaultProxy, cluster: Cluster, define: Define, alertname: str
) -> None:
    name = define(alertname)
    odd = Answer(
        200, json.dumps({"kind": "ConfigMap", "metadata": {"name": name, "labels": 7}}).encode()
    )

    with proxy.playing(always(odd, lambda r: r.is_look_up and name in r.path)):
        outcomes = Settler(cluster).settle(
            a_notification(an_alert(alertname), an_alert(f"{alertname}Other")), soon()
        )

    assert [str(outcome.kind) for outcome in outcomes] == ["unavailable", "no-definition"]
    assert outcomes[0].message == "a defect; see the log"


def test_one_notification_that_hangs_leaves_room_for_the_others(
    proxy: FaultProxy, cluster: Cluster, define: Define, alertname: str
) -> None:
    define(alertname)
    define(f"{alertname}Other")
    settler = Settler(cluster)
    many = a_notification(*(an_alert(alertname, pod=f"hangs-{n}") for n in range(40)))

    hanging = always(Hang(), lambda request: request.is_create and b"hangs-" in request.body)
    with proxy.playing(hanging), ThreadPoolExecutor() as pool:
        large = pool.submit(settler.settle, many, time.monotonic() + 2)
        proxy.hanging.acquire()
        [outcome] = settler.settle(a_notification(an_alert(f"{alertname}Other")), soon())
        assert not large.done()

    assert outcome.kind == "created"


def test_what_a_slow_cluster_leaves_over_is_reached_by_the_retries(
    proxy: FaultProxy, cluster: Cluster, define: Define, kube: Kube, alertname: str
) -> None:
    definition = define(alertname)
    notification = a_notification(*(an_alert(alertname, pod=f"web-{n}") for n in range(60)))
    settler = Settler(cluster)

    with proxy.playing(always(Delay(0.02), creating)):
        first_outcomes = settler.settle(notification, time.monotonic() + 0.25)
        for _ in range(30):
            if len(kube.jobs(definition)) == 60:
                break
            settler.settle(notification, time.monotonic() + 0.25)

    assert "unavailable" in {str(outcome.kind) for outcome in first_outcomes}
    assert len(kube.jobs(definition)) == 60


def test_a_slow_api_server_is_waited_for(proxy: FaultProxy, settle: Settle) -> None:
    with proxy.playing(always(Delay(0.1))):
        outcome = settle()

    assert outcome.kind == "created"


def test_what_one_alert_meets_does_not_stop_the_others(
    proxy: FaultProxy, cluster: Cluster, define: Define, alertname: str
) -> None:
    define(alertname)
    alerts = [an_alert(alertname, pod=pod) for pod in ("well", "hangs", "also-well")]

    with proxy.playing(always(Hang(), lambda request: b"hangs" in request.body)):
        outcomes = Settler(cluster).settle(a_notification(*alerts), time.monotonic() + 2)

    assert [outcome.kind for outcome in outcomes] == ["created", "unavailable", "created"]


class TestWarnings:
    def test_warnings_of_the_api_server_are_passed_on(
        self, proxy: FaultProxy, settle: Settle
    ) -> None:
        rule = warn('299 - "unknown field \\"spec.templat\\""', '299 - "spec: use \\\\n"')

        with proxy.playing(rule):
            outcome = settle()

        assert outcome.message == 'unknown field "spec.templat"; spec: use \\n'

    def test_a_warning_in_any_script_is_passed_on(self, proxy: FaultProxy, settle: Settle) -> None:
        header = '299 - "überlauf – 溢出"'.encode().decode("latin-1")

        with proxy.playing(warn(header)):
            outcome = settle()

        assert outcome.message == "überlauf – 溢出"

    def test_ninety_warnings_are_passed_on(self, proxy: FaultProxy, settle: Settle) -> None:
        with proxy.playing(warn(*(f'299 - "field {number}"' for number in range(90)))):
            outcome = settle()

        assert outcome.message.count("field") == 90

    def test_more_warnings_than_can_be_read_do_not_hide_the_job_that_was_made(
        self, proxy: FaultProxy, settle: Settle, kube: Kube
    ) -> None:
        with proxy.playing(warn(*(f'299 - "field {number}"' for number in range(120)))):
            outcome = settle()

        assert outcome.kind == "exists"
        assert outcome.message == (
            "the API server has more warnings about the manifest than can be read"
        )
        assert len(kube.jobs(str(outcome.definition))) == 1

    def test_more_warnings_than_can_be_read_do_not_hide_a_refusal(
        self, proxy: FaultProxy, settle: Settle
    ) -> None:
        many = tuple(("Warning", f'299 - "field {number}"') for number in range(120))
        refusal = status(422, "Invalid", "spec: Required value")

        def rule(request: Request) -> Fault | None:
            if not request.is_create:
                return None
            warned = "fieldValidation=Warn" in request.path
            return Answer(422, refusal.body, many if warned else ())

        with proxy.playing(rule):
            outcome = settle()

        assert (outcome.kind, "Required value" in outcome.message) == ("broken", True)


def warn(*headers: str) -> Rule:
    return always(Amend(tuple(("Warning", header) for header in headers)), creating)


class TestStrict:
    @pytest.fixture
    def strict(self, proxy_kubeconfig: Path) -> Cluster:
        return connect(Settings(kubeconfig=str(proxy_kubeconfig), strict=True))

    def test_a_misplaced_field_is_refused(
        self, strict: Cluster, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest=MANIFEST.replace("  template:", "  template:\n    labels: {}"))

        [outcome] = Settler(strict).settle(a_notification(an_alert(alertname)), soon())

        assert outcome.kind == "broken"
        assert 'unknown field "spec.template.labels"' in outcome.message

    def test_unreadable_warnings_never_make_it_less_strict(
        self, strict: Cluster, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        many = tuple(("Warning", f'299 - "field {number}"') for number in range(120))
        before = len(proxy.requests)

        with proxy.playing(always(Answer(422, b"{}", many), creating)):
            [outcome] = Settler(strict).settle(a_notification(an_alert(alertname)), soon())

        assert outcome.kind == "unavailable"
        assert not [r for r in proxy.requests[before:] if "Ignore" in r.path]


def soon() -> float:
    return time.monotonic() + 5


class TestCredentials:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[str, str]:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(str(tmp_path / "key"))
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(str(tmp_path / "cert"), append=True)
        authority.cert_pem.write_to_path(str(tmp_path / "ca"))
        return str(tmp_path / "cert"), str(tmp_path / "key")

    def test_a_rotated_token_is_read_again(self, tls: tuple[str, str], tmp_path: Path) -> None:
        token = tmp_path / "token"
        token.write_text("old")
        with LocalAPI(token="new", tls=tls, namespaces=(NAMESPACE,), controller=False) as api:
            settler = Settler(
                Cluster(Transport(in_cluster(api.url, tmp_path)), NAMESPACE, strict=False)
            )
            notification = a_notification(an_alert("Any"))

            [before] = settler.settle(notification, soon())
            token.write_text("new")
            [after] = settler.settle(notification, soon())

        assert (before.kind, after.kind) == ("unavailable", "no-definition")

    def test_a_token_with_a_newline_at_its_end_is_taken(
        self, tls: tuple[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "token").write_text("t\n")
        with LocalAPI(token="t", tls=tls, namespaces=(NAMESPACE,), controller=False) as api:
            cluster = Cluster(Transport(in_cluster(api.url, tmp_path)), NAMESPACE, strict=False)

            [outcome] = Settler(cluster).settle(a_notification(an_alert("Any")), soon())

        assert outcome.kind == "no-definition"

    def test_a_token_that_cannot_be_sent_is_not_told(
        self, tls: tuple[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "token").write_text("sec\nret")
        with LocalAPI(token="t", tls=tls, namespaces=(NAMESPACE,), controller=False) as api:
            cluster = Cluster(Transport(in_cluster(api.url, tmp_path)), NAMESPACE, strict=False)

            [outcome] = Settler(cluster).settle(a_notification(an_alert("Any")), soon())

        assert (outcome.kind, "sec" in outcome.message) == ("unavailable", False)

    def test_a_token_that_is_gone_is_unavailable_and_heals(
        self, tls: tuple[str, str], tmp_path: Path
    ) -> None:
        token = tmp_path / "token"
        token.write_text("t")
        with LocalAPI(token="t", tls=tls, namespaces=(NAMESPACE,), controller=False) as api:
            settler = Settler(
                Cluster(Transport(in_cluster(api.url, tmp_path)), NAMESPACE, strict=False)
            )
            notification = a_notification(an_alert("Any"))

            token.unlink()
            [before] = settler.settle(notification, time.monotonic() + 0.2)
            token.write_text("t")
            [after] = settler.settle(notification, soon())

        assert (before.kind, after.kind) == ("unavailable", "no-definition")

    def test_an_api_server_of_another_authority_is_not_trusted(
        self, tls: tuple[str, str], tmp_path: Path
    ) -> None:
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca"), append=False)
        (tmp_path / "token").write_text("t")
        with LocalAPI(token="t", tls=tls, namespaces=(NAMESPACE,), controller=False) as api:
            cluster = Cluster(Transport(in_cluster(api.url, tmp_path)), NAMESPACE, strict=False)

            [outcome] = Settler(cluster).settle(a_notification(an_alert("Any")), soon())

        assert outcome.kind == "unavailable"
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.message

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            pytest.param(None, "No such file", id="missing"),
            pytest.param("", "KUBECONFIG", id="empty"),
            pytest.param("a: [", "KUBECONFIG", id="no YAML"),
            pytest.param("[]", "KUBECONFIG", id="no kubeconfig"),
            pytest.param('{"contexts": []}', "KUBECONFIG", id="no context"),
        ],
    )
    def test_a_kubeconfig_that_names_no_cluster_is_a_bad_setting(
        self, tmp_path: Path, content: str | None, expected: str
    ) -> None:
        path = tmp_path / "kubeconfig"
        if content is not None:
            path.write_text(content)

        with pytest.raises(BadSettings) as caught:
            connect(Settings(kubeconfig=str(path)))

        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("server", ["", "ftp://x", "http://"])
    def test_a_server_that_is_no_address_is_a_bad_setting(
        self, tmp_path: Path, server: str
    ) -> None:
        path = write_kubeconfig(tmp_path / "kubeconfig", server)

        with pytest.raises(BadSettings, match="no cluster"):
            connect(Settings(kubeconfig=str(path)))

    def test_without_a_namespace_in_the_context_it_is_the_default_one(self, tmp_path: Path) -> None:
        path = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1", namespace="")

        assert connect(Settings(kubeconfig=str(path))).namespace == "default"

    def test_in_a_pod_the_service_account_says_which_cluster_and_namespace(
        self, needs_mounts: None, tls: tuple[str, str], tmp_path: Path
    ) -> None:
        with LocalAPI(token="t", tls=tls, namespaces=("jobs",), controller=False) as api:
            (tmp_path / "token").write_text("t")
            (tmp_path / "namespace").write_text("jobs\n")
            (tmp_path / "ca.crt").write_bytes((tmp_path / "ca").read_bytes())
            host, port = api.url.removeprefix("https://").split(":")

            ran = subprocess.run(
                ["unshare", "-Urm", "sh", "-euc", IN_A_POD, str(tmp_path), sys.executable],
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(ROOT),
                    "KUBERNETES_SERVICE_HOST": host,
                    "KUBERNETES_SERVICE_PORT": port,
                },
                capture_output=True,
                text=True,
            )

        assert ran.stdout.split() == [api.url, "jobs", "None"], ran.stderr

    def test_without_kubeconfig_and_without_a_pod_there_is_no_cluster(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

        with pytest.raises(BadSettings, match="set KUBECONFIG"):
            connect(Settings())

    def test_the_namespace_is_the_contexts_unless_it_is_set(
        self, proxy_kubeconfig: Path, kube: Kube
    ) -> None:
        own = connect(Settings(kubeconfig=str(proxy_kubeconfig)))
        given = connect(Settings(kubeconfig=str(proxy_kubeconfig), jobs_namespace="elsewhere"))

        assert (own.namespace, given.namespace) == (kube.namespace, "elsewhere")


# What a kubelet mounts, mounted where it does; then the function looks for a definition.
IN_A_POD = """
mount -t tmpfs run /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$0"/ca.crt "$0"/namespace "$0"/token /run/secrets/kubernetes.io/serviceaccount/
exec "$1" -c '
import time
from function.cluster import connect
from function.settings import Settings
cluster = connect(Settings())
print(cluster.host, cluster.namespace, cluster.find_definition("openfero-a", time.monotonic() + 5))
'
"""


def in_cluster(url: str, folder: Path) -> Any:
    """What a pod finds, with a token that is looked at each time instead of each minute."""
    host, port = url.removeprefix("https://").split(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    loader = InClusterConfigLoader(str(folder / "token"), str(folder / "ca"), environ=environ)
    loader._token_refresh_period = timedelta(0)
    configuration = Configuration()
    loader.load_and_set(configuration)
    return configuration
