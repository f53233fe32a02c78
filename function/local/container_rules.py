"""The API server's own rules for a container: its ports, resources, rights and probes.

Pure. What it is told and what it mounts is in `env_rules.py` and `pod_rules.py`.
"""

import re
from collections.abc import Iterator
from typing import Any

from function.local.findings import Finding, duplicate, forbidden, invalid, required, unsupported
from function.local.quantities import amount
from function.local.syntax import why_not_qualified_name

Manifest = dict[str, Any]

MAX_ID = 2**31 - 1
_PROBES = "livenessProbe", "readinessProbe", "startupProbe"
_HANDLERS = "exec", "httpGet", "tcpSocket", "grpc", "sleep"
_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})
_OF_OTHERS = frozenset({"storage", "pods", "services", "secrets", "configmaps"})
"""Standard names, of things that are no containers."""


def rights_rules(path: str, context: Manifest) -> Iterator[Finding]:
    """The rules for what the security context of a pod and that of a container share."""
    for field in "runAsUser", "runAsGroup", "fsGroup":
        yield from _between(f"{path}.{field}", context.get(field), 0, MAX_ID)
    for index, group in enumerate(context.get("supplementalGroups", ())):
        yield from _between(f"{path}.supplementalGroups[{index}]", group, 0, MAX_ID)
    for field, name in ("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor"):
        if field in context:
            yield from _profile(f"{path}.{field}", field, name, context[field])


def container_rules(path: str, container: Manifest) -> Iterator[Finding]:
    """The rules that a container breaks, init container or not."""
    policies = "File", "FallbackToLogsOnError"
    if (policy := container.get("terminationMessagePolicy")) not in (None, "", *policies):
        yield unsupported(f"{path}.terminationMessagePolicy", policy, policies)
    yield from _ports(f"{path}.ports", _dicts(container.get("ports")))
    yield from resource_rules(f"{path}.resources", container.get("resources", {}))
    yield from _security(f"{path}.securityContext", container.get("securityContext", {}))


def probe_rules(path: str, container: Manifest, is_init: bool) -> Iterator[Finding]:
    """The rules for probes and hooks, which an init container cannot have."""
    hooks = container.get("lifecycle", {})
    if is_init and container.get("restartPolicy") != "Always":
        why = "may not be set for init containers without restartPolicy=Always"
        given = [field for field in ("lifecycle", *_PROBES) if container.get(field)]
        yield from (forbidden(f"{path}.{field}", why) for field in given)
        return
    for hook in "postStart", "preStop":
        if hook in hooks:
            yield from _handler(f"{path}.lifecycle.{hook}", hooks[hook])
    for field in _PROBES:
        if field in container:
            yield from _probe(f"{path}.{field}", container[field], field != "readinessProbe")


def resource_rules(path: str, resources: Manifest) -> Iterator[Finding]:
    """The rules for requests and limits."""
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for field, amounts in ("limits", limits), ("requests", requests):
        for name, text in amounts.items():
            yield from _resource(f"{path}.{field}[{name}]", name, text)
    for name, text in requests.items():
        yield from _request(path, name, text, limits.get(name))
    names = {*limits, *requests}
    if any(map(_is_huge, names)) and not names & {"cpu", "memory"}:
        yield forbidden(path, "HugePages require cpu or memory")


def _resource(path: str, name: str, text: str) -> Iterator[Finding]:
    if "/" in name:
        yield from (invalid(path, name, why) for why in why_not_qualified_name(name))
    elif name not in _STANDARD and not _is_huge(name):
        if name not in _OF_OTHERS:
            yield invalid(path, name, "must be a standard resource type or fully qualified")
        yield invalid(path, name, "must be a standard resource for containers")
    if amount(text) < 0:
        yield invalid(path, text, "must be greater than or equal to 0")
    if _is_extended(name) and amount(text).denominator != 1:
        yield invalid(path, text, "must be an integer")


def _request(path: str, name: str, text: str, limit: str | None) -> Iterator[Finding]:
    is_fixed = _is_extended(name) or _is_huge(name)
    if limit is None:
        if is_fixed:
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif is_fixed and amount(text) != amount(limit):
        yield invalid(f"{path}.requests", text, f"must be equal to {name} limit of {limit}")
    elif amount(text) > amount(limit):
        why = f"must be less than or equal to {name} limit of {limit}"
        yield invalid(f"{path}.requests", text, why)


