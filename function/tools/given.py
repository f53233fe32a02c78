"""What a simulation is given, read: definitions, and the Jobs of the past."""

import copy
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from function.definitions import PREFIX
from function.errors import Broken
from function.tools.documents import Document, read_documents, read_texts
from function.tools.findings import Unusable

Object = dict[str, Any]


def read_definitions(names: Iterable[str], namespace: str) -> dict[str, Object]:
    """Return the definitions of files, folders and `-` by name.

    One of this namespace, or of none, comes before one of another. Raises Unusable for what
    cannot be read, if there is none, and if two have as good a claim to one name.
    """
    found: dict[str, Document] = {}
    definitions = [each for each in _read(names) if _is_definition(each)]
    for document in sorted(definitions, key=lambda each: not is_in(each.value, namespace)):
        first = found.setdefault(document.name, document)
        is_double = is_in(document.value, namespace) == is_in(first.value, namespace)
        if document is not first and is_double:
            raise Unusable(
                f"{document.name} stands in {first.at()} and in {document.at()}: leave one out"
            )
    if not found:
        raise Unusable(f"there is no definition: no ConfigMap {PREFIX}… in what was given")
    return {name: document.value for name, document in found.items()}


def read_past(names: Iterable[str], namespace: str) -> list[Object]:
    """Return the Jobs of this namespace that `kubectl get jobs -o yaml` printed; raises Unusable."""
    documents = _read(names)
    for document in documents:
        if not _is_past_job(document):
            raise Unusable(
                f"{document.at()}: this is no Job of a cluster, with name, spec and "
                "creationTimestamp: take what `kubectl get jobs -o yaml` prints"
            )
    return [document.value for document in documents if is_in(document.value, namespace)]


def is_in(value: Object, namespace: str) -> bool:
    """Say whether an object is in a namespace; one that names none is in any."""
    return (value["metadata"].get("namespace") or namespace) == namespace


def as_stored(config_map: Object) -> Object:
    """Return a ConfigMap as an API server would store it; raises Broken if none would."""
    stored = copy.deepcopy(config_map)
    metadata = stored["metadata"]
    for where, parent, name in (
        ("metadata.labels", metadata, "labels"),
        ("metadata.annotations", metadata, "annotations"),
        ("data", stored, "data"),
    ):
        if parent.get(name) is not None:
            parent[name] = _texts(where, parent[name])
    return stored


def _texts(where: str, texts: Any) -> dict[str, str]:
    """Return texts by name, each null an empty one."""
    if not isinstance(texts, dict):
        raise Broken(f"{where} of the ConfigMap must be an object")
    for name, text in texts.items():
        if not isinstance(text, str | None):
            how = "put | behind its colon" if isinstance(text, dict) else "quote it"
            raise Broken(f"{where}: {name} must be a text: {how}")
    return {name: text or "" for name, text in texts.items()}


def _read(names: Iterable[str]) -> list[Document]:
    documents = []
    for text in read_texts(names):
        try:
            documents += read_documents(text)
        except Broken as exc:
            raise Unusable(f"{text.place()}: {exc}; `openfero lint` says more") from exc
    return documents


def _is_definition(document: Document) -> bool:
    return document.kind == "ConfigMap" and document.name.startswith(PREFIX)


def _is_past_job(document: Document) -> bool:
    job = document.value
    if document.kind != "Job" or not document.name or not isinstance(job.get("spec"), dict):
        return False
    try:
        created = datetime.fromisoformat(job["metadata"].get("creationTimestamp"))
    except (TypeError, ValueError):
        return False
    return created.tzinfo is not None
