"""YAML that is none, that says a thing twice, or that is not what it looks like."""

import pytest
from linting import JOB, a_definition, annotated, check, found, told


def in_env(value: str) -> str:
    """Return a definition with a variable, whose value is in line 20."""
    return a_definition(
        manifest=f"{JOB}          env:\n            - name: A\n              value: {value}\n"
    )


def in_volume(value: str) -> str:
    """Return a definition with a mode, in line 21."""
    volumes = f"      volumes:\n        - emptyDir: {{}}\n          name: a\n        - name: b\n          secret: {{secretName: b, defaultMode: {value}}}\n"
    return a_definition(manifest=JOB + volumes)


# Syntax.


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  template: [", "flow"),
        ("  \ttemplate: x", "tab"),
        ("  a: b: c", "mapping values are not allowed"),
        ("  a: *b", "undefined alias"),
        ("---\na: b", "a second document begins here"),
    ],
)
def test_a_manifest_that_is_no_yaml_is_told_at_its_line(line: str, words: str) -> None:
    text = a_definition(manifest=f"apiVersion: batch/v1\nkind: Job\nspec:\n{line}\n")

    [finding] = check(text).findings
    assert finding.code == "yaml"
    assert finding.place.line in (11, 12)
    assert words in finding.message


def test_where_it_began_is_told_by_the_line_of_the_file() -> None:
    text = a_definition(manifest="kind: Job\nspec: [\n  a: b\n")

    assert "that begins in line 9" in told(text)


def test_one_broken_manifest_hides_nothing_of_the_others() -> None:
    other = a_definition("openfero-PodDown-firing")

    assert found(a_definition(manifest="kind: Job\nspec: [\n"), other) == ["9 yaml", "4 name"]


def test_what_the_function_cannot_read_is_told_at_its_line() -> None:
    text = a_definition(manifest="kind: Job\nspec:\n  backoffLimit: .inf\n  parallelism: .nan\n")

    assert found(text) == ["10 yaml", "11 yaml"]
    assert check(text).findings[0].message == "inf has no JSON form; quote it"


def test_a_folded_manifest_is_told_how_to_keep_its_lines() -> None:
    text = a_definition().replace("PodDown: |", "PodDown: >")

    assert found(text) == ["7 yaml"]
    assert told(text).endswith("put | in place of > after PodDown:, which keeps the lines")


@pytest.mark.parametrize("value", ["{{ $labels.pod }}", "{{ .Values.image }}-x"])
def test_a_template_that_makes_a_line_unreadable_is_called_one(value: str) -> None:
    text = in_env(value)

    assert found(text) == ["23 template-syntax"]
    assert told(text).startswith("nothing renders {{ ")


# Keys that stand twice.


def test_all_keys_that_stand_twice_are_told_at_once_and_hide_nothing() -> None:
    manifest = JOB.replace("  backoffLimit: 1\n", "  backoffLimit: 1\n  backoffLimit: -1\n")
    manifest = manifest.replace(
        "image: busybox:1.37.0\n", "image: a:1\n          image: b:latest\n"
    )
    metadata = "labels: {a: b, a: c}\n"

    text = a_definition("openfero-PodDown-firing", metadata, manifest)

    assert found(text) == [
        "4 name",
        "6 duplicate-key",
        "13 duplicate-key",
        "13 refused",
        "21 duplicate-key",
        "21 latest-image",
    ]


def test_the_other_place_is_named() -> None:
    text = a_definition(manifest=JOB.replace("kind: Job\n", "kind: Job\nkind: Job\n"))

    assert told(text) == (
        "the key kind stands in line 9 already: only one of them counts; leave one out"
    )


def test_where_only_the_first_line_is_known_the_other_place_is_not() -> None:
    manifest = JOB.replace("kind: Job\n", "kind: Job\nkind: Job\n").replace("\n", "\\n")
    text = f'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: openfero-a-firing}}\ndata:\n  a: "{manifest}"\n'

    assert found(text) == ["5 duplicate-key"]
    assert "stands before already" in told(text)


def test_merge_keys_may_stand_as_often_as_one_likes() -> None:
    manifest = JOB.replace(
        "spec:\n  back", "spec:\n  <<: {suspend: false}\n  <<: {completions: 1}\n  back"
    )

    assert found(a_definition(manifest=manifest)) == []


# Keys that are no text.


@pytest.mark.parametrize(
    ("key", "what"), [("on", "true or false"), ("1", "a number"), ("~", "nothing")]
)
def test_a_key_that_is_no_text_is_told_at_its_line(key: str, what: str) -> None:
    manifest = JOB.replace("kind: Job\n", f"kind: Job\nmetadata:\n  labels:\n    {key}: a\n")
    text = a_definition(manifest=manifest)

    assert found(text) in (["12 yaml-type"], ["12 refused", "12 yaml-type"])
    assert any(
        f'is {what} to YAML, not text: write "{key}"' in each.message
        for each in check(text).findings
    )


