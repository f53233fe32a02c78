"""Outcome → answer: the status says whether trying again can help, the text what happened."""

import json
from http import HTTPStatus

import pytest
from make import an_alert

from function.errors import Refused
from function.outcomes import Kind, Outcome, answer, one_line, refusal, text

DEFINITION = "openfero-diskfull-firing"
SETTLED = [Kind.CREATED, Kind.EXISTS, Kind.NO_DEFINITION, Kind.DISABLED]
FAILED = [Kind.BROKEN, Kind.UNAVAILABLE]
PLAIN = "text/plain; charset=utf-8"


def outcome(kind: Kind, message: str = "", name: str = "DiskFull") -> Outcome:
    return Outcome(an_alert(name), kind, DEFINITION, None, message)


REPLY = "7e6b"

# The words


def test_the_words_are_a_public_contract():
    assert [str(kind) for kind in Kind] == [
        "created",
        "exists",
        "no-definition",
        "disabled",
        "no-match",
        "cooling-down",
        "needs-approval",
        "would-create",
        "would-refuse",
        "cancelled",
        "declined",
        "broken",
        "unavailable",
    ]


@pytest.mark.parametrize("kind", SETTLED)
def test_what_is_settled_is_200(kind):
    assert answer([outcome(kind)]).status == HTTPStatus.OK


def test_a_definition_that_is_broken_is_422():
    """Alertmanager tries 4xx at its next group interval, a broker never."""
    assert answer([outcome(Kind.BROKEN)]).status == 422


def test_a_cluster_that_is_unavailable_is_503():
    assert answer([outcome(Kind.UNAVAILABLE)]).status == 503


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([Kind.CREATED, Kind.BROKEN], 422),
        ([Kind.BROKEN, Kind.CREATED, Kind.EXISTS], 422),
        ([Kind.BROKEN, Kind.UNAVAILABLE], 503),
        ([Kind.UNAVAILABLE, Kind.BROKEN, Kind.CREATED], 503),
        ([Kind.NO_DEFINITION, Kind.DISABLED, Kind.EXISTS], 200),
        ([], 200),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
@pytest.mark.parametrize("is_event", [False, True], ids=["bare", "event"])
def test_the_worst_outcome_answers(kinds, status, is_event):
    given = answer([outcome(kind) for kind in kinds], REPLY if is_event else "")

    assert given.status == status


@pytest.mark.parametrize("is_event", [False, True], ids=["bare", "event"])
def test_no_answer_to_an_alert_is_404_or_409(is_event):
    """A broker tries both again."""
    statuses = {answer([outcome(kind)], REPLY if is_event else "").status for kind in Kind}

    assert statuses.isdisjoint({404, 409})


# The answer to what is settled


def test_the_answer_tells_what_became_of_each_alert():
    outcomes = [
        Outcome(an_alert("DiskFull"), Kind.CREATED, DEFINITION, "job-1", "a warning"),
        Outcome(an_alert(None, status="resolved", fingerprint=""), Kind.NO_DEFINITION),
    ]

    told = json.loads(answer(outcomes).body)

    assert told == {
        "outcomes": [
            {
                "alert": "DiskFull",
                "status": "firing",
                "fingerprint": "c043364353c42f78",
                "definition": DEFINITION,
                "outcome": "created",
                "job": "job-1",
                "message": "a warning",
            },
            {
                "alert": "",
                "status": "resolved",
                "fingerprint": "",
                "definition": None,
                "outcome": "no-definition",
                "job": None,
                "message": "",
            },
        ]
    }


def test_the_answer_to_what_is_settled_is_json():
    given = answer([outcome(Kind.CREATED)])

    assert given.headers == {"Content-Type": "application/json"}


def test_the_answer_to_no_alerts_tells_of_none():
    assert json.loads(answer([]).body) == {"outcomes": []}


@pytest.mark.parametrize("name", ["\ud800", 'a"\n\0', "überläuft 🔥\u2028"], ids=ascii)
def test_the_answer_is_json_whatever_an_alert_is_called(name):
    given = answer([outcome(Kind.CREATED, name=name)])

    assert json.loads(given.body)["outcomes"][0]["alert"] == name


def test_a_settled_event_is_answered_with_an_event_in_binary_mode():
    """A broker makes a 502 of any other 2xx with a body."""
    kinds = [Kind.CREATED, Kind.EXISTS, Kind.CREATED]

    given = answer([outcome(kind) for kind in kinds], REPLY)

    assert given.status == 200
    assert given.headers == {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": REPLY,
        "ce-source": "/openfero",
        "ce-type": "io.openfero.notification.settled",
    }
    told = json.loads(given.body)
    assert told["counts"] == {"created": 2, "exists": 1}
    assert [each["outcome"] for each in told["outcomes"]] == [str(kind) for kind in kinds]


