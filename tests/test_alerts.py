"""Data → alerts: which notifications are taken, and what is read of them."""

import json
from http import HTTPStatus

import pytest
from make import (
    BINARY_EVENT,
    STARTS_AT,
    STRUCTURED,
    a_body,
    a_notification,
    a_recording,
    alert_json,
    an_alert,
    event_json,
    headers_of,
    notification_json,
)

from function.alerts import MAX_ALERTS, read_notification
from function.errors import Refused
from function.webhook import MAX_BODY

OLD_PAYLOAD = {
    "version": "4",
    "groupKey": '{}/{team="shop"}:{alertname="DiskFull"}',
    "status": "firing",
    "receiver": "openfero",
    "groupLabels": {"alertname": "DiskFull"},
    "commonLabels": {"alertname": "DiskFull", "team": "shop"},
    "commonAnnotations": {"summary": "A disk is full"},
    "externalURL": "http://alertmanager.example",
    "alerts": [
        {
            "labels": {"alertname": "DiskFull", "team": "shop", "node": node},
            "annotations": {"summary": "A disk is full"},
            "startsAt": "2021-10-25T12:01:24.29524738Z",
            "EndsAt": "0001-01-01T00:00:00Z",
        }
        for node in ("a", "b")
    ],
}
"""As the first OpenFero took it: no status and no fingerprint of an alert, and `EndsAt`."""


def read(body: bytes, headers: dict[str, str] | None = None):
    return read_notification(headers or {}, body)


def read_one(**fields):
    return read(a_body(alert_json(**fields))).alerts[0]


def refused(body: bytes) -> tuple[HTTPStatus, str]:
    with pytest.raises(Refused) as caught:
        read(body)
    return caught.value.status, str(caught.value)


# What Alertmanager really sends


@pytest.mark.parametrize(
    "name",
    [
        "noname_firing_1",
        "quota_firing_1",
        "quota_mixed_1",
        "quota_resolved_1",
        "trunc_resolved_1",
        "weird_utf8_firing_1",
    ],
)
def test_each_recorded_notification_is_read_with_all_its_alerts(name):
    notification = read_notification(headers_of(name), a_recording(name))

    sent = json.loads(a_recording(name))["alerts"]
    assert [alert.source for alert in notification.alerts] == sent


def test_each_alert_of_a_group_is_read():
    notification = read(a_recording("quota_firing_1"))

    assert [alert.labels["instance"] for alert in notification.alerts] == ["node-a", "node-b"]


def test_a_resolved_alert_in_a_firing_group_is_resolved():
    """The first OpenFero took the status of the group, and repaired what was well again."""
    notification = read(a_recording("quota_mixed_1"))

    assert [alert.status for alert in notification.alerts] == ["resolved", "firing"]


def test_a_firing_alert_in_a_resolved_group_is_firing():
    notification = read(a_body(alert_json(status="firing"), status="resolved"))

    assert notification.alerts[0].status == "firing"


def test_two_alert_names_in_one_group_are_two_alerts():
    alerts = [alert_json(labels={"alertname": name}) for name in ("DiskFull", "PodCrash")]

    notification = read(a_body(*alerts))

    assert [alert.name for alert in notification.alerts] == ["DiskFull", "PodCrash"]


def test_an_alert_without_alertname_has_an_empty_name():
    notification = read(a_recording("noname_firing_1"))

    assert notification.alerts[0].name == ""


def test_hostile_text_is_read_as_it_was_sent():
    notification = read(a_recording("weird_utf8_firing_1"))

    assert notification.alerts[0].name == "Disk usage > 90% (/var) – überläuft\u2028🔥 $(HOME)"


def test_a_truncated_group_is_read_and_the_count_is_kept():
    notification = read(a_recording("trunc_resolved_1"))

    assert notification.details["truncatedAlerts"] == 1


def test_five_thousand_alerts_are_read():
    alerts = [alert_json(labels={"alertname": "A", "pod": str(number)}) for number in range(5000)]

    notification = read(a_body(*alerts))

    assert len(notification.alerts) == 5000


