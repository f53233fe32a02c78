"""What a job is told about its alert: hostile text stays text, and what is cut is said."""

import json

import pytest
from make import STARTS_AT, a_container, a_notification, alert_json, an_alert

from function.errors import Broken
from function.injection import (
    FILE_ANNOTATION,
    MAX_FILE,
    MAX_VALUE,
    alert_file,
    tell_containers,
    variables,
)

DEFINITION = "openfero-kubequotaalmostfull-firing"
VALUES = {"OPENFERO_POD": "web-1", "OPENFERO_ALERT_STATUS": "firing"}


def told_by_file(alert=None, notification=None) -> tuple[str, list[str]]:
    warnings: list[str] = []
    text = alert_file(alert or an_alert(), notification or a_notification(), warnings)
    return text, warnings


def told_by_variables(alert, notification=None) -> tuple[dict[str, str], list[str]]:
    warnings: list[str] = []
    return variables(alert, notification or a_notification(), DEFINITION, warnings), warnings


def told(pod: dict, values: dict[str, str] | None = None) -> tuple[dict, list[str]]:
    warnings: list[str] = []
    tell_containers(pod, VALUES if values is None else values, warnings)
    return pod, warnings


def broken(pod: dict) -> str:
    with pytest.raises(Broken) as caught:
        tell_containers(pod, VALUES, [])
    return str(caught.value)


# The file


def test_the_file_is_the_alert_as_it_was_sent_plus_what_is_told_of_its_group():
    source = alert_json(somethingNew={"a": [1, 2.5, None, True]}, score=10**20)
    notification = a_notification(groupKey="{}:{}", receiver="openfero", truncatedAlerts=2)

    text, _ = told_by_file(an_alert(source=source), notification)

    assert json.loads(text) == {
        **source,
        "notification": {"groupKey": "{}:{}", "receiver": "openfero", "truncatedAlerts": 2},
    }


def test_the_file_holds_any_script_as_it_is():
    source = alert_json(labels={"alertname": "überläuft 🔥\u2028 </script> \u202e \x00"})

    text, _ = told_by_file(an_alert(source=source))

    assert json.loads(text)["labels"] == source["labels"]


def test_the_file_holds_a_dollar_sign_as_it_is():
    """Nothing expands what is in an annotation."""
    text, _ = told_by_file(an_alert(source={"labels": {"a": "$(SECRET)"}}))

    assert json.loads(text)["labels"] == {"a": "$(SECRET)"}


def test_a_lone_surrogate_stays_the_escape_that_it_came_as():
    text, _ = told_by_file(an_alert(source={"labels": {"a": "\\\ud800"}}))

    assert (text.encode() and json.loads(text)["labels"]) == {"a": "\\\ud800"}


def test_a_repair_that_is_run_again_is_told_of_the_new_notification():
    source = alert_json(notification={"receiver": "old"})

    text, _ = told_by_file(an_alert(source=source), a_notification(receiver="new"))

    assert json.loads(text)["notification"] == {"receiver": "new"}


def test_nothing_is_said_about_a_file_that_fits():
    _, warnings = told_by_file()

    assert warnings == []


def test_a_file_of_exactly_128_kib_is_not_cut():
    empty, _ = told_by_file(an_alert(source={"a": ""}), a_notification(receiver="r"))
    source = {"a": "x" * (MAX_FILE - len(empty))}

    text, warnings = told_by_file(an_alert(source=source), a_notification(receiver="r"))

    assert (len(text), warnings) == (MAX_FILE, [])


