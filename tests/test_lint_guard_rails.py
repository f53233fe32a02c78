"""Guard rails that cannot be read, that nobody knows, or that contradict each other."""

import pytest
from linting import JOB, a_definition, annotated, check, found, told

# Unreadable.


def test_each_annotation_that_cannot_be_read_is_told_at_its_line() -> None:
    metadata = annotated(
        match="severity=~x",
        subject="'a,,b'",
        cooldown="'30'",
        max_runs="'3'",
        mode="dry-run",
        rerun_after="8d",
    )

    assert found(a_definition(metadata=metadata)) == [f"{line} guard-rail" for line in range(7, 13)]


def test_what_is_expected_is_said_in_the_words_of_the_function() -> None:
    assert told(a_definition(metadata=annotated(cooldown="'30'"))) == (
        "annotation openfero.io/cooldown must be a duration of at most 7d, such as 30m or 1h30m, "
        "found '30'"
    )


def test_a_subject_without_commas_is_told_so() -> None:
    text = a_definition(metadata=annotated(subject="namespace pod", cooldown="1h"))

    assert found(text) == ["7 guard-rail"]
    assert "has no comma in 'namespace pod'" in told(text)


def test_what_is_to_be_ended_belongs_on_the_firing_definition() -> None:
    text = a_definition("openfero-poddown-resolved", annotated(on_resolved="cancel"))

    assert found(text) == ["7 on-resolved"]
    assert found(a_definition(metadata=annotated(on_resolved="cancel"))) == []
    assert found(a_definition(metadata=annotated(on_resolved="delete"))) == ["7 guard-rail"]


# Unknown.


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("openfero.io/cooldwon", "openfero.io/cooldown"),
        ("openfero.io/max-run", "openfero.io/max-runs"),
        ("openfero.io/maxRuns", "openfero.io/max-runs"),
        ("openfero.io/rerun_after", "openfero.io/rerun-after"),
        ("openfero.io/Mode", "openfero.io/mode"),
        ("openfero.io/alert-name", "openfero.io/alertname"),
        ("openfero.io/job-disabled", "openfero/job-disabled"),
    ],
)
def test_a_slip_of_the_pen_is_told_with_what_is_meant(name: str, meant: str) -> None:
    text = a_definition(metadata=f"annotations:\n  a: b\n  {name}: 1h\n")

    assert found(text) == ["8 unknown-annotation"]
    assert told(text) == f"{name} is not known: did you mean {meant}?"


def test_what_is_like_nothing_is_told_with_all_that_is_known() -> None:
    text = a_definition(metadata=annotated(team="storage"))

    assert "openfero.io/team is not known: known: openfero.io/cooldown, " in told(text)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("openfero/cooldown", "openfero.io/cooldown"),
        ("openferro.io/mode", "openfero.io/mode"),
        ("openfero.com/max-runs", "openfero.io/max-runs"),
        ("opnefero.io/match", "openfero.io/match"),
        ("openfero/job-disable", "openfero/job-disabled"),
        ("cooldown", "openfero.io/cooldown"),
        ("max-runs", "openfero.io/max-runs"),
    ],
)
@pytest.mark.parametrize("kind", ["annotations", "labels"])
def test_what_only_looks_like_ours_does_nothing(kind: str, name: str, meant: str) -> None:
    text = a_definition(metadata=f"{kind}:\n  a: b\n  {name}: x\n")

    assert found(text) == ["8 unknown-annotation"]
    assert told(text) == f"{name} does nothing: did you mean {meant}?"


def test_capitals_are_no_capitals_of_ours() -> None:
    text = a_definition(metadata="annotations:\n  OpenFero.io/match: x\n")

    assert told(text) == "OpenFero.io/match does nothing: did you mean openfero.io/match?"


