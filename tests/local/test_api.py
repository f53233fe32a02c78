"""The embedded API over HTTP: what it answers is what a real API server answers."""

import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from local.client import CONFIG_MAPS, JOBS, Client, Watch, build_config_map, build_job

from function.local.resources import NAMESPACES
from function.local.server import LocalAPI
from function.local.statuses import Refusal
from function.local.store import Store
from function.local.verbs import Verbs
from function.local.watching import Watch as Watching

EVENTS = "/api/v1/namespaces/default/events"
STRICT = "?fieldValidation=Strict"


def test_a_created_job_carries_what_the_server_owns(client: Client) -> None:
    answer = client.post(JOBS, build_job())
    metadata, spec = answer.body["metadata"], answer.body["spec"]
    assert answer.status == 201
    assert metadata["namespace"] == "default"
    assert metadata["generation"] == 1
    assert {"uid", "resourceVersion", "creationTimestamp"} <= set(metadata)
    assert spec["selector"]["matchLabels"] == {
        "batch.kubernetes.io/controller-uid": metadata["uid"]
    }
    assert spec["template"]["metadata"]["labels"]["job-name"] == "repair"
    assert (spec["backoffLimit"], spec["completions"], spec["suspend"]) == (6, 1, False)


def test_a_second_create_of_a_name_is_already_exists(client: Client) -> None:
    client.post(JOBS, build_job())
    answer = client.post(JOBS, build_job())
    assert answer.status == 409
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'jobs.batch "repair" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "repair", "group": "batch", "kind": "jobs"},
        "code": 409,
    }


def test_of_fifty_creates_at_once_exactly_one_is_created(
    api: LocalAPI, connect: Callable[[LocalAPI], Client]
) -> None:
    clients = [connect(api) for _ in range(50)]
    barrier = threading.Barrier(50)

    def create(client: Client) -> int:
        barrier.wait()
        return client.post(JOBS, build_job()).status

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(create, clients))
    assert sorted(statuses) == [201] + [409] * 49


def test_a_missing_object_is_named_in_the_details(client: Client) -> None:
    answer = client.get(f"{CONFIG_MAPS}/nothing")
    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'configmaps "nothing" not found'
    assert answer.body["details"] == {"name": "nothing", "kind": "configmaps"}


@pytest.mark.parametrize(
    "path",
    [
        "/apis/batch/v2/namespaces/default/jobs",
        "/apis/batch/v1/configmaps",
        "/api/v1/namespaces/default/secrets",
        "/api/v1/namespaces/default/configmaps/x/status",
        "/api/v1/configmaps/x",
    ],
)
def test_a_wrong_path_is_not_found_without_details(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status, answer.body["reason"], answer.body["details"]) == (404, "NotFound", {})


def test_a_path_outside_of_the_api_is_not_found_in_plain_text(client: Client) -> None:
    answer = client.get("/prefix/api/v1/namespaces")
    assert (answer.status, answer.body) == (404, "404 page not found\n")


def test_a_create_into_a_missing_namespace_names_the_namespace(client: Client) -> None:
    answer = client.post("/apis/batch/v1/namespaces/nowhere/jobs", build_job())
    assert (answer.status, answer.body["message"]) == (404, 'namespaces "nowhere" not found')
    assert answer.body["details"] == {"name": "nowhere", "kind": "namespaces"}


def test_a_foreign_namespace_in_the_body_is_a_bad_request(client: Client) -> None:
    job = build_job()
    job["metadata"]["namespace"] = "other"
    answer = client.post(JOBS, job)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "does not match the namespace sent on the request" in answer.body["message"]


def test_an_invalid_job_is_refused_with_every_cause(client: Client) -> None:
    job = build_job(backoffLimit=-1)
    del job["spec"]["template"]["spec"]["containers"][0]["image"]
    answer = client.post(JOBS, job)
    negative = "Invalid value: -1: must be greater than or equal to 0"
    image = "spec.template.spec.containers[0].image"
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == (
        f'Job.batch "repair" is invalid: [spec.backoffLimit: {negative}, {image}: Required value]'
    )
    assert answer.body["details"] == {
        "name": "repair",
        "group": "batch",
        "kind": "Job",
        "causes": [
            {"reason": "FieldValueInvalid", "message": negative, "field": "spec.backoffLimit"},
            {"reason": "FieldValueRequired", "message": "Required value", "field": image},
        ],
    }


