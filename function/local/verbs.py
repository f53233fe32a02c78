"""What can be done to objects: get, select, create, update, patch, delete.

Everything the API promises about one object at a time lives here, on plain dicts; the
HTTP around it is in `answers.py`. What is returned belongs to the store: copy it before
changing it.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from function.local.admission import (
    finish_new,
    judge,
    merge,
    now_text,
    prepare_change,
    prepare_new,
    read_object,
)
from function.local.resources import NAMESPACES, RESOURCES, Resource
from function.local.selectors import Predicate
from function.local.statuses import Refusal, conflict, exists, malformed, missing
from function.local.store import Store

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How a write is meant: only tried or in earnest, and how strictly fields are read."""

    dry_run: bool = False
    validation: str = "Warn"


class Verbs:
    """The verbs on one store. Safe to call from any thread; each write is one step."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """The object; raises a 404 refusal."""
        found = self.store.find(resource, namespace, name)
        if found is None:
            raise missing(resource, name)
        return found

    def select(
        self,
        resource: Resource,
        namespace: str,
        wanted: Predicate = lambda _: True,
        limit: int = 0,
        after: str = "",
    ) -> Manifest:
        """A list object; `limit` 0 is no limit, `after` the continue token of an earlier page."""
        start = _read_token(after)
        items, revision = self.store.select(resource, namespace)
        rest = [each for each in items if wanted(each) and _place(each) > start]
        page = rest[:limit] if limit else rest
        metadata: Manifest = {"resourceVersion": str(revision)}
        if len(rest) > len(page):
            metadata["continue"] = _write_token(page[-1])
            metadata["remainingItemCount"] = len(rest) - len(page)
        head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
        return {**head, "metadata": metadata, "items": page}

    def create(
        self, resource: Resource, namespace: str, body: Any, options: Options = Options()
    ) -> tuple[Manifest, list[str]]:
        """The created object and warnings; raises refusals 400, 404, 409 and 422."""
        sent, warnings = read_object(resource, body, options.validation)
        if sent["metadata"].get("resourceVersion"):
            # A reason is missing in the real answer, too.
            why = "resourceVersion should not be set on objects to be created"
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "", why)
        new = prepare_new(resource, sent, namespace)
        with self.store.lock:
            if resource.namespaced and not self.store.find(NAMESPACES, "", namespace):
                raise missing(NAMESPACES, namespace)
            warnings += judge(resource, new)
            self._refuse_existing(resource, namespace, new["metadata"]["name"])
            new = finish_new(resource, new, sent)
            return new if options.dry_run else self.store.put(resource, new), warnings

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        build: Callable[[Manifest], Any],
        options: Options = Options(),
        subresource: str = "",
    ) -> tuple[Manifest, list[str]]:
        """Replace the object by what `build` makes of the old one; the result and warnings.

        A write that changes nothing leaves the resourceVersion as it is. Raises refusals
        400, 404, 409 and 422.
        """
        with self.store.lock:
            old = self.get(resource, namespace, name)
            sent, warnings = read_object(resource, build(old), options.validation)
            new = prepare_change(resource, old, sent, subresource)
            warnings += judge(resource, new, old)
            unchanged = _without_revision(new) == _without_revision(old)
            if unchanged or options.dry_run:
                return old if unchanged else new, warnings
            stored = self.store.put(resource, new)
            if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
                self._drop(resource, stored)
            return stored, warnings

    def patch(
        self, resource: Resource, namespace: str, name: str, patch: Manifest, subresource: str = ""
    ) -> Manifest:
        """The object with a merge patch applied; raises as `update` does."""
        build = merged_with(patch)
        return self.update(resource, namespace, name, build, subresource=subresource)[0]

    def delete(
        self, resource: Resource, namespace: str, name: str, options: Manifest | None = None
    ) -> Manifest:
        """Delete the object and, unless `options` say Orphan, all that it owns; what it was.

        `options` are DeleteOptions as the API takes them. An object with finalizers stays,
        marked as ending, until they are gone. Raises refusals 404 and 409.
        """
        options = options or {}
        with self.store.lock:
            old = self.get(resource, namespace, name)
            _check_preconditions(resource, old, options.get("preconditions") or {})
            if options.get("dryRun"):
                return old
            if old["metadata"].get("finalizers"):
                return self._mark_ending(resource, old)
            self._drop(resource, old, orphan=options.get("propagationPolicy") == "Orphan")
            return old

    def _refuse_existing(self, resource: Resource, namespace: str, name: str) -> None:
        old = self.store.find(resource, namespace, name)
        if old is not None:
            raise exists(resource, name, ending="deletionTimestamp" in old["metadata"])

    def _mark_ending(self, resource: Resource, old: Manifest) -> Manifest:
        if "deletionTimestamp" in old["metadata"]:
            return old
        ending = {"deletionTimestamp": now_text(), "deletionGracePeriodSeconds": 0}
        return self.store.put(resource, {**old, "metadata": {**old["metadata"], **ending}})

    def _drop(self, resource: Resource, old: Manifest, orphan: bool = False) -> None:
        self.store.remove(resource, old)
        if resource is NAMESPACES:
            self._empty(old["metadata"]["name"])
        for kind, owned in [] if orphan else self.store.owned_by(old["metadata"]["uid"]):
            metadata = owned["metadata"]
            if self.store.find(kind, metadata["namespace"], metadata["name"]):
                self.delete(kind, metadata["namespace"], metadata["name"])

    def _empty(self, namespace: str) -> None:
        for resource in RESOURCES.values():
            for each in self.store.select(resource, namespace)[0]:
                if self.store.find(resource, namespace, each["metadata"]["name"]):
                    self.store.remove(resource, each)


def merged_with(patch: Manifest) -> Callable[[Manifest], Any]:
    """What `Verbs.update` needs to apply a merge patch.

    The old resourceVersion goes, so that only one that the patch names is compared.
    """

    def build(old: Manifest) -> Any:
        return merge(_without_revision(old), patch)

    return build


def _without_revision(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k != "resourceVersion"}
    return {**manifest, "metadata": metadata}


def _check_preconditions(resource: Resource, old: Manifest, expected: Manifest) -> None:
    words = {"uid": "UID", "resourceVersion": "ResourceVersion"}
    for field, word in words.items():
        value, actual = expected.get(field), old["metadata"][field]
        if value and value != actual:
            why = f"the {word} in the precondition ({value}) does not match the {word} in record ({actual})"
            raise conflict(resource, old["metadata"]["name"], why)


def _place(manifest: Manifest) -> list[str]:
    return [manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]]


def _write_token(last: Manifest) -> str:
    return base64.urlsafe_b64encode("/".join(_place(last)).encode()).decode()


def _read_token(token: str) -> list[str]:
    try:
        return base64.urlsafe_b64decode(token).decode().split("/")
    except (binascii.Error, ValueError):
        raise malformed("continue key is not valid") from None