def _is_extended(name: str) -> bool:
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def _is_huge(name: str) -> bool:
    return name.startswith("hugepages-")


def _security(path: str, context: Manifest) -> Iterator[Finding]:
    yield from rights_rules(path, context)
    kinds = "Default", "Unmasked"
    if (mount := context.get("procMount")) not in (None, *kinds):
        yield unsupported(f"{path}.procMount", mount, kinds)
    if context.get("allowPrivilegeEscalation") is False:
        why = "cannot set `allowPrivilegeEscalation` to false and"
        if context.get("privileged"):
            yield invalid(path, context, f"{why} `privileged` to true")
        if "CAP_SYS_ADMIN" in context.get("capabilities", {}).get("add", ()):
            yield invalid(path, context, f"{why} `capabilities.Add` CAP_SYS_ADMIN")


def _profile(path: str, field: str, name: str, profile: Manifest) -> Iterator[Finding]:
    types = "Localhost", "RuntimeDefault", "Unconfined"
    type_, local = profile.get("type", ""), profile.get("localhostProfile")
    if not type_:
        yield required(f"{path}.type", f"type is required when {field} is set")
    elif type_ not in types:
        yield unsupported(f"{path}.type", type_, types)
    if type_ == "Localhost" and not local:
        yield required(f"{path}.localhostProfile", f"must be set when {name} type is Localhost")
    elif type_ in types[1:] and local is not None:
        why = f"can only be set when {name} type is Localhost"
        yield invalid(f"{path}.localhostProfile", profile, why)


def _ports(path: str, ports: list[Manifest]) -> Iterator[Finding]:
    protocols = "SCTP", "TCP", "UDP"
    names: set[str] = set()
    for index, port in enumerate(ports):
        place, name = f"{path}[{index}]", port.get("name", "")
        if whys := why_not_port_name(name) if name else []:
            yield from (invalid(f"{place}.name", name, why) for why in whys)
        elif name in names:
            yield duplicate(f"{place}.name", name)
        names |= {name} - {""}
        if not port.get("containerPort"):
            yield required(f"{place}.containerPort")
        else:
            yield from _between(f"{place}.containerPort", port["containerPort"], 1, 65535)
        if port.get("hostPort"):
            yield from _between(f"{place}.hostPort", port["hostPort"], 1, 65535)
        if port.get("protocol") not in (None, "", *protocols):
            yield unsupported(f"{place}.protocol", port["protocol"], protocols)


def why_not_port_name(name: str) -> list[str]:
    """Why a port cannot have this name."""
    found = [] if len(name) <= 15 else ["must be no more than 15 characters"]
    if not re.fullmatch("[-a-z0-9]*", name):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        found.append("must contain at least one letter (a-z)")
    if "--" in name:
        found.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return found


def _handler(path: str, handler: Manifest) -> Iterator[Finding]:
    given = [field for field in _HANDLERS if field in handler]
    if not given:
        yield required(path, "must specify a handler type")
    yield from (
        forbidden(f"{path}.{field}", "may not specify more than 1 handler type")
        for field in given[1:]
    )
    if given and given[0] == "exec" and not handler["exec"].get("command"):
        yield required(f"{path}.exec.command")
    if given and given[0] in ("httpGet", "tcpSocket"):
        port = handler[given[0]].get("port", 0)
        if isinstance(port, str):
            field = f"{path}.{given[0]}.port"
            yield from (invalid(field, port, why) for why in why_not_port_name(port))
        else:
            yield from _between(f"{path}.{given[0]}.port", port, 1, 65535)


def _probe(path: str, probe: Manifest, has_one_success: bool) -> Iterator[Finding]:
    yield from _handler(path, probe)
    seconds = "initialDelaySeconds", "timeoutSeconds", "periodSeconds"
    for field in (*seconds, "successThreshold", "failureThreshold"):
        if probe.get(field, 0) < 0:
            why = "must be greater than or equal to 0"
            yield invalid(f"{path}.{field}", probe[field], why)
    successes = probe.get("successThreshold") or 1
    if has_one_success and successes != 1:
        yield invalid(f"{path}.successThreshold", successes, "must be 1")


def _between(path: str, value: int | None, least: int, most: int) -> Iterator[Finding]:
    if value is not None and not least <= value <= most:
        yield invalid(path, value, f"must be between {least} and {most}, inclusive")


def _dicts(values: Any) -> list[Manifest]:
    return [each or {} for each in values or []]