def test_a_wrong_type_is_a_bad_request(client: Client) -> None:
    answer = client.post(JOBS, build_job(backoffLimit="3"))
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == (
        'Job in version "v1" cannot be handled as a Job: json: cannot unmarshal string into '
        "Go struct field JobSpec.spec.backoffLimit of type int32"
    )


def slipped_job() -> dict[str, Any]:
    job = build_job()
    job["spec"]["template"]["labels"] = {"a": "b"}
    job["spec"]["template"]["spec"]["imagePullPolicy"] = "Always"
    return job


def test_under_strict_validation_unknown_fields_are_refused(client: Client) -> None:
    answer = client.post(JOBS + STRICT, slipped_job())
    assert answer.status == 400
    assert answer.body["message"] == (
        'Job in version "v1" cannot be handled as a Job: strict decoding error: '
        'unknown field "spec.template.spec.imagePullPolicy", unknown field "spec.template.labels"'
    )


def test_by_default_unknown_fields_are_dropped_with_a_warning_each(client: Client) -> None:
    answer = client.post(JOBS, slipped_job())
    assert answer.status == 201
    assert "labels" not in answer.body["spec"]["template"]
    assert sorted(answer.headers.get_all("Warning", [])) == [
        '299 - "unknown field \\"spec.template.labels\\""',
        '299 - "unknown field \\"spec.template.spec.imagePullPolicy\\""',
    ]


def test_when_told_to_ignore_them_unknown_fields_are_dropped_in_silence(client: Client) -> None:
    answer = client.post(f"{JOBS}?fieldValidation=Ignore", slipped_job())
    assert (answer.status, answer.headers.get_all("Warning")) == (201, None)


