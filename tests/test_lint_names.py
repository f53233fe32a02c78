"""Which alert finds a definition: names, keys, collisions, and the ConfigMap's own rules."""

import re

import pytest
from linting import JOB, a_definition, annotated, check, found, told

from function.alerts import STATUSES
from function.definitions import FALLBACK_KEY
from function.tools.documents import Text
from function.tools.lint.check import check_texts
from function.tools.lint.config_map import NAMESPACE
from function.tools.new import new_definition

# Names.


@pytest.mark.parametrize(
    ("name", "key", "meant"),
    [
        ("openfero-PodDown-firing", "PodDown", "openfero-poddown-firing"),
        ("openfero-Disk_Full-firing", "Disk_Full", "openfero-disk-full-firing"),
        ("openfero-disk_full-resolved", "Disk_Full", "openfero-disk-full-resolved"),
        ("poddown-firing", "PodDown", "openfero-poddown-firing"),
        ("openfero-poddown", "PodDown", "openfero-poddown-firing"),
        ("openfero-poddown-fired", "PodDown", "openfero-poddown-firing"),
        ("openfero-poddown-Resolved", "PodDown", "openfero-poddown-resolved"),
        ("openfero-poddown.firing", "PodDown", "openfero-poddown-firing"),
        ("openfero--firing", "PodDown", "openfero-poddown-firing"),
        ("openfero-Node_Down-firing", FALLBACK_KEY, "openfero-node-down-firing"),
        ("openfero-🔥-firing", FALLBACK_KEY, "openfero-<alertname>-firing"),
        ('""', "PodDown", "openfero-poddown-firing"),
    ],
)
def test_a_name_that_no_alert_looks_for_is_told_with_the_one_that_is_meant(
    name: str, key: str, meant: str
) -> None:
    text = a_definition(name, key=key)

    assert found(text) == ["4 name"]
    assert told(text).endswith(f"in lower case; here {meant}")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("openfero-poddown-firing", "PodDown"),
        ("openfero-poddown-resolved", "PodDown"),
        ("openfero-poddown-firing", "poddown"),
        ("openfero-disk-full-firing", "Disk_Full"),
        ("openfero-node.down-firing", "node.down"),
        ("openfero-firing-firing", "firing"),
        ("openfero-" + "a" * 235 + "-firing", "A" * 235),
        ("openfero-anything-firing", FALLBACK_KEY),
        ("openfero-resolverdown-firing", "ResolverDown"),
        ("openfero-resolved-firing", "resolved"),
        ("openfero-firing-resolved", "firing"),
    ],
)
def test_a_name_and_a_key_that_fit_are_right(name: str, key: str) -> None:
    assert found(a_definition(name, key=key)) == []


def test_a_definition_without_a_name_is_told_so() -> None:
    assert found(a_definition().replace("  name: openfero-poddown-firing\n", "")) == ["3 name"]


@pytest.mark.parametrize(
    "alertname", ["ResolverDown", "DNSResolveErrors", "resolved-firing", "Resolve", "firing"]
)
@pytest.mark.parametrize("status", STATUSES)
def test_what_openfero_new_writes_for_any_name_is_right(alertname: str, status: str) -> None:
    assert check_texts(_documents(new_definition(alertname, status, NAMESPACE))).findings == ()


def _documents(content: str) -> list[Text]:
    return [Text("-", text) for text in re.split(r"^---\n", content, flags=re.MULTILINE)]


# Keys.


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        (
            "openfero-nodedown-firing",
            "PodDown",
            "an alert called PodDown looks for openfero-poddown-firing, not for "
            "openfero-nodedown-firing: the key is the alert's name as it is, or job.yaml",
        ),
        (
            "openfero-pod-down-firing",
            "PodDown",
            "an alert called PodDown looks for openfero-poddown-firing, not for "
            "openfero-pod-down-firing: the key is the alert's name as it is, or job.yaml",
        ),
        (
            "openfero-poddown-firing",
            "job.yml",
            "no alert reads the key job.yml: call it job.yaml, or as the alert",
        ),
        (
            "openfero-poddown-firing",
            "PodDown.yaml",
            "no alert reads the key PodDown.yaml: call it job.yaml, or as the alert",
        ),
    ],
)
def test_a_key_that_no_alert_reads_is_told(name: str, key: str, message: str) -> None:
    text = a_definition(name, key=key)

    assert found(text) == ["7 key"]
    assert told(text) == message


def test_a_definition_without_any_key_is_told_so() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: openfero-a-firing}\n"

    assert found(text) == ["1 key"]
    assert found(f"{text}data: {{}}\n") == ["4 key"]


def test_binary_data_is_never_read() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: openfero-a-firing}\n"

    assert found(f"{text}binaryData:\n  a: YWJj\n") == ["5 key"]


def test_two_alerts_that_share_a_name_are_two_keys_of_one() -> None:
    more = "  Disk-Full: |\n" + "".join(f"    {line}\n" for line in JOB.splitlines())

    assert found(a_definition("openfero-disk-full-firing", key="Disk_Full", more=more)) == []


def test_a_second_manifest_for_another_alert_is_an_error() -> None:
    more = "  NodeDown: |\n" + "".join(f"    {line}\n" for line in JOB.splitlines())

    assert found(a_definition(more=more)) == ["21 key"]


# Other keys.