OVERSIZED = {
    "a long annotation": alert_json(annotations={"description": "x" * 200_000}),
    "many labels": alert_json(labels={f"label{n:05}": "x" * 40 for n in range(5000)}),
    "a long label of umlauts": alert_json(labels={"alertname": "A", "a": "ü" * 100_000}),
    "a long label of emoji": alert_json(labels={"alertname": "A", "a": "🔥" * 100_000}),
    "a long label of quotes": alert_json(labels={"alertname": "A", "a": '"' * 130_000}),
    "a long label of surrogates": alert_json(labels={"alertname": "A", "a": "\ud800" * 50_000}),
    "a long name of a label": alert_json(labels={"alertname": "A", "a" * 200_000: "x"}),
    "a long list": alert_json(somethingNew=[1] * 70_000),
    "a long list of texts": alert_json(somethingNew=["text"] * 20_000),
    "a long number": alert_json(somethingNew=[10**4000] * 40),
}


@pytest.fixture(scope="module", params=OVERSIZED.values(), ids=OVERSIZED.keys())
def cut_file(request) -> str:
    return told_by_file(an_alert(source=request.param))[0]


def test_a_file_that_is_cut_has_at_most_128_kib(cut_file):
    assert len(cut_file.encode()) <= MAX_FILE


def test_a_file_that_is_cut_is_still_json(cut_file):
    assert isinstance(json.loads(cut_file), dict)


def test_a_file_that_is_cut_keeps_the_status(cut_file):
    """So that the job knows, and what was saved can be posted again."""
    assert json.loads(cut_file)["status"] == "firing"


def test_only_the_longest_values_are_cut():
    source = alert_json(annotations={"description": "x" * 200_000, "summary": "short"})

    text, _ = told_by_file(an_alert(source=source))

    assert json.loads(text)["annotations"]["summary"] == "short"


def test_a_cut_file_still_holds_what_is_short():
    """Whatever is in the labels, the start and the fingerprint stay whole."""
    source = alert_json(labels={f"label{n:05}": "x" * 40 for n in range(4000)})

    text, _ = told_by_file(an_alert(source=source))

    assert json.loads(text).get("startsAt") == STARTS_AT


def test_it_is_said_that_a_file_is_cut():
    source = {"a": "x" * 200_000}

    _, warnings = told_by_file(an_alert(source=source), a_notification(receiver="r"))

    assert warnings == ["alert.json is cut: 200040 bytes, at most 131072 are kept"]


# The variables


def test_each_label_has_its_variable():
    values, _ = told_by_variables(an_alert("DiskFull", namespace="shop", pod="web-1"))

    assert {
        "OPENFERO_ALERTNAME": "DiskFull",
        "OPENFERO_NAMESPACE": "shop",
        "OPENFERO_POD": "web-1",
    }.items() <= values.items()


def test_the_alert_itself_is_told_in_variables():
    alert = an_alert(None, status="resolved", fingerprint="c043364353c42f78")

    values, _ = told_by_variables(alert)

    assert values == {
        "OPENFERO_ALERT_STATUS": "resolved",
        "OPENFERO_ALERT_FINGERPRINT": "c043364353c42f78",
        "OPENFERO_ALERT_STARTS_AT": STARTS_AT,
        "OPENFERO_DEFINITION": DEFINITION,
    }


def test_the_trace_context_is_told_if_there_is_one():
    values, _ = told_by_variables(an_alert(), a_notification(traceparent="00-a-b-01"))

    assert values["TRACEPARENT"] == "00-a-b-01"


def test_a_label_with_a_dollar_sign_reaches_the_job_unexpanded():
    values, _ = told_by_variables(an_alert(a="$(DB_PASSWORD) $$ $HOME ${HOME} $"))

    assert values["OPENFERO_A"] == "$$(DB_PASSWORD) $$$$ $$HOME $${HOME} $$"


@pytest.mark.parametrize(
    "alert", [an_alert(starts_at="$(X)"), an_alert(fingerprint="$(X)")], ids=["start", "print"]
)
def test_a_field_with_a_dollar_sign_reaches_the_job_unexpanded(alert):
    values, _ = told_by_variables(alert)

    assert "$(X)" not in {value.replace("$$", "") for value in values.values()}


@pytest.mark.parametrize(
    "text",
    ["a\nb", "'; rm -rf /; '", '"', "`id`", "überläuft 🔥", "\u202e", "{{ .Alert }}", " ", ""],
)
def test_hostile_text_reaches_the_job_as_it_is(text):
    values, _ = told_by_variables(an_alert(a=text))

    assert values["OPENFERO_A"] == text


