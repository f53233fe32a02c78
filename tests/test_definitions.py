"""ConfigMap → manifest: which ConfigMap an alert looks for, and what must be in it."""

import pytest
from make import MANIFEST, a_config_map, a_manifest, an_alert

from function.definitions import definition_name, is_disabled, is_for, read_definition
from function.errors import Broken

KELVIN = "\u212a"


def broken(config_map: dict, alert=None) -> str:
    with pytest.raises(Broken) as caught:
        read_definition(config_map, alert or an_alert())
    return str(caught.value)


# The name


@pytest.mark.parametrize(
    ("alertname", "name"),
    [
        ("KubeQuotaAlmostReached", "openfero-kubequotaalmostreached-firing"),
        ("already-legal", "openfero-already-legal-firing"),
        ("node.disk.full", "openfero-node.disk.full-firing"),
        ("-dash-", "openfero--dash--firing"),
        ("0", "openfero-0-firing"),
        ("xn--bcher-kva", "openfero-xn--bcher-kva-firing"),
    ],
)
def test_a_name_that_is_legal_once_lowered_is_taken_as_it_is(alertname, name):
    assert definition_name(an_alert(alertname)) == name


@pytest.mark.parametrize(
    ("alertname", "name"),
    [
        pytest.param("Disk Full%", "openfero-disk-full-firing", id="a space and a percent sign"),
        pytest.param("disk_full", "openfero-disk-full-firing", id="an underscore"),
        pytest.param("job:errors:rate5m", "openfero-job-errors-rate5m-firing", id="colons"),
        pytest.param("Größe überläuft", "openfero-gr-e-berl-uft-firing", id="umlauts"),
        pytest.param("Disk\nFull", "openfero-disk-full-firing", id="a newline"),
        pytest.param("DiskFull\n", "openfero-diskfull-firing", id="a last newline"),
        pytest.param("../../secrets/token", "openfero-secrets-token-firing", id="a path"),
        pytest.param("a/../b", "openfero-a-b-firing", id="a path inside"),
        pytest.param("a..b", "openfero-a-b-firing", id="two dots"),
        pytest.param(".a.", "openfero-a-firing", id="dots around"),
        pytest.param("a?watch=1#x", "openfero-a-watch-1-x-firing", id="a query"),
        pytest.param("%2e%2e%2f", "openfero-2e-2e-2f-firing", id="a quoted path"),
        pytest.param("$(HOME) `id`", "openfero-home-id-firing", id="a shell expansion"),
        pytest.param("{{ .Alert }}", "openfero-alert-firing", id="a template"),
        pytest.param(f"a{KELVIN}b", "openfero-a-b-firing", id="the Kelvin sign"),
        pytest.param("İstanbul", "openfero-stanbul-firing", id="a dotted capital I"),
        pytest.param("a\ud800b", "openfero-a-b-firing", id="a lone surrogate"),
        pytest.param("a\0b", "openfero-a-b-firing", id="NUL"),
        pytest.param("- a -", "openfero-a-firing", id="dashes and spaces"),
        pytest.param("a\u202eb", "openfero-a-b-firing", id="a bidi override"),
        pytest.param("٣a", "openfero-a-firing", id="a digit that is not ASCII"),
        pytest.param("🔥fire🔥", "openfero-fire-firing", id="emoji"),
    ],
)
def test_every_run_of_other_characters_becomes_one_dash(alertname, name):
    assert definition_name(an_alert(alertname)) == name


@pytest.mark.parametrize(
    "alertname",
    [None, "", " ", "%", ".", "..", "../..", "äöü", KELVIN, "\n", "\ud800", "_" * 3000],
    ids=[
        "none",
        "empty",
        "a space",
        "a percent sign",
        "a dot",
        "two dots",
        "a path",
        "umlauts",
        "the Kelvin sign",
        "a newline",
        "a lone surrogate",
        "3,000 underscores",
    ],
)
def test_an_alert_of_which_no_name_is_left_has_no_definition(alertname):
    assert definition_name(an_alert(alertname)) is None


@pytest.mark.parametrize(
    ("length", "status", "kept"),
    [
        (235, "resolved", 235),
        (236, "resolved", 235),
        (237, "resolved", 235),
        (236, "firing", 236),
        (237, "firing", 237),
        (238, "firing", 235),
        (3000, "firing", 235),
        (3000, "resolved", 235),
    ],
)
def test_a_name_that_is_too_long_is_cut_to_235_characters(length, status, kept):
    alert = an_alert("a" * length, status=status)

    assert definition_name(alert) == f"openfero-{'a' * kept}-{status}"


def test_a_cut_name_is_trimmed_again():
    alert = an_alert("a" * 234 + " " + "b" * 100)

    assert definition_name(alert) == f"openfero-{'a' * 234}-firing"


def test_the_status_is_the_alerts_own():
    assert definition_name(an_alert("A", status="resolved")) == "openfero-a-resolved"


def test_a_name_of_a_million_characters_is_cut_like_any_other():
    name = definition_name(an_alert("ab " * 300_000))

    assert name == f"openfero-{'ab-' * 78}a-firing"


# Whose it is


def test_a_definition_is_for_every_alert_that_finds_it():
    assert is_for(a_config_map(), an_alert())


def test_a_definition_that_names_its_alert_is_for_that_alert():
    config_map = a_config_map(annotations={"openfero.io/alertname": "Disk Full%"})

    assert is_for(config_map, an_alert("Disk Full%"))


