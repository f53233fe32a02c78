"""CloudEvents as a Knative broker delivers them: settled once, retried if that can help, or given up.

First that the stand-in for the broker keeps the rules, then what the function makes of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker import TRACEPARENT, Delivery, deliver
from conftest import Define
from function_process import FunctionProcess, running
from kube import Kube, pods_of, variables
from make import a_body, a_manifest, firing
from proxy import (
    QUOTA_CONFLICT,
    Answer,
    Fault,
    FaultProxy,
    Request,
    Reset,
    always,
    first,
    status,
)

from function.alerts import MAX_ALERTS
from function.webhook import MAX_BODY

pytestmark = pytest.mark.every_server

FORBIDDEN = status(403, "Forbidden", "the function may not create jobs")

binary_and_structured = pytest.mark.parametrize("structured", [False, True], ids=["bin", "json"])


def resolved(alertname: str, **labels: str) -> dict[str, Any]:
    return {**firing(alertname, **labels), "status": "resolved"}


def creating(request: Request) -> bool:
    return request.is_create


def assert_settled_at_once(*deliveries: Delivery) -> None:
    for delivery in deliveries:
        assert delivery.statuses == [200]
        assert delivery.reply, "the broker takes the event in the answer"
        assert delivery.is_settled


class TestTheStandIn:
    """What a real broker was seen to do."""

    @pytest.fixture
    def subscriber(self) -> Iterator[FaultProxy]:
        """Nothing but answers, which a test chooses."""
        with FaultProxy("http://127.0.0.1:9") as subscriber:
            yield subscriber

    @pytest.mark.parametrize("code", [200, 202, 204])
    def test_an_empty_success_settles(self, subscriber: FaultProxy, code: int) -> None:
        with subscriber.playing(always(Answer(code, b""))):
            delivery = deliver(subscriber.url, a_body())

        assert (delivery.statuses, delivery.reply, delivery.dead_letter) == ([code], None, None)

    @pytest.mark.parametrize(
        "headers",
        [
            (("Content-Type", "application/cloudevents+json"),),
            (("Content-Type", "application/json"), ("Ce-Specversion", "1.0")),
        ],
        ids=["json", "bin"],
    )
    def test_an_event_in_the_answer_is_taken(
        self, subscriber: FaultProxy, headers: tuple[tuple[str, str], ...]
    ) -> None:
        with subscriber.playing(always(Answer(200, b"{}", headers))):
            delivery = deliver(subscriber.url, a_body())

        assert delivery.statuses == [200]
        assert delivery.reply == delivery.answers[0]
        assert delivery.is_settled

    def test_any_other_body_of_a_success_is_a_failure_that_nobody_is_told(
        self, subscriber: FaultProxy
    ) -> None:
        with subscriber.playing(always(Answer(200, b'{"outcomes": []}'))):
            delivery = deliver(subscriber.url, a_body())

        assert (delivery.statuses, delivery.dead_letter) == ([200] * 5, {})

    @pytest.mark.parametrize("code", [404, 408, 409, 429, 500, 502, 503])
    def test_what_may_pass_is_tried_five_times(self, subscriber: FaultProxy, code: int) -> None:
        with subscriber.playing(always(Answer(code, b"no"))):
            delivery = deliver(subscriber.url, a_body())

        assert (delivery.statuses, delivery.error) == ([code] * 5, (code, "no"))

    @pytest.mark.parametrize("code", [400, 401, 403, 405, 413, 415, 422])
    def test_what_will_not_pass_is_given_up_at_once(
        self, subscriber: FaultProxy, code: int
    ) -> None:
        with subscriber.playing(always(Answer(code, b"no"))):
            delivery = deliver(subscriber.url, a_body())

        assert (delivery.statuses, delivery.error) == ([code], (code, "no"))

    def test_a_cut_connection_is_tried_again(self, subscriber: FaultProxy) -> None:
        cut = first(2, Reset())
        with subscriber.playing(lambda request: cut(request) or Answer(202, b"")):
            delivery = deliver(subscriber.url, a_body())

        assert (delivery.statuses, delivery.is_settled) == ([None, None, 202], True)

    def test_all_tries_send_the_same(self, subscriber: FaultProxy) -> None:
        with subscriber.playing(always(Answer(503, b""))):
            deliver(subscriber.url, a_body())

        sent = subscriber.requests
        assert len(sent) == 5
        assert all(each == sent[0] for each in sent)


class TestWhatIsSettled:
    @binary_and_structured
    def test_a_notification_is_settled_by_one_delivery_and_has_its_job(
        self, function: str, kube: Kube, define: Define, alertname: str, structured: bool
    ) -> None:
        definition = define(alertname)

        delivery = deliver(function, a_body(firing(alertname)), structured=structured)

        assert_settled_at_once(delivery)
        assert len(kube.jobs(definition)) == 1

    @binary_and_structured
    def test_the_trace_of_the_broker_reaches_the_job(
        self, function: str, kube: Kube, define: Define, alertname: str, structured: bool
    ) -> None:
        definition = define(alertname)

        deliver(function, a_body(firing(alertname)), structured=structured)

        [job] = kube.jobs(definition)
        assert variables(job)["TRACEPARENT"] == TRACEPARENT

    @binary_and_structured
    def test_an_event_that_is_delivered_twice_has_one_job(
        self, function: str, kube: Kube, define: Define, alertname: str, structured: bool
    ) -> None:
        definition = define(alertname)
        body = a_body(firing(alertname))

        again = [
            deliver(function, body, event_id=alertname, structured=structured) for _ in range(2)
        ]

        assert_settled_at_once(*again)
        assert len(kube.jobs(definition)) == 1

    def test_resolved_before_firing_runs_the_job_of_each(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        """A broker keeps no order: each alert counts by its own status."""
        on_firing, on_resolved = define(alertname), define(alertname, status="resolved")

        overtook = deliver(function, a_body(resolved(alertname), status="resolved"))
        before = len(kube.jobs(on_firing)), len(kube.jobs(on_resolved))
        late = deliver(function, a_body(firing(alertname)))

        assert_settled_at_once(overtook, late)
        assert before == (0, 1)
        assert (len(kube.jobs(on_firing)), len(kube.jobs(on_resolved))) == (1, 1)

    def test_a_constant_id_hides_no_alert(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        """As an Alertmanager sends it that has the ce- headers in its http_headers."""
        definition = define(alertname)

        deliveries = [
            deliver(function, a_body(firing(alertname, pod=pod)), event_id="1")
            for pod in ("a", "b", "a")
        ]

        assert_settled_at_once(*deliveries)
        assert pods_of(kube.jobs(definition)) == ["a", "b"]

    def test_an_answer_that_is_lost_on_its_way_leads_to_no_second_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)

        with FaultProxy(function) as way, way.playing(first(2, Reset(after_storing=True))):
            delivery = deliver(way.url, a_body(firing(alertname)))

        assert delivery.statuses == [None, None, 200]
        assert len(kube.jobs(definition)) == 1


class TestWhatIsTriedAgain:
    @binary_and_structured
    def test_a_refusal_of_the_api_is_503_until_it_passes_and_there_is_one_job(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
        structured: bool,
    ) -> None:
        definition = define(alertname)

        with proxy.playing(first(2, FORBIDDEN, creating)):
            delivery = deliver(proxied.url, a_body(firing(alertname)), structured=structured)

        assert delivery.statuses == [503, 503, 200]
        assert delivery.is_settled
        assert len(kube.jobs(definition)) == 1

    def test_of_a_group_only_what_is_missing_is_made_by_the_next_try(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname)
        body = a_body(firing(alertname, pod="a"), firing(alertname, pod="b"))

        with proxy.playing(first(1, FORBIDDEN, creating)):
            delivery = deliver(proxied.url, body)

        assert delivery.statuses == [503, 200]
        assert pods_of(kube.jobs(definition)) == ["a", "b"]

    def test_what_never_passed_can_be_delivered_again_from_the_dead_letter(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname)
        body = a_body(firing(alertname))

        with proxy.playing(always(FORBIDDEN, creating)):
            given_up = deliver(proxied.url, body)
        before = kube.jobs(definition)
        later = deliver(proxied.url, body)

        code, text = given_up.error
        assert given_up.statuses == [503] * 5
        assert (code, before) == (503, [])
        assert text.startswith("1 of 1 alerts unavailable")
        assert_settled_at_once(later)
        assert len(kube.jobs(definition)) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(status(401, "Unauthorized"), id="401"),
            pytest.param(FORBIDDEN, id="403"),
            pytest.param(status(404, "NotFound", name="x", kind="namespaces"), id="404"),
            pytest.param(QUOTA_CONFLICT, id="409"),
            pytest.param(status(429, "TooManyRequests"), id="429"),
            pytest.param(Answer(502, b"bad gateway"), id="502"),
            pytest.param(Reset(), id="cut"),
        ],
    )
    def test_whatever_the_api_says_the_broker_hears_503(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        define: Define,
        alertname: str,
        fault: Fault,
    ) -> None:
        define(alertname)

        with proxy.playing(always(fault, creating)):
            delivery = deliver(proxied.url, a_body(firing(alertname)), retries=0)

        assert delivery.statuses == [503]


class TestWhatIsGivenUp:
    @binary_and_structured
    def test_a_broken_definition_is_not_tried_again_and_the_dead_letter_says_why(
        self, function: str, define: Define, alertname: str, structured: bool
    ) -> None:
        definition = define(alertname, manifest="a: [")

        delivery = deliver(function, a_body(firing(alertname)), structured=structured)

        code, text = delivery.error
        assert (delivery.statuses, code) == ([422], 422)
        assert text.startswith(f"1 of 1 alerts broken: {definition}: YAML: line 2")
        assert "\n" not in text

    def test_the_others_of_its_group_have_their_jobs(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest="a: [")
        well = define(f"{alertname}Well")

        delivery = deliver(function, a_body(firing(alertname), firing(f"{alertname}Well")))

        assert delivery.error[0] == 422
        assert len(kube.jobs(well)) == 1

    def test_a_broker_has_no_token_to_show(
        self, door: str, tmp_path: Path, kubeconfig: Path, alertname: str
    ) -> None:
        token = tmp_path / "token"
        token.write_text("secret")
        setting = {"OPENFERO_TOKEN_FILE": str(token)}

        with running(door, tmp_path / "log", kubeconfig, **setting) as guarded:
            refused = deliver(guarded.url, a_body(firing(alertname)))
            token.unlink()
            waiting = deliver(guarded.url, a_body(firing(alertname)), retries=1)

        assert refused.statuses == [401]
        assert waiting.statuses == [503, 503]


# What is delivered, and the status of the answer.
EVENTS: dict[str, tuple[dict[str, Any], int]] = {
    "without alerts": ({"data": b'{"version": "4", "status": "firing", "alerts": []}'}, 200),
    "without a definition": ({"data": a_body(firing("Undefined"))}, 200),
    "without an alert name": ({"data": a_body({"status": "firing", "labels": {}})}, 200),
    "of another type": ({"data": a_body(firing("Undefined")), "ce_type": "a.b"}, 200),
    "its own, come back": ({"data": b"{}", "ce_type": "io.openfero.notification.settled"}, 202),
    "another's": ({"data": b'{"message":"Hello World"}'}, 400),
    "another's, structured": ({"data": b'{"message":"Hello World"}', "structured": True}, 400),
    "structured, without data": ({"data": b"null", "structured": True}, 400),
    "no JSON": ({"data": b"hello"}, 400),
    "an odd status": ({"data": a_body({"status": "suppressed", "labels": {}})}, 400),
    "without an id": ({"data": a_body(), "ce_id": ""}, 400),
    "without a type": ({"data": a_body(), "ce_type": ""}, 400),
    "of another specversion": ({"data": a_body(), "ce_specversion": "9"}, 400),
    "a batch": ({"data": b"[]", "content_type": "application/cloudevents-batch+json"}, 400),
    "text": ({"data": a_body(), "content_type": "text/plain"}, 415),
    "too many alerts": ({"data": a_body(*[{}] * (MAX_ALERTS + 1))}, 413),
    "too large": ({"data": b" " * (MAX_BODY + 1)}, 413),
}

DEFINITIONS: dict[str, tuple[dict[str, Any], int]] = {
    "that is well": ({}, 200),
    "that is disabled": ({"labels": {"openfero/job-disabled": "true"}}, 200),
    "of another alert": ({"annotations": {"openfero.io/alertname": "Other"}}, 200),
    "that is no YAML": ({"manifest": "a: ["}, 422),
    "that is no job": ({"manifest": "kind: Pod"}, 422),
    "without its key": ({"data": {"other": "x"}}, 422),
    "that the API refuses": ({"manifest": a_manifest({"restartPolicy": "Always"})}, 422),
}


class TestEveryAnswer:
    """None is one that a broker would have tried again: 404, 408, 409, 429 or 5xx."""

    @pytest.mark.parametrize(("event", "expected"), EVENTS.values(), ids=EVENTS)
    def test_an_event_is_answered_once(
        self, function: str, event: dict[str, Any], expected: int
    ) -> None:
        assert deliver(function, **event).statuses == [expected]

    @pytest.mark.parametrize(("definition", "expected"), DEFINITIONS.values(), ids=DEFINITIONS)
    def test_an_event_about_a_definition_is_answered_once(
        self,
        function: str,
        define: Define,
        alertname: str,
        definition: dict[str, Any],
        expected: int,
    ) -> None:
        define(alertname, **definition)

        assert deliver(function, a_body(firing(alertname))).statuses == [expected]
