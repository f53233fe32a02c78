"""Watches: the history of the store as one client sees it who only looks at what he wants.

Knows no HTTP; `answers.py` reads what a watch is asked for, `sockets.py` sends what it
yields.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Any

from function.local.resources import Resource
from function.local.selectors import Predicate
from function.local.statuses import Refusal
from function.local.store import Change, Store

Manifest = dict[str, Any]

_TICK = 0.5


@dataclass(frozen=True)
class Watch:
    """What a client wants to see, from which revision on (0: from what is there), how long.

    With `initial`, what is there comes first, and a bookmark says where it ends.
    """

    resource: Resource
    wanted: Predicate
    revision: int
    seconds: float
    initial: bool

    def open(self, store: Store) -> Iterator[Manifest | None]:
        """The events as they happen; a None now and then, to look whether anyone still listens.

        Raises a 410 refusal if the history no longer reaches back to the revision.
        """
        if self.initial or not self.revision:
            items, revision = store.select(self.resource, "")
            first = [_event("ADDED", each) for each in items if self.wanted(each)]
            if self.initial:
                first.append(_bookmark(self.resource, revision))
            return chain(first, self._follow(store, revision))
        if not store.remembers(self.revision):
            raise _expired(self.revision)
        return self._follow(store, self.revision)

    def _follow(self, store: Store, revision: int) -> Iterator[Manifest | None]:
        end = time.monotonic() + self.seconds
        while not store.closed and (left := end - time.monotonic()) > 0:
            changes = store.changes_after(revision, min(left, _TICK))
            # Revisions have no gaps, unless the history has lost the oldest.
            if changes and changes[0].revision != revision + 1:
                yield _event("ERROR", _expired(revision).body())
                return
            yield from self._seen(changes) if changes else [None]
            revision = changes[-1].revision if changes else revision

    def _seen(self, changes: list[Change]) -> Iterator[Manifest]:
        for change in changes:
            before = change.before is not None and self.wanted(change.before)
            after = change.after is not None and self.wanted(change.after)
            if change.resource is self.resource and (before or after):
                type_ = ("MODIFIED" if before else "ADDED") if after else "DELETED"
                yield _event(type_, change.latest)


def _event(type_: str, manifest: Manifest) -> Manifest:
    return {"type": type_, "object": manifest}


def _bookmark(resource: Resource, revision: int) -> Manifest:
    # Without this one, kubectl wait never begins.
    annotations = {"k8s.io/initial-events-end": "true"}
    metadata = {"resourceVersion": str(revision), "annotations": annotations}
    head = {"kind": resource.kind, "apiVersion": resource.api_version}
    return _event("BOOKMARK", {**head, "metadata": metadata})


def _expired(revision: int) -> Refusal:
    message = f"too old resource version: {revision}"
    return Refusal(HTTPStatus.GONE, "Expired", message)
