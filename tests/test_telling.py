"""What is told, read from the outside: Events, the log, on the Job, and the event that goes back."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cloud_events import CloudEvent, from_http
from conftest import Define
from function_process import ROOT, FunctionProcess
from jsonschema import Draft202012Validator
from kube import Kube, variables
from make import BINARY_EVENT, a_manifest, firing, notification_json, rails
from proxy import Delay, FaultProxy, Request, always, first, status
from waiting import until
from wire import Response, post

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENDS_AT = "2026-11-23T14:00:00Z"
RUNBOOK = "https://runbooks.example/it"


def an_episode(alertname: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    annotations = {"runbook_url": RUNBOOK}
    alert = {**firing(alertname, **labels), "status": status, "annotations": annotations}
    return {**alert, "endsAt": ENDS_AT if status == "resolved" else "0001-01-01T00:00:00Z"}


def notify(url: str, *alerts: Any, **fields: Any) -> Response:
    return post(url, notification_json(*alerts, **fields))


def is_event(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/events")


def is_patch(request: Request) -> bool:
    return request.method == "PATCH"


def lines(process: FunctionProcess, alertname: str) -> list[dict[str, Any]]:
    """The lines of the log about an alert."""
    found = [json.loads(line) for line in process.lines() if line.startswith("{")]
    return [line for line in found if line.get("alert") == alertname]


class TestEvents:
    def test_a_created_job_is_told_once_however_often_it_is_asked_for(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)

        names = [notify(function, an_episode(alertname)).outcomes[0]["job"] for _ in range(3)]

        until(lambda: kube.events(definition), "it is told")
        [event] = kube.events(definition)
        assert (event["reason"], event["type"]) == ("Created", "Normal")
        assert event["message"] == f"alert {alertname} is firing; {names[0]}"

    def test_a_broken_definition_is_a_warning_that_quotes_the_runbook(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, manifest="a: [")

        notify(function, *[an_episode(alertname, pod=f"web-{number}") for number in range(20)])

        until(lambda: kube.events(definition), "it is told")
        [event] = kube.events(definition)
        assert (event["reason"], event["type"]) == ("Broken", "Warning")
        assert "YAML: line 2" in event["message"]
        assert event["message"].endswith(f"runbook: {RUNBOOK}")

    def test_what_says_the_same_is_written_once_for_all_alerts_of_a_notification(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname, manifest="a: [")
        since = len(proxy.requests)

        notify(proxied.url, *[an_episode(alertname, pod=f"web-{number}") for number in range(20)])

        until(lambda: kube.events(definition), "it is told")
        asked = [r for r in proxy.requests[since:] if is_event(r)]
        assert [r for r in asked if alertname in r.body.decode()] == asked[:1]

    def test_what_waits_and_what_waits_for_it_are_warnings(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(mode="approve", subject="alertname"))

        notify(function, an_episode(alertname, pod="a"), an_episode(alertname, pod="b"))

        until(lambda: len(kube.events(definition)) == 2, "both are told")
        told = {event["reason"]: event["type"] for event in kube.events(definition)}
        assert told == {"Created": "Warning", "NeedsApproval": "Warning"}

    def test_an_ended_job_is_told_on_the_definition_that_made_it(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        fired = define(alertname, annotations=rails(on_resolved="cancel"))
        over = define(alertname, "resolved")
        notify(function, an_episode(alertname))

        notify(function, an_episode(alertname, "resolved"))

        until(lambda: len(kube.events(fired)) == 2 and kube.events(over), "all is told")
        assert {event["reason"] for event in kube.events(fired)} == {"Created", "Cancelled"}
        assert [event["reason"] for event in kube.events(over)] == ["Created"]

    def test_a_firing_definition_that_cannot_be_read_is_told_when_its_alert_resolves(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        fired = define(alertname, annotations=rails(on_resolved="stop"))

        response = notify(function, an_episode(alertname, "resolved"))

        assert response.status == 422
        until(lambda: kube.events(fired), "it is told")
        assert "on-resolved must be cancel" in kube.events(fired)[0]["message"]

    def test_kubectl_describe_shows_them_below_the_definition(
        self,
        function: str,
        kube: Kube,
        kubeconfig: Path,
        define: Define,
        alertname: str,
        tmp_path: Path,
    ) -> None:
        definition = define(alertname)
        job = notify(function, an_episode(alertname)).outcomes[0]["job"]
        until(lambda: kube.events(definition), "it is told")

        described = subprocess.run(
            [
                Path(sys.executable).with_name("kubectl"),
                f"--kubeconfig={kubeconfig}",
                *("describe", "configmap", definition),
            ],
            env={"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
        )

        assert re.search(rf"Normal +Created .* openfero +alert .* {job}", described.stdout), (
            described
        )

    def test_that_they_may_not_be_written_is_logged_once_and_changes_no_answer(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname)
        forbidden = status(403, "Forbidden", "events is forbidden: cannot create", kind="events")
        since = len(proxy.requests)

        with proxy.playing(always(forbidden, is_event)):
            words = [notify(proxied.url, an_episode(alertname, pod=pod)).words for pod in "abc"]
            until(lambda: len([r for r in proxy.requests[since:] if is_event(r)]) == 3, "all tried")

        assert words == [["created"]] * 3
        assert kube.events(definition) == []
        log = [json.loads(line) for line in proxied.lines() if "cannot record" in line]
        [line] = [line for line in log if line["what"] == "events"]
        assert "cannot create an event: events is forbidden" in line["message"]

    def test_one_that_takes_long_holds_up_nobody(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)

        with proxy.playing(always(Delay(30), is_event)):
            response = notify(proxied.url, an_episode(alertname))
            proxy.hanging.acquire(timeout=20)

        assert response.words == ["created"]

    def test_they_give_way_to_the_jobs_of_their_notification(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        alerts = [an_episode(alertname, pod=f"web-{number}") for number in range(20)]
        since = len(proxy.requests)

        def told() -> list[bool]:
            posts = [r for r in proxy.requests[since:] if is_event(r) or r.is_create]
            return [is_event(request) for request in posts]

        assert notify(proxied.url, *alerts).words == ["created"] * 20

        until(lambda: sum(told()) == 20, "all are told")
        assert told() == [False] * 20 + [True] * 20

    def test_but_for_no_longer_than_a_slow_cluster_may_take(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        since = len(proxy.requests)

        def holds_up_one(request: Request) -> bool:
            return request.is_create and b"web-slow" in request.body

        with proxy.playing(first(1, Delay(30), holds_up_one)):
            pods = ("web-slow", "web-1")
            notify(proxied.url, *[an_episode(alertname, pod=pod) for pod in pods])
        sent = [r for r in proxy.requests[since:] if is_event(r) or holds_up_one(r)]
        tries = [number for number, request in enumerate(sent) if holds_up_one(request)]

        assert any(is_event(request) for request in sent[: tries[-1]])


class TestTheJob:
    def job(self, kube: Kube, name: str) -> dict[str, str]:
        return kube.get("jobs", name)["metadata"].get("annotations") or {}

    @pytest.mark.parametrize(
        "annotations", [{}, rails(max_runs="3/24h")], ids=["unguarded", "guarded"]
    )
    def test_it_gets_to_know_when_its_alert_resolved(
        self,
        function: str,
        kube: Kube,
        define: Define,
        alertname: str,
        annotations: dict[str, str],
    ) -> None:
        define(alertname, annotations=annotations)
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        kube.complete(name)

        notify(function, an_episode(alertname, "resolved"))

        until(lambda: "openfero.io/resolved-at" in self.job(kube, name), "it is marked")
        assert self.job(kube, name)["openfero.io/resolved-at"] == ENDS_AT

    def test_each_of_two_episodes_of_one_alert_gets_to_know_it(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname)
        later = {"startsAt": "2026-11-23T15:00:00Z"}
        told = notify(function, an_episode(alertname), an_episode(alertname) | later).outcomes
        resolved = an_episode(alertname, "resolved")

        notify(function, resolved, resolved | later)

        for outcome in told:
            name = outcome["job"]
            until(lambda name=name: self.job(kube, name), f"{name} is marked")

    def test_a_job_that_is_ended_is_marked_as_well(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="approve"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        assert notify(function, an_episode(alertname, "resolved")).words == ["declined"]

        until(lambda: "openfero.io/resolved-at" in self.job(kube, name), "it is marked")

    def test_an_episode_that_made_none_leaves_that_of_another_as_it_is(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(cooldown="1h"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        notify(function, an_episode(alertname, "resolved"))
        until(lambda: self.job(kube, name), "it is marked")

        later = {"startsAt": "2026-11-23T15:00:00Z", "endsAt": "2026-11-23T16:00:00Z"}
        notify(function, an_episode(alertname) | later)
        response = notify(function, an_episode(alertname, "resolved") | later)

        assert response.words == ["no-definition"]
        assert self.job(kube, name)["openfero.io/resolved-at"] == ENDS_AT

    def test_not_even_if_that_was_never_heard_to_resolve(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(cooldown="1h"))
        define(f"{alertname}After", annotations=rails(cooldown="1h"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        after = notify(function, an_episode(f"{alertname}After")).outcomes[0]["job"]
        later = {"startsAt": "2026-11-23T15:00:00Z", "endsAt": "2026-11-23T16:00:00Z"}

        notify(function, an_episode(alertname, "resolved") | later)
        # Marks are made in their order, so once this is made the other would be.
        notify(function, an_episode(f"{alertname}After", "resolved"))
        until(lambda: self.job(kube, after), "the last is marked")

        assert self.job(kube, name) == {}

    def test_where_it_is_gone_nothing_happens(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        since = len(proxy.requests)

        response = notify(proxied.url, an_episode(alertname, "resolved"))

        until(lambda: [r for r in proxy.requests[since:] if is_patch(r)], "it is looked for")
        assert response.words == ["no-definition"]

    def test_a_missing_right_to_patch_is_told_once_and_changes_no_answer(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        forbidden = status(403, "Forbidden", "cannot patch resource", kind="jobs")
        since = len(proxy.requests)

        with proxy.playing(always(forbidden, is_patch)):
            words = [notify(proxied.url, an_episode(alertname, "resolved")).words for _ in "ab"]
            until(
                lambda: len([r for r in proxy.requests[since:] if is_patch(r)]) == 2, "both tried"
            )

        assert words == [["no-definition"]] * 2
        log = [json.loads(line) for line in proxied.lines() if "cannot record" in line]
        assert len([line for line in log if line["what"] == "marks"]) == 1

    def test_in_audit_nothing_is_marked(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="audit"))
        define(f"{alertname}After")
        since = len(proxy.requests)

        notify(proxied.url, an_episode(alertname, "resolved"))
        notify(proxied.url, an_episode(f"{alertname}After", "resolved"))

        def marked() -> list[str]:
            return [r.path for r in proxy.requests[since:] if is_patch(r)]

        until(marked, "the job that comes after it is")
        assert [path for path in marked() if f"{alertname.lower()}after" not in path] == []

    def test_it_gets_the_trace_of_the_request(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)

        post(function, notification_json(an_episode(alertname)), traceparent=TRACEPARENT)

        [job] = kube.jobs(definition)
        assert variables(job)["TRACEPARENT"] == TRACEPARENT


class TestTheLog:
    def test_each_alert_has_a_line_in_the_words_of_the_answer(
        self, proxied: FunctionProcess, define: Define, alertname: str
    ) -> None:
        define(alertname)

        body = notification_json(an_episode(alertname))
        [outcome] = post(proxied.url, body, traceparent=TRACEPARENT).outcomes

        [line] = lines(proxied, alertname)
        assert outcome.items() <= line.items()
        assert (line["event"], line["level"], line["traceparent"]) == ("alert", "INFO", TRACEPARENT)
        assert 0 < line["duration"] < 25

    def test_how_long_it_took_is_told_of_each_alert_and_of_all(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)

        with proxy.playing(first(1, Delay(0.3), lambda request: request.is_look_up)):
            notify(proxied.url, an_episode(alertname))

        [line] = lines(proxied, alertname)
        whole = json.loads([line for line in proxied.lines() if '"notification"' in line][-1])
        assert min(line["duration"], whole["duration"]) >= 0.3

    def test_and_all_of_them_one_together(
        self, proxied: FunctionProcess, define: Define, alertname: str
    ) -> None:
        define(alertname)
        alerts = [an_episode(alertname, pod=pod) for pod in "ab"]

        notify(proxied.url, *alerts, an_episode(f"{alertname}Other"))

        line = json.loads([line for line in proxied.lines() if '"notification"' in line][-1])
        assert (line["event"], line["level"], line["alerts"]) == ("notification", "INFO", 3)
        assert line["outcomes"] == {"created": 2, "no-definition": 1}
        assert 0 < line["duration"] < 25

    @pytest.mark.parametrize(
        ("parts", "level"),
        [
            ({}, "INFO"),
            ({"annotations": rails(mode="approve")}, "WARNING"),
            ({"manifest": "a: ["}, "ERROR"),
            (
                {
                    "annotations": rails(mode="audit"),
                    "manifest": a_manifest({"restartPolicy": "Sometimes"}),
                },
                "WARNING",
            ),
        ],
        ids=["created", "waits", "broken", "would be refused"],
    )
    def test_the_level_is_by_the_outcome(
        self,
        proxied: FunctionProcess,
        define: Define,
        alertname: str,
        parts: dict[str, Any],
        level: str,
    ) -> None:
        define(alertname, **parts)

        notify(proxied.url, an_episode(alertname))

        [line] = lines(proxied, alertname)
        assert line["level"] == level

    def test_a_cluster_that_is_out_of_reach_is_an_error(
        self, proxied: FunctionProcess, proxy: FaultProxy, alertname: str
    ) -> None:
        away = status(503, "ServiceUnavailable", "?")

        with proxy.playing(always(away, lambda request: request.is_look_up)):
            notify(proxied.url, an_episode(alertname))

        [line] = lines(proxied, alertname)
        assert (line["outcome"], line["level"]) == ("unavailable", "ERROR")

    def test_no_line_is_longer_than_its_texts_may_be(
        self, proxied: FunctionProcess, alertname: str
    ) -> None:
        alert = an_episode(f"{alertname}{'x' * 100_000}") | {"fingerprint": "f" * 100_000}

        notify(proxied.url, alert)

        [line] = [line for line in proxied.lines() if alertname in line]
        assert len(line) < 8 * 1024

    def test_no_header_of_a_request_is_in_it(
        self, proxied: FunctionProcess, alertname: str
    ) -> None:
        body = notification_json(an_episode(alertname))

        post(
            proxied.url, body, authorization="Bearer s3cret", x_other="s3cret", traceparent="s3cret"
        )
        post(proxied.url, b"no JSON", authorization="Bearer s3cret")

        assert "s3cret" not in proxied.log.read_text()


class TestTruncation:
    def test_it_is_a_warning_everywhere_a_person_looks(
        self,
        proxied: FunctionProcess,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname)

        [outcome] = notify(proxied.url, an_episode(alertname), truncatedAlerts=12).outcomes

        told = "12 alerts of its group were cut off: set max_alerts to 0"
        assert outcome["message"] == told
        [line] = lines(proxied, alertname)
        assert (line["level"], line["message"]) == ("WARNING", told)
        whole = json.loads([line for line in proxied.lines() if '"notification"' in line][-1])
        assert (whole["level"], whole["truncated"]) == ("WARNING", 12)
        until(lambda: kube.events(definition), "it is told")
        [event] = kube.events(definition)
        assert (event["type"], told in event["message"]) == ("Warning", True)

    def test_what_is_known_of_the_group_is_in_the_alert_file(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        group = {
            "truncatedAlerts": 12,
            "notification_reason": "first notification",
            "routeLabels": {"team": "shop"},
            "groupLabels": {"alertname": alertname},
        }

        notify(function, an_episode(alertname), **group)

        [job] = kube.jobs(definition)
        file = job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"]
        assert group.items() <= json.loads(file)["notification"].items()


@pytest.mark.every_server
class TestTheReply:
    def reply(self, function: str, *alerts: Any) -> CloudEvent:
        response = post(function, notification_json(*alerts), **BINARY_EVENT)
        return from_http(response.headers, response.body)

    def test_it_is_an_event_that_both_sdks_read_and_the_documented_schema_takes(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname)

        event = self.reply(function, an_episode(alertname), an_episode(f"{alertname}Other"))

        page = (ROOT / "docs" / "answers.md").read_text()
        [schema] = [
            json.loads(block)
            for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)
            if "$schema" in block
        ]
        assert event["type"] == "io.openfero.notification.settled"
        assert event["source"] == "/openfero"
        assert list(Draft202012Validator(schema).iter_errors(event.data)) == []
        assert list(Draft202012Validator(schema).iter_errors({**event.data, "counts": [1]})) != []
        assert event.data["counts"] == {"created": 1, "no-definition": 1}

    def test_each_has_an_id_of_its_own(self, function: str, alertname: str) -> None:
        events = [self.reply(function, an_episode(alertname)) for _ in range(2)]

        assert events[0]["id"] != events[1]["id"]

    def test_it_tells_of_all_alerts_and_names_a_hundred(
        self, function: str, alertname: str
    ) -> None:
        alerts = [an_episode(alertname, pod=f"web-{number}") for number in range(150)]

        event = self.reply(function, *alerts)

        assert event.data["counts"] == {"no-definition": 150}
        assert len(event.data["outcomes"]) == 100

    def test_when_it_comes_back_it_is_settled_with_nothing(
        self, function: str, alertname: str
    ) -> None:
        event = self.reply(function, an_episode(alertname))
        headers = {f"ce-{name}": event[name] for name in ("id", "source", "type", "specversion")}

        response = post(function, json.dumps(event.data).encode(), **headers)

        assert (response.status, response.body) == (202, b"")

    def test_what_is_not_settled_is_answered_with_the_line_alone(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest="a: [")

        response = post(function, notification_json(an_episode(alertname)), **BINARY_EVENT)

        assert (response.status, response.headers["content-type"].partition(";")[0]) == (
            422,
            "text/plain",
        )
        assert not [name for name in response.headers if name.startswith("ce-")]
