"""The objects, their versions, and the history that a watch reads.

Knows no rule of the API and no HTTP. An object in the store is never changed: every
write puts a new one in its place, so readers may keep what they got, but must copy
it before they change it.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from function.local.resources import RESOURCES, Resource

HISTORY = 10_000
"""Changes kept for watches; who asks for older ones has to list again."""

Manifest = dict[str, Any]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Change:
    """What one write did: `before` is None for a creation, `after` None for a deletion."""

    revision: int
    resource: Resource
    before: Manifest | None
    after: Manifest | None

    @property
    def latest(self) -> Manifest:
        """The object after the write; a deleted one as it was last, with the new revision."""
        if self.after is not None:
            return self.after
        return _with_revision(self.before or {}, self.revision)


class Store:
    """All objects of one API. Every method is safe to call from any thread.

    Who reads and then writes holds `lock`, which may be taken again by the same thread.
    `history` is how many changes are kept for watches.
    """

    def __init__(self, history: int = HISTORY) -> None:
        self.lock = threading.RLock()
        self.revision = 1
        self.closed = False
        self._changed = threading.Condition(self.lock)
        self._objects: dict[Key, Manifest] = {}
        self._owned: dict[str, set[Key]] = {}
        self._history: deque[Change] = deque(maxlen=history)

    def find(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        """The object, or None."""
        with self.lock:
            return self._objects.get((resource.plural, namespace, name))

    def select(self, resource: Resource, namespace: str) -> tuple[list[Manifest], int]:
        """The objects of a namespace (all for ""), by namespace and name, and the revision."""
        with self.lock:
            found = [
                (key, each)
                for key, each in self._objects.items()
                if key[0] == resource.plural and namespace in ("", key[1])
            ]
            revision = self.revision
        return [each for _, each in sorted(found, key=lambda pair: pair[0])], revision

    def put(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Store an object under its own name; returns it with its new resourceVersion."""
        with self.lock:
            self.revision += 1
            stored = _with_revision(manifest, self.revision)
            key = _key(resource, stored)
            before = self._objects.get(key)
            self._objects[key] = stored
            self._own(key, before, stored)
            self._record(Change(self.revision, resource, before, stored))
            return stored

    def remove(self, resource: Resource, manifest: Manifest) -> None:
        """Drop an object that is stored."""
        with self.lock:
            self.revision += 1
            key = _key(resource, manifest)
            before = self._objects.pop(key)
            self._own(key, before, None)
            self._record(Change(self.revision, resource, before, None))

    def owned_by(self, uid: str) -> list[tuple[Resource, Manifest]]:
        """Objects that name `uid` among their owners, each with its resource, by name."""
        with self.lock:
            keys = sorted(self._owned.get(uid, ()))
            return [(RESOURCES[key[0]], self._objects[key]) for key in keys]

    def remembers(self, revision: int) -> bool:
        """Whether every change after `revision` is still in the history."""
        with self.lock:
            return not self._history or self._history[0].revision <= revision + 1

    def changes_after(self, revision: int, seconds: float) -> list[Change]:
        """The changes since `revision`, oldest first; waits up to `seconds` for the first.

        An empty list means that the time is over or the store is closed.
        """
        end = time.monotonic() + seconds
        with self._changed:
            while self.revision <= revision and not self.closed:
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    break
            newer = takewhile(lambda change: change.revision > revision, reversed(self._history))
            return list(newer)[::-1]

    def close(self) -> None:
        """Wake everybody who waits for changes; there will be no more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _own(self, key: Key, before: Manifest | None, after: Manifest | None) -> None:
        for uid in _owners(before):
            self._owned[uid].discard(key)
            if not self._owned[uid]:
                del self._owned[uid]
        for uid in _owners(after):
            self._owned.setdefault(uid, set()).add(key)

    def _record(self, change: Change) -> None:
        self._history.append(change)
        self._changed.notify_all()


def _key(resource: Resource, manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return resource.plural, metadata.get("namespace", ""), metadata["name"]


def _owners(manifest: Manifest | None) -> set[str]:
    listed = manifest["metadata"].get("ownerReferences", []) if manifest else []
    return {owner.get("uid", "") for owner in listed}


def _with_revision(manifest: Manifest, revision: int) -> Manifest:
    metadata = {**manifest["metadata"], "resourceVersion": str(revision)}
    return {**manifest, "metadata": metadata}