def test_a_repeated_variable_is_warned_of_even_under_strict(client: Client) -> None:
    job = build_job()
    env = [{"name": "Ü", "value": "1"}, {"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    job["spec"]["template"]["spec"]["containers"][0]["env"] = env[1:]
    answer = client.post(JOBS + STRICT, job)
    assert answer.status == 201
    assert 'hides previous definition of \\"A\\"' in answer.headers["Warning"]


def test_a_warning_is_utf8(client: Client) -> None:
    answer = client.post(CONFIG_MAPS, build_config_map(größe=1))
    assert answer.headers["Warning"].encode("latin-1").decode() == (
        '299 - "unknown field \\"größe\\""'
    )


def test_a_warning_with_control_characters_is_not_sent(client: Client) -> None:
    answer = client.post(CONFIG_MAPS, build_config_map(**{"a\r\nb": 1}))
    assert (answer.status, answer.headers.get_all("Warning")) == (201, None)


def test_a_dry_run_judges_and_keeps_nothing(client: Client) -> None:
    path = f"{JOBS}?dryRun=All"
    assert client.post(path, build_job()).status == 201
    assert client.get(f"{JOBS}/repair").status == 404
    assert client.post(path, build_job(backoffLimit=-1)).status == 422
    client.post(JOBS, build_job())
    assert client.post(path, build_job()).status == 409
    assert client.ask("DELETE", f"{JOBS}/repair?dryRun=All").status == 200
    assert client.get(f"{JOBS}/repair").status == 200


def test_a_generated_name_is_the_prefix_and_five_letters(client: Client) -> None:
    job = build_job()
    job["metadata"] = {"generateName": "repair-"}
    name = client.post(JOBS, job).body["metadata"]["name"]
    assert name.startswith("repair-")
    assert len(name) == len("repair-") + 5


def test_the_status_of_a_new_job_is_the_servers_to_write(client: Client) -> None:
    answer = client.post(JOBS, {**build_job(), "status": {"succeeded": 1}})
    assert answer.body["status"] == {}


def test_a_resource_version_on_a_new_object_is_refused(client: Client) -> None:
    job = build_job()
    job["metadata"]["resourceVersion"] = "7"
    answer = client.post(JOBS, job)
    assert (answer.status, answer.body.get("reason")) == (500, None)
    assert answer.body["message"] == "resourceVersion should not be set on objects to be created"


def test_text_is_kept_to_the_byte(client: Client) -> None:
    text = "\0\x1b\u2028\u202e🦊ü\r\n"
    client.post(CONFIG_MAPS, build_config_map(data={"text": text}))
    assert client.get(f"{CONFIG_MAPS}/definition").body["data"] == {"text": text}


def test_half_a_surrogate_pair_becomes_a_replacement_character(client: Client) -> None:
    body = b'{"metadata": {"name": "a"}, "data": {"text": "\\ud800 \\ud83e\\udd8a"}}'
    assert client.ask("POST", CONFIG_MAPS, body).body["data"] == {"text": "\ufffd 🦊"}


def test_the_second_half_of_a_surrogate_pair_by_itself_becomes_one_too(client: Client) -> None:
    body = b'{"metadata": {"name": "a"}, "data": {"text": "\\udfff"}}'
    assert client.ask("POST", CONFIG_MAPS, body).body["data"] == {"text": "\ufffd"}


@pytest.mark.parametrize("body", [b"{", b"[]", b"NaN", b'"x"', b"[" * 5000, b""])
def test_what_is_no_object_is_a_bad_request(client: Client, body: bytes) -> None:
    answer = client.ask("POST", JOBS, body)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


def test_another_kind_is_a_bad_request(client: Client) -> None:
    answer = client.post(JOBS, build_config_map())
    assert answer.status == 400
    assert 'ConfigMap in version "v1" cannot be handled as a Job' in answer.body["message"]


def test_a_body_over_three_mebibytes_is_too_large(client: Client) -> None:
    answer = client.ask("POST", CONFIG_MAPS, b" " * (3 * 1024 * 1024 + 1))
    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")
    assert client.get(CONFIG_MAPS).status == 200


def test_another_format_is_an_unsupported_media_type(client: Client) -> None:
    answer = client.ask("POST", CONFIG_MAPS, b"<a/>", "application/xml")
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


PROTOBUF = "application/vnd.kubernetes.protobuf"


def field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def enveloped(kind: bytes, raw: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, b"v1") + field(2, kind)) + field(2, raw)


def test_a_config_map_may_come_in_protobuf(client: Client) -> None:
    data = field(2, field(1, b"a") + field(2, b"\x08\0")) + field(2, field(1, b"empty"))
    raw = field(1, field(1, b"cm") + field(8, b"")) + data
    answer = client.ask("POST", CONFIG_MAPS, enveloped(b"ConfigMap", raw), PROTOBUF)
    assert answer.status == 201
    assert answer.body["data"] == {"a": "\x08\0", "empty": ""}


def test_what_protobuf_is_not_read_is_refused_with_a_way_out(client: Client) -> None:
    for body in enveloped(b"Secret", b""), enveloped(b"ConfigMap", field(9, b"new")):
        answer = client.ask("POST", CONFIG_MAPS, body, PROTOBUF)
        assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
        assert "kubectl create -f" in answer.body["message"]


@pytest.mark.parametrize("cut", [6, 12, 20, -1])
def test_a_protobuf_body_that_is_cut_short_is_a_bad_request(client: Client, cut: int) -> None:
    raw = field(1, field(1, b"cm"))
    answer = client.ask("POST", CONFIG_MAPS, enveloped(b"ConfigMap", raw)[:cut], PROTOBUF)
    assert answer.status == 400


def test_a_json_patch_is_an_unsupported_media_type(client: Client) -> None:
    client.post(JOBS, build_job())
    answer = client.ask("PATCH", f"{JOBS}/repair", {}, "application/json-patch+json")
    assert answer.status == 415


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/apis/batch/v1/jobs"),
        ("PUT", JOBS),
        ("OPTIONS", JOBS),
        ("POST", "/version"),
        ("DELETE", f"{JOBS}/repair/status"),
    ],
)
def test_a_path_does_not_take_every_method(client: Client, method: str, path: str) -> None:
    answer = client.ask(method, path)
    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")


