"""What the function says while it builds a Job: `openfero lint` knows each of its sentences by words.

A sentence that is changed in function/jobs.py or function/injection.py, and not here, fails a test.
"""

from typing import Any

import pytest
from make import a_container, a_manifest

from function.rails import Rails
from function.tools.documents import Path
from function.tools.lint.building import build

APPROVED = Rails(approves=True)
NAMESPACE = "openfero-jobs"


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return a_manifest() | {"metadata": metadata}


def in_container(**fields: Any) -> dict[str, Any]:
    return a_manifest({"containers": [a_container(**fields)]})


@pytest.mark.parametrize(
    ("manifest", "rails", "code", "path"),
    [
        (with_metadata(namespace="other"), Rails(), "namespace", ("metadata", "namespace")),
        (
            with_metadata(labels={"openfero.io/episode": "x"}),
            Rails(),
            "copied-job",
            ("metadata", "labels", "openfero.io/episode"),
        ),
        (
            a_manifest(activeDeadlineSeconds=0),
            APPROVED,
            "broken",
            ("spec", "activeDeadlineSeconds"),
        ),
        (with_metadata(uid="x"), Rails(), "taken-out", ("metadata", "uid")),
        (
            with_metadata(labels={"openfero.io/team": "x"}),
            Rails(),
            "taken-out",
            ("metadata", "labels", "openfero.io/team"),
        ),
        (
            with_metadata(labels={"app.kubernetes.io/managed-by": "helm"}),
            Rails(),
            "replaced",
            ("metadata", "labels", "app.kubernetes.io/managed-by"),
        ),
        (
            in_container(volumeMounts=[{"name": "a", "mountPath": "/etc"}]),
            Rails(),
            "no-alert-file",
            ("spec", "template", "spec", "containers", 0, "volumeMounts"),
        ),
        (
            a_manifest(ttlSecondsAfterFinished=60),
            Rails(),
            "short-ttl",
            ("spec", "ttlSecondsAfterFinished"),
        ),
        (
            a_manifest(ttlSecondsAfterFinished=60),
            Rails(cooldown=120),
            "short-ttl",
            ("spec", "ttlSecondsAfterFinished"),
        ),
    ],
)
def test_a_sentence_is_known_and_where_it_belongs(
    manifest: dict[str, Any], rails: Rails, code: str, path: Path
) -> None:
    built = build(manifest, rails, NAMESPACE)

    assert [(code, path) for code, path, _ in built.notes] == [(code, path)]


@pytest.mark.parametrize(
    ("manifest", "place"),
    [
        (with_metadata(labels=[]), "metadata.labels"),
        (a_manifest() | {"spec": 7}, "spec"),
        (a_manifest({"containers": "x"}), "spec.template.spec.containers"),
        (in_container(env={"A": "b"}), "spec.template.spec.containers[0].env"),
    ],
)
def test_what_is_of_another_type_is_left_to_the_rules_of_the_api(
    manifest: dict[str, Any], place: str
) -> None:
    built = build(manifest, Rails(), NAMESPACE)

    assert (built.notes, built.left_out) == ([], [place])


def test_a_queue_where_a_person_approves_is_left_to_the_guard_rails() -> None:
    manifest = with_metadata(labels={"kueue.x-k8s.io/queue-name": "repairs"})

    assert build(manifest, APPROVED, NAMESPACE).notes == []


def test_a_sentence_that_nobody_knows_is_told_as_it_is() -> None:
    [(code, path, message)] = build(in_container(args=["x" * 1_100_000]), Rails(), NAMESPACE).notes

    assert (code, path) == ("broken", ())
    assert message.startswith("the job would have")
