"""The kinds of object that the embedded API knows. A table, and nothing that acts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A kind as the API addresses it.

    `selectable` are the fields that a field selector may name beside the object's name
    and namespace; `subresources` are the path segments that may follow a name.
    """

    group: str
    plural: str
    kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    selectable: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As an object says it: `v1`, `batch/v1`."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """As a message says it: `configmaps`, `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


RBAC = "rbac.authorization.k8s.io"

NAMESPACES = Resource("", "namespaces", "Namespace", ("ns",), namespaced=False)
CONFIG_MAPS = Resource("", "configmaps", "ConfigMap", ("cm",))
PODS = Resource(
    group="",
    plural="pods",
    kind="Pod",
    short_names=("po",),
    categories=("all",),
    subresources=("log", "status"),
    selectable=("spec.nodeName", "spec.restartPolicy", "status.phase"),
)
EVENTS = Resource(
    group="",
    plural="events",
    kind="Event",
    short_names=("ev",),
    selectable=(
        "involvedObject.apiVersion",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.resourceVersion",
        "involvedObject.uid",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
)
JOBS = Resource(
    group="batch",
    plural="jobs",
    kind="Job",
    categories=("all",),
    subresources=("status",),
    selectable=("status.successful",),
)

# They are kept, and nobody is held to them: there is nobody to hold.
SERVICE_ACCOUNTS = Resource("", "serviceaccounts", "ServiceAccount", ("sa",))
ROLES = Resource(RBAC, "roles", "Role")
ROLE_BINDINGS = Resource(RBAC, "rolebindings", "RoleBinding")

_ALL = NAMESPACES, CONFIG_MAPS, PODS, EVENTS, JOBS, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS
RESOURCES = {each.plural: each for each in _ALL}
"""All of them, by their plural, which no two share."""
