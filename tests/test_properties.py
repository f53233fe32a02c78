"""What holds for every input: nothing but values or a known refusal comes out of the core."""

import json
import re
from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from make import (
    BINARY_EVENT,
    MANIFEST,
    a_config_map,
    a_container,
    a_manifest,
    a_notification,
    an_alert,
)

from function.alerts import Alert, Notification, read_notification
from function.definitions import Definition, definition_name, read_definition
from function.errors import Broken, Refused
from function.injection import MAX_FILE, MAX_VALUE
from function.jobs import build_job
from function.local.rules import check_job
from function.manifests import read_yaml
from function.outcomes import Kind, Outcome, answer, one_line
from function.replies import read_reply
from function.settings import Settings

settings.register_profile(
    "suite",
    derandomize=True,
    max_examples=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("suite")

REFUSALS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
CONFIG_MAP_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
LABEL_NAME = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")

# Surrogates too: JSON can hold them alone.
HOSTILE = st.text(st.characters()) | st.text("aA0$()-_./ \0\n\"'\\\ud800ü🔥", max_size=80)
LONG = st.builds(lambda text, times: text * times, HOSTILE, st.integers(1, 5000))
LABELS = st.dictionaries(HOSTILE, HOSTILE | LONG, max_size=6)
STATUS = st.sampled_from(["firing", "resolved"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE, inner, max_size=4),
    max_leaves=10,
)
ALERT_FIELDS = ["status", "labels", "annotations", "startsAt", "fingerprint", "unknown"]
NOTIFICATION_FIELDS = ["status", "alerts", "groupLabels", "truncatedAlerts", "version", "unknown"]


@st.composite
def alerts(draw) -> Alert:
    labels = draw(LABELS)
    name = draw(st.none() | HOSTILE | LONG)
    if name is not None:
        labels["alertname"] = name
    status, starts_at, fingerprint = draw(STATUS), draw(HOSTILE), draw(HOSTILE)
    extra = draw(st.dictionaries(HOSTILE, JSON, max_size=2))
    source = {**extra, "status": status, "labels": labels, "startsAt": starts_at}
    return Alert(status, labels, starts_at, fingerprint, source)


@st.composite
def almost_alerts(draw):
    known = {"status": STATUS, "labels": LABELS, "startsAt": HOSTILE, "fingerprint": HOSTILE}
    names = draw(st.sets(st.sampled_from(ALERT_FIELDS)))
    return {name: draw(known.get(name, JSON) | JSON) for name in names}


@st.composite
def almost_notifications(draw):
    known = {
        "status": STATUS,
        "alerts": st.lists(almost_alerts() | JSON, max_size=3),
        "groupLabels": LABELS,
    }
    names = draw(st.sets(st.sampled_from(NOTIFICATION_FIELDS)))
    return {name: draw(known.get(name, JSON) | JSON) for name in names}


CONTENT_TYPES = st.sampled_from(
    [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/json; charset=utf-16",
        "text/plain",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from([*BINARY_EVENT, "ce-data", "ce-extensions", "ce-time", "traceparent"]),
    HOSTILE | st.sampled_from(["1.0", "0.3"]),
) | st.builds(lambda value: {"content-type": value}, CONTENT_TYPES | HOSTILE)
EVENTS = st.builds(
    lambda event, data: {**event, "data": data},
    st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "data_base64", "extensions"]),
        st.just("1.0") | JSON,
    ),
    almost_notifications(),
)
BODIES = (
    st.binary()
    | (almost_notifications() | EVENTS | JSON).map(lambda value: json.dumps(value).encode())
    | st.text('[]{}",:0-9eNaIu\\ ', max_size=40).map(str.encode)
    | st.sampled_from([b"1", b"1e5", b"1e999", b"-1e999", b"NaN", b"9" * 5000]).map(
        lambda number: b'{"alerts": [{"status": "firing", "x": ' + number + b"}]}"
    )
)


def job_of(alert: Alert, manifest=None, notification=None):
    """Return the Job of an alert; one that is too large is no example."""
    definition = definition_name(alert) or "openfero-a-firing"
    try:
        return build_job(
            Definition(definition, a_manifest() if manifest is None else manifest),
            alert,
            notification or a_notification(alert, groupKey="{}:{}"),
            "openfero-jobs",
        )[0]
    except Broken as exc:
        assume("at most 1048576 are sent" not in str(exc))
        raise


# Requests


@given(headers=st.just({}) | HEADERS, body=BODIES)
@settings(max_examples=200)
def test_a_request_gives_a_notification_or_is_refused(headers, body):
    try:
        result = read_notification(headers, body)
    except Refused as exc:
        result = exc.status

    assert isinstance(result, Notification) or result in REFUSALS


@given(found=st.lists(alerts(), min_size=1, max_size=4))
def test_what_was_read_can_be_written_again(found):
    body = json.dumps({"alerts": [alert.source for alert in found]}).encode()

    read = read_notification({}, body)

    assert json.loads(json.dumps([alert.source for alert in read.alerts], allow_nan=False)) == [
        alert.source for alert in found
    ]