def test_a_notification_without_any_alert_is_read_as_such():
    notification = read(json.dumps(notification_json(alerts=[])).encode())

    assert notification.alerts == ()


# Old payloads


def test_an_alert_of_the_old_payload_has_the_status_of_its_group():
    notification = read(json.dumps(OLD_PAYLOAD).encode())

    assert [alert.status for alert in notification.alerts] == ["firing", "firing"]


def test_an_alert_of_the_old_payload_has_no_fingerprint():
    notification = read(json.dumps(OLD_PAYLOAD).encode())

    assert notification.alerts[0].fingerprint == ""


def test_an_alert_of_the_old_payload_keeps_its_start():
    notification = read(json.dumps(OLD_PAYLOAD).encode())

    assert notification.alerts[0].starts_at == "2021-10-25T12:01:24.29524738Z"


def test_the_old_payload_is_passed_on_as_it_came():
    notification = read(json.dumps(OLD_PAYLOAD).encode())

    assert notification.alerts[0].source == OLD_PAYLOAD["alerts"][0]


def test_a_notification_of_nothing_but_alerts_is_enough():
    """What a person posts to run a repair again."""
    body = {"version": "4", "status": "firing", "alerts": [{"labels": {"alertname": "DiskFull"}}]}

    notification = read(json.dumps(body).encode())

    assert (notification.alerts[0].name, notification.alerts[0].status) == ("DiskFull", "firing")


# Fields


def test_the_fields_of_an_alert_are_read():
    alert = read_one(fingerprint="0123456789abcdef")

    assert (alert.status, alert.starts_at, alert.fingerprint, alert.labels) == (
        "firing",
        STARTS_AT,
        "0123456789abcdef",
        {"alertname": "KubeQuotaAlmostFull"},
    )


def test_unknown_fields_of_an_alert_are_kept_in_its_source():
    alert = read_one(silencedBy=["a"], score=0.5)

    assert (alert.source["silencedBy"], alert.source["score"]) == (["a"], 0.5)


def test_unknown_fields_of_a_notification_are_ignored():
    notification = read(a_body(somethingNew={"a": [1, None]}))

    assert "somethingNew" not in notification.details


@pytest.mark.parametrize(
    "field", ["labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"]
)
def test_a_known_field_of_an_alert_may_be_null(field):
    alert = read_one(**{field: None})

    assert alert.source[field] is None


def test_an_alert_whose_fields_are_null_has_none_of_them():
    alert = read_one(labels=None, startsAt=None, fingerprint=None)

    assert (alert.labels, alert.starts_at, alert.fingerprint) == ({}, "", "")


def test_an_alert_whose_status_is_null_has_that_of_its_group():
    notification = read(a_body(alert_json(status=None), status="resolved"))

    assert notification.alerts[0].status == "resolved"


def test_the_details_are_those_that_the_alert_file_tells():
    given = {
        "groupKey": "{}:{}",
        "groupLabels": {"alertname": "A"},
        "receiver": "r",
        "externalURL": "http://a",
        "notification_reason": "repeat interval elapsed",
        "truncatedAlerts": 3,
        "routeLabels": {"team": "shop"},
    }

    notification = read(a_body(**given))

    assert notification.details == given


def test_a_detail_that_is_null_is_no_detail():
    notification = read(a_body(receiver=None))

    assert "receiver" not in notification.details


# What is refused

WRONG_TEXTS = [1, 1.5, True, ["firing"], {"a": "b"}]
WRONG_LABELS = [1, True, "a", ["a"], {"a": 1}, {"a": None}, {"a": {"b": "c"}}]


@pytest.mark.parametrize("value", WRONG_TEXTS, ids=repr)
@pytest.mark.parametrize(
    "field",
    ["version", "groupKey", "status", "receiver", "externalURL", "notification_reason"],
)
def test_a_text_of_a_notification_that_is_none_is_400(field, value):
    answer = refused(a_body(**{field: value}))

    assert answer == (HTTPStatus.BAD_REQUEST, f"the notification: {field} must be a string")


