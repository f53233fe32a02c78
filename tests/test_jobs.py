"""What goes out: the author's manifest, and what is added to it or taken out of it."""

import copy
import json

import pytest
from make import a_container, a_manifest, a_notification, alert_json, an_alert

from function.definitions import Definition
from function.errors import Broken
from function.guards import Create
from function.jobs import DAY, MAX_JOB, build_job
from function.labels import of_alert, of_subject
from function.manifests import read_yaml
from function.rails import Rails

DEFINITION = "openfero-kubequotaalmostfull-firing"
NAMESPACE = "openfero-jobs"

PUBLISHED_EXAMPLE = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: openfero-kubequotaalmostfull-firing
  labels:
    app: openfero
spec:
  parallelism: 1
  completions: 1
  template:
    labels:
      app: openfero
    spec:
      containers:
        - name: python-job
          image: python:latest
          args:
            - bash
            - -c
            - |-
              echo "Hallo Welt"
      imagePullPolicy: Always
      restartPolicy: Never
      serviceAccount: <desired-sa>
      serviceAccountName: <desired-sa>
"""

EXPORTED_METADATA = {
    "generateName": "repair-",
    "ownerReferences": [{"kind": "CronJob", "name": "c", "uid": "1"}],
    "finalizers": ["batch.kubernetes.io/job-tracking"],
    "uid": "1-2-3",
    "resourceVersion": "42",
}
EXPORTED_SPEC = {
    "selector": {"matchLabels": {"controller-uid": "1-2-3"}},
    "manualSelector": True,
}
EXPORTED_POD_LABELS = {
    "controller-uid": "1-2-3",
    "job-name": "repair",
    "batch.kubernetes.io/controller-uid": "1-2-3",
    "batch.kubernetes.io/job-name": "repair",
}


def built(manifest=None, alert=None, notification=None, definition=DEFINITION) -> dict:
    return build_job(
        Definition(definition, a_manifest() if manifest is None else manifest),
        alert or an_alert(),
        notification or a_notification(),
        NAMESPACE,
    )[0]


def warnings_for(manifest, alert=None) -> list[str]:
    return build_job(
        Definition(DEFINITION, manifest), alert or an_alert(), a_notification(), NAMESPACE
    )[1]


def guarded(manifest, plan=None, **rails) -> tuple[dict, list[str]]:
    definition = Definition(DEFINITION, manifest, Rails(**rails))
    return build_job(definition, an_alert(), a_notification(), NAMESPACE, plan or Create(1))


def broken(manifest, alert=None) -> str:
    with pytest.raises(Broken) as caught:
        build_job(
            Definition(DEFINITION, manifest), alert or an_alert(), a_notification(), NAMESPACE
        )
    return str(caught.value)


def with_pod_metadata(**metadata) -> dict:
    manifest = a_manifest()
    manifest["spec"]["template"]["metadata"] = metadata
    return manifest


def with_metadata(**metadata) -> dict:
    return {**a_manifest(), "metadata": {"name": "repair", **metadata}}


def an_exported_job() -> dict:
    """Return what `kubectl get job -o yaml` prints, in the parts that matter."""
    manifest = with_pod_metadata(labels={**EXPORTED_POD_LABELS, "app": "repair"})
    manifest["metadata"] = {"name": "repair", "creationTimestamp": "x", **EXPORTED_METADATA}
    manifest["spec"] |= EXPORTED_SPEC
    manifest["status"] = {"succeeded": 1}
    return manifest


# The whole


def test_a_job_is_the_manifest_and_what_is_added():
    alert = an_alert(source={"labels": {"alertname": "KubeQuotaAlmostFull"}})
    notification = a_notification(alert, groupKey='{}:{alertname="KubeQuotaAlmostFull"}')
    labels = {
        "app.kubernetes.io/managed-by": "openfero",
        "openfero.io/definition": DEFINITION,
        "openfero.io/status": "firing",
        "openfero.io/alert-id": "54bc9145137e",
        "openfero.io/episode": "e97e5984842c",
        "openfero.io/subject": "54bc9145137e",
        "openfero.io/run": "1",
        "openfero.io/group-key": "f5a11c6beaed",
        "openfero.io/fingerprint": "c043364353c42f78",
    }
    text = (
        '{"labels":{"alertname":"KubeQuotaAlmostFull"},'
        '"notification":{"groupKey":"{}:{alertname=\\"KubeQuotaAlmostFull\\"}"}}'
    )
    mount = {"name": "openfero-alert", "mountPath": "/etc/openfero", "readOnly": True}
    field = {"fieldPath": "metadata.annotations['openfero.io/alert']"}

    job = built(alert=alert, notification=notification)

    assert job == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "openfero-kubequotaalmostfull-firing-e97e5984842c",
            "namespace": "openfero-jobs",
            "labels": labels,
            "annotations": {},
        },
        "spec": {
            "ttlSecondsAfterFinished": 86400,
            "template": {
                "metadata": {"labels": labels, "annotations": {"openfero.io/alert": text}},
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "repair",
                            "image": "registry.example/repair:1",
                            "env": [
                                {"name": "OPENFERO_ALERTNAME", "value": "KubeQuotaAlmostFull"},
                                {"name": "OPENFERO_ALERT_STATUS", "value": "firing"},
                                {
                                    "name": "OPENFERO_ALERT_FINGERPRINT",
                                    "value": "c043364353c42f78",
                                },
                                {
                                    "name": "OPENFERO_ALERT_STARTS_AT",
                                    "value": "2026-11-23T13:52:24.382086Z",
                                },
                                {"name": "OPENFERO_DEFINITION", "value": DEFINITION},
                                {
                                    "name": "OPENFERO_ALERT_FILE",
                                    "value": "/etc/openfero/alert.json",
                                },
                            ],
                            "volumeMounts": [mount],
                        }
                    ],
                    "volumes": [
                        {
                            "name": "openfero-alert",
                            "downwardAPI": {"items": [{"path": "alert.json", "fieldRef": field}]},
                        }
                    ],
                },
            },
        },
    }


def test_nothing_is_said_about_a_plain_manifest():
    assert warnings_for(a_manifest()) == []


def test_the_manifest_itself_is_not_changed():
    """Alerts of one notification share it."""
    manifest = an_exported_job()
    before = copy.deepcopy(manifest)

    built(manifest)

    assert manifest == before


def test_an_alert_gets_the_same_job_each_time():
    assert built() == built()


# What stays the author's


def test_a_field_that_nobody_knows_stays():
    """The API server has the last word, and its warning is passed on."""
    manifest = a_manifest({"somethingNew": 1}, somethingElse={"a": [None]})

    job = built(manifest)

    assert (job["spec"]["somethingElse"], job["spec"]["template"]["spec"]["somethingNew"]) == (
        {"a": [None]},
        1,
    )


def test_both_misplaced_fields_of_the_published_example_stay():
    job = built(read_yaml(PUBLISHED_EXAMPLE))

    template = job["spec"]["template"]
    assert (template["labels"], template["spec"]["imagePullPolicy"]) == (
        {"app": "openfero"},
        "Always",
    )


def test_the_labels_of_the_published_example_stay():
    job = built(read_yaml(PUBLISHED_EXAMPLE))

    assert job["metadata"]["labels"]["app"] == "openfero"


def test_labels_of_the_author_stay_beside_ours():
    """The first OpenFero replaced them."""
    job = built(with_metadata(labels={"app": "shop", "team": "a"}))

    assert {"app": "shop", "team": "a"}.items() <= job["metadata"]["labels"].items()


def test_labels_and_annotations_of_the_pod_stay_beside_ours():
    job = built(with_pod_metadata(labels={"app": "shop"}, annotations={"a": "b"}))

    metadata = job["spec"]["template"]["metadata"]
    assert (metadata["labels"]["app"], metadata["annotations"]["a"]) == ("shop", "b")


@pytest.mark.parametrize(
    "field",
    [
        {"suspend": True},
        {"backoffLimit": 0},
        {"activeDeadlineSeconds": 60},
        {"completionMode": "Indexed", "completions": 2},
        {"podFailurePolicy": {"rules": []}},
    ],
    ids=lambda field: next(iter(field)),
)
def test_what_the_author_says_of_the_job_stays(field):
    job = built(a_manifest(**field))

    assert field.items() <= job["spec"].items()


def test_a_queue_label_of_kueue_stays():
    job = built(with_metadata(labels={"kueue.x-k8s.io/queue-name": "repairs"}))

    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "repairs"


def test_hostile_labels_appear_nowhere_but_in_values():
    hostile = "$(SECRET)'; rm -rf / #"

    job = built(alert=an_alert(hostile, a=hostile))

    for container in job["spec"]["template"]["spec"]["containers"]:
        del container["env"]
    del job["spec"]["template"]["metadata"]["annotations"]
    assert "SECRET" not in json.dumps(job)


# What is ours


def test_the_name_is_ours():
    job = built(with_metadata(name="mine"))

    assert job["metadata"]["name"] == "openfero-kubequotaalmostfull-firing-e97e5984842c"


def test_the_manager_is_us():
    job = built(with_metadata(labels={"app.kubernetes.io/managed-by": "Helm"}))

    assert job["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "openfero"


@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_what_the_author_wrote_under_our_prefix_goes(kind):
    job = built(with_metadata(**{kind: {"openfero.io/approval": "granted"}}))

    assert "openfero.io/approval" not in job["metadata"][kind]


@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_what_the_author_wrote_under_our_prefix_goes_from_the_pod_too(kind):
    job = built(with_pod_metadata(**{kind: {"openfero.io/approval": "granted"}}))

    assert "openfero.io/approval" not in job["spec"]["template"]["metadata"][kind]


def test_it_is_said_what_goes_because_it_is_ours():
    warnings = warnings_for(with_pod_metadata(labels={"openfero.io/run": "7"}))

    assert warnings == ["taken out of the manifest: spec.template.metadata.labels.openfero.io/run"]


def test_the_pod_has_the_labels_of_the_job():
    job = built()

    assert job["spec"]["template"]["metadata"]["labels"] == job["metadata"]["labels"]


def test_the_labels_of_job_and_pod_are_not_one_and_the_same():
    job = built()

    assert job["spec"]["template"]["metadata"]["labels"] is not job["metadata"]["labels"]


@pytest.mark.parametrize("place", [with_metadata, with_pod_metadata], ids=["job", "pod"])
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_a_manifest_copied_from_a_job_of_ours_is_broken(place, kind):
    """An old alert is in it."""
    message = broken(place(**{kind: {"openfero.io/episode": "e97e5984842c"}}))

    assert message.endswith(
        f"metadata.{kind} has openfero.io/episode: the manifest is a copy of a job of ours"
    )


def test_a_job_of_ours_is_no_manifest():
    assert broken(built()) == (
        "metadata.labels has openfero.io/episode: the manifest is a copy of a job of ours"
    )


@pytest.mark.parametrize(
    ("definition", "label"),
    [
        (f"openfero-{'a' * 47}-firing", f"openfero-{'a' * 47}-firing"),
        (f"openfero-{'a' * 48}-firing", f"openfero-{'a' * 41}-f9cb9b63b4be"),
        (f"openfero-{'a' * 70}-firing", f"openfero-{'a' * 41}-49d0e41609a9"),
        (f"openfero-{'.a' * 40}-firing", f"openfero-{'.a' * 20}.-33fe839ddb33"),
    ],
    ids=["63 characters", "64 characters", "86 characters", "cut at a dot"],
)
def test_a_definition_that_is_too_long_for_a_label_is_cut(definition, label):
    job = built(definition=definition)

    assert job["metadata"]["labels"]["openfero.io/definition"] == label


@pytest.mark.parametrize(
    "fingerprint",
    ["", "c043364353c42f7", "C043364353C42F78", "c043364353c42f78\n", "-" * 16, "ü" * 16, "x" * 64],
    ids=ascii,
)
def test_a_fingerprint_that_is_none_is_no_label(fingerprint):
    job = built(alert=an_alert(fingerprint=fingerprint))

    assert "openfero.io/fingerprint" not in job["metadata"]["labels"]


def test_a_notification_without_a_group_key_gives_no_label():
    job = built(notification=a_notification(receiver="openfero"))

    assert "openfero.io/group-key" not in job["metadata"]["labels"]


def test_a_group_key_of_any_text_gives_a_label():
    job = built(notification=a_notification(groupKey="\ud800\0" * 1000))

    assert len(job["metadata"]["labels"]["openfero.io/group-key"]) == 12


def test_the_resolved_alert_has_a_job_and_a_status_of_its_own():
    """In the first OpenFero a running job suppressed it."""
    job = built(alert=an_alert(status="resolved"), definition="openfero-x-resolved")

    assert (job["metadata"]["name"], job["metadata"]["labels"]["openfero.io/status"]) != (
        built()["metadata"]["name"],
        "firing",
    )


def test_the_saved_alert_can_be_posted_again_for_the_same_job():
    alert = an_alert(source=alert_json())
    saved = json.loads(
        built(alert=alert)["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"]
    )
    again = an_alert(
        None,
        status=saved["status"],
        starts_at=saved["startsAt"],
        fingerprint=saved["fingerprint"],
        source=saved,
        **saved["labels"],
    )

    assert built(alert=again)["metadata"]["name"] == built(alert=alert)["metadata"]["name"]


# What is taken out


@pytest.mark.parametrize("field", EXPORTED_METADATA)
def test_what_would_stop_an_exported_job_is_taken_out_of_its_metadata(field):
    assert field not in built(an_exported_job())["metadata"]


@pytest.mark.parametrize("field", EXPORTED_SPEC)
def test_what_would_stop_an_exported_job_is_taken_out_of_its_spec(field):
    assert field not in built(an_exported_job())["spec"]


@pytest.mark.parametrize("label", EXPORTED_POD_LABELS)
def test_the_labels_of_the_controller_are_taken_out_of_the_pod(label):
    assert label not in built(an_exported_job())["spec"]["template"]["metadata"]["labels"]


def test_the_status_is_taken_out():
    assert "status" not in built(an_exported_job())


def test_the_authors_own_labels_of_an_exported_job_stay():
    labels = built(an_exported_job())["spec"]["template"]["metadata"]["labels"]

    assert labels["app"] == "repair"


def test_it_is_said_what_is_taken_out():
    assert warnings_for(an_exported_job()) == [
        "taken out of the manifest: metadata.generateName, metadata.ownerReferences, "
        "metadata.finalizers, metadata.uid, metadata.resourceVersion, spec.selector, "
        "spec.manualSelector, spec.template.metadata.labels.controller-uid, "
        "spec.template.metadata.labels.job-name, "
        "spec.template.metadata.labels.batch.kubernetes.io/controller-uid, "
        "spec.template.metadata.labels.batch.kubernetes.io/job-name, status"
    ]


def test_nothing_is_said_about_what_is_null():
    manifest = with_metadata(ownerReferences=None, generateName=None)

    assert warnings_for({**manifest, "status": None}) == []


# The time to live


def test_a_job_is_kept_for_a_day():
    assert built()["spec"]["ttlSecondsAfterFinished"] == DAY == 86400


def test_a_time_to_live_that_is_null_is_none():
    assert built(a_manifest(ttlSecondsAfterFinished=None))["spec"]["ttlSecondsAfterFinished"] == DAY


@pytest.mark.parametrize("seconds", [0, 300, 86399, 86400, 604800])
def test_the_time_to_live_of_the_author_stands(seconds):
    job = built(a_manifest(ttlSecondsAfterFinished=seconds))

    assert job["spec"]["ttlSecondsAfterFinished"] == seconds


@pytest.mark.parametrize("seconds", [0, 300, 86399])
def test_it_is_said_what_a_shorter_time_to_live_means(seconds):
    assert warnings_for(a_manifest(ttlSecondsAfterFinished=seconds)) == [
        f"ttlSecondsAfterFinished is {seconds}, less than a day: "
        "once the job is gone, the same alert gets another"
    ]


@pytest.mark.parametrize("seconds", [86400, 604800])
def test_nothing_is_said_about_a_time_to_live_of_a_day_or_more(seconds):
    assert warnings_for(a_manifest(ttlSecondsAfterFinished=seconds)) == []


@pytest.mark.parametrize("seconds", ["300", 1.5, [], {}], ids=repr)
def test_a_time_to_live_of_another_type_is_left_to_the_api_server(seconds):
    job = built(a_manifest(ttlSecondsAfterFinished=seconds))

    assert job["spec"]["ttlSecondsAfterFinished"] == seconds


# The namespace


@pytest.mark.parametrize("namespace", [{}, {"namespace": None}, {"namespace": NAMESPACE}], ids=repr)
def test_a_job_goes_into_the_namespace_of_the_jobs(namespace):
    assert built(with_metadata(**namespace))["metadata"]["namespace"] == NAMESPACE


@pytest.mark.parametrize("namespace", ["kube-system", "Openfero-Jobs", "openfero-jobs ", 1, ["a"]])
def test_a_manifest_for_another_namespace_is_broken(namespace):
    assert broken(with_metadata(namespace=namespace)) == (
        f"metadata.namespace is {namespace}, but jobs are created in openfero-jobs"
    )


# Types


def with_value_at(path: str, value) -> dict:
    manifest = a_manifest()
    parent = manifest
    *way, last = path.split(".")
    for name in way:
        parent = parent.setdefault(name, {})
    parent[last] = value
    return manifest


@pytest.mark.parametrize("value", ["text", 1, True, [], [{}], ""], ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        "metadata",
        "metadata.labels",
        "metadata.annotations",
        "spec",
        "spec.template",
        "spec.template.metadata",
        "spec.template.metadata.labels",
        "spec.template.metadata.annotations",
        "spec.template.spec",
    ],
)
def test_a_field_that_has_to_be_added_to_and_is_no_object_is_broken(path, value):
    assert broken(with_value_at(path, value)) == f"{path} must be an object"


@pytest.mark.parametrize(
    "path",
    [
        "metadata",
        "metadata.labels",
        "metadata.annotations",
        "spec",
        "spec.template",
        "spec.template.metadata",
        "spec.template.metadata.labels",
        "spec.template.metadata.annotations",
        "spec.template.spec",
        "spec.template.spec.containers",
        "spec.template.spec.initContainers",
        "spec.template.spec.volumes",
    ],
)
def test_a_field_that_is_null_is_as_good_as_absent(path):
    job = built(with_value_at(path, None))

    assert job["metadata"]["name"] == "openfero-kubequotaalmostfull-firing-e97e5984842c"


def test_a_container_without_the_right_type_is_broken():
    assert broken(a_manifest({"containers": ["repair"]})) == (
        "spec.template.spec.containers must be a list of objects"
    )


@pytest.mark.parametrize("containers", [None, []], ids=repr)
def test_a_manifest_without_containers_becomes_a_job_that_the_api_server_judges(containers):
    """It killed the process of the first OpenFero."""
    job = built(a_manifest({"containers": containers}))

    assert job["spec"]["template"]["spec"]["containers"] == containers


# Size


def test_a_job_of_more_than_1_mib_is_broken_with_its_size():
    manifest = a_manifest({"containers": [a_container(args=["x" * MAX_JOB])]})

    message = broken(manifest)

    size = int(message.split()[4])
    assert (size > MAX_JOB, message) == (
        True,
        f"the job would have {size} bytes; at most 1048576 are sent",
    )


def test_a_job_of_almost_1_mib_is_built():
    manifest = a_manifest({"containers": [a_container(args=["x" * (MAX_JOB - 10_000)])]})

    assert built(manifest)["metadata"]["name"]


def test_a_label_of_a_megabyte_does_not_break_the_job():
    """It is cut in the variable and in the file."""
    job = built(alert=an_alert(source=alert_json(labels={"a": "x" * 1_000_000}), a="x" * 1_000_000))

    assert len(json.dumps(job)) < 200_000


def test_labels_that_make_a_job_of_more_than_1_mib_are_broken():
    alert = an_alert(**{f"label{number}": "x" * 1000 for number in range(2000)})

    assert broken(a_manifest(), alert).startswith("the job would have ")


# Guard rails

WEEK = 7 * DAY


@pytest.mark.parametrize(
    ("ttl", "longest", "kept"),
    [
        (None, 3600, DAY),
        (None, WEEK, WEEK),
        (600, 3600, 3600),
        (1, 1.5, 2),
        (600, 0.5, 600),
        (2 * WEEK, WEEK, 2 * WEEK),
    ],
)
def test_the_record_outlives_the_longest_time_that_a_guard_rail_looks_back(ttl, longest, kept):
    job, _ = guarded(a_manifest(ttlSecondsAfterFinished=ttl), cooldown=longest)

    assert job["spec"]["ttlSecondsAfterFinished"] == kept


def test_a_record_that_is_kept_longer_than_its_author_said_is_a_warning():
    _, warnings = guarded(a_manifest(ttlSecondsAfterFinished=600), rerun_after=2 * DAY)

    assert warnings == [
        "ttlSecondsAfterFinished is raised from 600 to 172800, "
        "which is how far the guard rails look back"
    ]


def test_a_run_is_named_by_its_subject_and_its_number():
    names = {
        guarded(a_manifest(), Create(number), subject=subject)[0]["metadata"]["name"]
        for number in (1, 2)
        for subject in ((), ("alertname",))
    }
    # All labels of this alert are its name.
    assert len(names) == 2
    assert built()["metadata"]["name"] not in names


def test_a_run_tells_its_number_and_a_suspended_one_that_it_waits():
    job, _ = guarded(a_manifest(), Create(4, is_suspended=True))

    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert metadata["labels"]["openfero.io/run"] == "4"
        assert metadata["labels"]["openfero.io/approval"] == "required"
    assert job["spec"]["suspend"] is True


def test_a_job_that_its_author_suspends_waits_for_whomever_its_author_meant():
    job, _ = guarded(a_manifest(suspend=True), Create(1))

    assert job["spec"]["suspend"] is True
    assert "openfero.io/approval" not in job["metadata"]["labels"]


def test_a_job_that_its_author_would_start_at_once_waits_all_the_same():
    job, _ = guarded(a_manifest(suspend=False), Create(1, is_suspended=True))

    assert job["spec"]["suspend"] is True


def test_a_job_that_ends_when_it_is_approved_is_broken():
    with pytest.raises(Broken, match="a job that is approved would end at once"):
        guarded(a_manifest(activeDeadlineSeconds=0), approves=True)


@pytest.mark.parametrize("seconds", [-5, True, 1.5, "600"])
def test_a_ttl_that_is_none_is_left_to_the_api_server(seconds):
    job, warnings = guarded(a_manifest(ttlSecondsAfterFinished=seconds), cooldown=DAY)

    assert (job["spec"]["ttlSecondsAfterFinished"], warnings) == (seconds, [])


@pytest.mark.parametrize("definition", [DEFINITION, f"openfero-{'a' * 80}-firing"])
def test_a_job_has_the_labels_that_it_is_looked_for_by(definition):
    alert, rails = an_alert(pod="a"), Rails(subject=("pod",))
    job, _ = build_job(
        Definition(definition, a_manifest(), rails), alert, a_notification(), NAMESPACE
    )

    labels = job["metadata"]["labels"].items()
    assert of_subject(definition, rails, alert).items() <= labels
    assert of_alert(definition, alert).items() <= labels


@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize("rails", [{"approves": True}, {"max_runs": 3, "window": DAY}], ids=str)
def test_what_kueue_would_start_cannot_wait_for_a_person(rails, kind):
    manifest = a_manifest()
    manifest["metadata"][kind] = {"kueue.x-k8s.io/queue-name": "repairs"}

    with pytest.raises(Broken, match="Kueue would start a job that waits for a person"):
        guarded(manifest, **rails)


def test_a_queue_of_kueue_works_unchanged_with_what_never_waits():
    manifest = a_manifest(suspend=True)
    manifest["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "repairs"}

    job, _ = guarded(manifest, cooldown=DAY)

    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "repairs"
