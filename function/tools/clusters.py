"""The cluster that a person means, chosen as kubectl does, and what the tools ask it beside the
function's own verbs.

Nothing here changes anything: what is created is created as a dry run.
"""

import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from function.cluster import Cluster
from function.errors import BadSettings, Unavailable
from function.settings import Settings
from function.tools.findings import Unusable
from function.transport import Transport, configure

SECONDS = 10.0
"""How long one question may take, tries included."""

OWN_FILE = Path(".kube", "config")
"""kubectl's, in the home of whoever calls it."""

PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets", "ServiceAccount": "serviceaccounts"}


class PersonsCluster(Cluster):
    """A cluster as the person sees it who calls the tools: with that person's rights."""

    def __init__(self, transport: Transport, namespace: str) -> None:
        super().__init__(transport, namespace, strict=False)
        self.transport = transport

    def within(self, namespace: str) -> "PersonsCluster":
        """Return the same cluster, and in it another namespace."""
        return PersonsCluster(self.transport, namespace)

    def list_config_maps(self, limit: int, after: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return one page of the ConfigMaps of the namespace, and what to go on after; empty: all.

        Raises Unavailable, and TooLarge for a page that has more than one answer may hold.
        """
        query = urlencode({"limit": limit, "continue": after})
        path = f"/api/v1/namespaces/{quote(self.namespace)}/configmaps?{query}"
        reply = self._ask("GET", path, soon())
        items = reply.items("ConfigMapList")
        if items is None:
            raise Unavailable(reply.text)
        return items, reply.next_page

    def has(self, kind: str, name: str) -> bool:
        """Say whether the namespace has that object; nothing of it is kept, which may be secret.

        Raises Unavailable if the answer says neither: the person may not read it, or the API
        server does not know such objects.
        """
        plural = PLURALS[kind]
        path = f"/api/v1/namespaces/{quote(self.namespace)}/{plural}/{quote(name, safe='')}"
        reply = self._ask("GET", path, soon())
        if reply.is_object(kind, name):
            return True
        if reply.is_about("NotFound", plural, name):
            return False
        raise Unavailable(reply.text)


def soon() -> float:
    """Return the deadline of a question that is asked now."""
    return time.monotonic() + SECONDS


def connect(namespace: str) -> PersonsCluster:
    """Return the cluster of KUBECONFIG, else of ~/.kube/config, once it has answered.

    Raises Unusable.
    """
    kubeconfig = _kubeconfig()
    try:
        configuration, _ = configure(Settings(jobs_namespace=namespace, kubeconfig=kubeconfig))
    except BadSettings as exc:
        problem = " ".join(str(exc.__cause__ or exc).split())
        raise Unusable(
            f"cannot use the kubeconfig {kubeconfig}: it is none, or says of no cluster how to "
            f"reach it: {problem}"
        ) from exc
    transport = Transport(configuration)
    _await_answer(transport, kubeconfig)
    return PersonsCluster(transport, namespace)


def _kubeconfig() -> str:
    """Return what kubectl would take; raises Unusable if there is none."""
    if named := os.environ.get("KUBECONFIG"):
        if not any(map(os.path.exists, named.split(os.pathsep))):
            raise Unusable(f"cannot use the kubeconfig {named}: there is no such file")
        return named
    own = Path(os.environ.get("HOME") or "/") / OWN_FILE
    if not own.is_file():
        raise Unusable(f"no cluster: set KUBECONFIG, or write {own}; nothing else is tried")
    return str(own)


def _await_answer(transport: Transport, kubeconfig: str) -> None:
    try:
        reply = transport.ask("GET", "/version", soon())
    except Unavailable as exc:
        raise Unusable(f"{transport.host}, of {kubeconfig}: {exc}") from exc
    # Whoever may not ask for the version may still ask for what matters.
    if reply.status != HTTPStatus.FORBIDDEN and "gitVersion" not in reply.content:
        raise Unusable(f"{transport.host}, of {kubeconfig}: {reply.text}")
