"""Bytes → data: what of a body is read, and what is refused before any alert is looked at."""

import base64
import json
from http import HTTPStatus

import pytest
from make import BINARY_EVENT, STRUCTURED, a_body, an_alert, event_json, notification_json

from function.envelope import open_envelope
from function.errors import Refused

JSON = {"content-type": "application/json"}
BRACKETS = 100_000


def a_structured_event(without: str = "", **attributes) -> bytes:
    event = event_json(**attributes)
    event.pop(without, None)
    return json.dumps(event).encode()


def in_base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def refused(headers: dict[str, str], body: bytes) -> tuple[HTTPStatus, str]:
    with pytest.raises(Refused) as caught:
        open_envelope(headers, body)
    return caught.value.status, str(caught.value)


# Content types


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no content type"),
        pytest.param({"content-type": ""}, id="empty"),
        pytest.param({"content-type": "  "}, id="blank"),
        pytest.param({"content-type": "application/json"}, id="json"),
        pytest.param({"content-type": "APPLICATION/JSON; Charset=UTF-8"}, id="capitals"),
        pytest.param({"content-type": 'application/json;charset="utf-8"'}, id="quoted charset"),
        pytest.param({"content-type": "application/json; charset = us-ascii"}, id="us-ascii"),
        pytest.param({"content-type": "application/vnd.alertmanager+json"}, id="a json suffix"),
    ],
)
def test_json_is_read_whatever_its_content_type_is_called(headers):
    envelope = open_envelope(headers, a_body())

    assert envelope.data == notification_json()


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/plain", "content type text/plain: send application/json"),
        ("text/json", "content type text/json: send application/json"),
        (
            "application/x-www-form-urlencoded",
            "content type application/x-www-form-urlencoded: send application/json",
        ),
        (
            "application/cloudevents+xml",
            "content type application/cloudevents+xml: send application/json",
        ),
        (
            "application/json, application/json",
            "content type application/json, application/json: send application/json",
        ),
        ("application/json; charset=utf-16", "charset utf-16: send UTF-8"),
        ("application/json; charset=latin-1", "charset latin-1: send UTF-8"),
        ("application/cloudevents+json; charset=utf-16", "charset utf-16: send UTF-8"),
    ],
)
def test_a_content_type_that_cannot_be_read_is_415(content_type, message):
    answer = refused({"content-type": content_type}, a_body())

    assert answer == (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)


def test_the_content_type_of_a_binary_event_must_be_readable_too():
    answer = refused({**BINARY_EVENT, "content-type": "text/xml"}, a_body())

    assert answer == (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "content type text/xml: send application/json",
    )


# JSON


def test_a_byte_order_mark_is_no_part_of_the_json():
    envelope = open_envelope(JSON, b"\xef\xbb\xbf" + a_body())

    assert envelope.data == notification_json()


def test_an_integer_of_any_readable_size_stays_exact():
    envelope = open_envelope(JSON, b'{"n": 123456789012345678901234567890}')

    assert envelope.data == {"n": 123456789012345678901234567890}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "not JSON: the body is empty", id="empty"),
        pytest.param(b"\0", "not JSON: Expecting value: line 1 column 1 (char 0)", id="a NUL byte"),
        pytest.param(
            b"alerts=1", "not JSON: Expecting value: line 1 column 1 (char 0)", id="a form"
        ),
        pytest.param(b"{} {}", "not JSON: Extra data: line 1 column 4 (char 3)", id="two values"),
        pytest.param(
            b'{"a": "b\nc"}',
            "not JSON: Invalid control character at: line 1 column 9 (char 8)",
            id="a newline in a string",
        ),
        pytest.param(
            b'{"a": 1, "a": 2}',
            "not JSON: a key stands twice in one object",
            id="a key twice",
        ),
        pytest.param(
            b'{"alerts": [{"labels": {"a": "1", "a": "2"}}]}',
            "not JSON: a key stands twice in one object",
            id="a label twice",
        ),
        pytest.param(
            b'{"a": 1, "\\u0061": 2}',
            "not JSON: a key stands twice in one object",
            id="a key twice, once escaped",
        ),
        pytest.param(b'{"a": NaN}', "not JSON: NaN is no JSON value", id="NaN"),
        pytest.param(b'{"a": Infinity}', "not JSON: Infinity is no JSON value", id="Infinity"),
        pytest.param(b'{"a": [-Infinity]}', "not JSON: -Infinity is no JSON value", id="-Infinity"),
        pytest.param(
            b'{"a": "\xff"}',
            "not JSON: 'utf-8' codec can't decode byte 0xff in position 7: invalid start byte",
            id="no UTF-8",
        ),
        pytest.param(
            b'"\xed\xa0\x80"',
            "not JSON: 'utf-8' codec can't decode byte 0xed in position 1: "
            "invalid continuation byte",
            id="a surrogate in UTF-8",
        ),
        pytest.param(
            "{}".encode("utf-16"),
            "not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            id="UTF-16",
        ),
        pytest.param(
            "{}".encode("utf-16-le"),
            "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            id="UTF-16 without a mark",
        ),
        pytest.param(
            b"[" * BRACKETS, "not JSON that can be read: nested too deep", id="open brackets"
        ),
        pytest.param(
            b'{"a":' * BRACKETS, "not JSON that can be read: nested too deep", id="open braces"
        ),
        pytest.param(
            b"[" * BRACKETS + b"]" * BRACKETS,
            "not JSON that can be read: nested too deep",
            id="closed brackets",
        ),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(JSON, id="bare"),
        pytest.param(BINARY_EVENT, id="binary event"),
        pytest.param(STRUCTURED, id="structured event"),
    ],
)
def test_what_two_readers_might_read_differently_is_400(headers, body, message):
    answer = refused(headers, body)

    assert answer == (HTTPStatus.BAD_REQUEST, message)


