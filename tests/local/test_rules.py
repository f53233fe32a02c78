"""The API server's rules for Jobs, without a server."""

import copy
from typing import Any

import pytest
from local.client import build_job

from function.local.findings import Kind
from function.local.rules import check_job

POD = "spec.template.spec"
MAIN = f"{POD}.containers[0]"


def said(job: dict[str, Any], kind: Kind = Kind.INVALID) -> list[str]:
    return [str(finding) for finding in check_job(job) if finding.kind is kind]


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good job with one value changed; `path` as in findings, None takes the field away."""
    job = build_job()
    *parents, last = path.replace("]", "").replace("[", ".").split(".")
    holder: Any = job
    for step in parents:
        holder = holder[int(step)] if step.isdigit() else holder.setdefault(step, {})
    holder[last] = value
    return job


def test_a_good_job_is_left_alone() -> None:
    job = build_job()
    before = copy.deepcopy(job)
    assert check_job(job) == []
    assert job == before


def test_both_slips_of_the_published_example_are_unknown_fields() -> None:
    job = build_job()
    job["spec"]["template"]["labels"] = {"a": "b"}
    job["spec"]["template"]["spec"]["imagePullPolicy"] = "Always"
    assert said(job, Kind.UNKNOWN) == [
        f'unknown field "{POD}.imagePullPolicy"',
        'unknown field "spec.template.labels"',
    ]
    assert said(job) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.backoffLimit", "3", "string into Go struct field JobSpec.spec.backoffLimit of type int32"),
        ("spec.backoffLimit", 1.5, "number 1.5 into Go struct field JobSpec.spec.backoffLimit of type int32"),
        ("spec.backoffLimit", 2**31, "number 2147483648 into Go struct field JobSpec.spec.backoffLimit of type int32"),
        ("metadata.creationTimestamp", 5, "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string"),
        ("spec.suspend", 1, "number into Go struct field JobSpec.spec.suspend of type bool"),
        ("metadata.labels", {"a": True}, "bool into Go struct field ObjectMeta.metadata.labels of type string"),
        (f"{MAIN}.env", [{"name": "A", "value": 1}], "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string"),
        (f"{MAIN}.command", "true", "string into Go struct field Container.spec.template.spec.containers.command of type []string"),
        (f"{POD}.containers", {}, "object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"),
        ("spec.template", [], "array into Go struct field JobSpec.spec.template of type v1.PodTemplateSpec"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_told_as_go_tells_it(path: str, value: Any, expected: str) -> None:
    assert said(changed(path, value), Kind.TYPE) == [f"json: cannot unmarshal {expected}"]


@pytest.mark.parametrize("value", [1, 0.5, "100m", "1Gi", "1e3"])
def test_a_quantity_may_be_a_number_or_a_text(value: Any) -> None:
    assert check_job(changed(f"{MAIN}.resources", {"limits": {"cpu": value}})) == []


@pytest.mark.parametrize("value", [True, "much", "1 Gi"])
def test_a_quantity_that_is_none_is_a_wrong_type(value: Any) -> None:
    found = check_job(changed(f"{MAIN}.resources", {"limits": {"cpu": value}}))
    assert [finding.kind for finding in found] == [Kind.TYPE]


def test_a_null_is_an_absent_field() -> None:
    assert check_job(changed("spec.backoffLimit", None)) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (f"{POD}.restartPolicy", None, f'{POD}.restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (f"{POD}.restartPolicy", "Always", f'{POD}.restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (f"{POD}.containers", [], f"{POD}.containers: Required value"),
        (f"{MAIN}.image", None, f"{MAIN}.image: Required value"),
        (f"{POD}.dnsPolicy", "Mine", f'{POD}.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'),
        (f"{MAIN}.name", "", f"{MAIN}.name: Required value"),
        (f"{MAIN}.imagePullPolicy", "Sometimes", f'{MAIN}.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"'),
        (f"{MAIN}.env", [{"value": "x"}], f"{MAIN}.env[0].name: Required value"),
        (f"{MAIN}.volumeMounts", [{"name": "v", "mountPath": "/v"}], f'{MAIN}.volumeMounts[0].name: Not found: "v"'),
        ("spec.backoffLimit", -1, "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        ("spec.activeDeadlineSeconds", -1, "spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"),
        ("spec.ttlSecondsAfterFinished", -1, "spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0"),
        ("spec.podReplacementPolicy", "Never", 'spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"'),
        (f"{MAIN}.env", [{"name": "A", "valueFrom": {}}], f'{MAIN}.env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'),
        (f"{MAIN}.env", [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}], f"{MAIN}.env[0].valueFrom.secretKeyRef.key: Required value"),
        (f"{MAIN}.env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.x"}}}], f'{MAIN}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.x": error converting fieldPath: field label not supported: metadata.x'),
        (f"{POD}.volumes", [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}], f"{POD}.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"),
        (f"{POD}.volumes", [{"name": "v", "configMap": {}}], f"{POD}.volumes[0].configMap.name: Required value"),
        ("metadata.name", "", "metadata.name: Required value: name or generateName is required"),
        ("metadata.labels", {"a": "x" * 64}, f'metadata.labels: Invalid value: "{"x" * 64}": must be no more than 63 bytes'),
        ("metadata.annotations", {"a": "x" * 262_144}, "metadata.annotations: Too long: may not be more than 262144 bytes"),
        ("spec.template.metadata.annotations", {"a": "x" * 262_144}, "spec.template.annotations: Too long: may not be more than 262144 bytes"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_told_as_the_api_server_tells_it(
    path: str, value: Any, expected: str
) -> None:
    assert said(changed(path, value)) == [expected]


@pytest.mark.parametrize("value", ["-a", "a-", "ü", "{}", "a\0", "a b", "a/b"])
@pytest.mark.parametrize("place", ["metadata.labels", "spec.template.metadata.labels"])
def test_a_label_value_that_is_none_is_refused_everywhere(place: str, value: str) -> None:
    found = said(changed(place, {"key": value}))
    # A job without labels takes those of its pods, and both are looked at.
    assert len(found) == (1 if place == "metadata.labels" else 2)
    assert all("a valid label must be an empty string or consist of" in text for text in found)


@pytest.mark.parametrize("value", ["", "a", "A.b_c-9", "x" * 63])
def test_a_label_value_may_be_empty_or_63_bytes_long(value: str) -> None:
    assert check_job(changed("metadata.labels", {"key": value})) == []


@pytest.mark.parametrize("key", ["", "a b", "/a", "a/b/c", "A.b/c", "x" * 64, "a/", "ü"])
def test_a_label_key_that_is_none_is_refused(key: str) -> None:
    assert said(changed("metadata.labels", {key: "value"}))


@pytest.mark.parametrize("key", ["a", "openfero.io/status", "A_b.c-d"])
def test_a_label_key_may_have_a_prefix(key: str) -> None:
    assert check_job(changed("metadata.labels", {key: "value"})) == []


@pytest.mark.parametrize("field", ["serviceAccount", "serviceAccountName"])
def test_a_placeholder_is_no_service_account(field: str) -> None:
    [text] = said(changed(f"{POD}.{field}", "<desired-sa>"))
    assert text.startswith(f'{POD}.serviceAccountName: Invalid value: "<desired-sa>": ')


def test_annotations_count_keys_and_values_up_to_the_last_byte() -> None:
    assert check_job(changed("metadata.annotations", {"a": "x" * 262_143})) == []


@pytest.mark.parametrize("name", ["A=B", "ü", "A\n"])
def test_an_environment_variable_cannot_have_any_name(name: str) -> None:
    assert said(changed(f"{MAIN}.env", [{"name": name, "value": "x"}]))


@pytest.mark.parametrize("name", ["A", "a.b-c", "1", "A B"])
def test_an_environment_variable_may_have_a_name_of_printable_ascii(name: str) -> None:
    assert check_job(changed(f"{MAIN}.env", [{"name": name, "value": "x"}])) == []


def test_a_variable_that_hides_another_is_a_warning() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    job = changed(f"{MAIN}.env", env)
    hides = 'hides previous definition of "A", which may be dropped when using apply'
    assert said(job, Kind.WARNING) == [f"{MAIN}.env[1]: {hides}"]
    assert said(job) == []


def test_a_variable_that_builds_on_the_earlier_one_hides_nothing() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A):2"}]
    assert check_job(changed(f"{MAIN}.env", env)) == []


def test_volumes_and_mounts_are_unique() -> None:
    job = build_job()
    pod = job["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}] * 2
    assert said(job) == [
        f'{POD}.volumes[1].name: Duplicate value: "v"',
        f'{MAIN}.volumeMounts[1].mountPath: Invalid value: "/v": must be unique',
    ]


def test_containers_and_init_containers_share_their_names() -> None:
    job = changed(f"{POD}.initContainers", [{"name": "main", "image": "busybox"}])
    assert said(job) == [f'{POD}.initContainers[0].name: Duplicate value: "main"']


def test_a_name_over_63_bytes_breaks_the_label_that_is_made_of_it() -> None:
    why = f'Invalid value: "{"x" * 64}": must be no more than 63 bytes'
    assert f"spec.template.labels: {why}" in said(build_job("x" * 64))
    assert said(build_job("x" * 63)) == []


def test_an_indexed_job_needs_room_for_its_pods_host_names() -> None:
    why = f"will not able to create pod with invalid DNS label: {'x' * 63}-1"
    indexed = build_job("x" * 63, completionMode="Indexed", completions=2)
    assert said(indexed) == [f'metadata.name: Invalid value: "{"x" * 63}": {why}']
    assert said(build_job("x" * 61, completionMode="Indexed", completions=2)) == []


def test_an_exported_job_brings_labels_that_belong_to_another() -> None:
    labels = {"controller-uid": "1", "batch.kubernetes.io/job-name": "other"}
    found = said(changed("spec.template.metadata.labels", labels))
    assert [text.split(":")[0] for text in found] == [
        "spec.template.metadata.labels[controller-uid]",
        "spec.template.metadata.labels[batch.kubernetes.io/job-name]",
    ]


def test_a_selector_of_ones_own_is_refused() -> None:
    found = said(changed("spec.selector", {"matchLabels": {"a": "b"}}))
    assert [text.rpartition(": ")[2] for text in found] == [
        "`selector` not auto-generated",
        "`selector` does not match template `labels`",
    ]


def test_all_is_found_at_once() -> None:
    job = build_job(backoffLimit="3", parallelism=-1, bogus=1)
    job["spec"]["template"]["spec"]["containers"] = [{"name": "main"}, 5]
    assert [(finding.kind.name, finding.field) for finding in check_job(job)] == [
        ("TYPE", f"{POD}.containers[1]"),
        ("TYPE", "spec.backoffLimit"),
        ("UNKNOWN", "spec.bogus"),
        ("INVALID", "spec.parallelism"),
        ("INVALID", f"{MAIN}.image"),
    ]
