"""Guard rails: what an author may write, and what it means."""

import pytest

from function.errors import Broken
from function.rails import MODES, Rails, read_rails

DAY = 24 * 60 * 60


def rails(status: str = "firing", setting: str = "run", **annotations: str) -> Rails:
    """Read annotations by their short names, `_` for `-`."""
    named = {f"openfero.io/{name.replace('_', '-')}": text for name, text in annotations.items()}
    return read_rails(named, status, setting)


def broken(**annotations: str) -> str:
    with pytest.raises(Broken) as caught:
        rails(**annotations)
    return str(caught.value)


def test_a_definition_without_annotations_is_not_guarded() -> None:
    assert rails() == Rails()
    assert not rails().is_guarded


@pytest.mark.parametrize(
    "annotations",
    [
        {"cooldown": "30m"},
        {"rerun_after": "2h"},
        {"max_runs": "3/24h"},
        {"on_resolved": "cancel"},
        {"mode": "approve"},
        {"setting": "approve"},
    ],
    ids=str,
)
def test_what_needs_the_past_makes_a_definition_guarded(annotations: dict[str, str]) -> None:
    assert rails(**annotations).is_guarded


@pytest.mark.parametrize(
    "annotations",
    [
        {"mode": "run"},
        {"mode": "audit"},
        {"match": "severity=critical"},
        {"subject": "namespace"},
    ],
    ids=str,
)
def test_what_needs_no_past_does_not(annotations: dict[str, str]) -> None:
    assert not rails(**annotations).is_guarded


# Durations.


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 2 * DAY),
        ("1w", 7 * DAY),
        ("1d12h", 1.5 * DAY),
        ("1500ms", 1.5),
        ("0h10m", 600),
        (" 30m ", 1800),
    ],
)
def test_a_duration_is_read_as_prometheus_writes_it(text: str, seconds: float) -> None:
    assert rails(cooldown=text).cooldown == seconds
    assert rails(rerun_after=text).rerun_after == seconds
    assert rails(max_runs=f"1/{text.strip()}").window == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "m",
        "1.5h",
        "-5m",
        "30m1h",
        "1h 30m",
        "1H",
        "5 minutes",
        "PT5M",
        "1h1h",
        "٣m",
        "0s",
        "0",
        "8d",
        "7d1ms",
        "1w1s",
        "169h",
        "2w",
        "1y",
        "99999999999999999999h",
        "9" * 5000 + "h",
        "30m\u00a0",
    ],
)
def test_any_other_duration_is_broken(text: str) -> None:
    told = f"must be a duration of at most 7d, such as 30m or 1h30m, found {text!r}"

    assert broken(cooldown=text) == f"annotation openfero.io/cooldown {told}"
    assert broken(rerun_after=text) == f"annotation openfero.io/rerun-after {told}"


# max-runs.


def test_max_runs_is_a_number_in_a_time() -> None:
    found = rails(max_runs="3/24h")

    assert (found.max_runs, found.window) == (3, DAY)


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "3/",
        "/24h",
        "0/24h",
        "-1/24h",
        "3/0s",
        "3 / 24h",
        "three/24h",
        "3/24",
        "3/24h/2",
        "3/8d",
    ],
)
def test_any_other_max_runs_is_broken(text: str) -> None:
    assert broken(max_runs=text) == (
        f"annotation openfero.io/max-runs must be N/DURATION, such as 3/24h, found {text!r}"
    )


# Modes.


@pytest.mark.parametrize("own", [None, *MODES])
@pytest.mark.parametrize("setting", MODES)
def test_what_the_definition_or_the_setting_asks_for_is_asked_for(
    own: str | None, setting: str
) -> None:
    found = rails(setting=setting, **({"mode": own} if own else {}))

    assert found.approves is ("approve" in (own, setting))
    assert found.audits is ("audit" in (own, setting))


@pytest.mark.parametrize("text", ["", "Run", "dry-run", "approve, audit"])
def test_any_other_mode_is_broken(text: str) -> None:
    assert broken(mode=text) == (
        f"annotation openfero.io/mode must be run, approve or audit, found {text!r}"
    )


# on-resolved.


def test_cancel_is_all_that_can_be_done_when_an_alert_resolves() -> None:
    assert rails(on_resolved="cancel").cancels
    assert broken(on_resolved="delete") == (
        "annotation openfero.io/on-resolved must be cancel, found 'delete'"
    )


def test_what_is_to_be_ended_stands_on_the_definition_that_made_it() -> None:
    with pytest.raises(Broken, match="on-resolved belongs on the firing definition"):
        rails("resolved", on_resolved="cancel")


# Subjects.

LABELS = {"alertname": "PodDown", "namespace": "shop", "pod": "web-0"}


def test_the_subject_is_what_the_named_labels_say() -> None:
    assert rails(subject="namespace").subject_of(LABELS) == {"namespace": "shop"}
    assert rails(subject=" pod ,namespace").subject_of(LABELS) == {
        "namespace": "shop",
        "pod": "web-0",
    }


def test_without_the_annotation_all_labels_are_the_subject() -> None:
    assert rails().subject_of(LABELS) == LABELS


@pytest.mark.parametrize("labels", [{"namespace": "shop"}, {"namespace": "shop", "node": ""}])
def test_a_label_that_the_alert_lacks_is_named(labels: dict[str, str]) -> None:
    with pytest.raises(Broken, match=r"openfero\.io/subject: the alert has no label node"):
        rails(subject="namespace, node").subject_of(labels)


@pytest.mark.parametrize("text", ["", ",", "namespace,", "namespace,,pod"])
def test_a_subject_without_a_name_is_broken(text: str) -> None:
    assert broken(subject=text) == (
        "annotation openfero.io/subject must be label names, such as namespace, pod, "
        f"found {text!r}"
    )


# What is kept.


def test_the_record_is_needed_for_the_longest_of_all_times() -> None:
    assert rails(cooldown="1h", rerun_after="3h", max_runs="9/2h").longest == 3 * 3600
    assert rails(cooldown="1h", max_runs="9/2d").longest == 2 * DAY
    assert rails(mode="approve").longest == 0


def test_every_problem_names_the_annotation_its_value_and_what_was_expected() -> None:
    told = broken(match="severity")

    assert told == (
        "annotation openfero.io/match must be matchers, "
        "such as severity=\"critical\", found 'severity'"
    )