# Definitions


@given(alert=alerts())
@settings(max_examples=60)
def test_the_name_of_a_definition_is_none_or_a_legal_one(alert):
    name = definition_name(alert)

    assert name is None or (CONFIG_MAP_NAME.fullmatch(name) and len(name) <= 253)


@given(name=st.text("aBz-09", max_size=40).map(lambda text: f"a{text}Z"))
def test_a_name_of_letters_digits_and_dashes_keeps_them(name):
    assert definition_name(an_alert(name)) == f"openfero-{name.lower()}-firing"


YAML_WORDS = st.lists(
    st.sampled_from(
        [
            *"-?:,[]{}#&*!|>'\"%@`\n\t _a1",
            *["!!int", "!!float", "!!bool", "!!binary", "!!set", "!!omap"],
            *["&a", "*a", "<<:", "a: ", "\n  ", "- ", "---\n", "0x", ".inf", "1:2"],
        ]
    ),
    max_size=12,
).map("".join)


@given(text=YAML_WORDS | HOSTILE | JSON.map(json.dumps))
@settings(max_examples=250)
def test_a_text_gives_what_json_can_hold_or_is_broken(text):
    try:
        value = read_yaml(text)
    except Broken:
        value = None

    assert json.loads(json.dumps(value, allow_nan=False)) == value


@given(
    tag=st.sampled_from(["int", "float", "bool", "null", "str", "timestamp", "binary", "set"]),
    value=st.text("'\"-+_.:0xbe19a[]{} ", max_size=5),
)
@settings(max_examples=200)
def test_a_tagged_value_gives_what_json_can_hold_or_is_broken(tag, value):
    try:
        read = read_yaml(f"a: !!{tag} {value}")
    except Broken:
        read = None

    assert json.loads(json.dumps(read, allow_nan=False)) == read


@given(manifest=JSON)
def test_json_is_read_as_the_yaml_that_it_is(manifest):
    text = json.dumps(manifest)
    if re.search(r"\\u[dD][89a-fA-F]", text):  # YAML has no lone surrogates
        return
    try:
        value = read_yaml(text)
    except Broken:
        value = manifest

    assert json.loads(json.dumps(value)) == value


@given(place=st.integers(0, len(MANIFEST)), spoilt=YAML_WORDS | HOSTILE, alert=alerts())
@settings(max_examples=100)
def test_a_definition_with_a_spoilt_place_gives_a_job_or_is_broken(place, spoilt, alert):
    text = MANIFEST[:place] + spoilt + MANIFEST[place:]
    try:
        definition = read_definition(a_config_map({"job.yaml": text}), alert)
        job, _ = build_job(definition, alert, a_notification(), "jobs")
    except Broken:
        return

    assert (job["kind"], job["metadata"]["namespace"]) == ("Job", "jobs")


# Jobs


@given(alert=alerts())
def test_the_name_of_a_job_is_a_dns_label_of_at_most_52_characters(alert):
    job = job_of(alert)

    assert DNS_LABEL.fullmatch(job["metadata"]["name"])
    assert len(job["metadata"]["name"]) <= 52


@given(alert=alerts())
def test_every_label_of_a_job_is_valid(alert):
    job = job_of(alert)

    labels = job["metadata"]["labels"] if job else {}
    assert [
        (name, value)
        for name, value in labels.items()
        if not (LABEL_NAME.fullmatch(name) and LABEL_VALUE.fullmatch(value))
    ] == []


@given(alert=alerts(), details=st.dictionaries(st.sampled_from(["groupKey", "receiver"]), LONG))
def test_the_file_is_json_of_at_most_128_kib(alert, details):
    job = job_of(alert, notification=Notification((alert,), details, False, ""))
    text = job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"] if job else "{}"

    json.loads(text, parse_constant=pytest.fail)
    assert len(text.encode()) <= MAX_FILE


@given(alert=alerts())
def test_the_file_holds_the_labels_as_they_are_or_cut(alert):
    job = job_of(alert)
    text = job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"] if job else "{}"

    told = json.loads(text).get("labels", {})
    assert all(alert.labels[name].startswith(value) for name, value in told.items())