@pytest.mark.parametrize("alertname", ["disk full%", "Disk Full", "Disk Full% "])
def test_a_definition_that_names_another_alert_is_not_for_this_one(alertname):
    config_map = a_config_map(annotations={"openfero.io/alertname": "Disk Full%"})

    assert not is_for(config_map, an_alert(alertname))


# Disabled


def test_a_definition_is_disabled_by_its_label():
    assert is_disabled(a_config_map(labels={"openfero/job-disabled": "true"}))


@pytest.mark.parametrize("value", ["True", "yes", "", "1"])
def test_a_label_that_may_be_meant_to_disable_is_broken(value):
    with pytest.raises(Broken, match="must be true or false"):
        is_disabled(a_config_map(labels={"openfero/job-disabled": value}))


def test_an_annotation_that_may_be_meant_to_disable_is_broken():
    with pytest.raises(Broken, match="it must be a label"):
        is_disabled(a_config_map(annotations={"openfero/job-disabled": "true"}))


def test_a_label_of_ours_that_is_not_known_is_broken():
    config_map = a_config_map(labels={"openfero.io/job-disabled": "true"})

    with pytest.raises(Broken, match=r"label openfero\.io/job-disabled is not known"):
        read_definition(config_map, an_alert())


@pytest.mark.parametrize(
    "labels",
    [None, {}, {"openfero/job-disabled": "false"}, {"app": "true"}],
    ids=repr,
)
def test_a_definition_is_not_disabled_by_anything_else(labels):
    assert not is_disabled(a_config_map(labels=labels))


# The manifest


@pytest.mark.parametrize("key", ["KubeQuotaAlmostFull", "job.yaml"])
def test_the_manifest_is_under_the_alert_name_or_job_yaml(key):
    assert read_definition(a_config_map({key: MANIFEST}), an_alert()).manifest == a_manifest()


def test_the_key_of_the_alert_name_comes_before_job_yaml():
    config_map = a_config_map({"job.yaml": "not: this", "KubeQuotaAlmostFull": MANIFEST})

    assert read_definition(config_map, an_alert()).manifest == a_manifest()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"kubequotaalmostfull": MANIFEST}, "kubequotaalmostfull"),
        ({"job.yml": MANIFEST, "a": ""}, "a, job.yml"),
        ({}, "none"),
    ],
    ids=["another case", "other keys", "no keys"],
)
def test_any_other_key_is_broken_and_the_keys_found_are_listed(data, found):
    message = broken(a_config_map(data))

    assert message == f"no key KubeQuotaAlmostFull and no key job.yaml; keys found: {found}"


def test_a_manifest_in_binary_data_is_not_found_but_listed():
    config_map = a_config_map()
    del config_map["data"]
    config_map["binaryData"] = {"job.yaml": "aGk="}

    message = broken(config_map)

    assert message == "no key KubeQuotaAlmostFull and no key job.yaml; keys found: job.yaml"


@pytest.mark.parametrize("text", ["", "- a", "text", "1", "# nothing"])
def test_a_manifest_that_is_no_mapping_is_broken(text):
    assert broken(a_config_map({"job.yaml": text})) == "the manifest is not a YAML mapping"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Job", "apiVersion must be batch/v1, found None"),
        ("apiVersion: v1\nkind: Pod", "apiVersion must be batch/v1, found v1"),
        (
            "apiVersion: batch/v1beta1\nkind: Job",
            "apiVersion must be batch/v1, found batch/v1beta1",
        ),
        ("apiVersion: [batch/v1]\nkind: Job", "apiVersion must be batch/v1, found ['batch/v1']"),
        ("apiVersion: batch/v1", "kind must be Job, found None"),
        ("apiVersion: batch/v1\nkind: CronJob", "kind must be Job, found CronJob"),
        ("apiVersion: batch/v1\nkind: job", "kind must be Job, found job"),
        ("apiVersion: batch/v1\nkind: true", "kind must be Job, found True"),
    ],
)
def test_a_manifest_that_is_no_batch_v1_job_is_broken(text, message):
    assert broken(a_config_map({"job.yaml": text})) == message


def test_a_manifest_that_is_no_yaml_is_broken_with_its_place():
    message = broken(a_config_map({"job.yaml": "a:\n\tb: 1"}))

    assert message == "YAML: line 2, column 1: found character that cannot start any token"


def test_keys_of_a_job_instead_of_a_manifest_are_broken():
    message = broken(a_config_map({"image": "python:3", "command": "echo"}))

    assert message == ("no key KubeQuotaAlmostFull and no key job.yaml; keys found: command, image")


@pytest.mark.parametrize("name", ["openfero.io/cool-down", "openfero.io/", "openfero.io/Alertname"])
def test_an_annotation_of_ours_that_is_not_known_is_broken_and_named(name):
    """To ignore it would silently switch off a guard that its author relies on."""
    message = broken(a_config_map(annotations={name: "1"}))

    assert message.startswith(f"annotation {name} is not known; known: openfero.io/alertname")


@pytest.mark.parametrize("name", ["openfero/x", "example.com/openfero.io", "openfero.iox/y"])
def test_an_annotation_of_others_is_no_business_of_ours(name):
    config_map = a_config_map(annotations={name: "1"})

    assert read_definition(config_map, an_alert()).manifest == a_manifest()


def test_two_alerts_read_their_own_keys_of_one_definition():
    """Two names can map to one ConfigMap; each key is for its alert alone."""
    config_map = a_config_map({"Disk Full": MANIFEST, "disk-full": "kind: x"})

    assert read_definition(config_map, an_alert("Disk Full")).manifest == a_manifest()