def test_nothing_is_said_about_labels_with_plain_names():
    _, warnings = told_by_variables(an_alert(pod="a", Pod_2="b"))

    assert warnings == []


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("kubernetes.io/name", "OPENFERO_KUBERNETES_IO_NAME"),
        ("größe", "OPENFERO_GR__E"),
        ("a b", "OPENFERO_A_B"),
        ("a=b", "OPENFERO_A_B"),
        ("a\nb", "OPENFERO_A_B"),
        ("a\0b", "OPENFERO_A_B"),
        ("a\ud800b", "OPENFERO_A_B"),
        ("\u212aelvin", "OPENFERO__ELVIN"),
        ("ß", "OPENFERO__"),
    ],
    ids=ascii,
)
def test_a_label_whose_name_no_variable_can_have_is_renamed(label, name):
    values, _ = told_by_variables(an_alert(**{label: "x"}))

    assert values[name] == "x"


def test_it_is_said_that_a_label_is_renamed():
    _, warnings = told_by_variables(an_alert(**{"größe": "x"}))

    assert warnings == ["label größe is OPENFERO_GR__E"]


@pytest.mark.parametrize(
    "label",
    [
        "alert_status",
        "ALERT_STATUS",
        "alert.status",
        "alert_fingerprint",
        "alert_starts_at",
        "alert_file",
        "definition",
    ],
)
def test_a_label_cannot_take_a_reserved_name(label):
    values, _ = told_by_variables(an_alert(**{label: "hostile"}))

    assert "hostile" not in values.values()


def test_it_is_said_that_a_name_is_reserved():
    _, warnings = told_by_variables(an_alert(definition="x"))

    assert warnings == ["label definition is only in alert.json: OPENFERO_DEFINITION is reserved"]


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        ({"pod": "lower", "Pod": "title", "POD": "upper"}, "upper"),
        ({"a_b": "underscore", "a.b": "dot", "a-b": "dash"}, "dash"),
    ],
    ids=["cases", "signs"],
)
def test_of_labels_that_share_a_name_the_alphabetically_first_wins(labels, value):
    values, _ = told_by_variables(an_alert(None, **labels))

    assert values.get("OPENFERO_POD", values.get("OPENFERO_A_B")) == value


def test_it_is_said_which_label_has_no_variable():
    _, warnings = told_by_variables(an_alert(pod="a", Pod="b"))

    assert warnings == ["label pod is only in alert.json: another one is OPENFERO_POD"]


def test_nul_goes_because_no_variable_can_hold_it():
    values, _ = told_by_variables(an_alert(a="x\0y\0"))

    assert values["OPENFERO_A"] == "xy"


def test_it_is_said_that_nul_goes():
    _, warnings = told_by_variables(an_alert(a="x\0"))

    assert warnings == ["OPENFERO_A is without its NUL characters, which no variable can hold"]


def test_a_value_of_exactly_32_kib_is_not_cut():
    values, warnings = told_by_variables(an_alert(a="x" * MAX_VALUE))

    assert (values["OPENFERO_A"], warnings) == ("x" * MAX_VALUE, [])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 40_000, "x" * 32_768),
        ("ü" * 20_000, "ü" * 16_384),
        ("x" + "ü" * 20_000, "x" + "ü" * 16_383),
        ("🔥" * 10_000, "🔥" * 8_192),
        ("$" * 40_000, "$$" * 32_768),
    ],
    ids=["ascii", "umlauts", "never within a character", "emoji", "before it is escaped"],
)
def test_a_value_is_cut_at_32_kib(text, kept):
    values, _ = told_by_variables(an_alert(a=text))

    assert values["OPENFERO_A"] == kept


def test_it_is_said_that_a_value_is_cut():
    _, warnings = told_by_variables(an_alert(a="x" * 40_000))

    assert warnings == ["OPENFERO_A is cut: 40000 bytes, at most 32768 are kept"]