def test_an_integer_of_thousands_of_digits_is_400():
    status, message = refused(JSON, b'{"n": ' + b"9" * 5000 + b"}")

    assert (status, message[:29]) == (HTTPStatus.BAD_REQUEST, "not JSON: Exceeds the limit (")


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1.8e308"])
def test_a_number_that_no_reader_can_hold_is_400(number):
    """It would become an infinity, and the alert file would be no JSON any more."""
    status, _ = refused(JSON, b'{"alerts": [], "n": ' + number + b"}")

    assert status == HTTPStatus.BAD_REQUEST


def test_a_lone_surrogate_that_was_escaped_is_read():
    envelope = open_envelope(JSON, b'{"a": "\\ud800"}')

    assert envelope.data == {"a": "\ud800"}


# CloudEvents


def test_a_bare_notification_is_no_event():
    envelope = open_envelope(JSON, a_body())

    assert envelope.is_event is False


def test_a_binary_event_has_its_data_in_the_body():
    envelope = open_envelope({**BINARY_EVENT, **JSON}, a_body())

    assert (envelope.data, envelope.is_event) == (notification_json(), True)


def test_a_binary_event_needs_no_content_type():
    envelope = open_envelope(BINARY_EVENT, a_body())

    assert (envelope.data, envelope.is_event) == (notification_json(), True)


def test_a_structured_event_has_its_data_inside():
    envelope = open_envelope(STRUCTURED, a_structured_event())

    assert (envelope.data, envelope.is_event) == (notification_json(), True)


@pytest.mark.parametrize(
    "content_type",
    ["Application/CloudEvents+JSON", "application/cloudevents+json; charset=utf-8"],
)
def test_a_structured_event_is_known_by_its_media_type(content_type):
    envelope = open_envelope({"content-type": content_type}, a_structured_event())

    assert (envelope.data, envelope.is_event) == (notification_json(), True)


def test_the_data_of_a_structured_event_may_be_in_base64():
    body = a_structured_event("data", data_base64=in_base64(a_body()))

    envelope = open_envelope(STRUCTURED, body)

    assert (envelope.data, envelope.is_event) == (notification_json(), True)


def test_extension_attributes_do_no_harm():
    body = a_structured_event(comexampleextension="x", traceparent="00-0-0-0", subject="a")

    envelope = open_envelope(STRUCTURED, body)

    assert envelope.data == notification_json()


@pytest.mark.parametrize("data", [{"data": None}, {"without": "data"}], ids=["null", "absent"])
def test_an_event_without_data_holds_nothing(data):
    envelope = open_envelope(STRUCTURED, a_structured_event(**data))

    assert envelope.data is None


def test_data_that_is_a_string_of_json_stays_a_string():
    envelope = open_envelope(STRUCTURED, a_structured_event(data="{}"))

    assert envelope.data == "{}"


@pytest.mark.parametrize("headers", [{}, BINARY_EVENT], ids=["no ce- headers", "ce- headers"])
def test_a_batch_of_events_is_400(headers):
    batch = {**headers, "content-type": "application/cloudevents-batch+json"}

    answer = refused(batch, b"[" + a_structured_event() + b"]")

    assert answer == (
        HTTPStatus.BAD_REQUEST,
        "a batch of CloudEvents is not taken: send one at a time",
    )


@pytest.mark.parametrize("attribute", ["id", "type", "source", "specversion"])
def test_a_structured_event_that_lacks_an_attribute_is_400(attribute):
    status, message = refused(STRUCTURED, a_structured_event(without=attribute))

    assert (status, message[:18]) == (HTTPStatus.BAD_REQUEST, "not a CloudEvent: ")