@pytest.mark.parametrize("value", WRONG_LABELS, ids=repr)
@pytest.mark.parametrize(
    "field", ["groupLabels", "commonLabels", "commonAnnotations", "routeLabels"]
)
def test_labels_of_a_notification_that_are_none_are_400(field, value):
    answer = refused(a_body(**{field: value}))

    assert answer == (
        HTTPStatus.BAD_REQUEST,
        f"the notification: {field} must be an object of strings",
    )


@pytest.mark.parametrize("value", ["1", True, 1.5, [1], {"a": 1}], ids=repr)
def test_a_count_of_truncated_alerts_that_is_no_integer_is_400(value):
    answer = refused(a_body(truncatedAlerts=value))

    assert answer == (
        HTTPStatus.BAD_REQUEST,
        "the notification: truncatedAlerts must be a number",
    )


@pytest.mark.parametrize("value", WRONG_TEXTS, ids=repr)
@pytest.mark.parametrize("field", ["status", "startsAt", "endsAt", "generatorURL", "fingerprint"])
def test_a_text_of_an_alert_that_is_none_is_400(field, value):
    answer = refused(a_body(alert_json(), alert_json(**{field: value})))

    assert answer == (HTTPStatus.BAD_REQUEST, f"alerts[1]: {field} must be a string")


@pytest.mark.parametrize("value", WRONG_LABELS, ids=repr)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_labels_of_an_alert_that_are_none_are_400(field, value):
    answer = refused(a_body(alert_json(**{field: value})))

    assert answer == (HTTPStatus.BAD_REQUEST, f"alerts[0]: {field} must be an object of strings")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"a"', b"1", b"true"])
def test_a_notification_that_is_no_object_is_400(body):
    answer = refused(body)

    assert answer == (HTTPStatus.BAD_REQUEST, "the notification must be an object")


@pytest.mark.parametrize("alerts", [None, {}, "a", 1, True], ids=repr)
def test_alerts_that_are_no_list_are_400(alerts):
    answer = refused(a_body(alerts=alerts))

    assert answer == (
        HTTPStatus.BAD_REQUEST,
        "not a notification of Alertmanager: alerts must be a list",
    )


def test_a_notification_without_alerts_is_400():
    answer = refused(b'{"version": "4", "status": "firing"}')

    assert answer == (
        HTTPStatus.BAD_REQUEST,
        "not a notification of Alertmanager: alerts must be a list",
    )


@pytest.mark.parametrize("alert", [None, [], "a", 1, True], ids=repr)
def test_an_alert_that_is_no_object_is_400(alert):
    answer = refused(a_body(alert_json(), alert))

    assert answer == (HTTPStatus.BAD_REQUEST, "alerts[1] must be an object")


STATUSES_THAT_ARE_NONE = ["", "Firing", "FIRING", "pending", " firing", "firing\n"]


@pytest.mark.parametrize("status", STATUSES_THAT_ARE_NONE, ids=repr)
def test_a_status_of_an_alert_that_is_neither_firing_nor_resolved_is_400(status):
    answer = refused(a_body(alert_json(status=status)))

    assert answer == (HTTPStatus.BAD_REQUEST, "alerts[0].status must be firing or resolved")


@pytest.mark.parametrize("status", STATUSES_THAT_ARE_NONE, ids=repr)
def test_a_status_of_a_group_that_is_neither_firing_nor_resolved_is_400(status):
    answer = refused(a_body(status=status))

    assert answer == (HTTPStatus.BAD_REQUEST, "status must be firing or resolved")


def test_an_alert_whose_group_has_no_status_either_is_400():
    answer = refused(b'{"alerts": [{"labels": {"alertname": "A"}}]}')

    assert answer == (HTTPStatus.BAD_REQUEST, "alerts[0].status must be firing or resolved")


def test_an_alert_that_is_nested_deeper_than_any_real_one_is_400():
    """It goes into a file of the job, and must be written as surely as it was read."""
    deep = json.loads("[" * 100 + "]" * 100)

    answer = refused(a_body(alert_json(somethingNew=deep)))

    assert answer == (HTTPStatus.BAD_REQUEST, "alerts[0] is nested deeper than 32")