def test_a_field_of_the_alert_is_cut_like_a_label():
    values, _ = told_by_variables(an_alert(starts_at="x" * 40_000))

    assert values["OPENFERO_ALERT_STARTS_AT"] == "x" * 32_768


# The containers


def test_every_container_and_init_container_is_told():
    """The first OpenFero told the first container only."""
    pod, _ = told(
        {
            "initContainers": [a_container(name="a"), a_container(name="b")],
            "containers": [a_container(name="c"), a_container(name="d")],
        }
    )

    names = [
        [variable["name"] for variable in container["env"]]
        for container in pod["initContainers"] + pod["containers"]
    ]
    assert names == [["OPENFERO_POD", "OPENFERO_ALERT_STATUS", "OPENFERO_ALERT_FILE"]] * 4


def test_ours_come_before_the_authors_who_can_refer_to_them():
    author = {"name": "TARGET", "value": "$(OPENFERO_POD)"}

    pod, _ = told({"containers": [a_container(env=[author])]})

    assert pod["containers"][0]["env"] == [
        {"name": "OPENFERO_POD", "value": "web-1"},
        {"name": "OPENFERO_ALERT_STATUS", "value": "firing"},
        {"name": "OPENFERO_ALERT_FILE", "value": "/etc/openfero/alert.json"},
        author,
    ]


@pytest.mark.parametrize("name", [*VALUES, "OPENFERO_ALERT_FILE"])
def test_a_label_cannot_overwrite_a_variable_of_the_author(name):
    """In the first OpenFero the label came last, and the last one wins."""
    author = {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}

    pod, _ = told({"containers": [a_container(env=[author])]})

    assert [v for v in pod["containers"][0]["env"] if v["name"] == name] == [author]


def test_the_same_variable_twice_is_the_authors_business():
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]

    pod, _ = told({"containers": [a_container(env=list(twice))]})

    assert pod["containers"][0]["env"][-2:] == twice


def test_the_file_is_mounted_read_only_where_the_variable_says():
    pod, _ = told({"containers": [a_container()]})

    assert pod["containers"][0]["volumeMounts"] == [
        {"name": "openfero-alert", "mountPath": "/etc/openfero", "readOnly": True}
    ]


def test_the_file_is_the_annotation_of_the_pod():
    pod, _ = told({"containers": [a_container()]})

    field = {"fieldPath": f"metadata.annotations['{FILE_ANNOTATION}']"}
    assert pod["volumes"] == [
        {
            "name": "openfero-alert",
            "downwardAPI": {"items": [{"path": "alert.json", "fieldRef": field}]},
        }
    ]


def test_volumes_and_mounts_of_the_author_stay_and_come_first():
    volume = {"name": "work", "emptyDir": {}}
    mount = {"name": "work", "mountPath": "/work"}

    pod, _ = told({"volumes": [volume], "containers": [a_container(volumeMounts=[mount])]})

    assert (pod["volumes"][0], pod["containers"][0]["volumeMounts"][0]) == (volume, mount)


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        (["openfero-alert"], "openfero-alert-2"),
        (["openfero-alert", "openfero-alert-2"], "openfero-alert-3"),
        (["openfero-alert-2"], "openfero-alert"),
    ],
    ids=["one", "two", "another"],
)
def test_a_volume_of_the_author_keeps_its_name(taken, name):
    volumes = [{"name": each, "emptyDir": {}} for each in taken]

    pod, _ = told({"volumes": volumes, "containers": [a_container()]})

    assert (pod["volumes"][-1]["name"], pod["containers"][0]["volumeMounts"][0]["name"]) == (
        name,
        name,
    )


MOUNTS_IN_THE_WAY = [
    "/etc/openfero",
    "/etc/openfero/",
    "//etc//openfero",
    "/etc/./openfero",
    "/var/../etc/openfero",
    "etc/openfero",
    "/etc/openfero/alert.json",
    "/etc/openfero/sub",
    "/etc",
    "/",
]