def test_every_answer_carries_a_date(client: Client) -> None:
    for path in JOBS, "/nowhere":
        date = parsedate_to_datetime(client.get(path).headers["Date"])
        assert abs(date.timestamp() - time.time()) < 5


def test_the_values_of_a_config_map_are_texts(client: Client) -> None:
    answer = client.post(CONFIG_MAPS, build_config_map(data={"job.yaml": {"kind": "Job"}}))
    assert answer.status == 400
    assert "Go struct field ConfigMap.data of type string" in answer.body["message"]


def test_a_config_map_holds_a_mebibyte(client: Client) -> None:
    full = build_config_map(data={"a": "x" * 1_048_576})
    assert client.post(CONFIG_MAPS, full).status == 201
    answer = client.post(CONFIG_MAPS, build_config_map("more", data={"a": "x" * 1_048_577}))
    assert answer.status == 422
    assert answer.body["message"].endswith("[]: Too long: may not be more than 1048576 bytes")


@pytest.mark.parametrize("key", ["a b", "a/b", "ü", "", ".."])
def test_a_key_of_a_config_map_cannot_be_anything(client: Client, key: str) -> None:
    assert client.post(CONFIG_MAPS, build_config_map(data={key: ""})).status == 422


def test_an_immutable_config_map_can_still_be_labelled(client: Client) -> None:
    client.post(CONFIG_MAPS, build_config_map(immutable=True))
    path = f"{CONFIG_MAPS}/definition"
    assert client.merge(path, {"metadata": {"labels": {"a": "b"}}}).status == 200
    answer = client.merge(path, {"data": {"a": "b"}})
    assert answer.status == 422
    assert "data: Forbidden: field is immutable when `immutable` is set" in answer.body["message"]


def test_a_binary_config_map_has_no_data(client: Client) -> None:
    binary = {"metadata": {"name": "binary"}, "binaryData": {"a": "/w=="}}
    assert "data" not in client.post(CONFIG_MAPS, binary).body
    answer = client.post(CONFIG_MAPS, {"metadata": {"name": "b"}, "binaryData": {"a": "ü"}})
    assert answer.status == 400


