"""What only a cluster knows: whether it takes the very Job, and has what the Job needs.

Everything is a dry run or a look; of a Secret nothing is kept but that it is there.
"""

import re
from collections.abc import Iterator, Sequence

from function.errors import Broken, QuotaExceeded, Unavailable
from function.settings import is_namespace
from function.tools.clusters import PersonsCluster, soon
from function.tools.documents import Document, Path
from function.tools.findings import Finding
from function.tools.lint.needs import Need, needs
from function.tools.lint.very_job import VeryJob, build_very_job

# A place, as the API server writes it: spec.template.spec.containers[0].image
_FIELD = re.compile(r"\b(?:spec|metadata)(?:\.\w+|\[\d+\])+")
_STEP = re.compile(r"(\w+)|\[(\d+)\]")
# The function puts variables before the author's, so that the numbers are others.
_RENUMBERED = "env"

_WITHOUT = {
    "ServiceAccount": "its pod would never be made",
    "ConfigMap": "its pod would wait for it, and never start",
    "Secret": "its pod would wait for it, and never start",
}


def check_on_server(documents: Sequence[Document], cluster: PersonsCluster) -> list[Finding]:
    """Return what a cluster finds wrong with the definitions among these objects.

    Each is judged in its own namespace, or in the cluster's if it names none. Objects that stand
    beside it are about to be applied, and count as there. What cannot become a Job is left to
    the other rules.
    """
    look = _Look(documents, cluster)
    return [finding for document in documents for finding in look.findings(document)]


class _Look:
    """One look at one cluster, in which no object is asked for twice."""

    def __init__(self, documents: Sequence[Document], cluster: PersonsCluster) -> None:
        self._cluster = cluster
        self._beside = {(self._namespace(each), each.kind, each.name) for each in documents}
        self._answers: dict[tuple[str, str, str], bool | Unavailable] = {}

    def findings(self, document: Document) -> Iterator[Finding]:
        """Return what is wrong with one object, if it is a definition."""
        namespace = self._namespace(document)
        very = build_very_job(document, namespace) if is_namespace(namespace) else None
        if very is None:
            return
        try:
            yield from self._verdict(very, namespace)
        except _NoNamespace:
            yield self._without_namespace(document, namespace)
            return
        for need in needs(very.definition.manifest):
            yield from self._look_for(need, very, namespace)

    def _namespace(self, document: Document) -> str:
        metadata = document.value.get("metadata")
        named = metadata.get("namespace") if isinstance(metadata, dict) else None
        return str(named or self._cluster.namespace)

    def _verdict(self, very: VeryJob, namespace: str) -> Iterator[Finding]:
        """Return what the API server says to the Job that the function would send."""
        try:
            creation = self._cluster.within(namespace).create_job(very.job, soon(), dry_run=True)
        except Broken as exc:
            yield _find("server", str(exc), very)
        except QuotaExceeded as exc:
            yield _find("server-warning", str(exc), very)
        except Unavailable as exc:
            # Few people may look at namespaces, so what tells is the answer to the create.
            if f'namespaces "{namespace}" not found' in str(exc):
                raise _NoNamespace from exc
            yield Finding(very.text.at(()), "not-checked", f"no verdict of the API server: {exc}")
        else:
            for warning in creation.warnings:
                yield _find("server-warning", warning, very)

    def _without_namespace(self, document: Document, namespace: str) -> Finding:
        place = document.at("metadata", "namespace")
        if any((kind, name) == ("Namespace", namespace) for _, kind, name in self._beside):
            told = f"the namespace {namespace} is not there yet: apply it, then ask again"
            return Finding(place, "not-checked", told)
        told = (
            f"there is no namespace {namespace} in the cluster {self._cluster.host}: "
            "create it, or choose another context"
        )
        return Finding(place, "missing-object", told)

    def _look_for(self, need: Need, very: VeryJob, namespace: str) -> Iterator[Finding]:
        key = (namespace, need.kind, need.name)
        if key in self._beside:
            return
        place, name = very.text.at(need.path), f"the {need.kind} {need.name}"
        answer = self._ask(*key)
        if isinstance(answer, Unavailable):
            yield Finding(place, "not-checked", f"whether {name} is there: {answer}")
        elif not answer:
            told = f"{name} is not in the namespace {namespace}: {_WITHOUT[need.kind]}"
            yield Finding(place, "missing-object", told)

    def _ask(self, namespace: str, kind: str, name: str) -> bool | Unavailable:
        key = (namespace, kind, name)
        if key not in self._answers:
            try:
                self._answers[key] = self._cluster.within(namespace).has(kind, name)
            except Unavailable as exc:
                self._answers[key] = exc
        return self._answers[key]


class _NoNamespace(Exception):
    """The API server has no such namespace."""


def _find(code: str, words: str, very: VeryJob) -> Finding:
    """Return a finding where the API server's words point to, if they do."""
    field = _FIELD.search(words)
    return Finding(very.text.at(_path(field[0]) if field else ()), code, words)


def _path(field: str) -> Path:
    steps = [int(number) if number else name for name, number in _STEP.findall(field)]
    return tuple(steps[: steps.index(_RENUMBERED) + 1] if _RENUMBERED in steps else steps)
