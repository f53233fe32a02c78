"""What a job is told about its alert: environment variables, and a JSON file.

Pure. Labels come from anyone who can raise an alert, so their text goes nowhere
but into values: never into YAML, a command or a path. What has to be cut, dropped
or renamed on the way is said in a warning.
"""

import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from function.alerts import Alert, Notification
from function.errors import Broken

Warnings = list[str]

FILE_ANNOTATION = "openfero.io/alert"
FILE_FOLDER = "/etc/openfero"
FILE_NAME = "alert.json"
FILE_PATH = f"{FILE_FOLDER}/{FILE_NAME}"

# Annotations of one object may have 256 KiB together, and the author's count too.
MAX_FILE = 128 * 1024
# The kernel takes 128 KiB for one variable, and escaping may double it on the way.
MAX_VALUE = 32 * 1024

_PREFIX = "OPENFERO_"
_RESERVED = frozenset(
    {
        "OPENFERO_ALERT_STATUS",
        "OPENFERO_ALERT_FINGERPRINT",
        "OPENFERO_ALERT_STARTS_AT",
        "OPENFERO_ALERT_FILE",
        "OPENFERO_DEFINITION",
    }
)


def alert_file(alert: Alert, notification: Notification, warnings: Warnings) -> str:
    """Return Alertmanager's alert object, unchanged, plus `notification`, as JSON.

    At most 128 KiB of UTF-8: values are cut, never the JSON. A lone surrogate stays
    the escape that it came as, since no UTF-8 has it.
    """
    # A repair that is run again from its file brings what it was told the first time.
    told = {"notification": dict(notification.details)} if notification.details else {}
    content = {**alert.source, **told}
    text = _json(content)
    if _size(text) <= MAX_FILE:
        return text
    warnings.append(f"{FILE_NAME} is cut: {_size(text)} bytes, at most {MAX_FILE} are kept")
    return _cut_file(content, alert)


def _cut_file(content: dict[str, Any], alert: Alert) -> str:
    """Halve the longest values until the file fits; the names alone can be too long, too."""
    kept = {
        "status": alert.status,
        "startsAt": alert.starts_at[:64],
        "fingerprint": alert.fingerprint[:64],
    }
    if _size(_json(_shortened(content, 1) | kept)) > MAX_FILE:
        return _json({"labels": {"alertname": alert.name[:1024]}} | kept)
    longest = MAX_FILE // 2
    while _size(text := _json(_shortened(content, longest) | kept)) > MAX_FILE:
        longest //= 2
    return text


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, dict):
        return {name: _shortened(item, longest) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, longest) for item in value]
    return value


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def variables(
    alert: Alert, notification: Notification, definition: str, warnings: Warnings
) -> dict[str, str]:
    """Return name → value as Kubernetes wants them, `$` written `$$`.

    Unescaped, a label `$(DB_PASSWORD)` would become the value of a neighbour.
    """
    values = {
        **_label_variables(alert.labels, warnings),
        "OPENFERO_ALERT_STATUS": alert.status,
        "OPENFERO_ALERT_FINGERPRINT": alert.fingerprint,
        "OPENFERO_ALERT_STARTS_AT": alert.starts_at,
        "OPENFERO_DEFINITION": definition,
    }
    if notification.traceparent:
        values["TRACEPARENT"] = notification.traceparent
    return {name: _escaped(name, value, warnings) for name, value in values.items()}


def _label_variables(labels: Mapping[str, str], warnings: Warnings) -> dict[str, str]:
    """Give each label its variable; of labels that share one, the first by alphabet has it."""
    values: dict[str, str] = {}
    for label in sorted(labels):
        name = _PREFIX + re.sub(r"[^A-Za-z0-9_]", "_", label).upper()
        if name in _RESERVED:
            warnings.append(f"label {label} is only in {FILE_NAME}: {name} is reserved")
        elif name in values:
            warnings.append(f"label {label} is only in {FILE_NAME}: another one is {name}")
        else:
            values[name] = labels[label]
            if not re.fullmatch(r"[A-Za-z0-9_]*", label):
                warnings.append(f"label {label} is {name}")
    return values


def _escaped(name: str, value: str, warnings: Warnings) -> str:
    if "\0" in value:
        warnings.append(f"{name} is without its NUL characters, which no variable can hold")
        value = value.replace("\0", "")
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_VALUE:
        warnings.append(f"{name} is cut: {len(raw)} bytes, at most {MAX_VALUE} are kept")
        value = raw[:MAX_VALUE].decode("utf-8", "ignore")
    return value.replace("$", "$$")


def tell_containers(pod: dict[str, Any], values: dict[str, str], warnings: Warnings) -> None:
    """Give every container and init container of a pod the variables and the file."""
    where = "spec.template.spec"
    volumes = _children(pod, "volumes", where)
    volume = _free_name({str(volume.get("name")) for volume in volumes})
    mounted = False
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(_children(pod, kind, where)):
            place = f"{where}.{kind}[{index}]"
            has_file = _mount(container, volume, place, warnings)
            file = {"OPENFERO_ALERT_FILE": FILE_PATH} if has_file else {}
            _add_variables(container, values | file, place)
            mounted |= has_file
    if mounted:
        pod["volumes"] = [*volumes, _volume(volume)]


def _free_name(taken: set[str]) -> str:
    name, number = "openfero-alert", 1
    while name in taken:
        number += 1
        name = f"openfero-alert-{number}"
    return name


def _volume(name: str) -> dict[str, Any]:
    field = {"fieldPath": f"metadata.annotations['{FILE_ANNOTATION}']"}
    return {
        "name": name,
        "downwardAPI": {"items": [{"path": FILE_NAME, "fieldRef": field}]},
    }


def _mount(container: dict[str, Any], volume: str, where: str, warnings: Warnings) -> bool:
    """Mount the alert file, unless the author mounts something at, above or below its place."""
    mounts = _children(container, "volumeMounts", where)
    for mount in mounts:
        if _overlaps(str(mount.get("mountPath")), FILE_FOLDER):
            warnings.append(f"{where} has no {FILE_PATH}: the manifest mounts there itself")
            return False
    container["volumeMounts"] = [
        *mounts,
        {"name": volume, "mountPath": FILE_FOLDER, "readOnly": True},
    ]
    return True


def _overlaps(one: str, other: str) -> bool:
    one = posixpath.normpath(posixpath.join("/", one)).lstrip("/") + "/"
    other = other.lstrip("/") + "/"
    return one == "/" or one.startswith(other) or other.startswith(one)


def _add_variables(container: dict[str, Any], values: dict[str, str], where: str) -> None:
    """Put ours first: Kubernetes expands $(NAME) from what stands before, and the last wins."""
    env = _children(container, "env", where)
    authors = {str(variable.get("name")) for variable in env}
    ours = [{"name": name, "value": values[name]} for name in values if name not in authors]
    container["env"] = ours + env


def _children(parent: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """Return the list of objects under a name; empty if it is absent or null."""
    children = parent.get(name)
    if children is None:
        return []
    if not isinstance(children, list) or not all(isinstance(c, dict) for c in children):
        raise Broken(f"{where}.{name} must be a list of objects")
    return children
