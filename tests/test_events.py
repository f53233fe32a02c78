"""Outcome → Event: which outcomes are told, and in which words."""

import re

import pytest
from make import a_config_map, an_alert

from function.events import build_event, event_name, is_told
from function.outcomes import Kind, Outcome

DEFINITION = "openfero-kubequotaalmostfull-firing"
NOW = "2026-11-24T08:00:00Z"
RUNBOOK = "https://runbooks.example/quota"


def outcome(kind: Kind = Kind.CREATED, /, **parts: object) -> Outcome:
    source = {"annotations": {"runbook_url": RUNBOOK}}
    parts = {"definition": DEFINITION, "job": "repair-1", **parts}
    return Outcome(an_alert(source=source), kind, **parts)


def event(kind: Kind = Kind.CREATED, /, **parts: object) -> dict:
    return build_event(outcome(kind, **parts), a_config_map(name=DEFINITION), NOW)


TOLD = {
    Kind.CREATED: ("Created", "Normal"),
    Kind.NEEDS_APPROVAL: ("NeedsApproval", "Warning"),
    Kind.WOULD_CREATE: ("WouldCreate", "Normal"),
    Kind.WOULD_REFUSE: ("WouldRefuse", "Warning"),
    Kind.CANCELLED: ("Cancelled", "Normal"),
    Kind.DECLINED: ("Declined", "Normal"),
    Kind.BROKEN: ("Broken", "Warning"),
}


@pytest.mark.parametrize("kind", Kind)
def test_what_changed_something_or_needs_a_person_is_told(kind: Kind) -> None:
    assert is_told(outcome(kind)) is (kind in TOLD)


@pytest.mark.parametrize("kind", TOLD)
def test_the_reason_is_the_outcome_in_camel_case(kind: Kind) -> None:
    found = event(kind)

    assert (found["reason"], found["type"]) == TOLD[kind]


@pytest.mark.parametrize("parts", [{"waits": True}, {"is_cut": True}], ids=str)
def test_a_job_that_waits_and_a_group_that_was_cut_are_warnings(parts: dict) -> None:
    assert event(Kind.CREATED, **parts)["type"] == "Warning"


def test_it_is_about_the_very_config_map() -> None:
    assert event()["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": DEFINITION,
        "namespace": "openfero-jobs",
        "uid": "1-2-3",
    }
    assert event()["metadata"]["namespace"] == "openfero-jobs"


def test_the_message_says_which_alert_what_job_and_why() -> None:
    assert event(message="a warning")["message"] == (
        "alert KubeQuotaAlmostFull is firing; repair-1; a warning"
    )


@pytest.mark.parametrize("kind", [Kind.BROKEN, Kind.NEEDS_APPROVAL, Kind.WOULD_REFUSE])
def test_where_a_person_must_act_the_alerts_runbook_is_quoted(kind: Kind) -> None:
    assert event(kind)["message"].endswith(f"; runbook: {RUNBOOK}")


def test_elsewhere_it_is_not() -> None:
    assert RUNBOOK not in event()["message"]


def test_a_message_is_one_line_of_at_most_1024_bytes() -> None:
    message = event(Kind.BROKEN, message="ä\n\x1b[31m" * 1000)["message"]

    assert len(message.encode()) <= 1024
    assert message.isprintable()


def test_a_name_is_legal_and_the_same_for_what_says_the_same() -> None:
    name = event_name(outcome())

    assert re.fullmatch(r"openfero-kubequotaalmostfull-firing\.[0-9a-f]{12}", name)
    assert event_name(outcome(message="another warning")) == name
    assert event_name(outcome(job="repair-2")) != name
    assert event_name(outcome(Kind.DECLINED)) != name


def test_of_a_broken_definition_each_problem_is_told_once_however_many_alerts_meet_it() -> None:
    one, two = (outcome(Kind.BROKEN, job=None, message=text) for text in ("a", "b"))

    assert event_name(one) == event_name(outcome(Kind.BROKEN, job=None, message="a"))
    assert event_name(one) != event_name(two)


def test_a_long_definition_leaves_room_in_the_name() -> None:
    assert len(event_name(outcome(definition=f"openfero-{'a' * 235}-resolved"))) <= 253
