"""What a manifest names and does not bring: accounts, ConfigMaps and Secrets of its namespace.

Pure. What is marked as optional is not needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from function.tools.documents import Path

_POD: Path = ("spec", "template", "spec")


@dataclass(frozen=True)
class Need:
    """An object that must be there before the pod can start, and where its name stands."""

    kind: str
    name: str
    path: Path


def needs(manifest: dict[str, Any]) -> list[Need]:
    """Return what a manifest of a Job needs, in the order in which it names it.

    What is of the wrong type is left to the rules that say so.
    """
    pod = _child(_child(_child(manifest, "spec"), "template"), "spec")
    found = [*_of_pod(pod), *_of_containers(pod), *_of_volumes(pod)]
    return [need for need in found if need.name]


def _of_pod(pod: dict[str, Any]) -> Iterator[Need]:
    for field in ("serviceAccountName", "serviceAccount"):
        yield _need("ServiceAccount", pod, field, _POD)
    for index, each in _items(pod, "imagePullSecrets"):
        yield _need("Secret", each, "name", (*_POD, "imagePullSecrets", index))


def _of_containers(pod: dict[str, Any]) -> Iterator[Need]:
    for kind in ("initContainers", "containers"):
        for number, container in _items(pod, kind):
            path = (*_POD, kind, number)
            for index, each in _items(container, "env"):
                place = (*path, "env", index, "valueFrom")
                yield from _references(_child(each, "valueFrom"), "KeyRef", place)
            for index, each in _items(container, "envFrom"):
                yield from _references(each, "Ref", (*path, "envFrom", index))


def _of_volumes(pod: dict[str, Any]) -> Iterator[Need]:
    for number, volume in _items(pod, "volumes"):
        path = (*_POD, "volumes", number)
        yield from _references(volume, "", path, secret_field="secretName")
        for index, each in _items(_child(volume, "projected"), "sources"):
            yield from _references(each, "", (*path, "projected", "sources", index))


def _references(
    parent: dict[str, Any], suffix: str, path: Path, secret_field: str = "name"
) -> Iterator[Need]:
    """Return the ConfigMap and the Secret that `configMap…` and `secret…` refer to."""
    for prefix, kind, field in (
        ("configMap", "ConfigMap", "name"),
        ("secret", "Secret", secret_field),
    ):
        reference = _child(parent, prefix + suffix)
        if reference.get("optional") is not True:
            yield _need(kind, reference, field, (*path, prefix + suffix))


def _need(kind: str, parent: dict[str, Any], field: str, path: Path) -> Need:
    name = parent.get(field)
    return Need(kind, name if isinstance(name, str) else "", (*path, field))


def _child(parent: dict[str, Any], name: str) -> dict[str, Any]:
    child = parent.get(name)
    return child if isinstance(child, dict) else {}


def _items(parent: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    items = parent.get(name)
    if not isinstance(items, list):
        return []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]
