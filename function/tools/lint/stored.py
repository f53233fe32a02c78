"""The definitions of a cluster, read page by page."""

from typing import Any

from function.errors import Unavailable
from function.tools.clusters import PersonsCluster
from function.tools.documents import Document, Text
from function.tools.findings import Unusable
from function.transport import TooLarge

# ConfigMaps in one answer. Each may have a megabyte, and then they come one by one.
PAGE = 100


class Stored(Document):
    """An object of a cluster: only the texts in it have lines."""

    @classmethod
    def read(cls, value: dict[str, Any]) -> "Stored":
        """Return it under the name that kubectl has for it."""
        source = f"{value['kind'].lower()}/{value['metadata']['name']}"
        return cls(Text(source, "", has_lines=False), value)

    def inner(self, *path: str | int) -> Text:
        """Return a text within it, with lines of its own."""
        return Text(self.text.source, self.content(path))


def read_stored(cluster: PersonsCluster, page: int = PAGE) -> list[Stored]:
    """Return the ConfigMaps of the cluster's namespace; raises Unusable if it cannot list them."""
    found: list[Stored] = []
    after = ""
    while True:
        try:
            items, after = cluster.list_config_maps(page, after)
        except TooLarge as exc:
            if page == 1:
                raise Unusable(f"cannot list the ConfigMaps: {exc}") from exc
            page = 1  # for the rest of the list, too
            continue
        except Unavailable as exc:
            raise Unusable(f"cannot list the ConfigMaps in {cluster.namespace}: {exc}") from exc
        # Items of a list do not say what they are.
        found += [Stored.read({"apiVersion": "v1", "kind": "ConfigMap", **item}) for item in items]
        if not after:
            return found
