"""Which alert is which: names that stay the same for ever, held as golden values."""

import re

import pytest
from make import STARTS_AT, an_alert

from function.episodes import alert_id, digest, ended_at, episode, job_name, run_name, starts_at

DEFINITION = "openfero-kubequotaalmostfull-firing"

# Golden values: worked out apart from the code. A change here makes a second Job for
# every alert that is firing at the time.


def test_the_name_of_a_job_is_a_public_contract():
    name = job_name(DEFINITION, an_alert())

    assert name == "openfero-kubequotaalmostfull-firing-e97e5984842c"


def test_the_name_of_the_resolved_job_is_another():
    name = job_name("openfero-kubequotaalmostfull-resolved", an_alert(status="resolved"))

    assert name == "openfero-kubequotaalmostfull-resolved-9f8ec8fe3e72"


def test_the_name_of_a_job_without_a_start_is_a_public_contract():
    name = job_name(DEFINITION, an_alert(starts_at=""))

    assert name == "openfero-kubequotaalmostfull-firing-bec0b51fb54c"


@pytest.mark.parametrize("text", ["2026-11-23T13:52:24.٣Z", "２026-11-23T13:52:24Z"])
def test_digits_of_another_script_are_no_time(text: str):
    resolved = an_alert(source={"endsAt": text})

    assert (starts_at(an_alert(starts_at=text)), ended_at(resolved)) == (text, "")


def test_a_start_that_is_no_time_counts_as_it_stands():
    name = job_name(DEFINITION, an_alert(starts_at="soon"))

    assert name == "openfero-kubequotaalmostfull-firing-36c62ff01307"


def test_labels_of_any_script_have_a_name_of_their_own():
    alert = an_alert("Disk Full%", mount="/ü", a="🔥")

    assert job_name("openfero-disk-full-firing", alert) == "openfero-disk-full-firing-ae1de35b4fc0"


def test_a_long_definition_is_cut_to_39_characters_in_the_name_of_its_job():
    definition = f"openfero-{'a' * 70}-firing"

    assert job_name(definition, an_alert("a" * 70)) == f"openfero-{'a' * 30}-ac30c96a22a7"


def test_a_dash_at_the_cut_goes():
    definition = f"openfero-{'a' * 29}-b-firing"

    name = job_name(definition, an_alert("a" * 29 + "-b"))

    assert name == f"openfero-{'a' * 29}-38e72db62d83"


def test_a_dot_in_the_definition_is_a_dash_in_the_name_of_its_job():
    assert job_name("openfero-a.b-firing", an_alert("a.b")) == "openfero-a-b-firing-a82da6a0a9cb"


def test_the_name_of_a_run_is_a_public_contract():
    subject = alert_id({"namespace": "shop"})

    assert run_name(DEFINITION, subject, 3) == "openfero-kubequotaalmostfull-firing-ead26cbe2df5"


def test_the_identity_of_an_alert_is_a_public_contract():
    assert alert_id({"alertname": "KubeQuotaAlmostFull"}) == "54bc9145137e"


def test_the_identity_of_an_alert_of_any_script_is_a_public_contract():
    labels = {"mount": "/ü", "alertname": "Disk Full%", "a": "🔥"}

    assert alert_id(labels) == "cd2317fef683"


def test_an_alert_without_labels_has_an_identity():
    assert alert_id({}) == "44136fa355b3"


# What counts


def test_the_order_of_the_labels_does_not_count():
    assert alert_id({"b": "1", "a": "2"}) == alert_id({"a": "2", "b": "1"})


def test_the_fingerprint_does_not_count():
    one, other = an_alert(fingerprint="0" * 16), an_alert(fingerprint="")

    assert job_name(DEFINITION, one) == job_name(DEFINITION, other)


def test_one_moment_in_two_time_zones_is_one_episode():
    one = an_alert(starts_at="2026-11-23T13:52:24Z")
    other = an_alert(starts_at="2026-11-23T14:52:24.000+01:00")

    assert job_name(DEFINITION, one) == job_name(DEFINITION, other)