# Values that must be text.


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("30", '30 is a number to YAML: write "30"'),
        ("1.50", '1.50 is a number to YAML: write "1.50"'),
        ("1e3", '1e3 is a number to YAML: write "1e3"'),
        ("true", 'true is true or false to YAML: write "true"'),
        ("yes", 'yes is true or false to YAML: write "yes"'),
        ("[a]", "this is a list"),
        ("{a: b}", "this is a mapping: put | after openfero.io/alertname:"),
    ],
)
@pytest.mark.parametrize("kind", ["annotations", "labels"])
def test_an_annotation_or_label_that_is_no_text_is_told_to_be_quoted(
    kind: str, value: str, words: str
) -> None:
    text = a_definition(metadata=f"{kind}:\n  a: b\n  openfero.io/alertname: {value}\n")

    assert found(text) == ["8 yaml-type"]
    assert words in told(text)


def test_a_guard_rail_that_is_no_text_is_told_both_that_and_what_it_must_be() -> None:
    text = a_definition(metadata=annotated(cooldown=30))

    assert found(text) == ["7 yaml-type"]
    assert told(text) == (
        "openfero.io/cooldown must be text, and 30 is a number to YAML; as text it is wrong, too: "
        "annotation openfero.io/cooldown must be a duration of at most 7d, such as 30m or 1h30m, "
        "found '30'"
    )


def test_the_switch_without_quotes_is_told_to_be_quoted() -> None:
    text = a_definition(metadata="labels:\n  openfero/job-disabled: true\n")

    assert found(text) == ["7 yaml-type"]


def test_a_manifest_without_its_bar_is_told_so() -> None:
    text = a_definition().replace("PodDown: |", "PodDown:")

    assert found(text) == ["7 yaml-type"]
    assert told(text) == "PodDown must be text, and this is a mapping: put | after PodDown:"


# Traps.


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yes", 'yes is true here, and text to newer YAML: write true, or "yes" for text'),
        ("Off", 'Off is false here, and text to newer YAML: write false, or "Off" for text'),
    ],
)
def test_another_word_for_true_or_false_is_a_trap(value: str, message: str) -> None:
    manifest = JOB.replace("Never\n", f"Never\n      enableServiceLinks: {value}\n")

    assert found(a_definition(manifest=manifest)) == ["16 yaml-trap"]
    assert told(a_definition(manifest=manifest)) == message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("y", "and true to other readers"),
        ("N", "and false to other readers"),
        ("22:30", "and 1350 to other readers"),
        ("1:30:00", "and 5400 to other readers"),
        ("2026-12-31", "and a date to other readers"),
        ("2026-12-31T10:00:00Z", "and a date to other readers"),
        ("0899", "and a number to other readers"),
    ],
)
def test_text_that_is_something_else_to_others_is_a_trap(value: str, words: str) -> None:
    assert found(in_env(value)) == ["23 yaml-trap"]
    assert told(in_env(value)).startswith(f"{value} is text here, {words} of YAML: write")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("01010", "01010 is octal, and so 520: write 520, or 1010 if that is meant"),
        ("0o17", "0o17 is 15 here, and text to older YAML: write 15"),
        ("1_000", "1_000 is 1000 here, and text to newer YAML: write 1000"),
    ],
)
def test_a_number_that_is_another_one_is_a_trap(value: str, words: str) -> None:
    manifest = JOB.replace("activeDeadlineSeconds: 600", f"activeDeadlineSeconds: {value}")

    assert found(a_definition(manifest=manifest)) == ["12 yaml-trap"]
    assert told(a_definition(manifest=manifest)) == words


def test_the_config_map_itself_has_traps_too() -> None:
    assert found(a_definition(metadata="labels:\n  since: 2026-12-31\n")) == ["7 yaml-trap"]


def test_a_mode_is_meant_as_octal() -> None:
    assert found(in_volume("0644")) == []
    assert found(in_volume("0o644")) == []


@pytest.mark.parametrize("value", ["yes", "01010", "1_000"])
def test_what_is_refused_for_its_type_is_told_once(value: str) -> None:
    assert found(in_env(value)) == ["23 wrong-type"]


@pytest.mark.parametrize(
    "value",
    [
        *("'y'", '"0899"', "'0o17'", "'yes'", '"22:30"', "'2026-12-31'", '"01010"'),
        *("yesterday", "none", "1.37.0", "10.0.0.1", "a:b", "1000:1000", "22:90", "127.0.0.1:80"),
        *("2026-12", "v1_000", "0x1F-", "http://a:80", "--yes", "16Mi", "nobody", "0m"),
    ],
)
def test_what_is_the_same_to_all_is_no_trap(value: str) -> None:
    assert found(in_env(value)) == []


@pytest.mark.parametrize("value", ["true", "False", "null", "~"])
def test_ordinary_words_are_no_trap(value: str) -> None:
    manifest = JOB.replace("Never\n", f"Never\n      enableServiceLinks: {value}\n")

    assert found(a_definition(manifest=manifest)) == []


def test_arguments_in_quotes_are_no_trap() -> None:
    manifest = JOB.replace("[echo, repaired]", '[sleep, "30", "yes", \'on\', -y]')

    assert found(a_definition(manifest=manifest)) == []
