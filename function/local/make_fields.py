"""Writes fields.json, the table of the API's own field names and types.

Run by hand when Kubernetes gains fields, in an environment that has
`kubernetes-validate`: `python -m function.local.make_fields 1.37.0`. The table is
derived from the Kubernetes OpenAPI definitions (Apache-2.0) that package carries.
"""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOTS = (
    "io.k8s.api.batch.v1.Job",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.Event",
    "io.k8s.api.core.v1.Namespace",
    "io.k8s.api.core.v1.Pod",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.rbac.v1.Role",
    "io.k8s.api.rbac.v1.RoleBinding",
)
SCHEMAS = "kubernetes-json-schema/v{version}-local-strict/_definitions.json"
TABLE = Path(__file__).with_name("fields.json")


def read_definitions(version: str) -> dict[str, Any]:
    """The definitions of Kubernetes `version` ("1.37.0"); raises OSError if it is unknown."""
    package = importlib.util.find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        raise SystemExit("kubernetes-validate is not installed")
    path = Path(package.origin).parent / SCHEMAS.format(version=version)
    definitions: dict[str, Any] = json.loads(path.read_text("utf-8"))["$defs"]
    return definitions


def build_table(definitions: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Type name → field name → type, in Go's spelling: `int32`, `[]Container`, `map[string]string`."""
    table: dict[str, dict[str, str]] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        properties = definitions[name].get("properties")
        if properties is None or _short(name) in table:
            continue
        table[_short(name)] = {field: _type(schema) for field, schema in properties.items()}
        waiting.extend(_references(properties))
    return dict(sorted(table.items()))


def _short(name: str) -> str:
    return name.rsplit(".", 1)[1]


def _references(schema: Any) -> Iterator[str]:
    children = schema.values() if isinstance(schema, dict) else schema
    for child in children:
        if isinstance(child, str) and child.startswith("#/$defs/"):
            yield child.rsplit("/", 1)[1]
        elif isinstance(child, (dict, list)):
            yield from _references(child)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _short(schema["$ref"].rsplit("/", 1)[1])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "array":
        return "[]" + _type(schema["items"])
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return "map[string]" + _type(schema["additionalProperties"])
    spelling = {"boolean": "bool", "integer": schema.get("format", "int64"), "number": "float64"}
    if schema.get("format") == "byte":
        return "[]byte"
    return str(spelling.get(kind, kind))


if __name__ == "__main__":
    found = build_table(read_definitions(sys.argv[1]))
    TABLE.write_text(json.dumps(found, separators=(",", ":")) + "\n", "utf-8")
