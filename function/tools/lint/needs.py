"""What a manifest names and does not bring: accounts, ConfigMaps and Secrets of its namespace.

Pure. What is marked as optional is not needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from function.tools.documents import Path
from function.tools.lint.containers import POD, objects, value_at


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
    found = [*_of_pod(manifest), *_of_containers(manifest), *_of_volumes(manifest)]
    return [need for need in found if need.name]


def _of_pod(manifest: dict[str, Any]) -> Iterator[Need]:
    for field in ("serviceAccountName", "serviceAccount"):
        yield _need("ServiceAccount", value_at(manifest, *POD), field, POD)
    for path, each in objects(manifest, *POD, "imagePullSecrets"):
        yield _need("Secret", each, "name", path)


def _of_containers(manifest: dict[str, Any]) -> Iterator[Need]:
    for kind in ("initContainers", "containers"):
        for container, _ in objects(manifest, *POD, kind):
            for path, each in objects(manifest, *container, "env"):
                yield from _references(each.get("valueFrom"), "KeyRef", (*path, "valueFrom"))
            for path, each in objects(manifest, *container, "envFrom"):
                yield from _references(each, "Ref", path)


def _of_volumes(manifest: dict[str, Any]) -> Iterator[Need]:
    for volume, value in objects(manifest, *POD, "volumes"):
        yield from _references(value, "", volume, secret_field="secretName")
        for path, each in objects(manifest, *volume, "projected", "sources"):
            yield from _references(each, "", path)


def _references(parent: Any, suffix: str, path: Path, secret_field: str = "name") -> Iterator[Need]:
    """Return the ConfigMap and the Secret that `configMap…` and `secret…` refer to."""
    for prefix, kind, field in (
        ("configMap", "ConfigMap", "name"),
        ("secret", "Secret", secret_field),
    ):
        reference = value_at(parent, prefix + suffix)
        if value_at(reference, "optional") is not True:
            yield _need(kind, reference, field, (*path, prefix + suffix))


def _need(kind: str, parent: Any, field: str, path: Path) -> Need:
    name = value_at(parent, field)
    return Need(kind, name if isinstance(name, str) else "", (*path, field))
