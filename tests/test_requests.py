"""The request suite: what users of a running function may rely on, through any door.

`pytest tests/test_requests.py --url http://…` sends it to a function of your own;
KUBECONFIG then names its cluster and the namespace of its Jobs.
"""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from cloud_events import from_http
from conftest import Define
from kube import Kube, pods_of, variables
from make import (
    BINARY_EVENT,
    MANIFEST,
    RECORDINGS,
    a_container,
    a_manifest,
    a_recording,
    alert_json,
    event_json,
    firing,
    headers_of,
    notification_json,
)
from wire import Response, get, post, request

pytestmark = pytest.mark.every_server

JSON = {"Content-Type": "application/json"}


def resolved(alertname: str, **labels: str) -> dict[str, Any]:
    return {**firing(alertname, **labels), "status": "resolved", "endsAt": "2026-11-23T14:00:00Z"}


def assert_one_line(response: Response, status: int, text: str = "") -> None:
    assert response.status == status
    assert response.headers["content-type"].startswith("text/plain")
    assert len(response.body) <= 200
    assert b"\n" not in response.body
    assert text in response.text


class TestOneAlertOneJob:
    @pytest.mark.parametrize("path", ["/", "/alerts"])
    def test_a_firing_alert_gets_its_job(
        self, function: str, kube: Kube, define: Define, alertname: str, path: str
    ) -> None:
        definition = define(alertname)

        response = post(function + path, notification_json(firing(alertname)))

        assert (response.status, response.words) == (200, ["created"])
        assert [job["metadata"]["name"] for job in kube.jobs(definition)] == [
            response.outcomes[0]["job"]
        ]

    def test_the_answer_says_what_became_of_each_alert(
        self, function: str, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        fingerprint = "0123456789abcdef"
        alert = {**firing(alertname), "fingerprint": fingerprint}

        response = post(function, notification_json(alert))

        assert response.headers["content-type"] == "application/json"
        [outcome] = response.outcomes
        assert outcome.pop("job").startswith(definition[:39].rstrip("-"))
        assert outcome == {
            "alert": alertname,
            "status": "firing",
            "fingerprint": fingerprint,
            "definition": definition,
            "outcome": "created",
            "message": "",
        }

    def test_every_alert_of_a_group_gets_its_own_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        alerts = [firing(alertname, pod=f"web-{number}") for number in range(5)]

        response = post(function, notification_json(*alerts))

        assert response.words == ["created"] * 5
        assert pods_of(kube.jobs(definition)) == [f"web-{number}" for number in range(5)]

    def test_a_repeated_notification_creates_nothing(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        notification = notification_json(firing(alertname))

        first = post(function, notification)
        second = post(function, notification)

        assert second.words == ["exists"]
        assert second.outcomes[0]["job"] == first.outcomes[0]["job"]
        assert len(kube.jobs(definition)) == 1

    def test_the_other_alertmanager_of_a_pair_creates_nothing(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        alert = firing(alertname)

        post(function, notification_json(alert, externalURL="http://am-0.example"))
        second = post(function, notification_json(alert, externalURL="http://am-1.example"))

        assert second.words == ["exists"]
        assert len(kube.jobs(definition)) == 1

    def test_a_new_alert_in_a_group_gets_a_job_and_the_known_one_no_second(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        known, new = firing(alertname, pod="known"), firing(alertname, pod="new")

        post(function, notification_json(known))
        response = post(function, notification_json(known, new))

        assert response.words == ["exists", "created"]
        assert pods_of(kube.jobs(definition)) == ["known", "new"]

    def test_a_repeat_after_the_job_has_ended_does_not_run_it_again(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        notification = notification_json(firing(alertname))
        name = post(function, notification).outcomes[0]["job"]
        kube.complete(name)

        response = post(function, notification)

        assert response.words == ["exists"]
        assert len(kube.jobs(definition)) == 1

    def test_an_alert_that_fires_again_later_gets_another_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        again = {**firing(alertname), "startsAt": "2026-11-24T08:00:00Z"}

        post(function, notification_json(firing(alertname)))
        response = post(function, notification_json(again))

        assert response.words == ["created"]
        assert len(kube.jobs(definition)) == 2

    def test_after_its_job_was_deleted_the_next_notification_creates_it_again(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname)
        notification = notification_json(firing(alertname))
        name = post(function, notification).outcomes[0]["job"]

        kube.delete("jobs", name)
        response = post(function, notification)

        assert response.words == ["created"]
        assert response.outcomes[0]["job"] == name

    def test_a_repair_runs_again_from_the_alert_file_of_its_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        name = post(function, notification_json(firing(alertname))).outcomes[0]["job"]
        [job] = kube.jobs(definition)
        saved = job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"]

        kube.delete("jobs", name)
        body = f'{{"version": "4", "status": "firing", "alerts": [{saved}]}}'
        response = post(function, body.encode())

        assert response.words == ["created"]
        assert response.outcomes[0]["job"] == name

    def test_an_alert_without_a_definition_is_settled_without_a_job(
        self, function: str, alertname: str
    ) -> None:
        response = post(function, notification_json(firing(alertname)))

        assert (response.status, response.words) == (200, ["no-definition"])
        assert response.outcomes[0]["job"] is None

    def test_a_notification_without_alerts_is_settled(self, function: str) -> None:
        response = post(function, {"version": "4", "status": "firing", "alerts": []})

        assert (response.status, response.outcomes) == (200, [])

    def test_five_thousand_alerts_in_one_notification_are_taken(
        self, function: str, alertname: str
    ) -> None:
        alerts = [firing(alertname, instance=f"node-{number}") for number in range(5000)]
        body = json.dumps(notification_json(*alerts)).encode()
        assert len(body) > 1_400_000

        response = post(function, body)

        assert response.words == ["no-definition"] * 5000


class TestEachAlertByItsOwnStatus:
    def test_a_resolved_alert_never_runs_the_firing_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)

        response = post(function, notification_json(resolved(alertname), status="resolved"))

        assert response.words == ["no-definition"]
        assert kube.jobs(definition) == []

    def test_a_firing_group_with_a_resolved_member_runs_each_ones_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        on_firing = define(alertname)
        on_resolved = define(alertname, status="resolved")
        alerts = [resolved(alertname, pod="well"), firing(alertname, pod="ill")]

        response = post(function, notification_json(*alerts, status="firing"))

        assert response.words == ["created", "created"]
        assert pods_of(kube.jobs(on_firing)) == ["ill"]
        assert pods_of(kube.jobs(on_resolved)) == ["well"]

    def test_a_resolved_job_is_made_while_the_firing_job_is_still_there(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname)
        define(alertname, status="resolved")

        first = post(function, notification_json(firing(alertname)))
        second = post(function, notification_json(resolved(alertname), status="resolved"))

        assert first.words + second.words == ["created", "created"]

    def test_two_alert_names_in_one_group_do_not_suppress_each_other(
        self, function: str, define: Define, alertname: str
    ) -> None:
        names = [f"{alertname}A", f"{alertname}B"]
        for name in names:
            define(name)

        response = post(function, notification_json(*map(firing, names)))

        assert response.words == ["created", "created"]

    def test_an_old_notification_without_status_and_fingerprint_gets_its_jobs(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        alerts = [
            {
                "labels": {"alertname": alertname, "pod": f"web-{number}"},
                "annotations": {},
                "startsAt": "2021-10-25T12:01:24.29524738Z",
                "EndsAt": "0001-01-01T00:00:00Z",
            }
            for number in range(2)
        ]

        response = post(function + "/alerts", notification_json(*alerts))

        assert response.words == ["created", "created"]
        assert pods_of(kube.jobs(definition)) == ["web-0", "web-1"]


class TestDefinitions:
    def test_a_disabled_definition_makes_no_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, labels={"openfero/job-disabled": "true"})

        response = post(function, notification_json(firing(alertname)))

        assert (response.status, response.words) == (200, ["disabled"])
        assert kube.jobs(definition) == []

    def test_a_definition_annotated_with_another_alert_name_is_not_this_alerts(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(f"{alertname}_full", annotations={"openfero.io/alertname": f"{alertname}_full"})

        response = post(
            function, notification_json(firing(f"{alertname}_full"), firing(f"{alertname} full"))
        )

        assert response.words == ["created", "no-definition"]

    def test_the_key_that_is_the_alert_name_comes_before_job_yaml(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(
            alertname, data={alertname: MANIFEST, "job.yaml": "what was never finished"}
        )

        response = post(function, notification_json(firing(alertname)))

        assert response.words == ["created"]
        assert len(kube.jobs(definition)) == 1

    def test_a_broken_definition_is_422_in_one_line_that_names_it(
        self, function: str, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, manifest="a: [")

        response = post(function, notification_json(firing(alertname)))

        assert_one_line(response, 422, f"1 of 1 alerts broken: {definition}: YAML: line 2")

    def test_a_manifest_that_the_api_server_refuses_is_422_with_its_words(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest=a_manifest({"restartPolicy": "Always"}))

        response = post(function, notification_json(firing(alertname)))

        reason = "the API server refuses the job: spec.template.spec.restartPolicy: "
        assert_one_line(response, 422, reason)

    def test_one_broken_definition_does_not_stop_the_others(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest="kind: Pod")
        well = define(f"{alertname}Well")
        alerts = [firing(alertname), firing(f"{alertname}Well"), firing(alertname, pod="b")]

        response = post(function, notification_json(*alerts))

        assert_one_line(response, 422, "2 of 3 alerts broken")
        assert len(kube.jobs(well)) == 1

    def test_a_mended_definition_heals_with_the_next_notification(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, manifest="a: [")
        notification = notification_json(firing(alertname))
        broken = post(function, notification)

        kube.patch("configmaps", definition, {"data": {"job.yaml": MANIFEST}})
        response = post(function, notification)

        assert (broken.status, response.words) == (422, ["created"])

    def test_a_manifest_without_containers_is_refused_and_the_function_lives_on(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest=a_manifest({"containers": None}))

        response = post(function, notification_json(firing(alertname)))

        assert response.status == 422
        assert get(f"{function}/health/liveness").status == 200

    def test_the_published_example_runs_and_its_author_learns_of_both_slips(
        self, function: str, define: Define, alertname: str
    ) -> None:
        manifest = a_manifest({"imagePullPolicy": "Always"})
        manifest["spec"]["template"]["labels"] = {"app": "openfero"}
        define(alertname, manifest=manifest)

        response = post(function, notification_json(firing(alertname)))

        assert response.words == ["created"]
        assert 'unknown field "spec.template.labels"' in response.outcomes[0]["message"]
        assert (
            'unknown field "spec.template.spec.imagePullPolicy"'
            in (response.outcomes[0]["message"])
        )

    def test_an_exported_job_serves_as_a_manifest(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        name = alertname.lower()
        kube.create("jobs", {**a_manifest(), "metadata": {"name": name}})
        exported = kube.get("jobs", name)
        definition = define(alertname, manifest=exported)

        response = post(function, notification_json(firing(alertname)))

        kube.delete("jobs", name)
        assert response.words == ["created"]
        assert "spec.selector" in response.outcomes[0]["message"]
        assert len(kube.jobs(definition)) == 1

    def test_a_job_of_ours_does_not_serve_as_a_manifest(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname)
        name = post(function, notification_json(firing(alertname))).outcomes[0]["job"]
        define(f"{alertname}Copy", manifest=kube.get("jobs", name))

        response = post(function, notification_json(firing(f"{alertname}Copy")))

        assert_one_line(response, 422, "copy of a job of ours")


class TestCloudEvents:
    def test_a_binary_event_is_answered_with_an_event(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)

        response = post(function, notification_json(firing(alertname)), **BINARY_EVENT)

        event = from_http(response.headers, response.body)
        assert (response.status, event["type"]) == (200, "io.openfero.notification.settled")
        assert event.data["counts"] == {"created": 1}
        assert len(kube.jobs(definition)) == 1

    def test_a_structured_event_is_answered_with_an_event(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        event = event_json(data=notification_json(firing(alertname)))

        response = post(function, event, content_type="application/cloudevents+json")

        event = from_http(response.headers, response.body)
        assert (response.status, event["type"]) == (200, "io.openfero.notification.settled")
        assert event.data["counts"] == {"created": 1}
        assert len(kube.jobs(definition)) == 1

    def test_one_alert_by_webhook_and_by_both_kinds_of_event_has_one_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        notification = notification_json(firing(alertname))

        post(function, notification)
        post(function, notification, **BINARY_EVENT)
        post(function, event_json(data=notification), content_type="application/cloudevents+json")

        assert len(kube.jobs(definition)) == 1

    def test_events_with_one_constant_id_are_told_apart_by_their_alerts(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)

        for pod in ("a", "b"):
            post(function, notification_json(firing(alertname, pod=pod)), **BINARY_EVENT)

        assert pods_of(kube.jobs(definition)) == ["a", "b"]

    def test_a_broken_definition_is_422_to_a_broker_as_well(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest="a: [")

        response = post(function, notification_json(firing(alertname)), **BINARY_EVENT)

        assert_one_line(response, 422)

    @pytest.mark.parametrize("missing", ["ce-specversion", "ce-id", "ce-source", "ce-type"])
    def test_a_binary_event_without_a_required_attribute_is_refused(
        self, function: str, missing: str
    ) -> None:
        headers = {name: text for name, text in BINARY_EVENT.items() if name != missing}

        response = post(function, notification_json(), **headers)

        assert_one_line(response, 400, "not a CloudEvent")

    def test_a_structured_event_that_is_a_list_is_refused(self, function: str) -> None:
        response = post(function, [event_json()], content_type="application/cloudevents+json")

        assert_one_line(response, 400)

    def test_a_batch_of_events_is_refused(self, function: str) -> None:
        response = post(function, [event_json()], content_type="application/cloudevents-batch+json")

        assert_one_line(response, 400, "batch")

    def test_what_func_invoke_sends_by_default_is_refused_plainly(self, function: str) -> None:
        response = post(function, {"message": "Hello World"})

        assert_one_line(response, 400, "alerts must be a list")


class TestRequests:
    @pytest.mark.parametrize("path", ["/", "/alerts"])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
    def test_another_method_than_post_never_looks_like_success(
        self, function: str, method: str, path: str
    ) -> None:
        response = request(method, function + path)

        assert response.status == 405
        assert response.headers["allow"] == "POST, OPTIONS"

    def test_options_tells_a_broker_that_it_may_post(self, function: str) -> None:
        response = request("OPTIONS", function)

        assert (response.status, response.headers["allow"]) == (200, "POST, OPTIONS")

    @pytest.mark.parametrize("path", ["/alert", "/alerts/", "/health", "/alerts/../alerts"])
    def test_a_post_elsewhere_is_404_and_names_where(self, function: str, path: str) -> None:
        response = post(function + path, notification_json())

        assert_one_line(response, 404, "/alerts")

    @pytest.mark.parametrize("path", ["/metrics", "/alertStore", "/api/alerts", "/api/jobs"])
    def test_nothing_can_be_read_from_it(self, function: str, path: str) -> None:
        assert get(function + path).status == 404

    @pytest.mark.parametrize("probe", ["liveness", "readiness"])
    def test_health_is_answered(self, function: str, probe: str) -> None:
        assert get(f"{function}/health/{probe}").status == 200

    def test_a_query_in_the_url_does_not_matter(self, function: str, alertname: str) -> None:
        response = post(f"{function}/alerts?cluster=a", notification_json(firing(alertname)))

        assert response.status == 200

    @pytest.mark.parametrize(
        "content_type", ["", "application/json; charset=utf-8", "Application/JSON", "text/vnd+json"]
    )
    def test_json_under_another_name_is_read(
        self, function: str, alertname: str, content_type: str
    ) -> None:
        body = json.dumps(notification_json(firing(alertname))).encode()
        headers = {"Content-Type": content_type} if content_type else {}

        assert request("POST", function, body, headers).status == 200

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/x-www-form-urlencoded",
            "text/plain",
            "application/cloudevents+avro",
            "application/json; charset=utf-16",
        ],
    )
    def test_a_content_type_that_cannot_be_read_is_415(
        self, function: str, content_type: str
    ) -> None:
        response = post(function, notification_json(), content_type=content_type)

        assert_one_line(response, 415)

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"hello", id="text"),
            pytest.param(b"[]", id="list"),
            pytest.param(b"null", id="null"),
            pytest.param(b"{}", id="no alerts"),
            pytest.param(b'{"alerts": {}}', id="alerts no list"),
            pytest.param(b'{"alerts": [{"labels": {}}]}', id="no status"),
            pytest.param(b'{"alerts": [{"status": "suppressed"}]}', id="odd status"),
            pytest.param(b'{"status": "firing", "alerts": [7]}', id="alert no object"),
            pytest.param(b'{"alerts": [], "alerts": []}', id="key twice"),
            pytest.param(b'{"alerts": [], "x": NaN}', id="NaN"),
            pytest.param(b"\xff\xfe{}", id="no UTF-8"),
            pytest.param(b"[" * 100_000, id="100,000 brackets"),
            pytest.param(b'{"alerts": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", id="nested"),
            pytest.param(b"-" * 100_000, id="100,000 dashes"),
        ],
    )
    def test_what_is_no_notification_is_400_in_one_line(self, function: str, body: bytes) -> None:
        assert_one_line(post(function, body), 400)

    @pytest.mark.parametrize("mebibytes", [4, 12])
    def test_a_body_over_the_limit_is_413(self, function: str, mebibytes: int) -> None:
        response = post(function, b" " * (mebibytes * 1024 * 1024 + 1))

        assert_one_line(response, 413, "group alerts by more labels")

    def test_a_body_over_the_limit_is_413_also_when_its_length_is_not_told(
        self, function: str
    ) -> None:
        chunks = (b" " * 65536 for _ in range(65))

        response = request("POST", function, chunks, JSON)

        assert_one_line(response, 413)

    def test_a_body_without_end_is_cut_off(self, function: str) -> None:
        chunks = (b" " * 65536 for _ in range(100_000))

        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            request("POST", function, chunks, JSON)

        assert get(f"{function}/health/readiness").status == 200

    def test_a_large_body_that_is_refused_for_another_reason_hears_it(self, function: str) -> None:
        response = post(f"{function}/elsewhere", b" " * (3 * 1024 * 1024))

        assert_one_line(response, 404)

    def test_a_body_in_chunks_is_read(self, function: str, alertname: str) -> None:
        body = json.dumps(notification_json(firing(alertname))).encode()

        response = request("POST", function, (body[i : i + 50] for i in range(0, 999, 50)), JSON)

        assert response.words == ["no-definition"]

    def test_two_notifications_on_one_connection_are_answered(self, function: str) -> None:
        body = json.dumps(notification_json()).encode()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        address = (urlsplit(function).hostname, urlsplit(function).port)

        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(head + body + head + body)
            received = b""
            while received.count(b"HTTP/1.1 200") < 2:
                chunk = connection.recv(65536)
                assert chunk, received
                received += chunk

    def test_a_sender_that_hangs_up_in_the_middle_makes_no_job(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        body = json.dumps(notification_json(firing(alertname))).encode()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        address = (urlsplit(function).hostname, urlsplit(function).port)

        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(head + body[:-1])

        assert get(f"{function}/health/readiness").status == 200
        assert kube.jobs(definition) == []


class TestHostileText:
    NASTY = (
        "$(HOME) `id` \"'; rm -rf / # {{ .Labels }} ../../x\r\nSet-Cookie: a=b \x00\x1b[31m ‮\u2028"
    )

    def test_hostile_labels_are_inert_in_the_job_that_the_api_stored(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        manifest = a_manifest({"containers": [a_container(args=["sh", "-c", "exit 0"])]})
        definition = define(alertname, manifest=manifest)
        alert = {**firing(alertname, pod=self.NASTY, **{"na-me\n$(x)": self.NASTY})}

        response = post(function, notification_json(alert, groupKey=self.NASTY))

        assert response.words == ["created"]
        [job] = kube.jobs(definition)
        told = variables(job)["OPENFERO_POD"].replace("$$", "")
        assert "$" not in told
        assert variables(job)["OPENFERO_POD"].replace("$$", "$") == self.NASTY.replace("\0", "")
        file = job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"]
        assert json.loads(file)["labels"]["pod"] == self.NASTY
        assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["sh", "-c", "exit 0"]

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("Disk Full%", id="space"),
            pytest.param("Überlauf im Speicher", id="umlaut"),
            pytest.param("a\nb", id="newline"),
            pytest.param("../../secrets/x", id="path"),
            pytest.param("..", id="dots"),
            pytest.param("🔥", id="nothing left"),
            pytest.param("x" * 3000, id="3,000 characters"),
            pytest.param("a\ud800b", id="lone surrogate"),
            pytest.param("?watch=true#", id="query"),
            pytest.param("%2e%2e%2f", id="escapes"),
        ],
    )
    def test_an_alert_of_any_name_is_settled(self, function: str, name: str) -> None:
        response = post(function, notification_json(firing(name)))

        assert (response.status, response.words) == (200, ["no-definition"])

    def test_an_alert_without_a_name_is_settled(self, function: str) -> None:
        response = post(function, notification_json(alert_json(labels={"severity": "critical"})))

        assert (response.status, response.words) == (200, ["no-definition"])
        assert response.outcomes[0]["definition"] is None

    def test_a_name_with_odd_characters_finds_its_definition(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(f"{alertname} – überläuft (90%)")

        response = post(function, notification_json(firing(f"{alertname} – überläuft (90%)")))

        assert response.words == ["created"]

    def test_hostile_text_stays_out_of_the_head_of_the_answer(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest="a: [")

        response = post(function, notification_json(firing(alertname, pod=self.NASTY)))

        assert_one_line(response, 422)
        assert "set-cookie" not in response.headers


class TestRecordings:
    """What a real Alertmanager 0.25 sent, header for header."""

    @pytest.mark.parametrize(
        ("recording", "expected"),
        [
            ("quota_firing_1", {"firing": ["web-7d9c8b7f6-abcde", "web-7d9c8b7f6-fghij"]}),
            (
                "quota_mixed_1",
                {"firing": ["web-7d9c8b7f6-fghij"], "resolved": ["web-7d9c8b7f6-abcde"]},
            ),
            ("quota_resolved_1", {"resolved": ["web-7d9c8b7f6-fghij"]}),
        ],
    )
    def test_each_alert_of_a_recorded_group_gets_the_job_of_its_status(
        self,
        function: str,
        kube: Kube,
        define: Define,
        recording: str,
        expected: dict[str, list[str]],
    ) -> None:
        found = {
            status: define("KubeQuotaAlmostFull", status=status)
            for status in ("firing", "resolved")
        }

        response = request("POST", function + "/alerts", a_recording(recording), headers(recording))

        assert response.status == 200
        for status, definition in found.items():
            assert pods_of(kube.jobs(definition)) == expected.get(status, [])

    def test_a_recorded_truncated_group_runs_the_job_of_what_it_still_names(
        self, function: str, kube: Kube, define: Define
    ) -> None:
        definition = define("Trunc", status="resolved")

        response = request(
            "POST", function, a_recording("trunc_resolved_1"), headers("trunc_resolved_1")
        )

        assert response.words == ["created"]
        assert variables(kube.jobs(definition)[0])["OPENFERO_INSTANCE"] == "a"

    def test_a_recorded_name_of_any_characters_finds_its_definition(
        self, function: str, define: Define
    ) -> None:
        alert = json.loads(a_recording("weird_utf8_firing_1"))["alerts"][0]
        define(alert["labels"]["alertname"])

        response = request(
            "POST", function, a_recording("weird_utf8_firing_1"), headers("weird_utf8_firing_1")
        )

        assert response.words == ["created"]
        assert (
            response.outcomes[0]["definition"] == "openfero-disk-usage-90-var-berl-uft-home-firing"
        )

    def test_a_recorded_alert_without_a_name_is_settled(self, function: str) -> None:
        response = request(
            "POST", function, a_recording("noname_firing_1"), headers("noname_firing_1")
        )

        assert response.words == ["no-definition"]

    def test_every_recording_is_used(self) -> None:
        bodies = {path.name for path in RECORDINGS.glob("*.json")}

        assert {name for name in bodies if "headers" not in name} == {
            f"{name}.json"
            for name in (
                "noname_firing_1",
                "quota_firing_1",
                "quota_mixed_1",
                "quota_resolved_1",
                "trunc_resolved_1",
                "weird_utf8_firing_1",
            )
        }


def headers(recording: str) -> dict[str, str]:
    return {name: text for name, text in headers_of(recording).items() if name != "host"}
