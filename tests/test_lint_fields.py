"""What is said of a manifest's fields: where each was meant to stand, what is refused, what changes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make import a_container, a_manifest, a_notification, an_alert

from function.definitions import Definition
from function.errors import Broken
from function.jobs import build_job
from function.manifests import read_yaml
from function.rails import Rails
from function.tools.documents import Text
from function.tools.findings import Finding
from function.tools.lint import fields, practice, scripts
from function.tools.lint.codes import Severity, severity
from function.tools.lint.places import intended
from function.tools.lint.written import Written

ROOT = Path(__file__).parent.parent
POD = ("spec", "template", "spec")
MAIN = (*POD, "containers", 0)


def found(
    manifest: Any, rails: Rails | None = None, namespace: str = "openfero-jobs"
) -> list[Finding]:
    text = Text("job.yaml", json.dumps(manifest))
    return list(fields.findings(Written(text, manifest), rails, namespace))


def said(manifest: Any, rails: Rails | None = None) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in found(manifest, rails)]


def codes(manifest: Any, rails: Rails | None = None) -> list[str]:
    return [each.code for each in found(manifest, rails)]


def lines(yaml_text: str) -> list[tuple[int, str]]:
    text = Text("job.yaml", yaml_text)
    told = fields.findings(Written(text, text.value()), None, "openfero-jobs")
    return sorted((each.place.line, each.code) for each in told)


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return {**a_manifest(), "metadata": metadata}


def test_a_good_manifest_is_left_alone() -> None:
    assert said(a_manifest(activeDeadlineSeconds=60)) == []


def test_a_manifest_without_a_name_is_good_for_the_function_names_the_job() -> None:
    assert said({**a_manifest(), "metadata": None}) == []
    assert said(with_metadata(name="Not_A_Name")) == []


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ([], "the manifest must be a mapping: a batch/v1 Job"),
        ("apiVersion=batch/v1", "the manifest must be a mapping: a batch/v1 Job"),
        (None, "the manifest must be a mapping: a batch/v1 Job"),
        ({"apiVersion": "batch/v1"}, "kind must be Job, found nothing"),
        ({**a_manifest(), "apiVersion": "v1"}, "apiVersion must be batch/v1, found v1"),
        (
            {"apiVersion": "batch/v1", "kind": "CronJob"},
            "kind must be Job, found CronJob; a Job's spec is what it has under "
            "spec.jobTemplate.spec",
        ),
    ],
)
def test_what_is_no_job_is_said_to_be_none(manifest: Any, message: str) -> None:
    assert said(manifest) == [("not-a-job", message)]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("spec", "template", "labels"), "spec.template.metadata.labels"),
        ((*POD, "imagePullPolicy"), "spec.template.spec.containers[].imagePullPolicy"),
        (("spec", "restartPolicy"), "spec.template.spec.restartPolicy"),
        (("restartPolicy",), "spec.template.spec.restartPolicy"),
        (("labels",), "metadata.labels"),
        (("spec", "containers"), "spec.template.spec.containers"),
        (("spec", "template", "containers"), "spec.template.spec.containers"),
        (("ttlSecondsAfterFinished",), "spec.ttlSecondsAfterFinished"),
        ((*POD, "backoffLimit"), "spec.backoffLimit"),
        ((*MAIN, "backoffLimit"), "spec.backoffLimit"),
        # A pod's deadline is another thing.
        ((*MAIN, "activeDeadlineSeconds"), "spec.activeDeadlineSeconds"),
        ((*POD, "image"), "spec.template.spec.containers[].image"),
        ((*POD, "command"), "spec.template.spec.containers[].command"),
        ((*POD, "volumeMounts"), "spec.template.spec.containers[].volumeMounts"),
        ((*POD, "runAsUser"), "spec.template.spec.securityContext.runAsUser"),
        ((*MAIN, "volumes"), "spec.template.spec.volumes"),
        ((*MAIN, "serviceAccountName"), "spec.template.spec.serviceAccountName"),
        ((*MAIN, "privileged"), "spec.template.spec.containers[0].securityContext.privileged"),
        ((*MAIN, "limits"), "spec.template.spec.containers[0].resources.limits"),
        (
            (*MAIN, "resources", "memory"),
            "spec.template.spec.containers[0].resources.limits.memory",
        ),
        (
            (*MAIN, "env", 3, "secretKeyRef"),
            "spec.template.spec.containers[0].env[3].valueFrom.secretKeyRef",
        ),
    ],
)
def test_a_misplaced_field_belongs_to_the_closest_place(path: tuple[Any, ...], place: str) -> None:
    meant = intended(path)
    assert meant is not None
    assert (str(meant), meant.is_same_name) == (place, True)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((*POD, "restartpolicy"), "spec.template.spec.restartPolicy"),
        (("spec", "ttlSecondsAfterFinish"), "spec.ttlSecondsAfterFinished"),
        ((*POD, "ttlSecondsAfterFinish"), "spec.ttlSecondsAfterFinished"),
        ((*POD, "initContainer"), "spec.template.spec.initContainers"),
        ((*MAIN, "envs"), "spec.template.spec.containers[0].env"),
        ((*MAIN, "port"), "spec.template.spec.containers[0].ports"),
        ((*MAIN, "resource"), "spec.template.spec.containers[0].resources"),
    ],
)
def test_a_misspelt_field_is_asked_about(path: tuple[Any, ...], place: str) -> None:
    meant = intended(path)
    assert meant is not None
    assert (str(meant), meant.is_same_name) == (place, False)


@pytest.mark.parametrize("path", [("data",), (*POD, "foo"), ("spec", "schedule"), ("a" * 10_000,)])
def test_nothing_is_guessed_for_a_field_like_no_other(path: tuple[Any, ...]) -> None:
    assert intended(path) is None


def test_each_unknown_field_is_told_with_its_path() -> None:
    manifest = a_manifest(
        {"containers": [a_container(env=[{"name": "A", "valu": "x"}, {"name": "B", "zzz": 1}])]},
        restartPolicy="Never",
    )
    first = "spec.template.spec.containers[0].env[0].valu"
    assert said(manifest) == [
        (
            "unknown-field",
            f"{first} is no field; did you mean {first}e?",
        ),
        ("unknown-field", "spec.template.spec.containers[0].env[1].zzz is no field"),
        (
            "misplaced-field",
            "spec.restartPolicy is no field; it belongs in spec.template.spec.restartPolicy",
        ),
    ]


@pytest.mark.parametrize(
    ("manifest", "start"),
    [
        (a_manifest(backoffLimit="3"), "spec.backoffLimit must be a whole number: json: "),
        (a_manifest(suspend="true"), "spec.suspend must be true or false: json: "),
        (
            a_manifest({"containers": [a_container(env=[{"name": "A", "value": 8080}])]}),
            "spec.template.spec.containers[0].env[0].value must be text; quote it: json: ",
        ),
        (
            a_manifest({"containers": [a_container(env={"A": "b"})]}),
            "spec.template.spec.containers[0].env must be a list: json: ",
        ),
        (
            a_manifest({"containers": [a_container(env=["A=b"])]}),
            "spec.template.spec.containers[0].env[0] must be a mapping: json: ",
        ),
        (a_manifest({"containers": "sh"}), "spec.template.spec.containers must be a list: json: "),
        (with_metadata(labels=["a"]), "metadata.labels must be a mapping: json: "),
        ({**a_manifest(), "metadata": "x"}, "metadata must be a mapping: json: "),
        ({**a_manifest(), "spec": []}, "spec must be a mapping: json: "),
        (
            a_manifest({"containers": [a_container(resources={"limits": {"memory": "64 MB"}})]}),
            "spec.template.spec.containers[0].resources.limits[memory]: quantities must match ",
        ),
    ],
)
def test_a_wrong_type_says_what_is_expected(manifest: dict[str, Any], start: str) -> None:
    [(code, message)] = said(manifest)
    assert code == "wrong-type"
    assert message.startswith(start)


def test_what_the_api_refuses_is_said_in_its_words() -> None:
    assert said(a_manifest({"restartPolicy": "Always"}, backoffLimit=-1)) == [
        (
            "refused",
            "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            "refused",
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
    ]


def test_all_is_found_at_once_wherever_the_function_itself_would_stop() -> None:
    manifest = a_manifest(
        {"containers": [a_container(image="", env={}), a_container(name="b_c")], "volumes": {}},
        restartPolicy="Never",
    )
    manifest["metadata"] = {"namespace": "elsewhere", "labels": {"a": "b c"}}
    assert sorted(codes(manifest)) == [
        "misplaced-field",
        "namespace",
        "refused",
        "refused",
        "refused",
        "wrong-type",
        "wrong-type",
    ]


def test_nobody_is_blamed_for_what_the_function_takes_out() -> None:
    exported = a_manifest(selector={"matchLabels": {"a": "b"}}, manualSelector=True)
    exported["status"] = {"active": 1}
    exported["metadata"] |= {"finalizers": ["x"], "uid": "1", "generateName": "A_B", "name": None}
    exported["spec"]["template"]["metadata"] = {"labels": {"job-name": "old"}}
    said_of = said(exported)
    assert {code for code, _ in said_of} == {"taken-out"}
    assert [message.partition(" ")[0] for _, message in said_of] == [
        "metadata.generateName",
        "metadata.finalizers",
        "metadata.uid",
        "spec.selector",
        "spec.manualSelector",
        "spec.template.metadata.labels.job-name",
        "status",
    ]


def test_what_is_ours_is_taken_out_or_replaced() -> None:
    labels = {"openfero.io/x": "y", "app.kubernetes.io/managed-by": "helm"}
    assert codes(with_metadata(labels=labels)) == ["taken-out", "replaced"]


def test_a_namespace_is_only_wrong_where_it_is_another() -> None:
    manifest = with_metadata(namespace="elsewhere")
    assert [each.code for each in found(manifest)] == ["namespace"]
    assert found(manifest, namespace="elsewhere") == []
    assert found(manifest, namespace="") == []


def test_a_copy_of_a_job_of_ours_is_told_once() -> None:
    labels = {"openfero.io/episode": "0", "openfero.io/run": "1"}
    manifest = with_metadata(labels=labels)
    manifest["spec"]["template"]["metadata"] = {"labels": {**labels}}
    assert codes(manifest) == ["copied-job"]


def test_a_container_that_mounts_over_the_alert_file_has_none() -> None:
    mount = {"name": "x", "mountPath": "/etc"}
    pod = {
        "containers": [a_container(volumeMounts=[mount])],
        "volumes": [{"name": "x", "emptyDir": {}}],
    }
    assert codes(a_manifest(pod)) == ["no-alert-file"]


@pytest.mark.parametrize(
    ("seconds", "rails", "expected"),
    [
        (4 * 3600, Rails(), []),
        (4 * 3600 - 1, Rails(), ["short-ttl"]),
        (0, Rails(), ["short-ttl"]),
        (5 * 3600, Rails(cooldown=6 * 3600), ["short-ttl"]),
        (6 * 3600, Rails(cooldown=6 * 3600), []),
        (24 * 3600, Rails(max_runs=3, window=7 * 24 * 3600), ["short-ttl"]),
        (None, Rails(max_runs=3, window=7 * 24 * 3600), []),
        (-1, Rails(cooldown=60), ["refused"]),
        ("1d", Rails(cooldown=60), ["wrong-type"]),
    ],
)
def test_a_job_is_kept_until_alertmanager_repeats_and_guard_rails_look_back(
    seconds: Any, rails: Rails, expected: list[str]
) -> None:
    assert codes(a_manifest(ttlSecondsAfterFinished=seconds), rails) == expected


def test_a_deadline_that_is_over_at_once_is_broken_where_a_person_approves() -> None:
    manifest = a_manifest(activeDeadlineSeconds=0)
    assert codes(manifest) == []
    assert codes(manifest, Rails(approves=True)) == ["broken"]


def test_kueue_beside_approval_is_left_to_the_guard_rails_rule_and_hides_nothing() -> None:
    manifest = a_manifest(activeDeadlineSeconds=-1)
    manifest["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "repairs"}
    assert codes(manifest, Rails(approves=True)) == ["refused"]


def test_a_job_that_is_too_large_is_broken() -> None:
    manifest = a_manifest({"containers": [a_container(args=["x" * 1_048_576], image="")]})
    assert codes(manifest) == ["broken", "refused"]


def test_labels_of_the_subject_are_there_in_the_sample() -> None:
    assert codes(a_manifest(), Rails(subject=("namespace", "pod"))) == []


def test_a_variable_that_is_defined_twice_is_remarked_upon_at_its_own_index() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    place = "spec.template.spec.containers[0].env[1]"
    assert said(a_manifest({"containers": [a_container(env=env)]})) == [
        (
            "server-warning",
            f'{place}: hides previous definition of "A", which may be dropped when using apply',
        )
    ]


def test_a_copy_of_a_job_of_ours_is_told_where_it_says_so() -> None:
    said_so = "metadata:\n  labels:\n    a: b\n    openfero.io/episode: x\n"

    assert ("copied-job", 6) in [
        (code, line)
        for line, code in lines(f"apiVersion: batch/v1\nkind: Job\n{said_so}spec: {{}}\n")
    ]


def test_a_value_that_two_rules_refuse_is_told_once_with_what_is_allowed() -> None:
    assert said(a_manifest({"restartPolicy": "never"})) == [
        (
            "refused",
            'spec.template.spec.restartPolicy: Unsupported value: "never": supported values: '
            '"OnFailure", "Never"',
        )
    ]


@pytest.mark.parametrize("value", ["64MB", "1 core", "half"])
def test_a_quantity_that_cannot_be_read_is_told_with_one_that_can(value: str) -> None:
    resources = {"limits": {"memory": value}}

    [(code, message)] = said(a_manifest({"containers": [a_container(resources=resources)]}))

    assert code == "wrong-type"
    assert message.endswith(f"; found {value!r}, write such as 64Mi or 500m")


def test_each_finding_stands_at_its_own_line() -> None:
    assert lines(
        """\