def test_another_text_beside_the_manifest_is_read_by_nobody() -> None:
    text = a_definition(more="  repair.sh: echo repaired\n")

    assert found(text) == ["21 extra-key"]
    assert told(text) == "no alert reads the key repair.sh, and the manifest does not mount it"


def test_unless_the_job_mounts_its_own_definition() -> None:
    volumes = "      volumes: [{name: own, configMap: {name: openfero-poddown-firing}}]\n"

    assert found(a_definition(manifest=JOB + volumes, more="  repair.sh: echo\n")) == []


def test_beside_a_key_for_its_alert_alone_the_other_is_never_read() -> None:
    more = "  job.yaml: |\n" + "".join(f"    {line}\n" for line in JOB.splitlines())

    assert found(a_definition(more=more)) == []
    assert found(a_definition(metadata=annotated(alertname="PodDown"), more=more)) == ["23 key"]


# The annotation alertname.


def test_an_alertname_that_cannot_come_here_is_told() -> None:
    text = a_definition(metadata=annotated(alertname="NodeDown"))

    assert found(text) == ["7 alertname"]
    assert (
        told(text) == "an alert called 'NodeDown' looks for openfero-nodedown-firing, not for this"
    )


def test_an_alertname_of_which_nothing_is_left_is_told() -> None:
    text = a_definition(metadata=annotated(alertname="'%'"))

    assert told(text) == "an alert called '%' has no name that can be looked for"


def test_an_alertname_that_fits_no_key_is_told_with_the_keys() -> None:
    text = a_definition(metadata=annotated(alertname="PODDOWN"))

    assert found(text) == ["7 alertname"]
    assert told(text) == "no key PODDOWN and no key job.yaml, the two that it reads; keys: PodDown"


def test_an_alertname_with_the_key_for_any_alert_is_right() -> None:
    metadata = annotated(alertname="Disk Full%")

    assert found(a_definition("openfero-disk-full-firing", metadata, key=FALLBACK_KEY)) == []


# Collisions.


def test_two_definitions_of_one_name_name_both_places() -> None:
    report = check(a_definition(), a_definition())

    [finding] = report.findings
    assert (str(finding.place), finding.code) == ("b.yaml:4", "collision")
    assert "openfero-poddown-firing stands in a.yaml:4, too" in finding.message
    assert finding.message.endswith("leave one out")


def test_two_alerts_that_share_a_name_are_told_how_to_share_it() -> None:
    name = "openfero-disk-full-firing"

    [finding] = check(
        a_definition(name, key="Disk_Full"), a_definition(name, key="Disk-Full")
    ).findings

    assert finding.message.endswith("if both are meant, make them two keys of one")


def test_in_two_namespaces_one_name_is_two() -> None:
    assert found(a_definition(), a_definition().replace("openfero-jobs", "other")) == []


def test_without_a_namespace_it_is_the_usual_one() -> None:
    other = a_definition().replace("  namespace: openfero-jobs\n", "")

    assert found(a_definition(), other) == ["4 collision"]


# The switch.


def test_what_is_switched_off_is_a_warning() -> None:
    assert found(a_definition(metadata="labels: {openfero/job-disabled: 'true'}\n")) == [
        "6 switched-off"
    ]


def test_what_is_switched_on_is_none() -> None:
    assert found(a_definition(metadata="labels: {openfero/job-disabled: 'false'}\n")) == []


@pytest.mark.parametrize("value", ["'True'", "'yes'", "''", ""])
def test_a_switch_that_is_neither_is_an_error(value: str) -> None:
    text = a_definition(metadata=f"labels:\n  openfero/job-disabled: {value}\n")

    assert found(text) == ["7 job-disabled"]
    assert told(text).startswith("label openfero/job-disabled must be true or false, found")


def test_a_switch_among_the_annotations_is_an_error() -> None:
    metadata = "annotations:\n  a: b\n  openfero/job-disabled: 'true'\n"

    assert found(a_definition(metadata=metadata)) == ["8 job-disabled"]


# The API's own rules.


@pytest.mark.parametrize(
    ("metadata", "line", "words"),
    [
        ("labels:\n  a: b\n  team: a team\n", 8, 'Invalid value: "a team"'),
        ("labels:\n  a: b\n  my team: b\n", 8, 'Invalid value: "my team"'),
        ("annotations:\n  a: b\n  a/b/c: b\n", 8, 'Invalid value: "a/b/c"'),
        ("label:\n  a: b\n", 6, "metadata.label is no field; did you mean metadata.labels?"),
        ("labels: [a]\n", 6, "cannot unmarshal array"),
    ],
)
def test_what_the_api_server_refuses_in_a_config_map_is_told_at_its_line(
    metadata: str, line: int, words: str
) -> None:
    text = a_definition(metadata=metadata)

    assert found(text) == [f"{line} config-map"]
    assert words in told(text)


def test_a_key_that_a_config_map_cannot_have_is_told_with_the_one_that_it_can() -> None:
    text = a_definition("openfero-disk-full-firing", key="Disk Full")

    assert found(text) == ["7 config-map"]
    assert told(text).endswith("stands under job.yaml, with openfero.io/alertname")


def test_a_config_map_of_another_version_is_told_so() -> None:
    assert found(a_definition().replace("apiVersion: v1", "apiVersion: v2", 1)) == ["1 config-map"]