def test_an_update_with_an_old_version_is_a_conflict(client: Client) -> None:
    first = client.post(CONFIG_MAPS, build_config_map()).body
    path = f"{CONFIG_MAPS}/definition"
    assert client.ask("PUT", path, {**first, "data": {"a": "1"}}).status == 200
    answer = client.ask("PUT", path, {**first, "data": {"a": "2"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in answer.body["message"]
    assert client.get(path).body["data"] == {"a": "1"}


def test_an_update_cannot_rename(client: Client) -> None:
    client.post(CONFIG_MAPS, build_config_map())
    answer = client.ask("PUT", f"{CONFIG_MAPS}/definition", build_config_map("another"))
    assert answer.status == 400


def test_a_patch_merges_and_null_takes_away(client: Client) -> None:
    client.post(CONFIG_MAPS, build_config_map(data={"a": "1", "b": "2"}))
    patch = {"data": {"a": None, "c": "3"}}
    assert client.merge(f"{CONFIG_MAPS}/definition", patch).body["data"] == {"b": "2", "c": "3"}


def test_a_patch_that_makes_an_object_unreadable_is_invalid(client: Client) -> None:
    client.post(JOBS, build_job())
    answer = client.merge(f"{JOBS}/repair", {"spec": {"suspend": "yes"}})
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "patch"


def test_a_job_without_labels_takes_those_of_its_pods(client: Client) -> None:
    metadata = client.post(JOBS, build_job()).body["metadata"]
    assert metadata["labels"]["batch.kubernetes.io/job-name"] == "repair"
    labelled = build_job("labelled")
    labelled["metadata"]["labels"] = {"a": "b"}
    assert client.post(JOBS, labelled).body["metadata"]["labels"] == {"a": "b"}


def test_a_patch_that_changes_nothing_keeps_the_version(client: Client) -> None:
    version = client.post(JOBS, build_job()).body["metadata"]["resourceVersion"]
    answer = client.merge(f"{JOBS}/repair", {"spec": {"suspend": False}})
    assert answer.body["metadata"]["resourceVersion"] == version


def test_the_template_of_a_job_is_immutable(client: Client) -> None:
    client.post(JOBS, build_job())
    patch = {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}
    answer = client.merge(f"{JOBS}/repair", patch)
    assert answer.status == 422
    assert answer.body["details"]["causes"][0]["field"] == "spec.template"


def test_status_only_changes_through_its_own_path(client: Client) -> None:
    client.post(JOBS, build_job())
    patch = {"status": {"succeeded": 1}, "spec": {"suspend": True}}
    assert client.merge(f"{JOBS}/repair", patch).body["status"] == {}
    changed = client.merge(f"{JOBS}/repair/status", {**patch, "spec": {"suspend": False}}).body
    assert changed["status"] == {"succeeded": 1}
    assert changed["spec"]["suspend"] is True
    assert changed["metadata"]["generation"] == 2


def test_an_event_belongs_where_its_object_is(client: Client) -> None:
    event = {"metadata": {"name": "e"}, "involvedObject": {"name": "a", "namespace": "other"}}
    answer = client.post(EVENTS, event)
    assert answer.status == 422
    assert "does not match event.namespace" in answer.body["message"]
    event["involvedObject"]["namespace"] = "default"
    assert client.post(EVENTS, event).status == 201
    assert client.post(EVENTS, event).body["reason"] == "AlreadyExists"


def names(answer: Any) -> list[str]:
    return [each["metadata"]["name"] for each in answer.body["items"]]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=a", ["one"]),
        ("app==a", ["one"]),
        ("app!=a", ["three", "two"]),
        ("app in (a, b)", ["one", "two"]),
        ("app notin (a)", ["three", "two"]),
        ("app", ["one", "two"]),
        ("!app", ["three"]),
        ("app,x.io/y=z", ["two"]),
        ("", ["one", "three", "two"]),
    ],
)
def test_a_list_is_selected_by_labels(client: Client, selector: str, expected: list[str]) -> None:
    for name, labels in ("one", {"app": "a"}), ("two", {"app": "b", "x.io/y": "z"}), ("three", {}):
        client.post(CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})
    path = f"{CONFIG_MAPS}?labelSelector={selector.replace(' ', '%20')}"
    assert names(client.get(path)) == expected


def test_a_list_is_selected_by_some_fields(client: Client) -> None:
    for name in "one", "two":
        client.post(JOBS, build_job(name))
    assert names(client.get(f"{JOBS}?fieldSelector=metadata.name=one")) == ["one"]
    assert names(client.get(f"{JOBS}?fieldSelector=metadata.name!=one")) == ["two"]
    answer = client.get(f"{JOBS}?fieldSelector=spec.suspend=true")
    assert answer.body["message"] == 'field label "spec.suspend" not supported for Job'


@pytest.mark.parametrize("query", ["labelSelector=a+b+c", "fieldSelector=x", "limit=few"])
def test_a_selector_that_cannot_be_read_is_a_bad_request(client: Client, query: str) -> None:
    assert client.get(f"{JOBS}?{query}").status == 400


def test_a_long_list_comes_in_pages(client: Client) -> None:
    for number in range(5):
        client.post(CONFIG_MAPS, build_config_map(f"c{number}"))
    first = client.get(f"{CONFIG_MAPS}?limit=3")
    assert names(first) == ["c0", "c1", "c2"]
    assert first.body["metadata"]["remainingItemCount"] == 2
    rest = client.get(f"{CONFIG_MAPS}?limit=3&continue={first.body['metadata']['continue']}")
    assert names(rest) == ["c3", "c4"]
    assert "continue" not in rest.body["metadata"]


def test_a_list_can_span_all_namespaces(client: Client) -> None:
    client.post(JOBS, build_job("here"))
    client.post("/apis/batch/v1/namespaces/other/jobs", build_job("there"))
    assert names(client.get("/apis/batch/v1/jobs")) == ["here", "there"]
    assert names(client.get(JOBS)) == ["here"]