def variables_of(job) -> dict[str, str]:
    container = job["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable["value"] for variable in container["env"]}


@given(alert=alerts())
def test_every_variable_has_a_legal_name(alert):
    job = job_of(alert)

    assert all(VARIABLE_NAME.fullmatch(name) for name in variables_of(job))


@given(alert=alerts())
def test_no_variable_is_expanded(alert):
    job = job_of(alert)

    values = variables_of(job).values() if job else ()
    assert [value for value in values if "$" in value.replace("$$", "")] == []


@given(text=HOSTILE | LONG)
@settings(max_examples=60)
def test_a_variable_is_the_text_of_its_label_up_to_the_cut(text):
    value = variables_of(job_of(an_alert(a=text)))["OPENFERO_A"].replace("$$", "$")

    expected = text.replace("\0", "")
    is_whole = len(expected.encode("utf-8", "surrogatepass")) <= MAX_VALUE
    assert value == expected if is_whole else without_surrogates(expected).startswith(value)


def without_surrogates(text: str) -> str:
    return text.encode("utf-8", "ignore").decode()


NAMES = st.text("abc-", min_size=1, max_size=3)
OBJECTS = st.fixed_dictionaries({"name": NAMES}, optional={"value": HOSTILE})
MOUNTS = st.fixed_dictionaries({"name": NAMES, "mountPath": st.text("/etc.openfro", max_size=14)})
MINE = st.dictionaries(st.text("abc/.", min_size=1, max_size=6), HOSTILE, max_size=3)


@st.composite
def manifests(draw):
    container = a_container(
        env=draw(st.lists(OBJECTS, max_size=3)), volumeMounts=draw(st.lists(MOUNTS, max_size=3))
    )
    manifest = a_manifest(
        {"containers": [container], "volumes": draw(st.lists(OBJECTS, max_size=3))}
    )
    manifest["metadata"] |= {"labels": draw(MINE), "annotations": draw(MINE)}
    manifest["spec"]["template"]["metadata"] = {"labels": draw(MINE), "annotations": draw(MINE)}
    return manifest


@given(manifest=manifests(), alert=alerts())
def test_lists_of_the_author_stay_untouched(manifest, alert):
    job = job_of(alert, manifest)
    pods = (job["spec"]["template"]["spec"], manifest["spec"]["template"]["spec"])
    ours, authors = ((pod["volumes"], pod["containers"][0]) for pod in pods)
    count = len(authors[1]["env"])
    assert (
        ours[0][: len(authors[0])],
        ours[1]["env"][len(ours[1]["env"]) - count :],
        ours[1]["volumeMounts"][: len(authors[1]["volumeMounts"])],
    ) == (authors[0], authors[1]["env"], authors[1]["volumeMounts"])


@given(manifest=manifests(), alert=alerts())
def test_labels_and_annotations_of_the_author_stay_untouched(manifest, alert):
    job = job_of(alert, manifest)
    pairs = [
        (job["metadata"], manifest["metadata"]),
        (job["spec"]["template"]["metadata"], manifest["spec"]["template"]["metadata"]),
    ]
    assert all(
        authors[kind].items() <= ours[kind].items()
        for ours, authors in pairs
        for kind in ("labels", "annotations")
    )


@given(manifest=manifests(), alert=alerts())
def test_no_volume_and_no_variable_of_ours_is_there_twice(manifest, alert):
    job = job_of(alert, manifest)
    pod = job["spec"]["template"]["spec"]
    env = pod["containers"][0]["env"]
    ours = [v["name"] for v in env if v["name"].startswith("OPENFERO_")]
    ours += [v["name"] for v in pod["volumes"] if v["name"].startswith("openfero-alert")]
    assert len(ours) == len(set(ours))


@given(alert=alerts())
def test_the_api_finds_nothing_wrong_with_what_is_added(alert):
    job = job_of(alert)

    assert check_job(json.loads(json.dumps(job))) == []


@given(manifest=JSON)
@settings(max_examples=50)
def test_any_object_becomes_a_job_or_is_broken(manifest):
    spec = manifest if isinstance(manifest, dict) else {"template": {"spec": manifest}}
    try:
        job, _ = build_job(
            Definition(
                "openfero-a-firing", {"apiVersion": "batch/v1", "kind": "Job", "spec": spec}
            ),
            an_alert(),
            a_notification(),
            "openfero-jobs",
        )
    except Broken:
        job = {}

    assert json.loads(json.dumps(job)) == job


# What goes back


@given(message=HOSTILE | LONG, limit=st.sampled_from([10, 200, 1024]))
def test_a_line_is_printable_and_never_too_long(message, limit):
    line = one_line(message, limit)

    assert (line.isprintable(), len(line.encode()) <= limit) == (True, True)


@given(alert=alerts(), kind=st.sampled_from(Kind), message=LONG, is_event=st.booleans())
def test_every_answer_is_json_or_one_short_line_or_empty(alert, kind, message, is_event):
    given_answer = answer([Outcome(alert, kind, None, None, message)], "1" if is_event else "")

    is_json = given_answer.headers.get("Content-Type") == "application/json"
    line = b"" if is_json else given_answer.body
    told = json.loads(given_answer.body)["outcomes"][0]["outcome"] if is_json else kind
    assert (told, len(line) <= 200, b"\n" in line) == (kind, True, False)


@given(
    status=st.integers(100, 599),
    body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
    warnings=st.lists(HOSTILE, max_size=3),
)
@settings(max_examples=50)
def test_whatever_the_api_server_answers_is_read(status, body, warnings):
    reply = read_reply(status, body, warnings)

    assert (reply.is_refusal and reply.is_worth_another_try) is False


@given(text=HOSTILE.filter(bool))
def test_paths_are_taken_as_they_are(text):
    taken = Settings.from_environ({"OPENFERO_TOKEN_FILE": text, "KUBECONFIG": text})

    assert (taken.token_file, taken.kubeconfig) == (text, text)
