"""Which alert finds a definition, which key it reads, and whether the API server takes it."""

from collections.abc import Iterable, Iterator

from function.definitions import ALERTNAME, DISABLED, FALLBACK_KEY, PREFIX, is_disabled
from function.errors import Broken
from function.local.findings import Finding as Verdict
from function.local.findings import Kind
from function.local.rules import config_map_rules
from function.tools.documents import Path
from function.tools.findings import Finding
from function.tools.lint.config_map import NAMESPACE, ConfigMap, is_job, named
from function.tools.lint.containers import to_path
from function.tools.lint.places import why_unknown

_LIKE_THE_FALLBACK = (".yaml", ".yml", ".json")


def findings(config_map: ConfigMap) -> Iterator[Finding]:
    """Return what is wrong with name, keys and labels of a definition."""
    yield from name_findings(config_map)
    wrong = list(_alertname(config_map))
    yield from wrong
    yield from _keys(config_map, is_told=bool(wrong))
    yield from _binary_keys(config_map)
    yield from _switch(config_map)
    yield from _verdicts(config_map)


def namespace_findings(config_map: ConfigMap, namespace: str) -> Iterator[Finding]:
    """Return whether a definition is for another namespace than was said; empty: none was."""
    if namespace and config_map.namespace not in ("", namespace):
        message = (
            f"metadata.namespace is {config_map.namespace}, but definitions are looked for in "
            f"{namespace}"
        )
        yield config_map.find("namespace", ("metadata", "namespace"), message)


def collisions(config_maps: Iterable[ConfigMap], namespace: str = "") -> Iterator[Finding]:
    """Return which definitions have the name of another; one without a namespace is in this."""
    first: dict[tuple[str, str], ConfigMap] = {}
    for each in config_maps:
        other = first.setdefault((each.namespace or namespace or NAMESPACE, each.name), each)
        if other is not each and each.name:
            message = (
                f"{each.name} stands in {other.document.at('metadata', 'name')}, too: the one "
            )
            if {*each.keys} == {*other.keys}:
                message += "applied last wins; leave one out"
            else:
                message += "applied last wins; if both are meant, make them two keys of one"
            yield each.find("collision", ("metadata", "name"), message)


def name_findings(config_map: ConfigMap) -> Iterator[Finding]:
    """Return whether no alert finds a definition by its name."""
    if config_map.is_found:
        return
    found = f"no alert finds {config_map.name}" if config_map.name else "without a name it is lost"
    form = f"{PREFIX}<alertname>-firing or -resolved, in lower case"
    message = f"{found}: a definition is called {form}; here {config_map.meant}"
    yield config_map.find("name", ("metadata", "name"), message)


def _alertname(config_map: ConfigMap) -> Iterator[Finding]:
    alert = config_map.annotations.get(ALERTNAME)
    if alert is None:
        return
    path = ("metadata", "annotations", ALERTNAME)
    name = named(alert, config_map.status)
    if name != config_map.meant:
        looks = f"looks for {name}, not for this" if name else "has no name that can be looked for"
        yield config_map.find("alertname", path, f"an alert called {alert!r} {looks}")
    elif alert not in config_map.keys and FALLBACK_KEY not in config_map.keys:
        keys = ", ".join(config_map.keys) or "none"
        message = f"no key {alert} and no key {FALLBACK_KEY}, the two that it reads; keys: {keys}"
        yield config_map.find("alertname", path, message)


def _keys(config_map: ConfigMap, is_told: bool) -> Iterator[Finding]:
    fitting = [key for key in config_map.keys if _is_read(config_map, key)]
    others = [key for key in config_map.keys if key not in fitting]
    jobs = [key for key in others if is_job(config_map.document.value["data"][key])]
    if not fitting:
        jobs = [] if is_told else jobs or others[:1]
        if not others and not config_map.binary_keys and not is_told:
            message = f"no manifest: it belongs under the alert's name, or under {FALLBACK_KEY}"
            yield config_map.find("key", ("data",), message)
    for key in others:
        path = ("data", key)
        if key in jobs:
            yield config_map.find("key", path, _no_alert_reads(config_map, key))
        elif not is_told and not _is_mounted(config_map):
            message = f"no alert reads the key {key}, and the manifest does not mount it"
            yield config_map.find("extra-key", path, message)


