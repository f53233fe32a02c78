"""The definitions of a cluster, read page by page."""

from typing import Any
from urllib.parse import quote, urlencode

from function.errors import Unavailable
from function.tools.clusters import PersonsCluster, soon
from function.tools.documents import Stored
from function.tools.findings import Unusable
from function.transport import TooLarge

# ConfigMaps in one answer. Each may have a megabyte, and then they come one by one.
PAGE = 100


def read_stored(cluster: PersonsCluster, page: int = PAGE) -> list[Stored]:
    """Return the ConfigMaps of the cluster's namespace; raises Unusable if it cannot list them."""
    query: dict[str, Any] = {"limit": page}
    found: list[Stored] = []
    while True:
        try:
            items, query["continue"] = _page(cluster, query)
        except TooLarge as exc:
            if query["limit"] == 1:
                raise Unusable(f"cannot list the ConfigMaps: {exc}") from exc
            query["limit"] = 1  # for the rest of the list, too
            continue
        except Unavailable as exc:
            raise Unusable(f"cannot list the ConfigMaps in {cluster.namespace}: {exc}") from exc
        # Items of a list do not say what they are.
        found += [Stored.read({"apiVersion": "v1", "kind": "ConfigMap", **item}) for item in items]
        if not query["continue"]:
            return found


def _page(cluster: PersonsCluster, query: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    path = f"/api/v1/namespaces/{quote(cluster.namespace)}/configmaps?{urlencode(query)}"
    reply = cluster._ask("GET", path, soon())
    items = reply.items("ConfigMapList")
    if items is None:
        raise Unavailable(reply.text)
    return items, reply.next_page
