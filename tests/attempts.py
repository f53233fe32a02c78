"""What an account may do, found out by trying: each verb of each resource that there is.

Authorization comes before all else, so an attempt may be about nothing and with nothing in
it: what is not forbidden is allowed, whatever comes of it. All are dry runs.
"""

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Where a verb goes: to one object or to the collection, and how it is asked for.
NAMED = {"get": "GET", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
COLLECTION = {"list": "GET", "watch": "GET", "create": "POST", "deletecollection": "DELETE"}

EVERYBODY = frozenset(
    {
        "create selfsubjectaccessreviews.authorization.k8s.io",
        "create selfsubjectreviews.authentication.k8s.io",
        "create selfsubjectrulesreviews.authorization.k8s.io",
    }
)
"""What whoever is known to the API server may ask: who he is, and what he may."""

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    name: str
    subresource: str
    namespaced: bool
    verbs: frozenset[str]

    def __str__(self) -> str:
        """As kubectl writes it: deployments.apps/scale."""
        group = f".{self.group}" if self.group else ""
        return f"{self.name}{group}" + (f"/{self.subresource}" if self.subresource else "")

    def path(self, namespace: str, *, named: bool) -> str:
        root = f"/apis/{self.group}" if self.group else "/api"
        inside = f"/namespaces/{namespace}" if namespace else ""
        name = "/no-such-thing" if named or self.subresource else ""
        last = f"/{self.subresource}" if self.subresource else ""
        return f"{root}/{self.version}{inside}/{self.name}{name}{last}"


class Account:
    """Someone who tries everything, with the token of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        content = json.loads(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        where = urlsplit(cluster["server"]).netloc
        self._connection = http.client.HTTPSConnection(where, context=context, timeout=30)
        self._token = content["users"][0]["user"]["token"]

    def may(self, namespace: str = "") -> set[str]:
        """Return each "verb resource" that is allowed: in a namespace, or else cluster-wide."""
        allowed = {
            f"{verb} {resource}"
            for resource in self._resources()
            for verb in resource.verbs & {*NAMED, *COLLECTION}
            if _can_be_asked(resource, verb, namespace) and self._is(resource, verb, namespace)
        }
        return allowed - EVERYBODY

    def close(self) -> None:
        self._connection.close()

    def _is(self, resource: Resource, verb: str, namespace: str) -> bool:
        method = NAMED.get(verb) or COLLECTION[verb]
        path = resource.path(namespace, named=verb in NAMED)
        query = "watch=1&timeoutSeconds=1" if verb == "watch" else "dryRun=All"
        patch = {"Content-Type": "application/merge-patch+json"} if verb == "patch" else {}
        status, answer = self._ask(method, f"{path}?{query}", patch)
        return status != 403 or " cannot " not in answer.get("message", "")

    def _resources(self) -> Iterator[Resource]:
        for root in ("/api", "/apis"):
            for group in self._ask("GET", root, {"Accept": _DISCOVERY})[1]["items"]:
                yield from _of_group(group)

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        told = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = None if method == "GET" else "{}"
        self._connection.request(method, path, body, {**told, **headers})
        response = self._connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text)
        except ValueError:  # a watch, or a log: no refusal
            return response.status, {}


def _can_be_asked(resource: Resource, verb: str, namespace: str) -> bool:
    """Of what lives in namespaces, all can be listed at once, and no more."""
    if namespace:
        return resource.namespaced
    return not resource.namespaced or verb in ("list", "watch")


def _of_group(group: dict[str, Any]) -> Iterator[Resource]:
    """Yield what a group serves, each once: rights know no versions."""
    seen = set()
    for version in group["versions"]:
        for each in version["resources"]:
            for part, verbs in _parts(each):
                if (each["resource"], part) not in seen:
                    seen.add((each["resource"], part))
                    yield Resource(
                        group=group["metadata"].get("name", ""),
                        version=version["version"],
                        name=each["resource"],
                        subresource=part,
                        namespaced=each["scope"] == "Namespaced",
                        verbs=frozenset(verbs),
                    )


def _parts(resource: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "", resource["verbs"]
    for each in resource.get("subresources", []):
        yield each["subresource"], each["verbs"]
