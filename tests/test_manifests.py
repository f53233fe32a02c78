"""Text → manifest: YAML as Kubernetes reads it, and no text that harms who reads it."""

import json
import re

import pytest
from make import MANIFEST, a_manifest

from function.errors import Broken
from function.manifests import read_yaml

BRACKETS = 100_000


def broken(text: str) -> str:
    with pytest.raises(Broken) as caught:
        read_yaml(text)
    return str(caught.value)


def test_a_manifest_is_read_as_plain_values():
    manifest = read_yaml(MANIFEST)

    assert manifest == a_manifest()


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment", "---\n", "~"])
def test_a_text_without_a_value_is_nothing(text):
    assert read_yaml(text) is None


@pytest.mark.parametrize("text", ["---\na: 1\n", "a: 1\n...\n", "---\na: 1\n...\n", "\ufeffa: 1"])
def test_marks_around_the_one_document_are_no_part_of_it(text):
    assert read_yaml(text) == {"a": 1}


def test_windows_line_ends_are_line_ends():
    assert read_yaml("a: 1\r\nb: |\r\n  x\r\n  y\r\n") == {"a": 1, "b": "x\ny\n"}


def test_json_is_yaml():
    assert read_yaml(json.dumps(a_manifest())) == a_manifest()


# Scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"),
        ("2026-01-01 10:00:00", "2026-01-01 10:00:00"),
        ("1:30:00", "1:30:00"),
        ("-1:30", "-1:30"),
        ("22:22", "22:22"),
        ("1:30.5", "1:30.5"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ('"010"', "010"),
        ('"yes"', "yes"),
        ("100m", "100m"),
        ("!!str 1", "1"),
    ],
)
def test_what_kubernetes_reads_as_text_is_text(text, value):
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-7", -7),
        ("1_000", 1000),
        ("010", 8),
        ("0644", 420),
        ("0x1F", 31),
        ("0b101", 5),
        ("9223372036854775807", 2**63 - 1),
        ("1.5", 1.5),
        ("-1.5e+3", -1500.0),
        ("0.1", 0.1),
    ],
)
def test_what_kubernetes_reads_as_a_number_is_a_number(text, value):
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("0o10", 8), ("0o644", 420), ("1e3", 1000), ("1e+3", 1000)]
)
def test_a_number_as_later_yaml_writes_it_is_one_as_it_is_to_kubectl(text, value):
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", True),
        ("NO", False),
        ("on", True),
        ("off", False),
        ("null", None),
        ("~", None),
    ],
)
def test_words_of_yaml_1_1_mean_what_they_mean_to_kubectl(text, value):
    assert read_yaml(f"a: {text}") == {"a": value}


def test_a_date_can_be_a_key():
    assert read_yaml("2026-01-01: a") == {"2026-01-01": "a"}


# Aliases


def test_an_alias_is_the_value_of_its_anchor():
    assert read_yaml("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_merge_key_merges_and_the_mapping_itself_wins():
    text = "a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}"

    assert read_yaml(text)["b"] == {"x": 1, "y": 2}


def test_two_merge_keys_do_not_stand_twice():
    text = "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n"

    assert read_yaml(text)["c"] == {"x": 1, "y": 2}


def test_aliases_that_multiply_are_broken():
    levels = [f"a{level}: &a{level} [{f'*a{level - 1},' * 9}]" for level in range(1, 9)]

    assert broken("a0: &a0 [x]\n" + "\n".join(levels)) == "YAML: larger than any job may be"


def test_merge_keys_that_multiply_are_broken():
    levels = [f"a{level}: &a{level} {{<<: [{f'*a{level - 1},' * 9}]}}" for level in range(1, 9)]

    assert broken("a0: &a0 {x: 1}\n" + "\n".join(levels)) == "YAML: larger than any job may be"


def test_aliases_that_multiply_a_long_text_are_broken():
    """Few values, but hundreds of megabytes once they are written out."""
    text = f"a: &a {'x' * 10_000}\nb: [{'*a,' * 20_000}]"

    with pytest.raises(Broken):
        read_yaml(text)


def test_aliases_that_nest_are_broken_like_brackets_that_nest():
    levels = [f"a{level}: &a{level} {'[' * 90}*a{level - 1}{']' * 90}" for level in range(1, 20)]

    assert broken("a0: &a0 x\n" + "\n".join(levels)) == "YAML: nested deeper than 100"


def test_an_anchor_that_holds_itself_is_broken():
    assert broken("&a [*a]") == "YAML: line 1: the alias *a has no finished anchor"


def test_an_alias_without_an_anchor_is_broken():
    assert broken("x: 1\na: *b") == "YAML: line 2: the alias *b has no finished anchor"


# What is refused


@pytest.mark.parametrize(
    "text",
    [
        "[" * BRACKETS,
        "[" * BRACKETS + "]" * BRACKETS,
        "{a: " * BRACKETS,
        "- " * BRACKETS,
        "? " * BRACKETS,
    ],
    ids=["open brackets", "closed brackets", "braces", "dashes", "question marks"],
)
def test_a_text_that_nests_without_bounds_is_broken_and_harms_nobody(text):
    # From 6.0.4 on PyYAML looks ahead, and may give up by itself.
    assert re.fullmatch(
        r"YAML: (nested deeper than 100|line 1, column \d+: exceeded maximum nesting depth)",
        broken(text),
    )


def test_too_many_values_are_broken():
    assert broken(f"[{'a,' * 200_001}]") == "YAML: larger than any job may be"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "a: 1\nb: 2\na: 3", "YAML: line 3: the key a stands twice in one mapping", id="block"
        ),
        pytest.param(
            "x: {a: 1, a: 2}", "YAML: line 1: the key a stands twice in one mapping", id="flow"
        ),
        pytest.param(
            "- a: 1\n  b: 2\n- a: 1\n  a: 2",
            "YAML: line 4: the key a stands twice in one mapping",
            id="in a list",
        ),
        pytest.param(
            '"a": 1\na: 2', "YAML: line 2: the key a stands twice in one mapping", id="quoted"
        ),
        pytest.param(
            "a: {b: 1, c: 2}\nb: 1\nb: 2",
            "YAML: line 3: the key b stands twice in one mapping",
            id="after a mapping",
        ),
    ],
)
def test_a_key_that_stands_twice_is_broken(text, message):
    assert broken(text) == message