@pytest.mark.parametrize(
    "name",
    [
        "mode",
        "subject",
        "match",
        "example.com/mode",
        "openshift.io/mode",
        "openebs.io/mode",
        "openfaas.com/cooldown",
        "openfero.example.org/mode",
        "app.kubernetes.io/name",
        "openfero.example.org/team",
    ],
)
def test_what_is_somebody_elses_is_left_alone(name: str) -> None:
    assert found(a_definition(metadata=f"annotations: {{{name}: x}}\n")) == []
    assert found(a_definition(metadata=f"labels: {{{name}: x}}\n")) == []


def test_a_guard_rail_among_the_labels_is_told_where_it_belongs() -> None:
    text = a_definition(metadata="labels:\n  openfero.io/cooldown: 1h\n")

    assert found(text) == ["7 unknown-annotation"]
    assert told(text) == "openfero.io/cooldown is a label here: it must be an annotation"


@pytest.mark.parametrize("metadata", ["metadata:\n  {}", "  template:\n    metadata:\n      {}"])
@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("openfero.io/mode", "annotations"),
        ("openfero.io/alertname", "annotations"),
        ("openfero/job-disabled", "labels"),
    ],
)
def test_a_guard_rail_in_the_job_is_told_where_it_belongs(
    metadata: str, kind: str, name: str, where: str
) -> None:
    block = metadata.format(f"{kind}: {{{name}: 'true'}}") + "\n"
    before = "spec:\n  back" if metadata.startswith("m") else "  template:\n"
    after = before if metadata.startswith("m") else ""
    text = a_definition(manifest=JOB.replace(before, block + after))

    assert [each.split()[1] for each in found(text)] == ["unknown-annotation"]
    assert told(text) == (
        f"{name} does nothing in the job: it belongs in the {where} of the ConfigMap"
    )


# Jobs that never run.


@pytest.mark.parametrize(
    "field", ["suspend: true", "parallelism: 0", "completions: 0", "activeDeadlineSeconds: 0"]
)
def test_a_job_that_never_does_anything_is_told_so(field: str) -> None:
    deadline = "  activeDeadlineSeconds: 600\n"
    also = "" if field.startswith("active") else deadline
    manifest = JOB.replace(deadline, f"  {field}\n{also}")

    assert found(a_definition(manifest=manifest)) == ["12 never-runs"]


@pytest.mark.parametrize("rails", [{"mode": "approve"}, {"max_runs": "3/1h"}])
def test_a_job_that_waits_for_a_person_may_be_suspended(rails: dict[str, str]) -> None:
    manifest = JOB.replace("  backoffLimit: 1\n", "  suspend: true\n")

    assert found(a_definition(metadata=annotated(**rails), manifest=manifest)) == []


@pytest.mark.parametrize("field", ["suspend: false", "parallelism: 1", "parallelism: false"])
def test_a_job_that_runs_is_not_told(field: str) -> None:
    manifest = JOB.replace("  backoffLimit: 1\n", f"  {field}\n")

    assert not any("never-runs" in each for each in found(a_definition(manifest=manifest)))


def test_a_job_that_kueue_starts_may_be_suspended() -> None:
    labels = "metadata:\n  labels: {kueue.x-k8s.io/queue-name: repairs}\nspec:\n  suspend: true\n"

    assert found(a_definition(manifest=JOB.replace("spec:\n  back", f"{labels}  back"))) == []


# Contradictions.


@pytest.mark.parametrize(
    "match",
    [
        'a="x", a="y"',
        'a="x", b="y", a!="x"',
        'a="", a!=""',
        'alertname="NodeDown"',
        'alertname=""',
    ],
)
def test_matchers_that_can_never_hold_are_told(match: str) -> None:
    text = a_definition(metadata=annotated(match=f"'{match}'"))

    assert found(text) == ["7 contradiction"]
    assert told(text).startswith("match never holds: ")


def test_with_an_alertname_the_other_is_excluded() -> None:
    metadata = annotated(match="alertname!=PodDown", alertname="PodDown")

    assert found(a_definition(metadata=metadata)) == ["7 contradiction"]