def test_a_deleted_object_is_gone_and_so_is_what_it_owned(client: Client, api: LocalAPI) -> None:
    uid = client.post(JOBS, build_job()).body["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "repair", "uid": uid}
    owned = build_config_map("owned")
    owned["metadata"]["ownerReferences"] = [owner]
    client.post(CONFIG_MAPS, owned)
    answer = client.ask("DELETE", f"{JOBS}/repair?propagationPolicy=Background")
    assert answer.body["status"] == "Success"
    assert answer.body["details"]["uid"] == uid
    assert api.list("jobs") == api.list("configmaps") == []


def test_what_a_job_owned_outlives_it_unless_the_delete_says_otherwise(
    client: Client, api: LocalAPI
) -> None:
    uid = client.post(JOBS, build_job()).body["metadata"]["uid"]
    owned = build_config_map("owned")
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "repair", "uid": uid}
    ]
    client.post(CONFIG_MAPS, owned)
    answer = client.ask("DELETE", f"{JOBS}/repair")
    assert "child pods are preserved by default" in answer.headers["Warning"]
    assert [each["metadata"]["name"] for each in api.list("configmaps")] == ["owned"]


def test_a_delete_can_insist_on_the_very_object(client: Client) -> None:
    client.post(JOBS, build_job())
    options = {"preconditions": {"uid": "another"}}
    answer = client.ask("DELETE", f"{JOBS}/repair", options)
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    raw = enveloped(b"DeleteOptions", field(2, field(1, b"another")))
    answer = client.ask("DELETE", f"{JOBS}/repair", raw, PROTOBUF)
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_an_object_with_a_finalizer_ends_only_when_it_is_gone(client: Client) -> None:
    job = build_job()
    job["metadata"]["finalizers"] = ["example.org/wait"]
    client.post(JOBS, job)
    assert "deletionTimestamp" in client.ask("DELETE", f"{JOBS}/repair").body["metadata"]
    again = client.post(JOBS, build_job())
    assert again.body["reason"] == "AlreadyExists"
    assert again.body["message"].startswith("object is being deleted: ")
    client.merge(f"{JOBS}/repair", {"metadata": {"finalizers": None}})
    assert client.get(f"{JOBS}/repair").status == 404


def test_a_collection_is_deleted_by_selector(client: Client, api: LocalAPI) -> None:
    for name in "one", "two":
        client.post(CONFIG_MAPS, {"metadata": {"name": name, "labels": {"name": name}}})
    client.ask("DELETE", f"{CONFIG_MAPS}?labelSelector=name=one")
    assert [each["metadata"]["name"] for each in api.list("configmaps")] == ["two"]


def test_a_namespace_takes_all_with_it(client: Client, api: LocalAPI) -> None:
    client.post(JOBS, build_job())
    client.ask("DELETE", "/api/v1/namespaces/default")
    assert api.list("jobs", "") == []
    assert client.post(JOBS, build_job()).status == 404


def test_a_watch_tells_what_happens_to_what_it_selects(client: Client, api: LocalAPI) -> None:
    version = client.get(CONFIG_MAPS).body["metadata"]["resourceVersion"]
    path = f"{CONFIG_MAPS}?watch=1&labelSelector=a&resourceVersion={version}"
    with Watch(api.url + path) as watch:
        client.post(CONFIG_MAPS, build_config_map("unseen"))
        client.post(CONFIG_MAPS, {"metadata": {"name": "x", "labels": {"a": ""}}})
        client.merge(f"{CONFIG_MAPS}/x", {"data": {"k": "v"}})
        client.merge(f"{CONFIG_MAPS}/x", {"metadata": {"labels": {"a": None}}})
        client.merge(f"{CONFIG_MAPS}/x", {"metadata": {"labels": {"a": ""}}})
        client.ask("DELETE", f"{CONFIG_MAPS}/x")
        kinds = [watch.next()[0] for _ in range(5)]
    assert kinds == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]


def test_a_watch_can_begin_with_what_is_there(client: Client, api: LocalAPI) -> None:
    client.post(JOBS, build_job())
    with Watch(f"{api.url}{JOBS}?watch=true&sendInitialEvents=true&timeoutSeconds=1") as watch:
        assert [watch.next_name(), watch.next_name()] == [("ADDED", "repair"), ("BOOKMARK", "")]


