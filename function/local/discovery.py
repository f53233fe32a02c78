"""What a client asks before it acts: version, groups, resources, OpenAPI. Constant documents."""

from typing import Any

from function.local.resources import RESOURCES, Resource

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+openfero-local",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "python",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
# Of each there is one version, v1.
_GROUPS = sorted({each.group for each in RESOURCES.values()} - {""})


def build_documents() -> dict[str, dict[str, Any]]:
    """Path → document, for every path that is not about an object."""
    roots = {"": "api/v1"} | {group: f"apis/{group}/v1" for group in _GROUPS}
    paths = {each: {"serverRelativeURL": f"/openapi/v3/{each}?hash=1"} for each in roots.values()}
    groups = [_group(name) for name in _GROUPS]
    found: dict[str, dict[str, Any]] = {
        "/version": VERSION,
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        "/openapi/v3": {"paths": paths},
    }
    for each in groups:
        found[f"/apis/{each['name']}"] = {"kind": "APIGroup", "apiVersion": "v1", **each}
    for group, root in roots.items():
        found[f"/{root}"] = _resource_list(group)
        found[f"/openapi/v3/{root}"] = _openapi(group, root)
    return found


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resource_list(group: str) -> dict[str, Any]:
    listed = [each for each in RESOURCES.values() if each.group == group]
    entries = [entry for each in listed for entry in _entries(each)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/v1" if group else "v1",
        "resources": entries,
    }


def _entries(resource: Resource) -> list[dict[str, Any]]:
    shared = {"namespaced": resource.namespaced, "kind": resource.kind}
    own = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "shortNames": resource.short_names,
        "categories": resource.categories,
        "verbs": _VERBS,
    }
    parts = [
        {**shared, "name": f"{resource.plural}/{part}", "singularName": "", "verbs": ["get"]}
        for part in resource.subresources
    ]
    return [{**shared, **own}, *parts]


def _openapi(group: str, root: str) -> dict[str, Any]:
    # No schemas: kubectl only looks whether the server can validate fields itself, and then
    # lets it.
    names = "dryRun", "fieldValidation", "fieldManager"
    query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    paths: dict[str, Any] = {}
    for each in RESOURCES.values():
        if each.group == group:
            kind = {"group": group, "version": "v1", "kind": each.kind}
            what = {"x-kubernetes-group-version-kind": kind, "parameters": query, "responses": {}}
            scope = "namespaces/{namespace}/" if each.namespaced else ""
            paths[f"/{root}/{scope}{each.plural}"] = {"post": what}
            paths[f"/{root}/{scope}{each.plural}/{{name}}"] = {"patch": what, "put": what}
    info = {"title": "openfero local", "version": "v1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
