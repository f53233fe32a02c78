"""The tables that `kubectl get` prints: rows and columns as the API server words them. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from function.local.resources import Resource

Manifest = dict[str, Any]

# Columns that only `-o wide` shows begin with a plus sign.
_COLUMNS = {
    "Namespace": ("Name", "Status", "Age"),
    "ConfigMap": ("Name", "Data", "Age"),
    "Job": (
        "Name",
        "Status",
        "Completions",
        "Duration",
        "Age",
        "+Containers",
        "+Images",
        "+Selector",
    ),
    "Pod": ("Name", "Ready", "Status", "Restarts", "Age", "+IP", "+Node"),
    "ServiceAccount": ("Name", "Secrets", "Age"),
    "Role": ("Name", "Created At"),
    "RoleBinding": ("Name", "Role", "Age"),
    "Event": ("Last Seen", "Type", "Reason", "Object", "+Source", "Message", "+Count", "+Name"),
}


def build_table(
    resource: Resource, items: list[Manifest], metadata: Manifest, include: str = "Metadata"
) -> Manifest:
    """A meta.k8s.io/v1 Table of the items; `include` is the query's includeObject."""
    now = datetime.now(UTC)
    rows = [_row(resource.kind, each, include, now) for each in items]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_column(name) for name in _COLUMNS[resource.kind]],
        "rows": rows,
    }


def human_duration(seconds: int) -> str:
    """A duration as kubectl shows it: at most two units, coarser as it grows."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{max(0, seconds)}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def job_status(job: Manifest) -> str:
    """The word in the column Status."""
    true = {each["type"] for each in conditions_of(job) if each["status"] == "True"}
    for condition in "Complete", "Failed":
        if condition in true:
            return condition
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    for condition in "Suspended", "FailureTarget", "SuccessCriteriaMet":
        if condition in true:
            return condition
    return "Running"


def conditions_of(job: Manifest) -> list[Manifest]:
    """The conditions in a job's status."""
    found: list[Manifest] = job.get("status", {}).get("conditions", [])
    return found


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}{small}{small_unit}" if small else f"{big}{big_unit}"


def _column(name: str) -> Manifest:
    shown = name.removeprefix("+")
    type_ = "integer" if shown in ("Data", "Count") else "string"
    format_ = "name" if shown == "Name" else ""
    priority = 1 if name.startswith("+") else 0
    return {
        "name": shown,
        "type": type_,
        "format": format_,
        "description": "",
        "priority": priority,
    }


def _row(kind: str, item: Manifest, include: str, now: datetime) -> Manifest:
    row: Manifest = {"cells": _CELLS[kind](item, now)}
    if include == "Object":
        row["object"] = item
    elif include != "None":
        head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        row["object"] = {**head, "metadata": item["metadata"]}
    return row


def _namespace_cells(item: Manifest, now: datetime) -> list[Any]:
    return [_name(item), item["status"]["phase"], _age(item, now)]


def _config_map_cells(item: Manifest, now: datetime) -> list[Any]:
    count = len(item.get("data", {})) + len(item.get("binaryData", {}))
    return [_name(item), count, _age(item, now)]


def _job_cells(item: Manifest, now: datetime) -> list[Any]:
    containers = item["spec"]["template"]["spec"]["containers"]
    selected = item["spec"]["selector"].get("matchLabels", {})
    return [
        _name(item),
        job_status(item),
        _completions(item),
        _duration(item["status"], now),
        _age(item, now),
        ",".join(each["name"] for each in containers),
        ",".join(each["image"] for each in containers),
        ",".join(f"{key}={value}" for key, value in selected.items()),
    ]


def _completions(job: Manifest) -> str:
    succeeded = job["status"].get("succeeded", 0)
    if "completions" in job["spec"]:
        return f"{succeeded}/{job['spec']['completions']}"
    parallelism = job["spec"]["parallelism"]
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(status: Manifest, now: datetime) -> str:
    if "startTime" not in status:
        return ""
    end = _time(status["completionTime"]) if "completionTime" in status else now
    return human_duration(int((end - _time(status["startTime"])).total_seconds()))


def _pod_cells(item: Manifest, now: datetime) -> list[Any]:
    status = item.get("status", {})
    containers = status.get("containerStatuses", [])
    ready = sum(1 for each in containers if each.get("ready"))
    phase = status.get("phase", "Pending")
    shown = "Completed" if phase == "Succeeded" else phase
    total = len(item["spec"].get("containers", []))
    node = item["spec"].get("nodeName", "<none>")
    return [_name(item), f"{ready}/{total}", shown, "0", _age(item, now), "<none>", node]


def _event_cells(item: Manifest, now: datetime) -> list[Any]:
    about = item.get("involvedObject", {})
    seen = (
        item.get("lastTimestamp") or item.get("eventTime") or item["metadata"]["creationTimestamp"]
    )
    return [
        human_duration(int((now - _time(seen)).total_seconds())),
        item.get("type", ""),
        item.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        item.get("source", {}).get("component", ""),
        item.get("message", "").strip(),
        item.get("count", 1),
        _name(item),
    ]


def _service_account_cells(item: Manifest, now: datetime) -> list[Any]:
    return [_name(item), len(item.get("secrets", [])), _age(item, now)]


def _role_cells(item: Manifest, now: datetime) -> list[Any]:
    return [_name(item), item["metadata"]["creationTimestamp"]]


def _role_binding_cells(item: Manifest, now: datetime) -> list[Any]:
    role = item.get("roleRef", {})
    return [_name(item), f"{role.get('kind', '')}/{role.get('name', '')}", _age(item, now)]


def _name(item: Manifest) -> Any:
    return item["metadata"]["name"]


def _age(item: Manifest, now: datetime) -> str:
    created = _time(item["metadata"]["creationTimestamp"])
    return human_duration(int((now - created).total_seconds()))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


_CELLS: dict[str, Callable[[Manifest, datetime], list[Any]]] = {
    "Namespace": _namespace_cells,
    "ConfigMap": _config_map_cells,
    "Job": _job_cells,
    "Pod": _pod_cells,
    "Event": _event_cells,
    "ServiceAccount": _service_account_cells,
    "Role": _role_cells,
    "RoleBinding": _role_binding_cells,
}