@pytest.mark.parametrize("attribute", ["id", "type", "source", "specversion"])
def test_a_binary_event_that_lacks_an_attribute_is_400(attribute):
    headers = {name: value for name, value in BINARY_EVENT.items() if name != f"ce-{attribute}"}

    status, message = refused(headers, a_body())

    assert (status, message[:18]) == (HTTPStatus.BAD_REQUEST, "not a CloudEvent: ")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param(1, id="a number"),
        pytest.param(True, id="a boolean"),
        pytest.param({}, id="an object"),
        pytest.param([], id="a list"),
    ],
)
@pytest.mark.parametrize("attribute", ["id", "type", "source", "specversion"])
def test_an_attribute_that_is_no_text_is_400(attribute, value):
    status, message = refused(STRUCTURED, a_structured_event(**{attribute: value}))

    assert (status, message[:18]) == (HTTPStatus.BAD_REQUEST, "not a CloudEvent: ")


@pytest.mark.parametrize("attribute", ["id", "type", "source", "specversion"])
def test_an_empty_attribute_header_is_400(attribute):
    status, message = refused({**BINARY_EVENT, f"ce-{attribute}": ""}, a_body())

    assert (status, message[:18]) == (HTTPStatus.BAD_REQUEST, "not a CloudEvent: ")


@pytest.mark.parametrize("version", ["2.0", "1", "one"])
def test_a_version_of_cloudevents_that_is_not_known_is_400(version):
    answer = refused({**BINARY_EVENT, "ce-specversion": version}, a_body())

    assert answer == (
        HTTPStatus.BAD_REQUEST,
        f"not a CloudEvent: Found invalid specversion {version}",
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="an empty list"),
        pytest.param(b"[" + a_structured_event() + b"]", id="a list of one"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"1", id="a number"),
        pytest.param(b"null", id="null"),
    ],
)
@pytest.mark.parametrize(
    "headers", [STRUCTURED, {**STRUCTURED, **BINARY_EVENT}], ids=["alone", "with ce- headers"]
)
def test_a_structured_event_that_is_no_object_is_400(headers, body):
    status, message = refused(headers, body)

    assert (status, message[:18]) == (HTTPStatus.BAD_REQUEST, "not a CloudEvent: ")


@pytest.mark.parametrize(
    "data_base64",
    [
        pytest.param("!", id="no base64"),
        pytest.param("ü", id="no ASCII"),
        pytest.param("e30", id="no padding"),
        pytest.param("e3!0=", id="a stray character"),
        pytest.param(1, id="a number"),
        pytest.param(["e30="], id="a list"),
        pytest.param("", id="empty"),
        pytest.param(in_base64(b"\xff"), id="no UTF-8 inside"),
        pytest.param(in_base64(b'{"a":1,"a":2}'), id="a key twice inside"),
        pytest.param(in_base64(b"[" * BRACKETS), id="brackets inside"),
    ],
)
def test_base64_data_that_is_no_json_is_400(data_base64):
    status, _ = refused(STRUCTURED, a_structured_event("data", data_base64=data_base64))

    assert status == HTTPStatus.BAD_REQUEST


def test_one_ce_header_is_enough_to_be_judged_as_an_event():
    status, message = refused({"ce-id": "1"}, a_body())

    assert (status, message[:18]) == (HTTPStatus.BAD_REQUEST, "not a CloudEvent: ")


def test_attributes_in_the_body_do_not_complete_those_in_the_headers():
    status, _ = refused({"ce-id": "1", **JSON}, a_structured_event())

    assert status == HTTPStatus.BAD_REQUEST


def test_a_key_that_stands_twice_in_an_event_is_400():
    body = a_structured_event()[:-1] + b', "id": "2"}'

    answer = refused(STRUCTURED, body)

    assert answer == (HTTPStatus.BAD_REQUEST, "not JSON: a key stands twice in one object")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(STRUCTURED, json.dumps([event_json()] * 100).encode(), id="a list of events"),
        pytest.param(
            {"content-type": "a" * 10_000 + "/b"}, a_body(), id="a very long content type"
        ),
        pytest.param(STRUCTURED, a_structured_event(specversion="9" * 10_000), id="a long version"),
    ],
)
def test_a_refusal_does_not_repeat_the_request(headers, body):
    """The message is logged as it is, and whoever may post chooses its text."""
    _, message = refused(headers, body)

    assert len(message) <= 1024


def test_the_labels_of_an_alert_survive_each_envelope_alike():
    alert = an_alert("Disk usage > 90% – überläuft\u2028🔥 $(HOME)").source
    bare = a_body(alert)
    structured = a_structured_event(data=notification_json(alert))
    encoded = a_structured_event("data", data_base64=in_base64(bare))

    read = [
        open_envelope(JSON, bare).data,
        open_envelope(BINARY_EVENT, bare).data,
        open_envelope(STRUCTURED, structured).data,
        open_envelope(STRUCTURED, encoded).data,
    ]

    assert read == [notification_json(alert)] * 4
