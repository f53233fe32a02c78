"""Which object a path means. Pure."""

from dataclasses import dataclass
from urllib.parse import unquote

from function.local.resources import RESOURCES, Resource
from function.local.statuses import no_such_method, no_such_path


@dataclass(frozen=True)
class Target:
    """What a path addresses; `namespace` "" is all of them, `name` "" the whole collection."""

    resource: Resource
    namespace: str
    name: str
    subresource: str

    @property
    def kind_asked(self) -> str:
        """As a Role lists it: `jobs`, `jobs/status`."""
        plural = self.resource.plural
        return f"{plural}/{self.subresource}" if self.subresource else plural


def find_target(path: str) -> Target:
    """The target of an API path, such as `/apis/batch/v1/namespaces/n/jobs/x/status`.

    Raises a 404 refusal with empty details for a path that means nothing.
    """
    group, steps = _split(path)
    namespace = ""
    if len(steps) > 2 and steps[0] == "namespaces":
        namespace, steps = steps[1], steps[2:]
    plural, name, subresource, *more = [*steps, "", "", ""][: max(3, len(steps))]
    resource = RESOURCES.get(plural)
    if resource is None or resource.group != group or any(more):
        raise no_such_path()
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    # Names of namespaced objects need one, and the others must not have one.
    if resource.namespaced != bool(namespace) and (namespace or name):
        raise no_such_path()
    return Target(resource, namespace, name, subresource)


def find_verb(method: str, target: Target, watched: bool) -> str:
    """The verb as RBAC names it; raises a 405 refusal if the target does not take the method."""
    one = bool(target.name)
    verbs = {
        "GET": "get" if one else "watch" if watched else "list",
        "DELETE": "delete" if one else "deletecollection",
    }
    if one:
        verbs |= {"PUT": "update", "PATCH": "patch"}
    elif target.namespace or not target.resource.namespaced:
        verbs["POST"] = "create"
    refused = {"": (), "status": ("DELETE",), "log": ("DELETE", "PUT", "PATCH")}
    if method not in verbs or method in refused[target.subresource]:
        raise no_such_method()
    return verbs[method]


def _split(path: str) -> tuple[str, list[str]]:
    # Split first: an escaped slash belongs to a name.
    steps = [unquote(step) for step in path.strip("/").split("/")]
    if steps[:2] == ["api", "v1"]:
        return "", steps[2:]
    if steps[:1] == ["apis"] and steps[2:3] == ["v1"]:
        return steps[1], steps[3:]
    raise no_such_path()