def test_annotations_and_the_end_do_not_count():
    one, other = an_alert(source={"endsAt": "a"}), an_alert(source={"endsAt": "b"})

    assert job_name(DEFINITION, one) == job_name(DEFINITION, other)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(an_alert(pod="b"), id="a label"),
        pytest.param(an_alert(pod="a", zone=""), id="an empty label more"),
        pytest.param(an_alert("kubequotaalmostfull", pod="a"), id="the case of the alert name"),
        pytest.param(an_alert(pod="a", starts_at="2026-11-23T13:52:25Z"), id="the start"),
        pytest.param(an_alert(pod="a", status="resolved"), id="the status"),
    ],
)
def test_whatever_makes_another_episode_makes_another_job(other):
    assert job_name(DEFINITION, an_alert(pod="a")) != job_name(DEFINITION, other)


def test_two_pods_of_one_group_are_two_episodes():
    """The first OpenFero counted groups: the second pod got no job."""
    assert episode(DEFINITION, an_alert(pod="a")) != episode(DEFINITION, an_alert(pod="b"))


def test_definitions_that_look_alike_once_cut_have_different_jobs():
    one, other = (f"openfero-{'a' * 60}{last}-firing" for last in "xy")

    assert job_name(one, an_alert()) != job_name(other, an_alert())


def test_a_dot_and_a_dash_are_different_definitions():
    assert job_name("openfero-a.b-firing", an_alert()) != job_name(
        "openfero-a-b-firing", an_alert()
    )


def test_a_lone_surrogate_has_an_identity():
    assert re.fullmatch(r"[0-9a-f]{12}", alert_id({"alertname": "\ud800"}))


def test_a_lone_surrogate_in_a_text_has_a_digest():
    assert re.fullmatch(r"[0-9a-f]{12}", digest("\ud800"))


def test_two_lone_surrogates_have_different_digests():
    assert digest("\ud800") != digest("\ud801")


def test_parts_are_kept_apart():
    assert digest("a", "b") != digest("ab")


# Times


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (STARTS_AT, "2026-11-23T13:52:24.382086Z"),
        ("2026-11-23T13:52:24Z", "2026-11-23T13:52:24Z"),
        ("2026-11-23t13:52:24z", "2026-11-23T13:52:24Z"),
        ("2026-11-23T13:52:24.000Z", "2026-11-23T13:52:24Z"),
        ("2026-11-23T13:52:24.3820860Z", "2026-11-23T13:52:24.382086Z"),
        ("2026-11-23T13:52:24.123456789Z", "2026-11-23T13:52:24.123456789Z"),
        ("2026-11-23T14:52:24.5+01:00", "2026-11-23T13:52:24.5Z"),
        ("2026-11-23T23:52:24-05:30", "2026-11-24T05:22:24Z"),
        ("2026-11-23T13:52:24+00:00", "2026-11-23T13:52:24Z"),
        ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2021-10-25T12:01:24.29524738Z", "2021-10-25T12:01:24.29524738Z"),
    ],
)
def test_one_moment_is_one_text_in_utc_without_trailing_zeros(text, time):
    assert starts_at(an_alert(starts_at=text)) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1761393684",
        "2026-11-23",
        "2026-11-23 13:52:24Z",
        "2026-11-23T13:52:24",
        "2026-13-23T13:52:24Z",
        "2026-11-23T13:52:60Z",
        "2026-11-23T13:52:24.Z",
        "2026-11-23T13:52:24+99:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-11-23T13:52:24Z\n",
        "٢٠٢٦-11-23T13:52:24Z",
        "\ud800",
    ],
    ids=ascii,
)
def test_what_is_no_time_stays_as_it_stands(text):
    assert starts_at(an_alert(starts_at=text)) == text


# Shape


@pytest.mark.parametrize(
    "definition",
    [
        DEFINITION,
        "openfero-a.b.c-firing",
        f"openfero-{'a' * 29}.{'b' * 30}-firing",
        f"openfero-{'a' * 30}-{'b' * 30}-firing",
        f"openfero-{'-' * 60}-firing",
        f"openfero-{'a' * 235}-resolved",
    ],
)
def test_the_name_of_a_job_is_a_dns_label_of_at_most_52_characters(definition):
    name = job_name(definition, an_alert())

    assert re.fullmatch(r"(?=.{1,52}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