def test_a_watch_ends_when_its_time_is_over(client: Client, api: LocalAPI) -> None:
    with Watch(f"{api.url}{JOBS}?watch=true&timeoutSeconds=1") as watch:
        assert watch.answer.read() == b""


def test_a_watch_that_fell_behind_has_to_list_again() -> None:
    store = Store(history=2)
    verbs = Verbs(store)
    verbs.create(NAMESPACES, "", {"metadata": {"name": "n0"}})
    old = store.revision
    watch = Watching(NAMESPACES, lambda _: True, old, seconds=1, initial=False).open(store)
    for number in range(1, 4):
        verbs.create(NAMESPACES, "", {"metadata": {"name": f"n{number}"}})
    event = next(watch)
    assert event is not None
    assert (event["type"], event["object"]["reason"]) == ("ERROR", "Expired")
    assert list(watch) == []
    with pytest.raises(Refusal, match="too old resource version"):
        Watching(NAMESPACES, lambda _: True, old, seconds=1, initial=False).open(store)


def test_a_stop_ends_watches_and_idle_connections_at_once() -> None:
    running = LocalAPI()
    running.start()
    port = int(running.url.rpartition(":")[2])
    with Watch(f"{running.url}{JOBS}?watch=true"), socket.create_connection(("127.0.0.1", port)):
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 1


def test_without_the_token_nothing_is_answered(
    connect: Callable[[LocalAPI], Client],
) -> None:
    with LocalAPI(token="secret") as api:
        client = connect(api)
        for given in "", "Bearer", "Bearer wrong", "Basic secret", "Bearer sécret":
            answer = client.get(JOBS, Authorization=given)
            assert answer.status == 401
            assert (answer.body["reason"], answer.body["message"]) == ("Unauthorized",) * 2
        assert client.get(JOBS, Authorization="Bearer secret").status == 200


def test_what_is_not_allowed_is_forbidden_in_the_words_of_rbac(
    connect: Callable[[LocalAPI], Client],
) -> None:
    with LocalAPI(allowed=lambda verb, group, plural, namespace: verb == "get") as api:
        client = connect(api)
        answer = client.post(JOBS, build_job())
        assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
        assert answer.body["message"] == (
            'jobs.batch is forbidden: User "openfero-local" cannot create resource "jobs" '
            'in API group "batch" in the namespace "default"'
        )
        assert answer.body["details"] == {"group": "batch", "kind": "jobs"}
        assert client.get(f"{JOBS}/x").status == 404
        said = client.merge(f"{JOBS}/x/status", {}).body["message"]
        assert 'jobs.batch "x" is forbidden' in said
        assert 'cannot patch resource "jobs/status"' in said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(key))
    for blob in (*issued.cert_chain_pems, authority.cert_pem):
        blob.write_to_path(str(cert), append=True)
    return cert, key


def test_over_tls_it_is_trusted_by_its_certificate(certificate: tuple[Path, Path]) -> None:
    with LocalAPI(tls=certificate, token="t") as api:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        asked = urllib.request.Request(api.url + "/version", headers={"Authorization": "Bearer t"})
        with urllib.request.urlopen(asked, context=context, timeout=5) as answer:
            assert answer.status == 200
        # One who never finishes the handshake holds up nobody, not even the end.
        port = int(api.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        with urllib.request.urlopen(asked, context=context, timeout=5) as answer:
            assert answer.status == 200
    idle.close()


def test_requests_are_counted_until_they_are_cleared(client: Client, api: LocalAPI) -> None:
    client.get(f"{JOBS}?limit=1")
    client.post(JOBS, build_job())
    assert list(api.requests) == [("GET", JOBS), ("POST", JOBS)]
    api.requests.clear()
    assert not api.requests


def test_what_is_read_in_process_is_ones_own_to_change(api: LocalAPI) -> None:
    api.create("configmaps", build_config_map())
    api.get("configmaps", "definition")["data"]["job.yaml"] = "changed"
    api.list("configmaps")[0]["data"]["job.yaml"] = "changed"
    assert api.get("configmaps", "definition")["data"] == {"job.yaml": "kind: Job"}
    api.delete("configmaps", "definition")
    with pytest.raises(Refusal, match='configmaps "definition" not found'):
        api.get("configmaps", "definition")