@pytest.mark.parametrize("path", MOUNTS_IN_THE_WAY)
def test_the_file_is_left_out_where_the_author_mounts(path):
    mount = {"name": "mine", "mountPath": path}

    pod, _ = told({"containers": [a_container(volumeMounts=[mount])]})

    assert (pod["containers"][0]["volumeMounts"], pod.get("volumes")) == ([mount], None)


@pytest.mark.parametrize("path", MOUNTS_IN_THE_WAY)
def test_no_variable_names_a_file_that_is_left_out(path):
    mount = {"name": "mine", "mountPath": path}

    pod, _ = told({"containers": [a_container(volumeMounts=[mount])]})

    names = [variable["name"] for variable in pod["containers"][0]["env"]]
    assert names == ["OPENFERO_POD", "OPENFERO_ALERT_STATUS"]


def test_it_is_said_where_the_file_is_left_out():
    mount = {"name": "mine", "mountPath": "/etc/openfero"}
    containers = [a_container(), a_container(volumeMounts=[mount])]

    _, warnings = told({"containers": containers})

    assert warnings == [
        "spec.template.spec.containers[1] has no /etc/openfero/alert.json: "
        "the manifest mounts there itself"
    ]


def test_the_other_containers_have_the_file_all_the_same():
    mount = {"name": "mine", "mountPath": "/etc/openfero"}
    containers = [a_container(volumeMounts=[mount]), a_container()]

    pod, _ = told({"containers": containers})

    assert pod["containers"][1]["volumeMounts"][0]["mountPath"] == "/etc/openfero"


@pytest.mark.parametrize("path", ["/etc/openfero-2", "/etcetera", "/opt/etc/openfero", "/openfero"])
def test_a_mount_elsewhere_is_not_in_the_way(path):
    mount = {"name": "mine", "mountPath": path}

    pod, _ = told({"containers": [a_container(volumeMounts=[mount])]})

    assert pod["containers"][0]["volumeMounts"][-1]["mountPath"] == "/etc/openfero"


@pytest.mark.parametrize("pod", [{}, {"containers": None}, {"containers": []}], ids=repr)
def test_a_manifest_without_containers_harms_nobody(pod):
    """It killed the process of the first OpenFero; here the API server says what is wrong."""
    told_pod, _ = told(pod)

    assert "volumes" not in told_pod


@pytest.mark.parametrize("field", ["env", "volumeMounts"])
def test_a_field_of_a_container_may_be_null(field):
    pod, _ = told({"containers": [a_container(**{field: None})], "volumes": None})

    assert pod["containers"][0][field]


NOT_LISTS_OF_OBJECTS = [{}, {"a": 1}, "text", 1, True, ["text"], [None], [[]]]


@pytest.mark.parametrize("value", NOT_LISTS_OF_OBJECTS, ids=repr)
@pytest.mark.parametrize("field", ["volumes", "containers", "initContainers"])
def test_a_field_of_the_pod_that_is_no_list_of_objects_is_broken(field, value):
    pod = {"containers": [a_container()], field: value}

    assert broken(pod) == f"spec.template.spec.{field} must be a list of objects"


@pytest.mark.parametrize("value", NOT_LISTS_OF_OBJECTS, ids=repr)
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize("field", ["env", "volumeMounts"])
def test_a_field_of_a_container_that_is_no_list_of_objects_is_broken(kind, field, value):
    pod = {kind: [a_container(), a_container(**{field: value})]}

    assert broken(pod) == f"spec.template.spec.{kind}[1].{field} must be a list of objects"


@pytest.mark.parametrize("name", [None, 1, [], {}], ids=repr)
def test_a_name_of_another_type_is_left_to_the_api_server(name):
    pod, _ = told({"volumes": [{"name": name}], "containers": [a_container(env=[{"name": name}])]})

    assert (pod["volumes"][0], pod["containers"][0]["env"][-1]) == ({"name": name}, {"name": name})