apiVersion: batch/v1
kind: Job
metadata:
  labels:
    good: one
    bad: "not a value"
    app.kubernetes.io/managed-by: helm
  annotations:
    openfero.io/team: storage
spec:
  ttlSecondsAfterFinished: 60
  backoffLimit: "1"
  template:
    labels: {}
    metadata:
      labels:
        not a key: x
        job-name: x
    spec:
      restartPolicy: Always
      containers:
        - name: repair
          image: busybox
          imagepullpolicy: Always
          env:
            - name: A
              value: 1
            - value: b
"""
    ) == [
        (6, "refused"),
        (7, "replaced"),
        (9, "taken-out"),
        (11, "short-ttl"),
        (12, "wrong-type"),
        (14, "misplaced-field"),
        (17, "refused"),
        (18, "taken-out"),
        (20, "refused"),
        (24, "unknown-field"),
        (27, "wrong-type"),
        (28, "refused"),
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "knative" / "definitions").glob("*/definition.yaml"))
)
def test_of_our_own_definitions_nothing_is_said(path: Path) -> None:
    for definition in yaml.safe_load_all(path.read_text()):
        for manifest in (definition or {}).get("data", {}).values():
            written = Written(Text(str(path), manifest), read_yaml(manifest))
            assert list(fields.findings(written, Rails(), "openfero-jobs")) == []


KEYS = st.sampled_from(
    [
        "metadata",
        "spec",
        "template",
        "labels",
        "annotations",
        "namespace",
        "name",
        "containers",
        "initContainers",
        "env",
        "value",
        "valueFrom",
        "fieldRef",
        "fieldPath",
        "volumeMounts",
        "mountPath",
        "volumes",
        "command",
        "args",
        "securityContext",
        "resources",
        "limits",
        "image",
        "openfero.io/episode",
        "status",
        "ttlSecondsAfterFinished",
        "selector",
        "matchLabels",
        "activeDeadlineSeconds",
        "kueue.x-k8s.io/queue-name",
        "capabilities",
        "add",
        "ports",
        "hostPath",
        "spec.template",
        "a.b[0]",
        "restartPolicy",
        "completionMode",
        "completions",
        "finalizers",
    ]
)
VALUES = st.sampled_from(
    ["sh", "-c", "$(OPENFERO_X)", "a\n$OPENFERO_X `", "{{ $labels.x }}", "Indexed", "", "/etc"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.just(0.5) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@st.composite
def almost_manifests(draw) -> Any:
    """A Job with anything anywhere."""

    def value(good: Any) -> Any:
        return draw(ANYTHING) if draw(st.integers(0, 5)) == 0 else good

    def more(**good: Any) -> Any:
        extra = draw(st.dictionaries(KEYS, ANYTHING, max_size=2))
        return value({**{name: value(each) for name, each in good.items()}, **extra})

    env = more(name="A", value="b")
    container = more(name="a", image="b:1", command=["sh", "-c", draw(VALUES)], env=[env])
    pod = more(restartPolicy="Never", containers=[container], volumes=draw(ANYTHING))
    template = more(metadata=more(labels=draw(ANYTHING)), spec=pod)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": more(),
        "spec": more(template=template),
    }


@settings(
    derandomize=True,
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    almost_manifests() | ANYTHING, st.sampled_from([Rails(), Rails(approves=True, cooldown=9e4)])
)
def test_whatever_stands_anywhere_is_judged_without_a_traceback(
    manifest: Any, rails: Rails
) -> None:
    text = Text("-", yaml.safe_dump(manifest))
    try:
        written = Written(text, text.value())
    except Broken:
        return
    told = [
        *fields.findings(written, rails, "openfero-jobs"),
        *practice.findings(written),
        *scripts.findings(written),
    ]
    for each in told:
        assert each.message
        assert 1 <= each.place.line <= text.text.count("\n") + 1
    # Not only is there no traceback: what the function refuses is never passed over.
    if isinstance(manifest, dict) and is_broken(written.value, rails):
        assert any(severity(each.code) is Severity.ERROR for each in told)


def is_broken(manifest: Any, rails: Rails) -> bool:
    """Whether the function makes no Job of a manifest."""
    try:
        build_job(Definition("x", manifest, rails), an_alert(), a_notification(), "openfero-jobs")
    except Broken as exc:
        # Found with the guard rails.
        return not str(exc).startswith("kueue.x-k8s.io/")
    return False
