"""The API server's own rules for what a container is told: variables, and where from. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from function.local.findings import Finding, invalid, required, unsupported
from function.local.syntax import (
    why_not_config_key,
    why_not_env_name,
    why_not_qualified_name,
    why_not_subdomain,
)

Manifest = dict[str, Any]

_NO_SOURCE = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` "
    "or `fileKeyRef`"
)
_TWO_SOURCES = "may not have more than one field specified at a time"
_FIELD_PATH = re.compile(
    r"metadata\.(name|namespace|uid|(?:labels|annotations)\['(.*)'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)",
    re.DOTALL,
)
_RESOURCES = tuple(
    f"{kind}.{name}"
    for kind in ("limits", "requests")
    for name in ("cpu", "ephemeral-storage", "memory")
)


def env_rules(path: str, variable: Manifest) -> Iterator[Finding]:
    """The rules for one variable."""
    name = variable.get("name", "")
    if not name:
        yield required(f"{path}.name")
    else:
        yield from (invalid(f"{path}.name", name, why) for why in why_not_env_name(name))
    if "valueFrom" in variable:
        yield from _source(f"{path}.valueFrom", variable["valueFrom"], variable.get("value"))


def env_from_rules(path: str, index: int, source: Manifest) -> Iterator[Finding]:
    """The rules for one source of many variables; `path` is that of their list."""
    place, prefix = f"{path}[{index}]", source.get("prefix", "")
    if prefix:
        yield from (invalid(f"{place}.prefix", prefix, why) for why in why_not_env_name(prefix))
    given = [field for field in ("configMapRef", "secretRef") if field in source]
    for field in given:
        name = source[field].get("name", "")
        if not name:
            yield required(f"{place}.{field}.name")
        else:
            yield from (
                invalid(f"{place}.{field}.name", name, why) for why in why_not_subdomain(name)
            )
    if len(given) != 1:
        # Of the whole list, in the API server's words.
        yield invalid(
            path,
            "",
            _TWO_SOURCES if given else "must specify one of: `configMapRef` or `secretRef`",
        )


def _source(path: str, source: Manifest, value: str | None) -> Iterator[Finding]:
    if not source:
        yield invalid(path, "", _NO_SOURCE)
    if value:
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif len(source) > 1:
        yield invalid(path, "", _TWO_SOURCES)
    for field in "configMapKeyRef", "secretKeyRef":
        if field in source:
            yield from _key(f"{path}.{field}", source[field])
    if "fieldRef" in source:
        yield from _field(f"{path}.fieldRef", source["fieldRef"].get("fieldPath", ""))
    if "resourceFieldRef" in source:
        yield from _resource(f"{path}.resourceFieldRef", source["resourceFieldRef"])


def _key(path: str, selector: Manifest) -> Iterator[Finding]:
    name, key = selector.get("name", ""), selector.get("key", "")
    yield from (invalid(f"{path}.name", name, why) for why in why_not_subdomain(name))
    if not key:
        yield required(f"{path}.key")
    else:
        yield from (invalid(f"{path}.key", key, why) for why in why_not_config_key(key))


def _field(path: str, where: str) -> Iterator[Finding]:
    match = _FIELD_PATH.fullmatch(where)
    if not where:
        yield required(f"{path}.fieldPath")
    elif not match:
        why = f"error converting fieldPath: field label not supported: {where}"
        yield invalid(f"{path}.fieldPath", where, why)
    elif match[2] is not None:
        name = match[2].lower() if "annotations" in where else match[2]
        yield from (invalid(path, match[2], why) for why in why_not_qualified_name(name))


def _resource(path: str, selector: Manifest) -> Iterator[Finding]:
    name = selector.get("resource", "")
    if not name:
        yield required(f"{path}.resource")
    elif name not in _RESOURCES and "hugepages-" not in name:
        yield unsupported(f"{path}.resource", name, _RESOURCES)
