"""The API server's own rules for volumes and for where they are mounted. Pure."""

from collections.abc import Iterator
from typing import Any

from function.local.findings import (
    Finding,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from function.local.quantities import amount
from function.local.syntax import why_not_dns_label

Manifest = dict[str, Any]

_HOST_PATHS = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
# What each source must name.
_NEEDED = {
    "configMap": "name",
    "secret": "secretName",
    "hostPath": "path",
    "persistentVolumeClaim": "claimName",
    "nfs": "server",
    "csi": "driver",
    "ephemeral": "volumeClaimTemplate",
}


def volume_rules(path: str, volumes: list[Manifest]) -> Iterator[Finding]:
    """The rules for the volumes of a pod."""
    names = [each.get("name", "") for each in volumes]
    for index, volume in enumerate(volumes):
        place = f"{path}[{index}]"
        yield from name_rules(f"{place}.name", names[index], names[:index])
        sources = [field for field in volume if field != "name"]
        if len(sources) > 1:
            yield forbidden(f"{place}.{sources[1]}", "may not specify more than 1 volume type")
        for source in sources[:1]:
            yield from _source(f"{place}.{source}", source, volume[source])


def mount_rules(
    path: str, mount: Manifest, volumes: list[str], before: list[Any]
) -> Iterator[Finding]:
    """The rules for one mount; `before` are the places of those before it."""
    name, where = mount.get("name", ""), mount.get("mountPath", "")
    if not name:
        yield required(f"{path}.name")
    if name not in volumes:
        yield not_found(f"{path}.name", name)
    if not where:
        yield required(f"{path}.mountPath")
    elif where in before:
        yield invalid(f"{path}.mountPath", where, "must be unique")
    if "subPath" in mount:
        yield from _relative(f"{path}.subPath", mount["subPath"])
        if mount["subPath"] and mount.get("subPathExpr"):
            why = "subPathExpr and subPath are mutually exclusive"
            yield invalid(f"{path}.subPathExpr", mount["subPathExpr"], why)


def name_rules(field: str, name: str, before: list[str]) -> Iterator[Finding]:
    """The rules for a name of which there may be one."""
    if not name:
        yield required(field)
    elif found := why_not_dns_label(name):
        yield from (invalid(field, name, why) for why in found)
    elif name in before:
        yield duplicate(field, name)


def _source(path: str, kind: str, source: Manifest) -> Iterator[Finding]:
    needed = _NEEDED.get(kind)
    if needed and not source.get(needed):
        yield required(f"{path}.{needed}")
    if kind in ("configMap", "secret", "downwardAPI", "projected"):
        yield from _mode(f"{path}.defaultMode", source.get("defaultMode"))
    if kind in ("configMap", "secret"):
        yield from _items(path, source)
    elif kind == "hostPath" and source.get("path"):
        if ".." in source["path"].split("/"):
            yield invalid(f"{path}.path", source["path"], "must not contain '..'")
        if source.get("type", "") not in _HOST_PATHS:
            yield unsupported(f"{path}.type", source["type"], _HOST_PATHS)
    elif kind == "nfs" and not source.get("path", "").startswith("/"):
        yield invalid(f"{path}.path", source.get("path", ""), "must be an absolute path")
    elif kind == "emptyDir" and amount(source.get("sizeLimit", "0")) < 0:
        yield forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")
    elif kind == "downwardAPI":
        yield from _downward(path, source)


def _items(path: str, source: Manifest) -> Iterator[Finding]:
    for index, item in enumerate(source.get("items", ())):
        place, item = f"{path}.items[{index}]", item or {}
        if not item.get("key"):
            yield required(f"{place}.key")
        if not item.get("path"):
            yield required(f"{place}.path")
        else:
            yield from _relative(f"{place}.path", item["path"])
        yield from _mode(f"{place}.mode", item.get("mode"))


def _downward(path: str, source: Manifest) -> Iterator[Finding]:
    for item in source.get("items", ()):
        if not (item or {}).get("path"):
            yield required(f"{path}.path")
        if not {"fieldRef", "resourceFieldRef"} & {*(item or {})}:
            yield required(path, "one of fieldRef and resourceFieldRef is required")


def _relative(path: str, text: str) -> Iterator[Finding]:
    if text.startswith("/"):
        yield invalid(path, text, "must be a relative path")
    if ".." in text.split("/"):
        yield invalid(path, text, "must not contain '..'")


def _mode(path: str, mode: int | None) -> Iterator[Finding]:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")