def test_an_event_without_data_is_400():
    event = json.dumps(event_json(data=None)).encode()

    with pytest.raises(Refused) as caught:
        read(event, STRUCTURED)

    assert (caught.value.status, str(caught.value)) == (
        HTTPStatus.BAD_REQUEST,
        "the notification must be an object",
    )


def test_one_wrong_alert_refuses_the_notification_before_any_alert_is_tried():
    answer = refused(a_body(alert_json(), alert_json(labels=[])))

    assert answer[0] == HTTPStatus.BAD_REQUEST


# How it came


@pytest.mark.parametrize(
    ("headers", "is_event"), [({}, False), (BINARY_EVENT, True)], ids=["bare", "event"]
)
def test_it_is_known_whether_a_notification_came_as_an_event(headers, is_event):
    notification = read(a_body(), headers)

    assert notification.is_event is is_event


TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("header", [TRACEPARENT, f" {TRACEPARENT} "], ids=["plain", "padded"])
def test_the_trace_context_of_the_request_is_read(header):
    notification = read(a_body(), {"traceparent": header})

    assert notification.traceparent == TRACEPARENT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        TRACEPARENT.upper(),
        f"{TRACEPARENT}\n{TRACEPARENT}",
        f"{TRACEPARENT}-extra",
        f"$(SECRET){TRACEPARENT}",
    ],
    ids=["empty", "one letter", "capitals", "two lines", "longer", "an expansion"],
)
def test_a_trace_context_that_is_none_is_left_out(header):
    notification = read(a_body(), {"traceparent": header})

    assert notification.traceparent == ""


def test_more_alerts_than_a_log_can_bear_are_413():
    status, message = refused(json.dumps({"status": "firing", "alerts": [{}] * 10_001}).encode())

    assert (status, message) == (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "more than 10000 alerts: group them by more labels, or set max_alerts",
    )


@pytest.mark.parametrize("part", [b"[]", b"{}", b'{"a":1}', b"1", b'"a"'], ids=bytes.decode)
def test_nothing_but_values_is_413_before_it_is_read(part):
    body = b'{"status": "firing", "alerts": [%s]}' % b",".join([part] * 400_000)

    assert refused(body) == (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "more than 320000 values: group alerts by more labels, or set max_alerts",
    )


def test_commas_in_texts_are_no_values():
    annotations = {"list": ",[{" * 40, "quoted": '\\",' * 40}

    assert len(read(a_body(*[alert_json(annotations=annotations)] * 3000)).alerts) == 3000


def test_the_most_labels_that_a_body_has_room_for_are_read():
    labels = {"alertname": "Disk", **{f"l{n}": str(n) for n in range(20)}}
    alert = alert_json(labels=labels, annotations={}, generatorURL="")

    body = a_body(*[alert] * MAX_ALERTS)

    assert len(body) > 0.98 * MAX_BODY
    assert len(read(body).alerts) == MAX_ALERTS


# What is told of it


@pytest.mark.parametrize(("sent", "told"), [(12, 12), (0, 0), (-5, 0), (10**30, 10**9)])
def test_how_many_alerts_were_cut_off_is_a_number_that_can_be_told(sent, told):
    assert a_notification(truncatedAlerts=sent).truncated == told


@pytest.mark.parametrize(
    ("source", "runbook"),
    [
        ({"annotations": {"runbook_url": "https://a.example"}}, "https://a.example"),
        ({"annotations": None}, ""),
        ({}, ""),
    ],
)
def test_the_runbook_is_that_of_the_alerts_rule(source, runbook):
    assert an_alert(source=source).runbook == runbook


@pytest.mark.parametrize(("suffix", "is_ours"), [("", True), (".x", False)])
def test_an_event_of_our_own_type_is_known_when_it_comes_back(suffix, is_ours):
    event = {**BINARY_EVENT, "ce-type": f"io.openfero.notification.settled{suffix}"}

    notification = read_notification({**event, "content-type": "application/json"}, a_body())

    assert notification.is_ours is is_ours