@pytest.mark.parametrize(
    "match",
    [
        'a="x", a!="y"',
        'a!="x", a!="y"',
        'a="x", a="x"',
        'alertname="PodDown"',
        'alertname!="Watchdog"',
        'a="x", b="x"',
    ],
)
def test_matchers_that_can_hold_are_right(match: str) -> None:
    assert found(a_definition(metadata=annotated(match=f"'{match}'"))) == []


@pytest.mark.parametrize(
    ("annotations", "line", "words"),
    [
        ({"cooldown": "2h", "rerun_after": "1h"}, 8, "rerun-after is shorter than cooldown"),
        ({"max_runs": "3/24h", "cooldown": "8h"}, 7, "max-runs is never reached"),
        ({"max_runs": "3/24h", "mode": "approve"}, 7, "max-runs changes nothing"),
        ({"subject": "namespace"}, 7, "a subject limits nothing by itself"),
        ({"subject": "pod", "on_resolved": "cancel"}, 7, "a subject limits nothing by itself"),
        (
            {"subject": "pod", "cooldown": "1h", "match": "pod="},
            7,
            "match asks for alerts without pod",
        ),
    ],
    ids=str,
)
def test_guard_rails_that_contradict_each_other_are_told(
    annotations: dict[str, str], line: int, words: str
) -> None:
    annotations = {name: f"'{text}'" for name, text in annotations.items()}
    annotations = {name: text.replace("pod='", 'pod=""\'') for name, text in annotations.items()}
    text = a_definition(metadata=annotated(**annotations))

    assert found(text) == [f"{line} contradiction"]
    assert told(text).startswith(words)


@pytest.mark.parametrize(
    "annotations",
    [
        {"cooldown": "1h", "rerun_after": "1h"},
        {"max_runs": "3/24h", "cooldown": "7h59m"},
        {"max_runs": "1/1h", "rerun_after": "2h"},
        {"mode": "approve", "subject": "namespace", "cooldown": "1h"},
        {"mode": "approve", "subject": "namespace"},
        {"mode": "audit", "cooldown": "1h", "max_runs": "3/24h", "subject": "pod"},
        {"subject": "alertname", "max_runs": "3/24h"},
    ],
    ids=str,
)
def test_guard_rails_that_go_together_are_right(annotations: dict[str, str]) -> None:
    assert found(a_definition(metadata=annotated(**annotations))) == []


def test_what_cannot_be_read_hides_no_contradiction_of_the_others() -> None:
    metadata = annotated(match="'='", cooldown="2h", rerun_after="1h")

    assert found(a_definition(metadata=metadata)) == ["7 guard-rail", "9 contradiction"]


# Kueue.


@pytest.mark.parametrize("rail", [{"mode": "approve"}, {"max_runs": "3/24h"}], ids=str)
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_kueue_would_start_what_waits_for_a_person(kind: str, rail: dict[str, str]) -> None:
    queue = f"kind: Job\nmetadata:\n  {kind}:\n    kueue.x-k8s.io/queue-name: repairs\n"
    manifest = JOB.replace("kind: Job\n", queue)

    assert found(a_definition(metadata=annotated(**rail), manifest=manifest)) == [
        "14 kueue-approval"
    ]
    assert found(a_definition(metadata=annotated(cooldown="1h"), manifest=manifest)) == []


def test_the_queue_of_a_pod_is_no_queue_of_the_job() -> None:
    pod = "  template:\n    metadata: {labels: {kueue.x-k8s.io/queue-name: repairs}}\n"
    manifest = JOB.replace("  template:\n", pod)

    assert found(a_definition(metadata=annotated(mode="approve"), manifest=manifest)) == []


def test_a_definition_with_all_guard_rails_has_no_findings() -> None:
    metadata = annotated(
        match='\'severity="warning", namespace!="kube-system"\'',
        subject="namespace, container",
        cooldown="30m",
        rerun_after="2h",
        max_runs="3/24h",
        on_resolved="cancel",
    )

    assert check(a_definition(metadata=metadata)).findings == ()