def test_a_key_that_stands_twice_by_an_alias_is_broken():
    with pytest.raises(Broken):
        read_yaml("&key command: mine\n*key : another")


def test_a_key_may_stand_in_two_mappings_and_as_a_value():
    text = "a: {a: a}\nb: [a, a, {a: 1}]"

    assert read_yaml(text) == {"a": {"a": "a"}, "b": ["a", "a", {"a": 1}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1: a", "YAML: the key 1 is not text; quote it"),
        ("on: a", "YAML: the key True is not text; quote it"),
        ("~: a", "YAML: the key None is not text; quote it"),
        ("1.5: a", "YAML: the key 1.5 is not text; quote it"),
        ("x:\n  - 1: a", "YAML: the key 1 is not text; quote it"),
        ("[1]: a", "YAML: line 1: a key must be text, written out"),
        ("? {a: b}\n: c", "YAML: line 1: a key must be text, written out"),
    ],
)
def test_a_key_that_is_no_text_is_broken(text, message):
    assert broken(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".nan", "YAML: nan has no JSON form; quote it"),
        (".inf", "YAML: inf has no JSON form; quote it"),
        ("-.inf", "YAML: -inf has no JSON form; quote it"),
        ("1.0e+400", "YAML: inf has no JSON form; quote it"),
        ("!!binary aGk=", "YAML: a bytes has no JSON form"),
        ("!!set {a}", "YAML: a set has no JSON form"),
        ("!!omap [a: 1]", "YAML: a tuple has no JSON form"),
        ("!!pairs [a: 1]", "YAML: a tuple has no JSON form"),
    ],
)
def test_a_value_without_a_json_form_is_broken(text, message):
    assert broken(f"a: [{text}]") == message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9" * 5000, id="decimal"),
        pytest.param("0x" + "f" * 5000, id="hexadecimal"),
        pytest.param("0" + "7" * 6000, id="octal"),
        pytest.param("0b" + "1" * 20_000, id="binary"),
    ],
)
def test_a_number_that_cannot_be_written_as_json_is_broken(text):
    with pytest.raises(Broken):
        read_yaml(f"backoffLimit: {text}")


@pytest.mark.parametrize(
    "tag", ["!foo", "!!python/object:os.system", "!!python/name:os.system", "!<tag:x.example,1:y>"]
)
def test_a_tag_that_is_not_of_yaml_is_broken(tag):
    assert "could not determine a constructor for the tag" in broken(f"a: {tag} b")


@pytest.mark.parametrize(
    "value",
    [
        "!!int ''",
        "!!int '-'",
        "!!int '_'",
        "!!int x",
        "!!float ''",
        "!!float x",
        "!!bool ''",
        "!!bool maybe",
        "!!binary x",
        "!!binary ü",
        "!!int {a: b}",
        "!!str [a]",
        "!!seq {a: b}",
        "!!map [a]",
        "!!merge x",
        "0x_",
        "0b_",
    ],
)
def test_a_value_that_does_not_fit_its_tag_is_broken(value):
    with pytest.raises(Broken):
        read_yaml(f"a: {value}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "a: 1\n---\nb: 2", "YAML: line 2, column 1: but found another document", id="two"
        ),
        pytest.param(
            "a:\n\tb: 1",
            "YAML: line 2, column 1: found character that cannot start any token",
            id="a tab",
        ),
        pytest.param(
            "a: b: c",
            "YAML: line 1, column 5: mapping values are not allowed in this context",
            id="two colons",
        ),
        pytest.param(
            "a: @b",
            "YAML: line 1, column 4: found character that cannot start any token",
            id="an at sign",
        ),
        pytest.param(
            "%YAML 2.0\n---\na",
            "YAML: line 1, column 1: found incompatible YAML document",
            id="another version",
        ),
        pytest.param(
            '"\\uD800"',
            "YAML: line 1, column 4: found invalid Unicode character escape code",
            id="an escaped surrogate",
        ),
    ],
)
def test_what_is_no_yaml_is_broken_with_its_place(text, message):
    assert broken(text) == message


@pytest.mark.parametrize(
    "text", ["\0", "a: \x01", "a: \ud800", "a: [1", "'a", "*", "&", "a: |x"], ids=ascii
)
def test_what_is_no_yaml_is_broken(text):
    assert broken(text).startswith("YAML: ")