def _is_read(config_map: ConfigMap, key: str) -> bool:
    """Say whether an alert reads a key: with an annotation that can be meant, one alone."""
    alert = config_map.annotations.get(ALERTNAME)
    if alert is None or named(alert, config_map.status) != config_map.meant:
        return config_map.reads(key)
    return key == (alert if alert in config_map.keys else FALLBACK_KEY)


def _no_alert_reads(config_map: ConfigMap, key: str) -> str:
    if config_map.reads(key):
        alert = config_map.annotations[ALERTNAME]
        return f"no alert reads the key {key}: {ALERTNAME} says that it is for {alert} alone"
    if key.lower().endswith(_LIKE_THE_FALLBACK):
        return f"no alert reads the key {key}: call it {FALLBACK_KEY}, or as the alert"
    name = named(key, config_map.status)
    looks = f"an alert called {key} looks for {name}" if name else f"no alert is called {key}"
    return f"{looks}, not for {config_map.meant}: the key is the alert's name as it is, or {FALLBACK_KEY}"


def _is_mounted(config_map: ConfigMap) -> bool:
    """Say whether the job takes its own definition as files, for scripts beside the manifest."""
    return any(
        config_map.name and config_map.name in config_map.data[key] for key in config_map.manifests
    )


def _binary_keys(config_map: ConfigMap) -> Iterator[Finding]:
    for key in config_map.binary_keys:
        if config_map.reads(key):
            message = f"the manifest must stand in data: {key} in binaryData is never read"
            yield config_map.find("key", ("binaryData", key), message)


def _switch(config_map: ConfigMap) -> Iterator[Finding]:
    """Ask the function about label and annotation by themselves: each has a place of its own."""
    for kind, texts in (("labels", config_map.labels), ("annotations", config_map.annotations)):
        if DISABLED not in texts:
            continue
        path = ("metadata", kind, DISABLED)
        try:
            if is_disabled({"metadata": {kind: texts}}):
                message = f"it is switched off: no alert starts it until {DISABLED} is false"
                yield config_map.find("switched-off", path, message)
        except Broken as exc:
            yield config_map.find("job-disabled", path, str(exc))


def _verdicts(config_map: ConfigMap) -> Iterator[Finding]:
    """Return what the API server would say to the ConfigMap, except where it was said better."""
    value = config_map.document.value
    if value.get("apiVersion") != "v1":
        message = f"apiVersion must be v1, found {value.get('apiVersion')}"
        yield config_map.find("config-map", ("apiVersion",), message)
    for verdict in config_map.unreadable:
        path = to_path(verdict.field, value)
        if verdict.kind is Kind.UNKNOWN:
            _, message = why_unknown(path, verdict.field, "ConfigMap")
            yield config_map.find("config-map", path, message)
        elif not is_text(path) or verdict.kind is not Kind.TYPE:
            yield config_map.find("config-map", path, verdict.message)
    for verdict in config_map_rules(config_map.readable):
        if verdict.field in ("metadata.name", "metadata.generateName") and not config_map.is_found:
            continue
        yield config_map.find("config-map", _path(config_map, verdict), _message(verdict))


def is_text(path: Path) -> bool:
    """Say whether the ConfigMap must have text at a path."""
    return path[:-1] in (("metadata", "labels"), ("metadata", "annotations"), ("data",))


def _path(config_map: ConfigMap, verdict: Verdict) -> Path:
    path = to_path(verdict.field, config_map.document.value)
    if verdict.field not in ("metadata.labels", "metadata.annotations"):
        return path
    texts = config_map.labels if verdict.field == "metadata.labels" else config_map.annotations
    for key, text in texts.items():
        one = {"metadata": {"name": "any", str(path[-1]): {key: text}}}
        if verdict in config_map_rules(one):
            return (*path, key)
    return path


def _message(verdict: Verdict) -> str:
    hint = f"; the manifest of such an alert stands under {FALLBACK_KEY}, with {ALERTNAME}"
    return str(verdict) + (hint if verdict.field.startswith("data[") else "")