def test_it_tells_of_all_and_names_the_first_hundred():
    told = json.loads(answer([outcome(Kind.EXISTS)] * 150, REPLY).body)

    assert (told["counts"], len(told["outcomes"])) == ({"exists": 150}, 100)


def test_a_name_without_end_is_cut():
    assert len(outcome(Kind.CREATED, name="a" * 5000).fields()["alert"]) == 200


def test_a_message_is_told_as_one_line_of_at_most_1024_bytes():
    message = outcome(Kind.CREATED, "ä\n" * 2000).fields()["message"]

    assert (len(message.encode()) <= 1024, message[:5]) == (True, "ä ä ä")


# The answer to what is not


def test_a_failure_tells_how_many_and_the_first_of_them():
    outcomes = [
        outcome(Kind.CREATED),
        outcome(Kind.BROKEN, "kind must be Job, found Pod"),
        outcome(Kind.BROKEN, "another"),
    ]

    assert answer(outcomes).body.decode() == (
        "2 of 3 alerts broken: openfero-diskfull-firing: kind must be Job, found Pod"
    )


def test_a_failure_tells_of_the_worst():
    outcomes = [outcome(Kind.BROKEN, "a"), outcome(Kind.UNAVAILABLE, "b")]

    assert answer(outcomes).body.decode() == (
        "1 of 2 alerts unavailable: openfero-diskfull-firing: b"
    )


def test_a_failure_without_a_definition_tells_the_alert():
    failed = Outcome(an_alert("DiskFull"), Kind.UNAVAILABLE, message="not settled in time")

    assert answer([failed]).body.decode() == (
        "1 of 1 alerts unavailable: DiskFull: not settled in time"
    )


@pytest.mark.parametrize("kind", FAILED)
@pytest.mark.parametrize("is_event", [False, True], ids=["bare", "event"])
def test_a_failure_is_plain_text(kind, is_event):
    assert answer([outcome(kind)], REPLY if is_event else "").headers["Content-Type"] == PLAIN


def test_a_503_says_when_to_come_back():
    assert answer([outcome(Kind.UNAVAILABLE)]).headers["Retry-After"] == "5"


def test_a_422_does_not_ask_to_come_back():
    assert "Retry-After" not in answer([outcome(Kind.BROKEN)]).headers


@pytest.mark.parametrize("message", ["x" * 5000, "ü" * 5000, "🔥" * 5000, "a\nb" * 5000], ids=ascii)
@pytest.mark.parametrize("kind", FAILED)
def test_a_failure_is_at_most_200_bytes(kind, message):
    """Alertmanager copies it into its own log line."""
    body = answer([outcome(kind, message)]).body

    assert len(body) <= 200


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("a\nb\r\nc", "a b c"),
        ("a\t\tb", "a b"),
        ("  a  ", "a"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("a\u2028b\u0085c", "a b c"),
        ("a\u202eb", "a b"),
        ("a\xa0b", "a b"),
        ("a\ud800b", "a b"),
        ("überläuft 🔥", "überläuft 🔥"),
        ("", ""),
        ("\n", ""),
    ],
    ids=ascii,
)
def test_a_line_is_one_line_without_control_characters(message, line):
    assert one_line(message, 200) == line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 7 + "…"),
        ("ü" * 5, "ü" * 5),
        ("ü" * 6, "üüü…"),
        ("🔥" * 3, "🔥…"),
    ],
    ids=ascii,
)
def test_a_line_is_cut_by_its_bytes_and_never_within_a_character(message, line):
    assert one_line(message, 10) == line


def test_a_text_of_megabytes_is_cut_like_any_other():
    assert one_line("x" * 4_000_000, 200) == "x" * 197 + "…"


# Refusals


def test_a_refusal_is_answered_with_its_status_and_message():
    given = refusal(Refused(HTTPStatus.BAD_REQUEST, "alerts must be a list"))

    assert (given.status, given.body) == (400, b"alerts must be a list")


def test_the_headers_of_a_refusal_go_with_it():
    given = refusal(Refused(HTTPStatus.METHOD_NOT_ALLOWED, "POST alerts here", {"Allow": "POST"}))

    assert given.headers == {"Content-Type": PLAIN, "Allow": "POST"}


def test_a_refusal_for_now_says_when_to_come_back():
    given = refusal(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "64 notifications are in flight"))

    assert given.headers["Retry-After"] == "5"


def test_a_text_is_one_line_of_at_most_200_bytes():
    given = text(HTTPStatus.BAD_REQUEST, "a\n" * 1000)

    assert (b"\n" in given.body, len(given.body) <= 200) == (False, True)
