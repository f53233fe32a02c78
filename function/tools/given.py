"""What a simulation is given, read: definitions, and the Jobs of the past."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from function.errors import Broken
from function.tools.documents import Document, read_documents, read_texts
from function.tools.findings import Unusable

Object = dict[str, Any]


def read_definitions(names: Iterable[str]) -> dict[str, Object]:
    """Return the ConfigMaps of files, folders and `-` by name, in whatever namespace.

    Raises Unusable for what cannot be read, if there is none, and if two have one name.
    """
    found: dict[str, Document] = {}
    for document in _read(names):
        if document.kind != "ConfigMap" or not document.name:
            continue
        if document.name in found:
            first, second = found[document.name].at(), document.at()
            raise Unusable(f"{document.name} stands in {first} and in {second}: leave one out")
        found[document.name] = document
    if not found:
        raise Unusable("there is no definition: no ConfigMap with a name in what was given")
    return {name: document.value for name, document in found.items()}


def read_past(names: Iterable[str]) -> list[Object]:
    """Return the Jobs that `kubectl get jobs -o yaml` printed; raises Unusable."""
    documents = _read(names)
    for document in documents:
        if not _is_past_job(document):
            raise Unusable(
                f"{document.at()}: this is no Job of a cluster, with name, spec and "
                "creationTimestamp: take what `kubectl get jobs -o yaml` prints"
            )
    return [document.value for document in documents]


def _read(names: Iterable[str]) -> list[Document]:
    documents = []
    for text in read_texts(names):
        try:
            documents += read_documents(text)
        except Broken as exc:
            raise Unusable(f"{text.place()}: {exc}; `openfero lint` says more") from exc
    return documents


def _is_past_job(document: Document) -> bool:
    job = document.value
    if document.kind != "Job" or not document.name or not isinstance(job.get("spec"), dict):
        return False
    try:
        created = datetime.fromisoformat(job["metadata"].get("creationTimestamp"))
    except (TypeError, ValueError):
        return False
    return created.tzinfo is not None
